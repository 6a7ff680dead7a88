//! The daily digest: in the outbox as any mail, by an item of its own for each day.
//!
//! ```text
//! sweep -> the day's item (what it says, due) -> stream -> worker {lease, send, mark}
//! ```
//!
//! A sweep makes it, and wakes the worker by it for as long as it is due. It ends sent, or dead with an alarm.

use std::time::Duration;

use jiff::Timestamp;

use super::{MARK_AGAIN, Worker};
use crate::clock::{after, later};
use crate::digest::{DigestMail, Missed, digest, told_at};
use crate::notice::Notice;
use crate::pace::MailHealth;
use crate::publisher::PublishError;
use crate::store::{Saved, StoreError};
use crate::user::End;

impl Worker {
    /// Has the worker woken for the digest that is due, if somebody gets one.
    pub(super) async fn wake_for_digest(&self, health: &MailHealth) -> Result<(), StoreError> {
        let Some(hour) = self.config.notifications.digest_hour() else { return Ok(()) };
        let (now, store) = (self.ledger.clock.now(), &self.ledger.store);
        let (day, since) = told_at(now, hour);
        let found = store.digest(&day).await?;
        let over = found.as_ref().map(|found| found.version);
        let due = match &found {
            Some(found) => found.is_due(now),
            None => !DigestMail::is_over(since, now),
        };
        if !due {
            return Ok(());
        }
        if after(since, LATE) <= now && found.is_some() {
            // Nobody took it, however often it was told of.
            self.count_events("EventsOverdue", 1);
        }
        let census = store.counters(None).await?.census();
        let notice = digest(&self.config.service, &day, &census, Some(health));
        let woken = match found {
            Some(found) => found.woken(notice),
            None => DigestMail::new(day, notice, since),
        };
        // Whoever was faster has woken the worker, or is the worker.
        store.save_digest(&woken, over).await.map(drop)
    }

    /// Sends the digest of a day, unless somebody else does or did.
    pub(super) async fn send_digest(&self, day: &str) -> Result<(), StoreError> {
        let (now, store) = (self.ledger.clock.now(), &self.ledger.store);
        let Some(found) = store.digest(day).await? else { return Ok(()) };
        let over = found.version;
        let Some(taken) = found.take(self.ledger.entropy.number(), now) else { return Ok(()) };
        if let Some(End::Dead(reason)) = &taken.end {
            // Before the mark: told twice is better than never.
            self.gave_up(day, reason);
        }
        if store.save_digest(&taken, Some(over)).await? == Saved::Changed {
            return Ok(());
        }
        if !taken.is_held() {
            tracing::warn!(day, outcome = "lost", "digest");
            return Ok(());
        }
        let notice = Notice { subject: taken.subject.clone(), text: taken.text.clone() };
        let result = self.publisher.digest(&notice).await;
        let (over, now) = (taken.version, self.ledger.clock.now());
        let finished = match &result {
            Ok(()) => taken.sent(),
            Err(error @ PublishError::Later(_)) => {
                tracing::warn!(day, outcome = "later", %error, "digest");
                self.count_events("EventsOverdue", 1);
                taken.missed(Missed::Surely, &error.to_string(), now)
            }
            Err(error) => {
                tracing::warn!(day, outcome = "unanswered", %error, "digest");
                taken.missed(Missed::Perhaps, &error.to_string(), now)
            }
        };
        match &finished.end {
            Some(End::Dead(reason)) => self.gave_up(day, reason),
            Some(End::Sent) => tracing::info!(day, outcome = "sent", "digest"),
            None => {}
        }
        self.mark(&finished, over, now).await
    }

    /// Keeps how it ended, again and again while the table fails: it would go out a second time.
    async fn mark(&self, finished: &DigestMail, over: u64, began: Timestamp) -> Result<(), StoreError> {
        let clock = &self.ledger.clock;
        let last = later(began, Duration::from_secs(MARK));
        let mut pauses = MARK_AGAIN.into_iter().map(Duration::from_millis);
        loop {
            let Err(error) = self.ledger.store.save_digest(finished, Some(over)).await else { return Ok(()) };
            match pauses.next() {
                Some(pause) if later(clock.now(), pause) < last => {
                    error.log();
                    clock.sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    fn gave_up(&self, day: &str, reason: &str) {
        tracing::error!(day, outcome = "dead", error = reason, "digest");
        self.count_events("EventsGivenUp", 1);
    }
}

/// For how long it is tried to keep how a digest ended, in seconds: what an invocation has left at its end, less what was
/// done before.
const MARK: u64 = 4;

/// How long after its time a digest that is still due is told of by the sweeper too, in seconds.
const LATE: u32 = 600;
