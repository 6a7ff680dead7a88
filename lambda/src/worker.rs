//! The worker: follows the stream, sends what it brings and counts what it tells.
//!
//! Every step may be repeated: a lease keeps a mail from two senders, a marker an event from counting
//! twice. What fails goes back to the stream; what the stream gives up, [`Worker::sweep`] finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::{Clock, Entropy, after};
use crate::config::{FieldType, ServiceConfig};
use crate::mail::compose;
use crate::mailer::{Mailer, SendError};
use crate::sign_up::MailId;
use crate::store::{Change, Event, EventKind, MailEnd, SHARDS, Store, StoreError, What};
use crate::token::TokenKey;

/// The first pause before a mail is tried again, in seconds; it doubles with each attempt.
const FIRST_PAUSE: u32 = 30;

/// The longest pause, in seconds: an hour is soon enough for an account that has to be set right.
const LONGEST_PAUSE: u32 = 3_600;

/// The longest pause of a throttled mail, in seconds: rates recover within seconds, a quota within the day.
const LONGEST_THROTTLED: u32 = 600;

/// When a mail is given up, in seconds after the sign-up. A quota recovers within 24 hours, and an
/// identity that is verified later than that is beyond what a person waits for.
const LIFETIME: u32 = 36 * 3_600;

/// Mails of one shard that a sweep takes at most; the next sweep is a minute away.
const SWEEP: u16 = 100;

/// How long one call works on mails, in seconds: well within the functions' time-outs, even with the one
/// mail that is under way. What is left over stays due.
const TIME: u32 = 40;

/// Sends and counts.
#[derive(Clone, Debug)]
pub struct Worker {
    pub config: Arc<ServiceConfig>,
    pub store: Arc<dyn Store>,
    pub mailer: Arc<dyn Mailer>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub token_key: TokenKey,
}

impl Worker {
    /// Works a batch off. Returns the sequence numbers of the records that must come again.
    pub async fn batch(&self, changes: &[Change]) -> Vec<String> {
        let until = after(self.clock.now(), TIME);
        let mut failed = self.count(changes).await;
        for change in changes {
            let What::Mail(id) = &change.what else { continue };
            // A mail that is not reached now is due to the sweeper soon.
            if self.clock.now() >= until {
                tracing::warn!("there was no time for every mail of the batch");
                break;
            }
            if let Err(error) = self.deliver(*id).await {
                log_failure(&error);
                failed.insert(&change.sequence);
            }
        }
        changes.iter().map(|change| &change.sequence).filter(|it| failed.contains(it.as_str())).cloned().collect()
    }

