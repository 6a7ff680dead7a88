//! The worker: follows the stream, sends what it brings and counts what it tells.
//!
//! Every step may be repeated: a lease keeps a mail from two senders, a marker an event from counting
//! twice. What fails goes back to the stream; what the stream gives up, [`Worker::sweep`] finds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Entropy, after, before};
use crate::config::{FieldType, ServiceConfig};
use crate::mail::compose;
use crate::mailer::{Mailer, SendError};
use crate::sign_up::MailId;
use crate::store::{Change, EVENTS_AT_ONCE, Event, EventKind, LeasedMail, MailEnd, SHARDS, Store, StoreError, What};
use crate::token::TokenKey;

/// The first pause before a mail is tried again, in seconds; it doubles with each attempt.
const FIRST_PAUSE: u32 = 30;

/// The longest pause, in seconds: an hour is soon enough for an account that has to be set right.
const LONGEST_PAUSE: u32 = 3_600;

/// The longest pause of a throttled mail, in seconds: rates recover within seconds, a quota within the day.
const LONGEST_THROTTLED: u32 = 600;

/// When a mail is given up, in seconds after the sign-up, unless its link dies earlier. A quota recovers within 24 hours, and an
/// identity that is verified later than that is beyond what a person waits for.
const LIFETIME: u32 = 36 * 3_600;

/// Mails of one shard that a sweep takes at most; the next sweep is a minute away.
const SWEEP: u16 = 100;

/// How often a mail may be sent without an answer: once more than once is a mail that came twice.
const UNANSWERED: u32 = 2;

/// The least pause after an attempt without an answer, in seconds: whatever became of it is over by then.
const UNANSWERED_PAUSE: u32 = 600;

/// What must be left of a link, in seconds, for its mail to be worth sending: it has to arrive and be read.
const LEAST_LEFT: u32 = 600;

/// The pauses after which a sent mail is marked again when the table failed, in milliseconds.
const MARK_AGAIN: [u64; 7] = [200, 400, 800, 1_600, 3_200, 6_400, 12_800];

/// What is kept of an invocation for what is under way when its work must end, in seconds: one mail, with
/// 9 seconds for the lease, 20 for SES and 9 for the mark, which are the clients' time-outs.
pub const RESERVE: u32 = 38;

