//! One transaction, sent until its outcome is known, and the reasons when it was cancelled.
//!
//! A repeated send carries the same request token, so that DynamoDB applies it once.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem, Update};

use super::item::{self, Item, n};
use super::{DynamoStore, IS_ABSENT, IS_VERSION};
use crate::aws::describe;
use crate::census::Delta;
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
    /// Its condition does not hold.
    Condition,
    /// Another request holds it, or the table is throttled: to be tried again.
    Busy,
    Other(String),
}

impl Reason {
    pub(super) fn is_condition(&self) -> bool {
        matches!(self, Self::Condition)
    }

    fn read(reason: &CancellationReason) -> Self {
        match reason.code().unwrap_or("None") {
            "None" => Self::None,
            "ConditionalCheckFailed" => Self::Condition,
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
pub(super) async fn pause(tried: u32, token: &str) {
    let base = 20_u64 << tried.min(5);
    let spread = token.bytes().fold(u64::from(tried), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    tokio::time::sleep(Duration::from_millis(base + spread % base)).await;
}

/// An error of the SDK as the store's, without anything of the request.
pub(super) fn failed<E>(operation: &'static str, error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let silent = match &error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout() || failure.is_io(),
        SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) if answer.raw().status().is_server_error() => true,
        _ => false,
    };
    let (busy, cause) = (is_busy(code), describe(&error));
    match (busy, silent) {
        (true, _) => StoreError::busy(operation, cause),
        (_, true) => StoreError::silent(operation, cause),
        _ => StoreError::new(operation, cause),
    }
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

/// A put that is part of a transaction.
pub(super) fn put(
    operation: &'static str,
    table: &str,
    item: Item,
    configure: impl FnOnce(PutBuilder) -> PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let put = configure(Put::builder().table_name(table).set_item(Some(item)));
    let put = put.build().map_err(|error| StoreError::new(operation, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A put that is part of a transaction, in the place of the version `over`, or of none.
pub(super) fn put_over(
    operation: &'static str,
    table: &str,
    item: Item,
    over: Option<u64>,
) -> Result<TransactWriteItem, StoreError> {
    put(operation, table, item, |put| match over {
        None => put.condition_expression(IS_ABSENT),
        Some(version) => put
            .condition_expression(IS_VERSION)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", n(version)),
    })
}

/// An update that is part of a transaction.
pub(super) fn update(
    operation: &'static str,
    table: &str,
    key: Item,
    configure: impl FnOnce(UpdateBuilder) -> UpdateBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let update = configure(Update::builder().table_name(table).set_key(Some(key)));
    let update = update.build().map_err(|error| StoreError::new(operation, error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// A deletion that is part of a transaction.
pub(super) fn delete(
    operation: &'static str,
    table: &str,
    key: Item,
    configure: impl FnOnce(DeleteBuilder) -> DeleteBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let delete = configure(Delete::builder().table_name(table).set_key(Some(key)));
    let delete = delete.build().map_err(|error| StoreError::new(operation, error))?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// A deletion that is part of a transaction, of the version `over`.
pub(super) fn delete_over(
    operation: &'static str,
    table: &str,
    key: Item,
    over: u64,
) -> Result<TransactWriteItem, StoreError> {
    delete(operation, table, key, |delete| {
        delete
            .condition_expression(IS_VERSION)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", n(over))
    })
}

/// A transaction's condition that there is no such item.
pub(super) fn ensure_absent(operation: &'static str, table: &str, key: Item) -> Result<TransactWriteItem, StoreError> {
    let check = ConditionCheck::builder().table_name(table).set_key(Some(key)).condition_expression(IS_ABSENT);
    let check = check.build().map_err(|error| StoreError::new(operation, error))?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// A marker that says an event was acted upon.
pub(super) fn mark(
    operation: &'static str,
    table: &str,
    mut key: Item,
    ttl: i64,
) -> Result<TransactWriteItem, StoreError> {
    key.insert("ttl".into(), n(ttl));
    put(operation, table, key, |put| put.condition_expression("attribute_not_exists(pk)"))
}

/// The change of the counters of months that are kept together, an item for each. Each is marked as changed.
pub(super) fn counts<'a>(
    operation: &'static str,
    table: &'a str,
    delta: &'a Delta,
) -> impl Iterator<Item = Result<TransactWriteItem, StoreError>> + 'a {
    delta.by_month().into_iter().map(move |(month, counts)| {
        update(operation, table, item::counter_key(month), |mut update| {
            let mut adds = vec!["#changes :one".to_owned()];
            update =
                update.expression_attribute_names("#changes", item::CHANGES).expression_attribute_values(":one", n(1));
            for (number, (name, by)) in counts.into_iter().enumerate() {
                adds.push(format!("#c{number} :c{number}"));
                update = update
                    .expression_attribute_names(format!("#c{number}"), name)
                    .expression_attribute_values(format!(":c{number}"), n(by));
            }
            update.update_expression(format!("ADD {}", adds.join(", ")))
        })
    })
}
