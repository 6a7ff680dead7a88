//! The daily digest: as surely as any mail, and at most one in each part of a day.
//!
//! Each sweep notes how the mail stands, and while a digest is due that note wakes the worker, by the stream as a sign-up
//! does. A part of the day is claimed by one worker under a name of its own, so that two that run at once send one. It
//! tries at each note until SNS takes it, and keeps that it did; where nobody did, or nobody knows, the next part of the
//! day has another claim.

use jiff::Timestamp;

use super::Worker;
use crate::digest::{digest, part, told_at};
use crate::pace::MailHealth;
use crate::publisher::PublishError;
use crate::store::{Claimed, StoreError};

/// What a worker knows of digests.
#[derive(Debug, Default)]
pub(super) struct Digesting {
    /// By which it claims a part of a day; drawn when it first does.
    name: Option<u32>,
    /// The last day that was sent, and perhaps not noted.
    sent: Option<String>,
    /// The last day that needs nothing any more.
    done: Option<String>,
    /// The last claim that is another's, or that nothing more can come of.
    left: Option<String>,
}

/// The one request that a whole day answers.
const SENT: &str = "sent";

/// What is claimed once a day was told of.
fn whole(day: &str) -> String {
    format!("digest-{day}")
}

impl Worker {
    /// The day whose digest is to be sent by now; `None` while it is too early, and where nobody gets one.
    fn digest_day(&self, now: Timestamp) -> Option<String> {
        told_at(now, self.config.notifications.digest_hour?)
    }

    /// Whether the worker is to be woken for a digest: its time has come, and nobody noted that it was sent.
    pub(super) async fn digest_is_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let Some(day) = self.digest_day(now) else { return Ok(false) };
        if self.sending().digesting.done.as_ref() == Some(&day) {
            return Ok(false);
        }
        let is_open = self.ledger.store.claimed(&whole(&day), SENT, now).await? == Claimed::Open;
        if !is_open {
            self.sending().digesting.done = Some(day);
        }
        Ok(is_open)
    }

    /// Sends the digest of yesterday, if somebody gets one, the time has come and nobody did.
    pub(super) async fn send_digest(&self, health: &MailHealth) -> Result<(), StoreError> {
        let (now, store) = (self.ledger.clock.now(), &self.ledger.store);
        let Some(day) = self.digest_day(now) else { return Ok(()) };
        let (whole, attempt) = (whole(&day), format!("digest-{day}-{}", part(now)));
        let drawn = self.ledger.entropy.number();
        let (name, is_sent) = {
            let digesting = &mut self.sending().digesting;
            if digesting.done.as_ref() == Some(&day) || digesting.left.as_ref() == Some(&attempt) {
                return Ok(());
            }
            (digesting.name.get_or_insert(drawn).to_string(), digesting.sent.as_ref() == Some(&day))
        };
        if !is_sent {
            if store.claimed(&whole, SENT, now).await? != Claimed::Open {
                self.sending().digesting.done = Some(day);
                return Ok(());
            }
            if store.claim(&attempt, &name, now).await? != Claimed::Open {
                self.sending().digesting.left = Some(attempt);
                return Ok(());
            }
            let census = store.counters(None).await?.census();
            let digest = digest(&self.config.service, &day, &census, Some(health));
            match self.publisher.digest(&digest).await {
                Ok(()) => self.sending().digesting.sent = Some(day.clone()),
                Err(error @ PublishError::Later(_)) => {
                    tracing::warn!(day, outcome = "later", %error, "digest");
                    self.count_events("EventsOverdue", 1);
                    return Ok(());
                }
                // Perhaps it was sent: so it is not asked again at once.
                Err(error @ PublishError::Never(_)) => {
                    tracing::error!(day, outcome = "unanswered", %error, "digest");
                    self.count_events("EventsGivenUp", 1);
                    self.sending().digesting.left = Some(attempt);
                    return Ok(());
                }
            }
        }
        // Until it is kept, the next note has that tried again, and nothing else.
        store.claim(&whole, SENT, now).await?;
        store.fulfil(&whole).await?;
        self.sending().digesting.done = Some(day);
        Ok(())
    }
}
