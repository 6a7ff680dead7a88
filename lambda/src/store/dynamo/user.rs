//! Users: read, kept unless somebody was faster, erased.

use aws_sdk_dynamodb::types::TransactWriteItem;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::counters::drawn;
use super::item::{self, Item};
use super::transact::{self, Reason, TRIES, Transacted, try_again};
use super::{farewell, recent};
use crate::event::Farewell;
use crate::store::{Saved, StoreError};
use crate::user::{User, UserId};

const LOAD: &str = "load a user";
const SAVE: &str = "save a user";
const TOUCH: &str = "touch a user";
const ERASE: &str = "erase a user";
const RENAME: &str = "rename a user";

pub(super) async fn load(store: &DynamoStore, id: UserId, is_now: bool) -> Result<Option<User>, StoreError> {
    let item = store.read(LOAD, item::user_key(id), is_now).await?;
    item.map(|item| item::read_user(&item).map_err(|error| StoreError::new(LOAD, error))).transpose()
}

pub(super) async fn save(
    store: &DynamoStore,
    user: &User,
    over: Option<u64>,
    others: &[UserId],
) -> Result<Saved, StoreError> {
    let item = item::of_user(user, store.name_field());
    let is_kept = |item: &Item| item::read_user(item).is_ok_and(|found| found == *user);
    if others.is_empty() {
        return store.put_over(SAVE, item, over, is_kept).await;
    }
    if put_unless(SAVE, store, item, over, others).await? == Saved::Done {
        return Ok(Saved::Done);
    }
    // The answer to an earlier try may have been lost.
    let found = store.get(SAVE, item::user_key(user.id)).await?;
    Ok(if found.as_ref().is_some_and(is_kept) { Saved::Done } else { Saved::Changed })
}

pub(super) async fn touch(store: &DynamoStore, id: UserId, others: &[UserId]) -> Result<(), StoreError> {
    // No version is 0, so this is always refused.
    let (item, over) = (item::user_key(id), Some(0));
    match others {
        [] => store.try_put(TOUCH, item, over).await.map(drop),
        others => put_unless(TOUCH, store, item, over, others).await.map(drop),
    }
}

/// Keeps an item as [`Store::save_unless`](crate::store::Store::save_unless) says, in one transaction.
async fn put_unless(
    operation: &'static str,
    store: &DynamoStore,
    item: Item,
    over: Option<u64>,
    others: &[UserId],
) -> Result<Saved, StoreError> {
    let table = store.table();
    let put = transact::put_over(operation, table, item, over)?;
    let checks = others.iter().map(|id| transact::ensure_absent(operation, table, item::user_key(*id)));
    let items = std::iter::once(Ok(put)).chain(checks).collect::<Result<Vec<_>, _>>()?;
    let token = drawn(operation)?;
    for tried in 0..TRIES {
        match store.transact(operation, &format!("{token}-{tried}"), items.clone()).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if transact::any_condition(&reasons) => return Ok(Saved::Changed),
            Transacted::Cancelled(reasons) => try_again(operation, tried, &token, &reasons).await?,
        }
    }
    Err(StoreError::busy(operation, "other requests held the user for too long"))
}

pub(super) async fn erase(store: &DynamoStore, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
    remove(ERASE, store, user, None, farewell).await
}

pub(super) async fn rename(
    store: &DynamoStore,
    user: &User,
    renamed: &User,
    farewell: Option<&Farewell>,
) -> Result<Saved, StoreError> {
    let item = item::of_user(renamed, store.name_field());
    remove(RENAME, store, user, Some(transact::put_over(RENAME, store.table(), item, None)?), farewell).await
}

/// Deletes a user, as it was loaded, takes it out of the counters and keeps what is to be told of it, with what is put in
/// its place, in one transaction.
async fn remove(
    operation: &'static str,
    store: &DynamoStore,
    user: &User,
    put: Option<TransactWriteItem>,
    farewell: Option<&Farewell>,
) -> Result<Saved, StoreError> {
    let (token, mut looks) = (drawn(operation)?, false);
    let delete = transact::delete_over(operation, store.table(), item::user_key(user.id), user.version)?;
    let farewell = farewell::put(operation, store, farewell).transpose()?;
    let decisive = 1 + usize::from(put.is_some());
    let users: Vec<TransactWriteItem> = std::iter::once(delete).chain(put).chain(farewell).collect();
    for tried in 0..TRIES {
        let items = users.iter().cloned().chain(recent::uncount(store, operation, user, looks).await?).collect();
        match store.transact(operation, &format!("{token}-{tried}"), items).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if reasons.iter().take(decisive).any(Reason::is_condition) => {
                return Ok(Saved::Changed);
            }
            // Also where the counters changed since they were read.
            Transacted::Cancelled(reasons) => {
                try_again(operation, tried, &token, &reasons).await?;
                looks |= reasons.last().is_some_and(Reason::is_condition);
            }
        }
    }
    Err(StoreError::busy(operation, "other requests held the user for too long"))
}

/// A request token of what was hashed, with room for the number of the try.
pub(super) fn token(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
