//! Users: read, kept unless somebody was faster, erased.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use sha2::{Digest, Sha256};

use super::counters::drawn;
use super::item::{self, Item, n};
use super::transact::{self, Reason, TRIES, Transacted, failed, try_again};
use super::{DynamoStore, IS_VERSION};
use super::{farewell, recent};
use crate::event::Farewell;
use crate::store::{Saved, StoreError};
use crate::user::{User, UserId};

const LOAD: &str = "load a user";
const SAVE: &str = "save a user";
const TOUCH: &str = "touch a user";
const ERASE: &str = "erase a user";

pub(super) async fn load(store: &DynamoStore, id: UserId, is_now: bool) -> Result<Option<User>, StoreError> {
    let item = store.read(LOAD, item::user_key(id), is_now).await?;
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

pub(super) async fn erase(store: &DynamoStore, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
    let (token, mut looks) = (drawn(ERASE)?, false);
    for tried in 0..TRIES {
        let delete = transact::delete(ERASE, store.table(), item::user_key(user.id), |delete| {
            delete
                .condition_expression(IS_VERSION)
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", n(user.version))
        });
        let items = std::iter::once(delete)
            .chain(farewell::put(ERASE, store, farewell))
            .chain(recent::uncount(store, ERASE, user, looks).await?.map(Ok))
            .collect::<Result<_, _>>()?;
        match store.transact(ERASE, &format!("{token}-{tried}"), items).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if reasons.first().is_some_and(Reason::is_condition) => {
                return Ok(Saved::Changed);
            }
            // Also where the counters changed since they were read.
            Transacted::Cancelled(reasons) => {
                try_again(ERASE, tried, &token, &reasons).await?;
                looks |= reasons.last().is_some_and(Reason::is_condition);
            }
        }
    }
    Err(StoreError::busy(ERASE, "other requests held the user for too long"))
}

/// A request token of what was hashed, with room for the number of the try.
pub(super) fn token(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
