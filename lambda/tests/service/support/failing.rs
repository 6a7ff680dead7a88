//! A store that fails as told, around the one in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

use super::service::Service;

/// A store that counts its calls by name, and of each fails as many as told, after as long as told.
#[derive(Debug)]
pub struct Failing {
    pub inner: Arc<MemoryStore>,
    pub error: StoreError,
    pub after: Duration,
    pub fails: Mutex<BTreeMap<&'static str, u32>>,
    pub calls: Arc<Mutex<Vec<&'static str>>>,
    /// The shards that were asked for due users.
    pub asked: Arc<Mutex<Vec<u8>>>,
}

impl Failing {
    /// Fails the calls of these names, each so often.
    pub fn of<const N: usize>(service: &Service, error: StoreError, fails: [(&'static str, u32); N]) -> Self {
        Self {
            inner: service.store.clone(),
            error,
            after: Duration::ZERO,
            fails: Mutex::new(fails.into()),
            calls: Arc::default(),
            asked: Arc::default(),
        }
    }

    async fn call(&self, name: &'static str) -> Result<(), StoreError> {
        self.calls.lock().expect("no panic while held").push(name);
        if !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
        match self.fails.lock().expect("no panic while held").get_mut(name) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(match &self.error {
                    StoreError::Busy { operation, source } => StoreError::busy(operation, source.to_string()),
                    StoreError::Silent { operation, source } => StoreError::silent(operation, source.to_string()),
                    StoreError::Failed { operation, source } => StoreError::new(operation, source.to_string()),
                })
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.call("load").await?;
        self.inner.load(id).await
    }

    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError> {
        // To whoever waits for the answer it is a load.
        self.call("load").await?;
        self.inner.glance(id).await
    }

    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError> {
        // To hold a mail is to take it; everything else is kept.
        let holds = user.mail.as_ref().is_some_and(|mail| mail.lease.is_some());
        self.call(if holds { "take" } else { "save" }).await?;
        self.inner.save_unless(user, over, others).await
    }

    async fn touch_unless(&self, id: UserId, others: &[UserId]) -> Result<(), StoreError> {
        // To whoever waits for the answer it is a save.
        self.call("save").await?;
        self.inner.touch_unless(id, others).await
    }

    async fn count(&self, notes: &[Note]) -> Result<(), StoreError> {
        self.call("count").await?;
        self.inner.count(notes).await
    }

    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
        self.call("close").await?;
        self.inner.close(notes).await
    }

    fn drop_later(&self, holding: &[(UserId, Ticket)]) {
        self.inner.drop_later(holding);
    }

    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError> {
        self.call("notes").await?;
        self.inner.notes(until).await
    }

    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        self.call("erase").await?;
        self.inner.erase(user, farewell).await
    }

    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        self.call("rename").await?;
        self.inner.rename(user, renamed, farewell).await
    }

    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call("forget").await?;
        self.inner.forget(event, user, farewell, now).await
    }

    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
        self.call("farewells").await?;
        self.inner.farewells(now, limit).await
    }

    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError> {
        self.call("drop_farewell").await?;
        self.inner.drop_farewell(farewell).await
    }

    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError> {
        self.call("adjust").await?;
        self.inner.adjust(delta).await
    }

    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError> {
        self.call("spend").await?;
        self.inner.spend(spending).await
    }

    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError> {
        self.call("spent").await?;
        self.inner.spent(key, hour).await
    }

    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.call("claimed").await?;
        self.inner.claimed(key, request, now).await
    }

    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        self.call("claim").await?;
        self.inner.claim(key, request, now).await
    }

    async fn fulfil(&self, key: &str) -> Result<(), StoreError> {
        self.call("fulfil").await?;
        self.inner.fulfil(key).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        self.call("list_users").await?;
        self.inner.list_users(query).await
    }

    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError> {
        self.call("signed_up").await?;
        self.inner.signed_up(behind, until, limit).await
    }

    async fn due(&self, queue: Queue, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
        if queue == Queue::Mail {
            self.asked.lock().expect("no panic while held").push(shard);
        }
        self.call("due").await?;
        self.inner.due(queue, shard, now, limit).await
    }

    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError> {
        self.call("note_mail").await?;
        self.inner.note_mail(health).await
    }

    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError> {
        self.call("mail_health").await?;
        self.inner.mail_health().await
    }

    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError> {
        self.call("digest").await?;
        self.inner.digest(day).await
    }

    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
        self.call(if digest.is_held() { "take_digest" } else { "save_digest" }).await?;
        self.inner.save_digest(digest, over).await
    }

    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError> {
        self.call("counters").await?;
        self.inner.counters(month).await
    }

    async fn fold(&self, before: &str, now: Timestamp) -> Result<(), StoreError> {
        self.call("fold").await?;
        self.inner.fold(before, now).await
    }
}
