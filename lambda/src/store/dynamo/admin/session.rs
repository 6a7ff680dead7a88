//! Sessions, in their admin's partition.

use super::super::DynamoStore;
use super::super::item::{self, s};
use super::super::transact::failed;
use crate::admin::{AdminId, Session, TokenHash};
use crate::store::StoreError;

const LOAD: &str = "load a session";
const SAVE: &str = "save a session";
const TOUCH: &str = "touch a session";
const DELETE: &str = "delete a session";
const LIST: &str = "list sessions";

pub(super) async fn load(store: &DynamoStore, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError> {
    let item = store.get(LOAD, item::session_key(admin, hash)).await?;
    item.map_or(Ok(None), |item| store.open_sealed(LOAD, &item, |item| item::read_session(item, admin)))
}

pub(super) async fn save(store: &DynamoStore, session: &Session) -> Result<(), StoreError> {
    let put = store.client.put_item().table_name(store.table()).set_item(Some(store.seal(item::of_session(session))));
    put.send().await.map(|_| ()).map_err(|error| failed(SAVE, error))
}

pub(super) async fn touch(store: &DynamoStore, session: &Session) -> Result<(), StoreError> {
    let put = store
        .client
        .put_item()
        .table_name(store.table())
        .set_item(Some(store.seal(item::of_session(session))))
        .condition_expression("attribute_exists(pk)");
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) => Ok(()),
        Err(error) => Err(failed(TOUCH, error)),
    }
}

pub(super) async fn delete(store: &DynamoStore, admin: AdminId, hash: TokenHash) -> Result<(), StoreError> {
    let delete = store.client.delete_item().table_name(store.table()).set_key(Some(item::session_key(admin, hash)));
    delete.send().await.map(|_| ()).map_err(|error| failed(DELETE, error))
}

pub(super) async fn list(store: &DynamoStore, admin: AdminId) -> Result<Vec<Session>, StoreError> {
    let query = store
        .client
        .query()
        .table_name(store.table())
        .key_condition_expression("pk = :pk AND begins_with(sk, :session)")
        .expression_attribute_values(":pk", s(item::admin_partition(admin)))
        .expression_attribute_values(":session", s(item::SESSION))
        .consistent_read(true);
    let found = store.query(LIST, query, usize::MAX).await?;
    let read = |item| store.open_sealed(LIST, item, |item| item::read_session(item, admin)).transpose();
    found.iter().filter_map(read).collect()
}
