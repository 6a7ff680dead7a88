//! A store of admins that notes what it is asked, and fails when told.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use signup_service::admin::{
    Admin, AdminId, AdminStore, Attempts, Counted, Entry, EntryPage, ListEntries, Session, TokenHash,
};
use signup_service::store::{MemoryStore, Saved, StoreError};

#[derive(Debug)]
pub struct Tried {
    inner: Arc<MemoryStore>,
    calls: Mutex<Vec<&'static str>>,
    /// The call that fails from now on.
    pub fails: Mutex<Option<&'static str>>,
}

impl Tried {
    pub fn over(inner: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { inner, calls: Mutex::default(), fails: Mutex::default() })
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().expect("no panic while held"))
    }

    fn of(&self, call: &'static str) -> Result<&MemoryStore, StoreError> {
        self.calls.lock().expect("no panic while held").push(call);
        match *self.fails.lock().expect("no panic while held") {
            Some(name) if name == call => Err(StoreError::new("do this", "no reason")),
            _ => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl AdminStore for Tried {
    async fn load_admin(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        self.of("load_admin")?.load_admin(id).await
    }

    async fn list_admins(&self) -> Result<Vec<Admin>, StoreError> {
        self.of("list_admins")?.list_admins().await
    }

    async fn save_admin(&self, admin: &Admin, over: Option<u64>, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        self.of("save_admin")?.save_admin(admin, over, witness).await
    }

    async fn delete_admin(&self, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        self.of("delete_admin")?.delete_admin(admin, witness).await
    }

    async fn load_session(&self, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        self.of("load_session")?.load_session(admin, hash).await
    }

    async fn save_session(&self, session: &Session) -> Result<(), StoreError> {
        self.of("save_session")?.save_session(session).await
    }

    async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        self.of("touch_session")?.touch_session(session).await
    }

    async fn delete_session(&self, admin: AdminId, hash: TokenHash) -> Result<(), StoreError> {
        self.of("delete_session")?.delete_session(admin, hash).await
    }

    async fn list_sessions(&self, admin: AdminId) -> Result<Vec<Session>, StoreError> {
        self.of("list_sessions")?.list_sessions(admin).await
    }

    async fn load_attempts(&self, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError> {
        self.of("load_attempts")?.load_attempts(keys).await
    }

    async fn save_attempts(&self, counted: &[Counted]) -> Result<Saved, StoreError> {
        self.of("save_attempts")?.save_attempts(counted).await
    }

    async fn append_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        // To whoever waits for the answer it is what a touch is.
        self.of("entry")?.append_entry(entry).await
    }

    async fn touch_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        self.of("entry")?.touch_entry(entry).await
    }

    async fn list_entries(&self, query: &ListEntries) -> Result<EntryPage, StoreError> {
        self.of("list_entries")?.list_entries(query).await
    }
}
