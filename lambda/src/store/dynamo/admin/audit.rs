//! The audit log: one partition, in the order of time.

use super::super::DynamoStore;
use super::super::item::{self, n, s};
use super::super::transact::failed;
use super::read;
use crate::admin::{Entry, EntryPage, ListEntries, Start};
use crate::store::StoreError;

const APPEND: &str = "append to the audit log";
const TOUCH: &str = "touch the audit log";
const LIST: &str = "list the audit log";

pub(super) async fn append(store: &DynamoStore, entry: &Entry) -> Result<(), StoreError> {
    let put = store.client.put_item().table_name(store.table()).set_item(Some(item::of_entry(entry)));
    put.send().await.map(|_| ()).map_err(|error| failed(APPEND, error))
}

pub(super) async fn touch(store: &DynamoStore, entry: &Entry) -> Result<(), StoreError> {
    // No entry has a version, so this is always refused.
    let put = store
        .client
        .put_item()
        .table_name(store.table())
        .set_item(Some(item::of_entry(entry)))
        .condition_expression("#version = :version")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":version", n(0));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) => Ok(()),
        Err(error) => Err(failed(TOUCH, error)),
    }
}

pub(super) async fn list(store: &DynamoStore, query: &ListEntries) -> Result<EntryPage, StoreError> {
    let all = store.client.query().table_name(store.table()).expression_attribute_values(":pk", s(item::AUDIT));
    let from = match &query.from {
        Start::Newest => all.key_condition_expression("pk = :pk").scan_index_forward(false),
        Start::OlderThan(id) => all
            .key_condition_expression("pk = :pk AND sk < :id")
            .expression_attribute_values(":id", s(id))
            .scan_index_forward(false),
        Start::NewerThan(id) => {
            all.key_condition_expression("pk = :pk AND sk > :id").expression_attribute_values(":id", s(id))
        }
    };
    // Whoever did something looks for it at once.
    let found = store.query(LIST, from.consistent_read(true), usize::from(query.limit.max(1)) + 1).await?;
    Ok(EntryPage::of(read(LIST, &found, item::read_entry)?, query))
}
