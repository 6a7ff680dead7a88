//! What the admins' part keeps, as one trait; `crate::store` has it in memory and on DynamoDB.
//!
//! Like its sister [`crate::store::Store`], it decides nothing and never reads a clock. Sessions, attempts and entries
//! are forgotten by themselves some time after their end, so that callers judge what they find.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Admin, AdminId, Attempts, Entry, EntryPage, ListEntries, Session, TokenHash};
use crate::store::{Saved, StoreError};

/// Where admins, their sessions, attempts and the audit log live.
#[async_trait]
pub trait AdminStore: Debug + Send + Sync {
    /// The admin as just written.
    async fn load_admin(&self, id: AdminId) -> Result<Option<Admin>, StoreError>;

    /// All of them, by address, as just written.
    async fn list_admins(&self) -> Result<Vec<Admin>, StoreError>;

    /// Keeps an admin in the place of the version `over`, or of none, and only while the witness, if there is one, is
    /// as it was loaded: another admin for whose sake this one may change. Safe to repeat.
    async fn save_admin(&self, admin: &Admin, over: Option<u64>, witness: Option<&Admin>) -> Result<Saved, StoreError>;

    /// Deletes an admin as loaded, under the same condition. What is left of the sessions is worth nothing. Without a
    /// witness it is safe to repeat.
    async fn delete_admin(&self, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError>;

    /// The session as just written, whether it is still open or not.
    async fn load_session(&self, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError>;

    async fn save_session(&self, session: &Session) -> Result<(), StoreError>;

    /// Keeps a session where it still is: one that was ended meanwhile stays so.
    async fn touch_session(&self, session: &Session) -> Result<(), StoreError>;

    /// Safe to repeat.
    async fn delete_session(&self, admin: AdminId, hash: TokenHash) -> Result<(), StoreError>;

    /// All sessions of an admin, in any order.
    async fn list_sessions(&self, admin: AdminId) -> Result<Vec<Session>, StoreError>;

    /// What is counted under each of the keys, at most ten, in their order and as just written.
    async fn load_attempts(&self, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError>;

    /// Keeps all of them, each over the version stated, or none.
    async fn save_attempts(&self, counted: &[Counted]) -> Result<Saved, StoreError>;

    async fn append_entry(&self, entry: &Entry) -> Result<(), StoreError>;

    /// Takes as long as an append, and keeps nothing.
    async fn touch_entry(&self, entry: &Entry) -> Result<(), StoreError>;

    /// A page of the audit log, by one query.
    async fn list_entries(&self, query: &ListEntries) -> Result<EntryPage, StoreError>;
}

/// Attempts to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub key: String,
    pub attempts: Attempts,
    /// The version that was found.
    pub over: Option<u64>,
}
