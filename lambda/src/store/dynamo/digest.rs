//! Digests: an item for each day, kept unless somebody was faster.

use super::DynamoStore;
use super::item::{self, Item};
use crate::digest::DigestMail;
use crate::store::{Saved, StoreError};

const LOAD: &str = "load a digest";
const SAVE: &str = "save a digest";

pub(super) async fn load(store: &DynamoStore, day: &str) -> Result<Option<DigestMail>, StoreError> {
    let item = store.get(LOAD, item::digest_key(day)).await?;
    item.map(|item| item::read_digest(&item).map_err(|error| StoreError::new(LOAD, error))).transpose()
}

pub(super) async fn save(store: &DynamoStore, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
    let is_kept = |item: &Item| item::read_digest(item).is_ok_and(|found| found == *digest);
    store.put_over(SAVE, item::of_digest(digest), over, is_kept).await
}