    /// Counts what a batch tells. Returns the sequence numbers of the records that were not counted.
    async fn count<'a>(&self, changes: &'a [Change]) -> BTreeSet<&'a str> {
        let country = country_field(&self.config);
        let mut all = Vec::new();
        let mut records = BTreeSet::new();
        for change in changes {
            let events = events(change, country);
            if !events.is_empty() {
                records.insert(change.sequence.as_str());
                all.extend(events);
            }
        }
        if all.is_empty() {
            return BTreeSet::new();
        }
        match self.store.record_events(&all, self.clock.now()).await {
            Ok(_) => BTreeSet::new(),
            Err(error) => {
                log_failure(&error);
                records
            }
        }
    }

    /// Sends the mails that are due. Returns how many were; a mail that fails is due again later.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let until = after(self.clock.now(), TIME);
        let mut count = 0;
        for shard in 0..SHARDS {
            for id in self.store.due_mails(shard, self.clock.now(), SWEEP).await? {
                if self.clock.now() >= until {
                    return Ok(count);
                }
                self.deliver(id).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Lease, send, mark.
    async fn deliver(&self, id: MailId) -> Result<(), StoreError> {
        let Some(leased) = self.store.lease_mail(id, self.clock.now()).await? else { return Ok(()) };
        let mail = compose(&self.config, &self.token_key, &leased, self.clock.now());
        let result = self.mailer.send(&mail).await;
        let now = self.clock.now();
        let end = end(&result, leased.attempts, leased.created_at, now, self.entropy.fraction());
        let kept = self.store.finish_mail(&leased, &end, now).await?;
        let (kind, attempts) = (leased.kind.name(), leased.attempts);
        match (&result, &end) {
            _ if !kept => tracing::warn!(mail = %id, kind, attempts, outcome = "lease lost", "mail"),
            (Err(error), MailEnd::Dead(_)) => {
                tracing::error!(mail = %id, kind, attempts, outcome = "dead", %error, "mail")
            }
            (Err(error), _) => tracing::warn!(mail = %id, kind, attempts, outcome = "later", %error, "mail"),
            (Ok(()), _) => tracing::info!(mail = %id, kind, attempts, outcome = "sent", "mail"),
        }
        Ok(())
    }
}

/// What becomes of a mail after an attempt. `fraction` spreads the next one over the second half of the pause.
fn end(result: &Result<(), SendError>, attempts: u32, created_at: Timestamp, now: Timestamp, fraction: f64) -> MailEnd {
    let longest = match result {
        Ok(()) => return MailEnd::Sent,
        Err(SendError::Never(reason)) => return MailEnd::Dead(reason.clone()),
        Err(SendError::Throttled(_)) => LONGEST_THROTTLED,
        Err(SendError::Later(_)) => LONGEST_PAUSE,
    };
    let doublings = attempts.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(longest);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most an hour, never negative")]
    let spread = (f64::from(pause / 2) * fraction) as u32;
    let due = after(now, pause - pause / 2 + spread);
    match result {
        Err(error) if due >= after(created_at, LIFETIME) => MailEnd::Dead(error.to_string()),
        _ => MailEnd::Later(due),
    }
}

/// The field by which users are counted: the first of type `country`.
fn country_field(config: &ServiceConfig) -> Option<&str> {
    config.form.fields.iter().find(|field| field.kind == FieldType::Country).map(|field| field.name.as_str())
}

/// What a change counts as.
fn events(change: &Change, country_field: Option<&str>) -> Vec<Event> {
    let What::User { received, confirmed, texts } = &change.what else { return Vec::new() };
    let country = country_field.and_then(|name| texts.get(name));
    [(EventKind::Received, received), (EventKind::Confirmed, confirmed)]
        .into_iter()
        .filter_map(|(kind, day)| {
            let id = format!("{}#{}", change.event, kind.name());
            Some(Event { id, kind, day: day.clone()?, country: country.cloned() })
        })
        .collect()
}

fn log_failure(error: &StoreError) {
    tracing::error!(operation = error.operation, cause = %error.source, "the store failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, seconds)
    }

    fn later(attempts: u32, error: SendError, fraction: f64) -> u32 {
        match end(&Err(error), attempts, at(0), at(0), fraction) {
            MailEnd::Later(due) => u32::try_from(due.as_second()).expect("after the beginning"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_spread() {
        let not_now = || SendError::Later("no answer".into());
        assert_eq!([1, 2, 3, 20].map(|attempts| later(attempts, not_now(), 0.0)), [15, 30, 60, 1_800]);
        assert_eq!([1, 2, 3, 20].map(|attempts| later(attempts, not_now(), 0.999)), [29, 59, 119, 3_598]);
        assert!(later(30, SendError::Throttled("rate".into()), 0.999) <= LONGEST_THROTTLED);
    }

    #[test]
    fn a_mail_ends_sent_or_dead() {
        assert_eq!(end(&Ok(()), 1, at(0), at(0), 0.5), MailEnd::Sent);
        let refused = Err(SendError::Never("SES answered `MessageRejected`".into()));
        assert_eq!(end(&refused, 1, at(0), at(0), 0.5), MailEnd::Dead("SES answered `MessageRejected`".into()));
        let late = Err(SendError::Later("no answer".into()));
        assert_eq!(end(&late, 9, at(0), at(LIFETIME), 0.5), MailEnd::Dead("not now: no answer".into()));
    }
}
