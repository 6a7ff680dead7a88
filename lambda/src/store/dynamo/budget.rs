//! Budgets and claims: small items that live for hours.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use super::DynamoStore;
use super::item::{self, Item, n, s};
use super::transact::failed;
use crate::clock::after;
use crate::store::{CLAIM, Claimed, Spending, Spent, StoreError};

const SPEND: &str = "spend a budget";
const READ: &str = "read a budget";
const READ_CLAIM: &str = "read a claim";
const CLAIM_KEY: &str = "claim a key";
const FULFIL: &str = "fulfil a claim";

/// How long a budget is kept after its hour began, in seconds: another hour leaves room for clocks that differ.
const TRACE: i64 = 2 * 3_600;

pub(super) async fn spend(store: &DynamoStore, spending: &Spending) -> Result<Spent, StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(store.table())
        .set_key(Some(item::budget_key(&spending.key, spending.hour)))
        .expression_attribute_names("#n", "n")
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":limit", n(spending.limit))
        .expression_attribute_values(":ttl", n(spending.hour * 3_600 + TRACE))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = match &spending.once {
        None => update
            .update_expression("SET #ttl = :ttl ADD #n :one")
            .condition_expression("attribute_not_exists(#n) OR #n < :limit"),
        Some(once) => update
            .update_expression("SET #ttl = :ttl ADD #n :one, #used :used")
            .condition_expression(
                "attribute_not_exists(#n) OR (#n < :limit AND (attribute_not_exists(#used) OR NOT contains(#used, :once)))",
            )
            .expression_attribute_names("#used", "used")
            .expression_attribute_values(":used", AttributeValue::Ss(vec![once.clone()]))
            .expression_attribute_values(":once", s(once)),
    };
    let error = match update.send().await {
        Ok(_) => return Ok(Spent::Done),
        Err(error) => error,
    };
    let Some(found) = refused(&error) else { return Err(failed(SPEND, error)) };
    let used = match found.get("used") {
        Some(AttributeValue::Ss(used)) => used.as_slice(),
        _ => &[],
    };
    let repeated = spending.once.as_ref().is_some_and(|once| used.contains(once));
    Ok(if repeated { Spent::Repeated } else { Spent::UsedUp })
}

/// The item as it is, of an update whose condition does not hold.
fn refused(error: &SdkError<UpdateItemError>) -> Option<Item> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(found)) => {
            Some(found.item().cloned().unwrap_or_default())
        }
        _ => None,
    }
}

pub(super) async fn spent(store: &DynamoStore, key: &str, hour: i64) -> Result<u32, StoreError> {
    let get = store.client.get_item().table_name(store.table()).set_key(Some(item::budget_key(key, hour)));
    let found = get.send().await.map_err(|error| failed(READ, error))?.item.unwrap_or_default();
    Ok(item::number(&found, "n").ok().and_then(|count| u32::try_from(count).ok()).unwrap_or(0))
}

pub(super) async fn claimed(
    store: &DynamoStore,
    key: &str,
    request: &str,
    now: Timestamp,
) -> Result<Claimed, StoreError> {
    let get = store.client.get_item().table_name(store.table()).set_key(Some(item::claim_key(key)));
    let found = get.send().await.map_err(|error| failed(READ_CLAIM, error))?.item;
    // TTL deletes late: a claim that is past its time counts as absent.
    let found = found.filter(|found| item::number(found, "ttl").is_ok_and(|ttl| ttl > now.as_second()));
    Ok(found.map_or(Claimed::Open, |found| judge(&found, request)))
}

pub(super) async fn claim(
    store: &DynamoStore,
    key: &str,
    request: &str,
    now: Timestamp,
) -> Result<Claimed, StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(store.table())
        .set_key(Some(item::claim_key(key)))
        .update_expression("SET #request = :request, #ttl = :ttl REMOVE #answered")
        .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
        .expression_attribute_names("#request", "request")
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_names("#answered", "answered")
        .expression_attribute_values(":request", s(request))
        .expression_attribute_values(":ttl", n(after(now, CLAIM).as_second()))
        .expression_attribute_values(":now", n(now.as_second()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let error = match update.send().await {
        Ok(_) => return Ok(Claimed::Open),
        Err(error) => error,
    };
    let Some(found) = refused(&error) else { return Err(failed(CLAIM_KEY, error)) };
    Ok(judge(&found, request))
}

/// What a claim that is there means for a request.
fn judge(found: &Item, request: &str) -> Claimed {
    match item::text(found, "request") {
        Ok(known) if known != request => Claimed::Taken,
        _ if found.contains_key("answered") => Claimed::Answered,
        _ => Claimed::Open,
    }
}

pub(super) async fn fulfil(store: &DynamoStore, key: &str) -> Result<(), StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(store.table())
        .set_key(Some(item::claim_key(key)))
        .update_expression("SET #answered = :yes")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#answered", "answered")
        .expression_attribute_values(":yes", AttributeValue::Bool(true));
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) if refused(&error).is_some() => Ok(()),
        Err(error) => Err(failed(FULFIL, error)),
    }
}
