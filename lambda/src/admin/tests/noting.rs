//! A store in memory that notes which of its operations were called.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::admin::*;
use crate::store::{MemoryStore, Saved, StoreError};

#[derive(Debug, Default)]
pub(in crate::admin) struct Noting {
    store: MemoryStore,
    calls: Mutex<Vec<&'static str>>,
    held: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Noting {
    /// What was called since the last time this was asked.
    pub(in crate::admin) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().expect("no panic while held"))
    }

    /// Keeps the next session only once what is returned is used, as of somebody who is slow.
    pub(in crate::admin) fn hold_next_session(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        *self.held.lock().expect("no panic while held") = Some(held);
        release
    }

    fn note(&self, call: &'static str) -> &MemoryStore {
        self.calls.lock().expect("no panic while held").push(call);
        &self.store
    }
}

#[async_trait]
impl AdminStore for Noting {
    async fn load_admin(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        self.note("load admin").load_admin(id).await
    }

    async fn list_admins(&self) -> Result<Vec<Admin>, StoreError> {
        self.note("list admins").list_admins().await
    }

    async fn save_admin(&self, admin: &Admin, over: Option<u64>, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        self.note("save admin").save_admin(admin, over, witness).await
    }

    async fn delete_admin(&self, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        self.note("delete admin").delete_admin(admin, witness).await
    }

    async fn load_session(&self, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        self.note("load session").load_session(admin, hash).await
    }

    async fn save_session(&self, session: &Session) -> Result<(), StoreError> {
        let held = self.held.lock().expect("no panic while held").take();
        if let Some(held) = held {
            held.await.expect("somebody lets it go on");
        }
        self.note("save session").save_session(session).await
    }

    async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        self.note("touch session").touch_session(session).await
    }

    async fn delete_session(&self, admin: AdminId, hash: TokenHash) -> Result<(), StoreError> {
        self.note("delete session").delete_session(admin, hash).await
    }

    async fn list_sessions(&self, admin: AdminId) -> Result<Vec<Session>, StoreError> {
        self.note("list sessions").list_sessions(admin).await
    }

    async fn load_attempts(&self, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError> {
        self.note("load attempts").load_attempts(keys).await
    }

    async fn save_attempts(&self, counted: &[Counted]) -> Result<Saved, StoreError> {
        self.note("save attempts").save_attempts(counted).await
    }

    async fn append_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        self.note("write entry").append_entry(entry).await
    }

    /// One write like the other, seen from outside.
    async fn touch_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        self.note("write entry").touch_entry(entry).await
    }

    async fn list_entries(&self, query: &ListEntries) -> Result<EntryPage, StoreError> {
        self.note("list entries").list_entries(query).await
    }
}
