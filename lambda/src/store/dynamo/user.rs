//! Users: read, kept unless somebody was faster, settled together with the counters, erased.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use sha2::{Digest, Sha256};

use super::farewell;
use super::item::{self, Item, n};
use super::transact::{self, Reason, TRIES, Transacted, any_condition, failed, try_again};
use super::{DynamoStore, IS_VERSION};
use crate::census::Delta;
use crate::event::Farewell;
use crate::store::{SHARDS, Saved, Settled, StoreError};
use crate::user::{User, UserId};

const LOAD: &str = "load a user";
const SAVE: &str = "save a user";
const TOUCH: &str = "touch a user";
const SETTLE: &str = "settle users";
const ERASE: &str = "erase a user";

pub(super) async fn load(store: &DynamoStore, id: UserId) -> Result<Option<User>, StoreError> {
    let item = store.get(LOAD, item::user_key(id)).await?;
    item.map(|item| item::read_user(&item).map_err(|error| StoreError::new(LOAD, error))).transpose()
}

pub(super) async fn save(store: &DynamoStore, user: &User, over: Option<u64>) -> Result<Saved, StoreError> {
    let is_kept = |item: &Item| item::read_user(item).is_ok_and(|found| found == *user);
    store.put_over(SAVE, item::of_user(user, store.name_field()), over, is_kept).await
}

pub(super) async fn touch(store: &DynamoStore, id: UserId) -> Result<(), StoreError> {
    // No version is 0, so this is always refused.
    let put = store
        .client
        .put_item()
        .table_name(store.table())
        .set_item(Some(item::user_key(id)))
        .condition_expression(IS_VERSION)
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":version", n(0));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
            Ok(())
        }
        Err(error) => Err(failed(TOUCH, error)),
    }
}

pub(super) async fn settle(store: &DynamoStore, users: &[(User, u64)], delta: &Delta) -> Result<Settled, StoreError> {
    if let ([(user, over)], true) = (users, delta.is_empty()) {
        let changed = || Settled::Changed(vec![user.id]);
        return Ok(if save(store, user, Some(*over)).await? == Saved::Done { Settled::Done } else { changed() });
    }
    // A token is known to the whole account, so that the table is a part of it.
    let mut hash = Sha256::new().chain_update(store.table());
    for (user, over) in users {
        hash.update(user.id.0);
        hash.update(over.to_be_bytes());
        // Two workers may settle the same user in different ways.
        hash.update(serde_json::to_vec(user).map_err(|error| StoreError::new(SETTLE, error))?);
    }
    let token = token(hash);
    for tried in 0..TRIES {
        // The first try of everybody is the first shard; whoever meets another there takes the next.
        let shard = u8::try_from(tried).unwrap_or(0) % SHARDS;
        let puts = users.iter().map(|(user, over)| {
            transact::put(SETTLE, store.table(), item::of_user(user, store.name_field()), |put| {
                put.condition_expression(IS_VERSION)
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", n(over))
            })
        });
        let items = puts.chain(transact::counts(SETTLE, store.table(), delta, shard)).collect::<Result<_, _>>()?;
        let reasons = match store.transact(SETTLE, &format!("{token}-{tried}"), items).await? {
            Transacted::Done => return Ok(Settled::Done),
            Transacted::Cancelled(reasons) => reasons,
        };
        if any_condition(&reasons) {
            let others = users.iter().zip(&reasons).filter(|(_, reason)| reason.is_condition());
            return Ok(Settled::Changed(others.map(|((user, _), _)| user.id).collect()));
        }
        try_again(SETTLE, tried, &token, &reasons).await?;
    }
    Err(StoreError::busy(SETTLE, "other workers kept the same counters"))
}

pub(super) async fn erase(store: &DynamoStore, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
    let mut delta = Delta::default();
    delta.replace(user.counted.as_ref(), None);
    let mut hash = Sha256::new().chain_update(store.table());
    hash.update(b"erase");
    hash.update(user.id.0);
    hash.update(user.version.to_be_bytes());
    // A farewell has the time in it, and a token stands for one transaction alone.
    hash.update(farewell.map_or(0, |farewell| farewell.due_at.as_millisecond()).to_be_bytes());
    let token = token(hash);
    for tried in 0..TRIES {
        let shard = u8::try_from(tried).unwrap_or(0) % SHARDS;
        let delete = transact::delete(ERASE, store.table(), item::user_key(user.id), |delete| {
            delete
                .condition_expression(IS_VERSION)
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", n(user.version))
        });
        let items = std::iter::once(delete)
            .chain(farewell::put(ERASE, store, farewell))
            .chain(transact::counts(ERASE, store.table(), &delta, shard))
            .collect::<Result<_, _>>()?;
        match store.transact(ERASE, &format!("{token}-{tried}"), items).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if reasons.first().is_some_and(Reason::is_condition) => {
                return Ok(Saved::Changed);
            }
            Transacted::Cancelled(reasons) => try_again(ERASE, tried, &token, &reasons).await?,
        }
    }
    Err(StoreError::busy(ERASE, "other requests held the user for too long"))
}

/// A request token of what was hashed, with room for the number of the try.
pub(super) fn token(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
