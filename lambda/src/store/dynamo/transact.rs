//! One transaction, sent until its outcome is known, and the reasons when it was cancelled.
//!
//! A repeated send carries the same request token, so that DynamoDB applies it once.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::DynamoStore;
use super::item::{Item, n, s};
use crate::aws::describe;
use crate::store::StoreError;

/// How often a transaction is tried while others hold one of its items. With the pauses below this is
/// about a second, far longer than any of the service's transactions takes.
pub(super) const TRIES: u32 = 6;

/// What came of one transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    Done,
    /// Nothing was changed; one reason for each of the items, in their order.
    Cancelled(Vec<Reason>),
}

/// Why an item stood in a transaction's way.
#[derive(Debug)]
pub(super) enum Reason {
    /// It did not.
    None,
    /// Its condition does not hold; with the item as it is, where that was asked for.
    Condition(Option<Item>),
    /// Another request holds it, or the table is throttled: to be tried again.
    Busy,
    Other(String),
}

impl Reason {
    pub(super) fn is_condition(&self) -> bool {
        matches!(self, Self::Condition(_))
    }

    fn read(reason: &CancellationReason) -> Self {
        match reason.code().unwrap_or("None") {
            "None" => Self::None,
            "ConditionalCheckFailed" => Self::Condition(reason.item().cloned()),
            "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => Self::Busy,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Whether any condition failed, which decides the outcome even where others were busy.
pub(super) fn any_condition(reasons: &[Reason]) -> bool {
    reasons.iter().any(Reason::is_condition)
}

impl DynamoStore {
    /// Sends the transaction under a token of at most 36 characters.
    pub(super) async fn transact(
        &self,
        operation: &'static str,
        token: &str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        let request = self.client.transact_write_items().client_request_token(token).set_transact_items(Some(items));
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match request.clone().send().await {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    return Ok(Transacted::Cancelled(
                        cancelled.cancellation_reasons().iter().map(Reason::read).collect(),
                    ));
                }
                // The first send is still at work; the same token asks for its outcome.
                Some(TransactWriteItemsError::TransactionInProgressException(_)) if tried < TRIES => {
                    pause(tried, token).await;
                }
                _ => return Err(failed(operation, error)),
            }
        }
    }
}

/// Decides about a cancelled transaction that no condition explains: waits and returns, or gives up.
pub(super) async fn try_again(
    operation: &'static str,
    tried: u32,
    token: &str,
    reasons: &[Reason],
) -> Result<(), StoreError> {
    for reason in reasons {
        if let Reason::Other(code) = reason {
            return Err(StoreError::new(operation, format!("the transaction was cancelled: {code}")));
        }
    }
    if tried + 1 >= TRIES {
        return Err(StoreError::busy(operation, "other requests held the same items for too long"));
    }
    pause(tried, token).await;
    Ok(())
}

/// 20, 40, 80 .. ms, and up to as much again so that two that met do not meet again. The spread comes
/// from the token, which is random, so that a replay waits the same.
async fn pause(tried: u32, token: &str) {
    let base = 20_u64 << tried.min(5);
    let spread = token.bytes().fold(u64::from(tried), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    tokio::time::sleep(Duration::from_millis(base + spread % base)).await;
}

/// An error of the SDK as the store's, without anything of the request.
pub(super) fn failed<E>(operation: &'static str, error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let busy = error.as_service_error().and_then(ProvideErrorMetadata::code).is_some_and(is_busy);
    let cause = describe(&error);
    if busy { StoreError::busy(operation, cause) } else { StoreError::new(operation, cause) }
}

/// Whether DynamoDB's code means that the same request will be taken in a moment.
fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}

/// An update under construction; every name in the expressions is escaped, since many are reserved words.
pub(super) struct UpdateItem {
    builder: UpdateBuilder,
}

impl UpdateItem {
    pub(super) fn new(table: &str, key: Item, update: &str) -> Self {
        Self { builder: Update::builder().table_name(table).set_key(Some(key)).update_expression(update) }
    }

    pub(super) fn only_if(mut self, condition: &str) -> Self {
        self.builder = self.builder.condition_expression(condition);
        self
    }

    pub(super) fn names(mut self, names: &[&str]) -> Self {
        for name in names {
            self.builder = self.builder.expression_attribute_names(format!("#{name}"), *name);
        }
        self
    }

    pub(super) fn value(mut self, name: &str, value: aws_sdk_dynamodb::types::AttributeValue) -> Self {
        self.builder = self.builder.expression_attribute_values(name, value);
        self
    }

    pub(super) fn build(self, operation: &'static str) -> Result<TransactWriteItem, StoreError> {
        let update = self.builder.build().map_err(|error| StoreError::new(operation, error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// A put of an item that must not exist yet, or must satisfy another condition.
pub(super) fn put(
    operation: &'static str,
    table: &str,
    item: Item,
    configure: impl FnOnce(PutBuilder) -> PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let put = configure(put).build().map_err(|error| StoreError::new(operation, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Raises a budget by one unless it is used up.
pub(super) fn spend(
    operation: &'static str,
    table: &str,
    key: Item,
    limit: u32,
    ttl: i64,
) -> Result<TransactWriteItem, StoreError> {
    UpdateItem::new(table, key, "ADD #n :one SET #ttl = :ttl")
        .only_if("attribute_not_exists(#n) OR #n < :limit")
        .names(&["n", "ttl"])
        .value(":one", n(1))
        .value(":limit", n(limit))
        .value(":ttl", n(ttl))
        .build(operation)
}

/// A marker that says an event was counted.
pub(super) fn mark(
    operation: &'static str,
    table: &str,
    mut key: Item,
    ttl: i64,
) -> Result<TransactWriteItem, StoreError> {
    key.insert("ttl".into(), n(ttl));
    put(operation, table, key, |put| put.set_return_values_on_condition_check_failure(None))
}

/// Raises a counter.
pub(super) fn count(operation: &'static str, table: &str, key: Item, by: u64) -> Result<TransactWriteItem, StoreError> {
    UpdateItem::new(table, key, "ADD #n :by").names(&["n"]).value(":by", n(by)).build(operation)
}

/// Text for a condition that nothing stored can equal.
pub(super) fn nothing() -> aws_sdk_dynamodb::types::AttributeValue {
    s("-")
}
