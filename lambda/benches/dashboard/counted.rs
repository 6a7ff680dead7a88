//! A store that counts what it is asked, and the users that its lists answer with.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use signup_service::census::{Delta, Sums};
use signup_service::counting::{Note, Ticket, Verdict};
use signup_service::digest::DigestMail;
use signup_service::event::Farewell;
use signup_service::pace::MailHealth;
use signup_service::store::{
    Claimed, ListUsers, MemoryStore, Saved, SignedUp, Spending, Spent, Store, StoreError, UserPage,
};
use signup_service::user::{Queue, User, UserId};

/// What a page asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub calls: u64,
    /// Users that the lists answered with.
    pub users: u64,
}

#[derive(Debug, Default)]
pub struct Counted {
    pub inner: MemoryStore,
    calls: AtomicU64,
    users: AtomicU64,
}

impl Counted {
    pub fn over(inner: MemoryStore) -> Self {
        Self { inner, ..Self::default() }
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Asked {
        Asked { calls: self.calls.swap(0, Ordering::Relaxed), users: self.users.swap(0, Ordering::Relaxed) }
    }

    fn asked(&self) -> &MemoryStore {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl Store for Counted {
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.asked().load(id).await
    }

    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.asked().glance(id).await
    }

    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError> {
        self.asked().save_unless(user, over, others).await
    }

    async fn touch_unless(&self, id: UserId, others: &[UserId]) -> Result<(), StoreError> {
        self.asked().touch_unless(id, others).await
    }

    async fn count(&self, notes: &[Note]) -> Result<(), StoreError> {
        self.asked().count(notes).await
    }

    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
        self.asked().close(notes).await
    }

    fn drop_later(&self, holding: &[(UserId, Ticket)]) {
        self.inner.drop_later(holding);
    }

    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError> {
        self.asked().notes(until).await
    }

    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        self.asked().erase(user, farewell).await
    }

    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        self.asked().rename(user, renamed, farewell).await
    }

    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.asked().forget(event, user, farewell, now).await
    }

    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
        self.asked().farewells(now, limit).await
    }

    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError> {
        self.asked().drop_farewell(farewell).await
    }

    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError> {
        self.asked().adjust(delta).await
    }

    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError> {
        self.asked().spend(spending).await
    }

    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError> {
        self.asked().spent(key, hour).await
    }

    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.asked().claimed(key, request, now).await
    }

    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.asked().claim(key, request, now).await
    }

    async fn fulfil(&self, key: &str) -> Result<(), StoreError> {
        self.asked().fulfil(key).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        let page = self.asked().list_users(query).await?;
        self.users.fetch_add(page.users.len() as u64, Ordering::Relaxed);
        Ok(page)
    }

    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError> {
        self.asked().signed_up(behind, until, limit).await
    }

    async fn due(&self, queue: Queue, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
        self.asked().due(queue, shard, now, limit).await
    }

    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError> {
        self.asked().note_mail(health).await
    }

    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError> {
        self.asked().mail_health().await
    }

    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError> {
        self.asked().counters(month).await
    }

    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError> {
        self.asked().digest(day).await
    }

    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
        self.asked().save_digest(digest, over).await
    }

    async fn fold(&self, before: &str, now: Timestamp) -> Result<(), StoreError> {
        self.asked().fold(before, now).await
    }
}
