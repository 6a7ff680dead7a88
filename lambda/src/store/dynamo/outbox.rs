//! The outbox: mails are leased, sent and marked, so that two workers never hold the same one.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;

use super::DynamoStore;
use super::item::{self, Item, n, s};
use super::transact::failed;
use crate::clock::after;
use crate::sign_up::MailId;
use crate::store::{LeasedMail, MailEnd, StoreError, TRACE, lease_until};

const LEASE: &str = "lease a mail";
const FINISH: &str = "finish a mail";
const LIST_DUE: &str = "list due mails";

pub(super) async fn lease_mail(
    store: &DynamoStore,
    id: MailId,
    now: Timestamp,
) -> Result<Option<LeasedMail>, StoreError> {
    let update = update(store, id, "SET #lease = :until, #due_at = :until ADD #attempts :one")
        // The first attempt is the stream's and need not wait; a later one keeps to its time.
        .condition_expression("#state = :pending AND (#attempts = :zero OR #due_at <= :now)")
        .set_expression_attribute_names(names(&["lease", "due_at", "attempts", "state"]))
        .expression_attribute_values(":until", n(lease_until(now).as_millisecond()))
        .expression_attribute_values(":now", n(now.as_millisecond()))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":zero", n(0))
        .expression_attribute_values(":pending", s("pending"))
        .return_values(ReturnValue::AllNew);
    let Some(item) = conditional(LEASE, update).await? else { return Ok(None) };
    match item::read_leased(id, &item) {
        Ok(leased) => Ok(Some(leased)),
        Err(error) => {
            // It would come back for good: nobody can ever send it.
            tracing::error!(mail = %id, outcome = "dead", %error, "mail");
            finish(store, id, lease_until(now), &MailEnd::Dead("unreadable".into()), now).await?;
            Ok(None)
        }
    }
}

pub(super) async fn finish_mail(
    store: &DynamoStore,
    mail: &LeasedMail,
    end: &MailEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    finish(store, mail.id, mail.lease, end, now).await
}

async fn finish(
    store: &DynamoStore,
    id: MailId,
    lease: Timestamp,
    end: &MailEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = |state: &str| {
        // What the person can be known by goes as soon as it is of no more use.
        update(store, id, "SET #state = :state, #ttl = :ttl, #ended_at = :at REMOVE #due, #due_at, #lease, #to")
            .set_expression_attribute_names(names(&["state", "ttl", "ended_at", "due", "due_at", "lease", "to"]))
            .expression_attribute_values(":state", s(state))
            .expression_attribute_values(":ttl", n(after(now, TRACE).as_second()))
            .expression_attribute_values(":at", s(crate::clock::rfc3339(now)))
    };
    let update = match end {
        MailEnd::Sent => done("sent"),
        MailEnd::Later(due) => update(store, id, "SET #due_at = :due_at REMOVE #lease")
            .set_expression_attribute_names(names(&["due_at", "lease"]))
            .expression_attribute_values(":due_at", n(due.as_millisecond())),
        MailEnd::Unanswered(due) => update(store, id, "SET #due_at = :due_at REMOVE #lease ADD #unanswered :one")
            .set_expression_attribute_names(names(&["due_at", "lease", "unanswered"]))
            .expression_attribute_values(":due_at", n(due.as_millisecond()))
            .expression_attribute_values(":one", n(1)),
        MailEnd::Dead(reason) => {
            let done = done("dead");
            let expression = done.get_update_expression().clone().unwrap_or_default();
            done.update_expression(expression.replacen("SET ", "SET #reason = :reason, ", 1))
                .expression_attribute_names("#reason", "reason")
                .expression_attribute_values(":reason", s(reason))
        }
    };
    let update = update
        .condition_expression("#lease = :lease")
        .expression_attribute_values(":lease", n(lease.as_millisecond()))
        .return_values(ReturnValue::None);
    conditional(FINISH, update).await.map(|done| done.is_some())
}

pub(super) async fn due_mails(
    store: &DynamoStore,
    shard: u8,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<MailId>, StoreError> {
    let query = store
        .client
        .query()
        .table_name(store.table())
        .index_name(item::DUE)
        .key_condition_expression("#due = :shard AND #due_at <= :now")
        .set_expression_attribute_names(names(&["due", "due_at"]))
        .expression_attribute_values(":shard", s(shard.to_string()))
        .expression_attribute_values(":now", n(now.as_millisecond()));
    let items = store.query(LIST_DUE, query, usize::from(limit)).await?;
    // An item under a name that is no mail's must not keep the others of its shard.
    let read = |item| item::mail_id(item).inspect_err(|error| tracing::warn!(%error, "a due item is no mail")).ok();
    Ok(items.iter().filter_map(read).collect())
}

fn update(store: &DynamoStore, id: MailId, expression: &str) -> UpdateItemFluentBuilder {
    store.client.update_item().table_name(store.table()).set_key(Some(item::mail_key(id))).update_expression(expression)
}

fn names(names: &[&str]) -> Option<HashMap<String, String>> {
    Some(names.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect())
}

/// The item's attributes as asked for; `None` when the condition does not hold.
async fn conditional(operation: &'static str, update: UpdateItemFluentBuilder) -> Result<Option<Item>, StoreError> {
    match update.send().await {
        Ok(done) => Ok(Some(done.attributes.unwrap_or_else(HashMap::<String, AttributeValue>::new))),
        Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => {
            Ok(None)
        }
        Err(error) => Err(failed(operation, error)),
    }
}
