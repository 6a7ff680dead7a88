//! The admins' part of the store in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use super::MemoryStore;
use crate::admin::{
    Admin, AdminId, AdminStore, Attempts, Counted, Entry, EntryPage, ListEntries, Session, Start, TokenHash,
};
use crate::store::{Saved, StoreError};
use crate::stream::What;

/// What it holds of admins.
#[derive(Debug, Default)]
pub(super) struct Admins {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    admins: BTreeMap<AdminId, Admin>,
    sessions: BTreeMap<(AdminId, TokenHash), Session>,
    attempts: BTreeMap<String, Attempts>,
    entries: BTreeMap<String, Entry>,
}

impl Held {
    fn holds(&self, id: AdminId, version: Option<u64>) -> bool {
        self.admins.get(&id).map(|admin| admin.version) == version
    }

    fn holds_witness(&self, witness: Option<&Admin>) -> bool {
        witness.is_none_or(|witness| self.holds(witness.id, Some(witness.version)))
    }
}

impl MemoryStore {
    fn admins(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere leaves the maps whole: every operation changes them at its end.
        self.admins.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl AdminStore for MemoryStore {
    async fn load_admin(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        Ok(self.admins().admins.get(&id).cloned())
    }

    async fn list_admins(&self) -> Result<Vec<Admin>, StoreError> {
        let mut admins: Vec<Admin> = self.admins().admins.values().cloned().collect();
        admins.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(admins)
    }

    async fn save_admin(&self, admin: &Admin, over: Option<u64>, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        let mut held = self.admins();
        if held.admins.get(&admin.id) == Some(admin) {
            return Ok(Saved::Done);
        }
        if !held.holds(admin.id, over) || !held.holds_witness(witness) {
            return Ok(Saved::Changed);
        }
        held.admins.insert(admin.id, admin.clone());
        Ok(Saved::Done)
    }

    async fn delete_admin(&self, admin: &Admin, witness: Option<&Admin>) -> Result<Saved, StoreError> {
        let mut held = self.admins();
        let is_gone = witness.is_none() && held.holds(admin.id, None);
        if !is_gone && (!held.holds(admin.id, Some(admin.version)) || !held.holds_witness(witness)) {
            return Ok(Saved::Changed);
        }
        held.admins.remove(&admin.id);
        Ok(Saved::Done)
    }

    async fn load_session(&self, admin: AdminId, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        Ok(self.admins().sessions.get(&(admin, hash)).cloned())
    }

    async fn save_session(&self, session: &Session) -> Result<(), StoreError> {
        self.admins().sessions.insert((session.admin, session.hash), session.clone());
        Ok(())
    }

    async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        if let Some(held) = self.admins().sessions.get_mut(&(session.admin, session.hash)) {
            session.clone_into(held);
        }
        Ok(())
    }

    async fn delete_session(&self, admin: AdminId, hash: TokenHash) -> Result<(), StoreError> {
        self.admins().sessions.remove(&(admin, hash));
        Ok(())
    }

    async fn list_sessions(&self, admin: AdminId) -> Result<Vec<Session>, StoreError> {
        Ok(self.admins().sessions.values().filter(|session| session.admin == admin).cloned().collect())
    }

    async fn load_attempts(&self, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError> {
        let held = self.admins();
        Ok(keys.iter().map(|key| held.attempts.get(key).cloned()).collect())
    }

    async fn save_attempts(&self, counted: &[Counted]) -> Result<Saved, StoreError> {
        let mut held = self.admins();
        let version = |key: &str| held.attempts.get(key).map(|attempts| attempts.version);
        if counted.iter().any(|it| version(&it.key) != it.over) {
            return Ok(Saved::Changed);
        }
        held.attempts.extend(counted.iter().map(|it| (it.key.clone(), it.attempts.clone())));
        Ok(Saved::Done)
    }

    async fn append_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        self.admins().entries.insert(entry.id.clone(), entry.clone());
        if entry.is_told() {
            self.held().changed(What::Noted(Box::new(entry.clone())));
        }
        Ok(())
    }

    async fn touch_entry(&self, _entry: &Entry) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list_entries(&self, query: &ListEntries) -> Result<EntryPage, StoreError> {
        let held = self.admins();
        let all = || held.entries.values().cloned();
        let wanted = usize::from(query.limit.max(1)) + 1;
        let found = match &query.from {
            Start::Newest => all().rev().take(wanted).collect(),
            Start::OlderThan(id) => all().rev().filter(|entry| entry.id < *id).take(wanted).collect(),
            Start::NewerThan(id) => all().filter(|entry| entry.id > *id).take(wanted).collect(),
        };
        Ok(EntryPage::of(found, query))
    }
}