/// When the last attempt to mark a mail as sent must begin, in seconds after the end of work.
const LAST_MARK: u32 = RESERVE - 9;

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
    /// Works a batch off: mails first, then counts. From `until` on nothing new is begun; a mail that was not
    /// reached is due to the sweeper, and what was not counted must come again. Returns the sequence numbers
    /// of the records that must.
    pub async fn batch(&self, changes: &[Change], until: Timestamp) -> Vec<String> {
        let mut failed = self.send(changes, until).await;
        failed.extend(self.count(changes, until).await);
        changes.iter().map(|change| &change.sequence).filter(|it| failed.contains(it.as_str())).cloned().collect()
    }

    async fn send<'a>(&self, changes: &'a [Change], until: Timestamp) -> BTreeSet<&'a str> {
        let mut failed = BTreeSet::new();
        for change in changes {
            let What::Mail(id) = &change.what else { continue };
            if self.clock.now() >= until {
                tracing::warn!("there was no time for every mail of the batch");
                break;
            }
            if let Err(error) = self.deliver(*id, until).await {
                error.log();
                failed.insert(change.sequence.as_str());
            }
        }
        failed
    }

    /// Counts what a batch tells, a transaction's worth at a time. Returns the sequence numbers of the
    /// records that were not counted.
    async fn count<'a>(&self, changes: &'a [Change], until: Timestamp) -> BTreeSet<&'a str> {
        let country = country_field(&self.config);
        let told: Vec<(&str, Event)> = changes
            .iter()
            .flat_map(|change| events(change, country).into_iter().map(|event| (change.sequence.as_str(), event)))
            .collect();
        let mut failed = BTreeSet::new();
        for part in told.chunks(EVENTS_AT_ONCE) {
            let records = part.iter().map(|(sequence, _)| *sequence);
            if self.clock.now() >= until {
                tracing::warn!("there was no time to count the whole batch");
                failed.extend(records);
                continue;
            }
            let events: Vec<Event> = part.iter().map(|(_, event)| event.clone()).collect();
            if let Err(error) = self.store.record_events(&events, self.clock.now()).await {
                error.log();
                failed.extend(records);
            }
        }
        failed
    }

    /// Sends the mails that are due, and begins none from `until` on. Returns how many were worked off; what
    /// fails is due again later, does not keep the others, and is the error at the end.
    pub async fn sweep(&self, until: Timestamp) -> Result<usize, StoreError> {
        let mut count = 0;
        let mut failure = None;
        // Another shard begins each minute, so that a full one cannot keep the others waiting for good.
        let minute = self.clock.now().as_second().rem_euclid(3_600) / 60;
        let first = u8::try_from(minute).unwrap_or(0);
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let due = self.store.due_mails(shard, self.clock.now(), SWEEP).await;
            let due = due.unwrap_or_else(|error| {
                error.log();
                failure.get_or_insert(error);
                Vec::new()
            });
            for id in due {
                if self.clock.now() >= until {
                    return failure.map_or(Ok(count), Err);
                }
                match self.deliver(id, until).await {
                    Ok(()) => count += 1,
                    Err(error) => {
                        error.log();
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        failure.map_or(Ok(count), Err)
    }

    /// Lease, send, mark.
    async fn deliver(&self, id: MailId, until: Timestamp) -> Result<(), StoreError> {
        let Some(leased) = self.store.lease_mail(id, self.clock.now()).await? else { return Ok(()) };
        let now = self.clock.now();
        let result = if worth_sending(&leased, now) {
            self.mailer.send(&compose(&self.config, &self.token_key, &leased, now)).await
        } else {
            Err(SendError::Never("its link would have stopped working before it was read".into()))
        };
        let now = self.clock.now();
        let end = end(&result, &leased, now, self.entropy.fraction());
        let kept = match end {
            MailEnd::Sent => self.mark_sent(&leased, until).await?,
            _ => self.store.finish_mail(&leased, &end, now).await?,
        };
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

    /// Marks a mail that was sent, again and again while the lease lasts and the invocation has its reserve:
    /// given up, the mail would go out a second time.
    async fn mark_sent(&self, leased: &LeasedMail, until: Timestamp) -> Result<bool, StoreError> {
        let last = after(until, LAST_MARK).min(leased.lease);
        let mut pauses = MARK_AGAIN.into_iter();
        loop {
            let now = self.clock.now();
            let error = match self.store.finish_mail(leased, &MailEnd::Sent, now).await {
                Ok(kept) => return Ok(kept),
                Err(error) => error,
            };
            let left = Duration::try_from(last.duration_since(self.clock.now())).unwrap_or_default();
            match pauses.next().map(Duration::from_millis) {
                Some(pause) if pause < left => {
                    error.log();
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }
}

/// When a mail is not worth sending any more: its own time is over, or too little is left of its link.
fn deadline(mail: &LeasedMail) -> Timestamp {
    let given_up = after(mail.created_at, LIFETIME);
    let Some(expires_at) = mail.expires_at else { return given_up };
    // A link that lives for a quarter of an hour is worth its mail for half of that.
    let life = u32::try_from(expires_at.as_second() - mail.created_at.as_second()).unwrap_or(0);
    before(expires_at, LEAST_LEFT.min(life / 2)).min(given_up)
}

/// Whether enough is left of the link. The mail's own time ends with an attempt, not before one.
fn worth_sending(mail: &LeasedMail, now: Timestamp) -> bool {
    mail.expires_at.is_none() || now < deadline(mail)
}

/// What becomes of a mail after an attempt. `fraction` spreads the next one over the second half of the pause.
fn end(result: &Result<(), SendError>, mail: &LeasedMail, now: Timestamp, fraction: f64) -> MailEnd {
    let error = match result {
        Ok(()) => return MailEnd::Sent,
        Err(SendError::Never(reason)) => return MailEnd::Dead(reason.clone()),
        Err(error) => error,
    };
    let unanswered = matches!(error, SendError::Unknown(_));
    if unanswered && mail.unanswered + 1 >= UNANSWERED {
        return MailEnd::Dead(error.to_string());
    }
    let longest = if matches!(error, SendError::Throttled(_)) { LONGEST_THROTTLED } else { LONGEST_PAUSE };
    let doublings = mail.attempts.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(longest);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most an hour, never negative")]
    let spread = (f64::from(pause / 2) * fraction) as u32;
    let least = if unanswered { UNANSWERED_PAUSE } else { 0 };
    let due = after(now, (pause - pause / 2 + spread).max(least));
    match unanswered {
        _ if due >= deadline(mail) => MailEnd::Dead(error.to_string()),
        true => MailEnd::Unanswered(due),
        false => MailEnd::Later(due),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_up::UserId;
    use crate::store::MailKind;

    fn at(seconds: u32) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, seconds)
    }

    /// A mail whose link works for 24 hours, at its first attempt.
    fn mail() -> LeasedMail {
        LeasedMail {
            id: MailId([1; 16]),
            user: UserId([2; 16]),
            kind: MailKind::Confirmation,
            to: "ada@example.com".into(),
            base_url: "https://join.example.com".into(),
            attempts: 1,
            created_at: at(0),
            expires_at: Some(at(86_400)),
            unanswered: 0,
            lease: at(90),
        }
    }

    fn later(attempts: u32, error: SendError, fraction: f64) -> u32 {
        match end(&Err(error), &LeasedMail { attempts, ..mail() }, at(0), fraction) {
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
        assert_eq!(end(&Ok(()), &mail(), at(0), 0.5), MailEnd::Sent);
        let refused = Err(SendError::Never("SES answered `MessageRejected`".into()));
        assert_eq!(end(&refused, &mail(), at(0), 0.5), MailEnd::Dead("SES answered `MessageRejected`".into()));
        let late = Err(SendError::Later("no answer".into()));
        let dead = MailEnd::Dead("not now: no answer".into());
        let welcome = LeasedMail { attempts: 9, expires_at: None, ..mail() };
        assert!(matches!(end(&late, &welcome, at(LIFETIME - 3_600), 0.5), MailEnd::Later(_)));
        assert_eq!(end(&late, &welcome, at(LIFETIME), 0.5), dead);
        // A link dies before its mail's own time is over.
        assert!(matches!(end(&late, &mail(), at(86_400 - LEAST_LEFT - 30), 0.0), MailEnd::Later(_)));
        assert_eq!(end(&late, &mail(), at(86_400 - LEAST_LEFT - 15), 0.0), dead);
    }

    #[test]
    fn a_mail_without_an_answer_is_sent_once_more_and_not_soon() {
        let lost = Err(SendError::Unknown("timed out".into()));
        assert_eq!(end(&lost, &mail(), at(0), 0.0), MailEnd::Unanswered(at(UNANSWERED_PAUSE)));
        let again = LeasedMail { attempts: 2, unanswered: 1, ..mail() };
        assert_eq!(end(&lost, &again, at(700), 0.0), MailEnd::Dead("no answer: timed out".into()));
        // What certainly was not sent does not count.
        assert!(matches!(end(&Err(SendError::Later("x".into())), &again, at(700), 0.0), MailEnd::Later(_)));
    }

    #[test]
    fn a_link_that_is_about_to_die_is_not_mailed() {
        assert!(worth_sending(&mail(), at(86_400 - LEAST_LEFT - 1)));
        assert!(!worth_sending(&mail(), at(86_400 - LEAST_LEFT)));
        let short = LeasedMail { expires_at: Some(at(600)), ..mail() };
        assert!(worth_sending(&short, at(299)) && !worth_sending(&short, at(300)));
        assert!(worth_sending(&LeasedMail { expires_at: None, ..mail() }, at(10 * 86_400)));
    }
}
