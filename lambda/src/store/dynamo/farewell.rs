//! Farewells: kept with the deletion of a user, found in the index of what is due, dropped when they were told.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;

use super::DynamoStore;
use super::item::{self, Item};
use super::list::due_query;
use super::transact::{self, failed};
use crate::event::Farewell;
use crate::store::StoreError;

const LIST: &str = "list farewells";
const DROP: &str = "drop a farewell";

/// The put that is part of a user's deletion.
pub(super) fn put(
    operation: &'static str,
    store: &DynamoStore,
    farewell: Option<&Farewell>,
) -> Option<Result<TransactWriteItem, StoreError>> {
    farewell.map(|farewell| transact::put(operation, store.table(), item::of_farewell(farewell), |put| put))
}

pub(super) async fn farewells(store: &DynamoStore, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
    let found = store.query(LIST, due_query(store, item::GONE, now), usize::from(limit)).await?;
    let mut farewells = Vec::new();
    for place in found {
        let key: Item = place.into_iter().filter(|(name, _)| matches!(name.as_str(), "pk" | "sk")).collect();
        // One that was told meanwhile is gone, and one that cannot be read must not keep the others.
        let read = store.get(LIST, key).await?.map(|item| item::read_farewell(&item));
        let warn = |error: &_| tracing::warn!(%error, "a farewell cannot be read");
        farewells.extend(read.and_then(|read| read.inspect_err(warn).ok()));
    }
    Ok(farewells)
}

pub(super) async fn drop_farewell(store: &DynamoStore, farewell: &Farewell) -> Result<(), StoreError> {
    let delete = store.client.delete_item().table_name(store.table()).set_key(Some(item::farewell_key(farewell)));
    delete.send().await.map(drop).map_err(|error| failed(DROP, error))
}
