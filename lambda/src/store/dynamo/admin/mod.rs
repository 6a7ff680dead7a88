//! The admins' part of the table. Every partition key begins with `ADMIN`, so that a role can be kept out by it.

mod account;
mod attempts;
mod audit;
mod session;

use async_trait::async_trait;

use super::DynamoStore;
use super::item::{BadItem, Item};
use crate::admin::{Admin, AdminId, AdminStore, Attempts, Counted, Entry, EntryPage, ListEntries, Session, TokenHash};
use crate::store::{Saved, StoreError};

#[async_trait]
impl AdminStore for DynamoStore {
    async fn load_admin(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        account::load(self, id).await
    }

    async fn list_admins(&self) -> Result<Vec<Admin>, StoreError> {
        account::list(self).await
    }

    async fn save_admin(&self, admin: &Admin, over: Option<u64>, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        account::save(self, admin, over, witness).await
    }

    async fn delete_admin(&self, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        account::delete(self, admin, witness).await
    }

    async fn load_session(&self, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        session::load(self, admin, hash).await
    }

    async fn save_session(&self, session: &Session) -> Result<(), StoreError> {
        session::save(self, session).await
    }

    async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        session::touch(self, session).await
    }

    async fn delete_session(&self, admin: AdminId, hash: TokenHash) -> Result<(), StoreError> {
        session::delete(self, admin, hash).await
    }

    async fn list_sessions(&self, admin: AdminId) -> Result<Vec<Session>, StoreError> {
        session::list(self, admin).await
    }

    async fn load_attempts(&self, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError> {
        attempts::load(self, keys).await
    }

    async fn save_attempts(&self, counted: &[Counted]) -> Result<Saved, StoreError> {
        attempts::save(self, counted).await
    }

    async fn append_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        audit::append(self, entry).await
    }

    async fn touch_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        audit::touch(self, entry).await
    }

    async fn list_entries(&self, query: &ListEntries) -> Result<EntryPage, StoreError> {
        audit::list(self, query).await
    }
}

/// All that was found, read as one kind of item.
fn read<T>(
    operation: &'static str,
    items: &[Item],
    read: impl Fn(&Item) -> Result<T, BadItem>,
) -> Result<Vec<T>, StoreError> {
    items.iter().map(read).collect::<Result<_, _>>().map_err(|error| StoreError::new(operation, error))
}
