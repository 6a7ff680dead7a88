//! The daily digest, by the first sweep of the morning.
//!
//! At most once a day: a sweep claims the day before it publishes, for a day, under a name of its own. So two that run at
//! once send one, and what SNS refused is tried again by the one that has the claim. If that one is lost in between, the
//! day has none, which is the better mistake of the two.

use super::Worker;
use crate::digest::{digest, told_at};
use crate::pace::MailHealth;
use crate::publisher::PublishError;
use crate::store::{Claimed, StoreError};

/// What a worker knows of digests.
#[derive(Debug, Default)]
pub(super) struct Digesting {
    /// By which it claims a day; drawn when it first does.
    name: Option<u32>,
    /// The last day that needs nothing any more.
    done: Option<String>,
}

impl Worker {
    /// Sends the digest of yesterday, if somebody gets one, the time has come and nobody did.
    pub(super) async fn send_digest(&self, health: &MailHealth) -> Result<(), StoreError> {
        let now = self.ledger.clock.now();
        let Some(day) = told_at(now).filter(|_| self.config.notifications.digest) else { return Ok(()) };
        if self.sending().digesting.done.as_ref() == Some(&day) {
            return Ok(());
        }
        let drawn = self.ledger.entropy.number();
        let name = self.sending().digesting.name.get_or_insert(drawn).to_string();
        let key = format!("digest-{day}");
        if self.ledger.store.claim(&key, &name, now).await? == Claimed::Open {
            let census = self.ledger.store.counters(None).await?.census();
            let digest = digest(&self.config.service, &day, &census, Some(health));
            match self.publisher.digest(&digest).await {
                Ok(()) => {
                    // Whatever becomes of the claim's end, this one sends no second.
                    self.sending().digesting.done = Some(day);
                    return self.ledger.store.fulfil(&key).await;
                }
                Err(error @ PublishError::Later(_)) => {
                    tracing::warn!(day, outcome = "later", %error, "digest");
                    self.count_events("EventsOverdue", 1);
                    return Ok(());
                }
                Err(error @ PublishError::Never(_)) => {
                    tracing::error!(day, outcome = "given up", %error, "digest");
                    self.count_events("EventsGivenUp", 1);
                }
            }
        }
        self.sending().digesting.done = Some(day);
        Ok(())
    }
}
