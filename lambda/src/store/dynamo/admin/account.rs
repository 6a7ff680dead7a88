//! Admins: read, listed, and kept or deleted unless somebody was faster.

use aws_sdk_dynamodb::types::{ConditionCheck, TransactWriteItem};
use sha2::{Digest, Sha256};

use super::super::item::{self, Item, n, s};
use super::super::transact::{self, TRIES, Transacted, any_condition, failed, try_again};
use super::super::user::token;
use super::super::{DynamoStore, IS_VERSION};
use crate::admin::{Admin, AdminId};
use crate::store::{Saved, StoreError};

const LOAD: &str = "load an admin";
const LIST: &str = "list admins";
const SAVE: &str = "save an admin";
const DELETE: &str = "delete an admin";

pub(super) async fn load(store: &DynamoStore, id: AdminId) -> Result<Option<Admin>, StoreError> {
    let item = store.get(LOAD, item::admin_key(id)).await?;
    item.map_or(Ok(None), |item| store.open(LOAD, &item, item::read_admin))
}

pub(super) async fn list(store: &DynamoStore) -> Result<Vec<Admin>, StoreError> {
    let query = store
        .client
        .query()
        .table_name(store.table())
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", s(item::ADMINS))
        .consistent_read(true);
    let mut admins = Vec::new();
    for item in store.query(LIST, query, usize::MAX).await? {
        admins.extend(store.open(LIST, &item, item::read_admin)?);
    }
    admins.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(admins)
}

pub(super) async fn save(
    store: &DynamoStore,
    admin: &Admin,
    over: Option<u64>,
    witness: Option<&Admin>,
) -> Result<Saved, StoreError> {
    if let Some(witness) = witness {
        let put = transact::put_over(SAVE, store.table(), store.seal(item::of_admin(admin)), over)?;
        return with_witness(store, SAVE, put, admin, witness).await;
    }
    let is_kept = |item: &Item| store.open(SAVE, item, item::read_admin).is_ok_and(|it| it.as_ref() == Some(admin));
    store.put_over(SAVE, store.seal(item::of_admin(admin)), over, is_kept).await
}

pub(super) async fn delete(store: &DynamoStore, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
    if let Some(witness) = witness {
        let delete = transact::delete_over(DELETE, store.table(), item::admin_key(admin.id), admin.version)?;
        return with_witness(store, DELETE, delete, admin, witness).await;
    }
    let delete = store
        .client
        .delete_item()
        .table_name(store.table())
        .set_key(Some(item::admin_key(admin.id)))
        // An admin who is gone is what was wanted.
        .condition_expression("attribute_not_exists(pk) OR #version = :version")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":version", n(admin.version));
    match delete.send().await {
        Ok(_) => Ok(Saved::Done),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) => {
            Ok(Saved::Changed)
        }
        Err(error) => Err(failed(DELETE, error)),
    }
}

/// One change, while another admin is as it was loaded.
async fn with_witness(
    store: &DynamoStore,
    operation: &'static str,
    change: TransactWriteItem,
    admin: &Admin,
    witness: &Admin,
) -> Result<Saved, StoreError> {
    let check = ConditionCheck::builder()
        .table_name(store.table())
        .set_key(Some(item::admin_key(witness.id)))
        .condition_expression(IS_VERSION)
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":version", n(witness.version))
        .build()
        .map_err(|error| StoreError::new(operation, error))?;
    let items = vec![change, TransactWriteItem::builder().condition_check(check).build()];
    let mut hash = Sha256::new().chain_update(store.table()).chain_update(operation);
    for admin in [admin, witness] {
        hash.update(admin.id.0);
        hash.update(serde_json::to_vec(admin).map_err(|error| StoreError::new(operation, error))?);
    }
    let token = token(hash);
    for tried in 0..TRIES {
        match store.transact(operation, &format!("{token}-{tried}"), items.clone()).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if any_condition(&reasons) => return Ok(Saved::Changed),
            Transacted::Cancelled(reasons) => try_again(operation, tried, &token, &reasons).await?,
        }
    }
    Err(StoreError::busy(operation, "other requests held the admins for too long"))
}
