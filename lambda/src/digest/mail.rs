//! A day's digest in the outbox: taken, sent and finished, so that two workers never hold it at once.
//!
//! Pure. There is one for each day, with what it says. A sweep makes it and wakes the worker by it, until it has ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{after, millis, optional_millis};
use crate::notice::Notice;
use crate::user::End;

/// How long a worker has to send it before it counts as lost, in seconds: far longer than a call of SNS may take.
pub const DIGEST_LEASE: u32 = 300;

/// How long it rests when nobody knows whether it was sent, in seconds: somebody may have seen it by then.
pub const DIGEST_PAUSE: u32 = 4 * 3_600;

/// How often it may be sent without an answer: once more than once is a digest that came twice.
const UNANSWERED: u32 = 2;

/// When it is given up, in seconds after it was due: before that of the next day is.
const LIFETIME: u32 = 23 * 3_600;

/// How long it is known that it was sent, in seconds.
const KEPT: u32 = 3 * 86_400;

/// The digest of a day, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestMail {
    /// That it tells of, `2026-11-22`.
    pub day: String,
    pub subject: String,
    pub text: String,
    /// Raised by every change.
    pub version: u64,
    #[serde(with = "millis")]
    since: Timestamp,
    /// When it may be sent next.
    #[serde(with = "millis")]
    due_at: Timestamp,
    /// Attempts of which nobody knows what became of them.
    #[serde(default)]
    unanswered: u32,
    /// Who has it in their hands, by a number that was drawn for it.
    #[serde(default)]
    held_by: u32,
    /// Until when they have.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    held_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Whether the stream should wake the worker for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wakes: bool,
}

/// How an attempt ended that did not send it, for sure or perhaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    Surely,
    Perhaps,
}

impl DigestMail {
    /// The digest of a day, to be sent from that time on.
    pub fn new(day: String, notice: Notice, since: Timestamp) -> Self {
        let Notice { subject, text } = notice;
        Self {
            day,
            subject,
            text,
            version: 1,
            since,
            due_at: since,
            unanswered: 0,
            held_by: 0,
            held_until: None,
            end: None,
            wakes: true,
        }
    }

    /// Whether it is too late for what was to be sent from that time on.
    pub fn is_over(since: Timestamp, now: Timestamp) -> bool {
        after(since, LIFETIME) <= now
    }

    /// Since when it is to be sent.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// When it can be forgotten.
    pub fn keep_until(&self) -> Timestamp {
        after(self.since, KEPT)
    }

    /// Whether somebody is to take it now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.end.is_none() && self.due_at <= now && self.held_until.is_none_or(|until| until <= now)
    }

    /// The same with what there is to say by now, for which the worker is woken.
    pub fn woken(self, notice: Notice) -> Self {
        let Notice { subject, text } = notice;
        Self { subject, text, wakes: true, ..self.changed() }
    }

    /// It in the hands of whoever drew `by` and keeps it so; `None` while it is not due. Where its last holder was lost, or
    /// it is too old, it is in nobody's, and may have ended.
    pub fn take(mut self, by: u32, now: Timestamp) -> Option<Self> {
        if !self.is_due(now) {
            return None;
        }
        if self.is_held() {
            return Some(self.missed(Missed::Perhaps, "its senders were lost", now));
        }
        if Self::is_over(self.since, now) {
            self.end = Some(End::Dead("it was too late for it".into()));
            return Some(self.changed());
        }
        (self.held_by, self.held_until) = (by, Some(after(now, DIGEST_LEASE)));
        Some(self.changed())
    }

    /// Whether it is in somebody's hands.
    pub fn is_held(&self) -> bool {
        self.held_until.is_some()
    }

    /// It after it was sent.
    pub fn sent(mut self) -> Self {
        (self.end, self.held_until) = (Some(End::Sent), None);
        self.changed()
    }

    /// It after an attempt that failed for a reason that names nobody.
    pub fn missed(mut self, how: Missed, reason: &str, now: Timestamp) -> Self {
        self.held_until = None;
        if how == Missed::Perhaps {
            self.unanswered += 1;
            self.due_at = after(now, DIGEST_PAUSE);
            if self.unanswered >= UNANSWERED || Self::is_over(self.since, self.due_at) {
                self.end = Some(End::Dead(reason.to_owned()));
            }
        }
        self.changed()
    }

    /// Closes a change.
    fn changed(mut self) -> Self {
        self.version += 1;
        self.wakes = false;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u32) -> Timestamp {
        after("2026-11-22T06:00:00Z".parse().expect("a time"), 60 * minutes)
    }

    fn digest() -> DigestMail {
        let notice = Notice { subject: "a day".into(), text: "it was".into() };
        DigestMail::new("2026-11-21".into(), notice, at(0))
    }

    #[test]
    fn one_has_it_at_a_time() {
        let held = digest().take(7, at(1)).expect("it is due");
        assert!(held.is_held() && !held.wakes && held.clone().take(7, at(2)).is_none());
        let sent = held.sent();
        assert_eq!((sent.end.clone(), sent.is_held(), sent.take(7, at(600))), (Some(End::Sent), false, None));
    }

    #[test]
    fn what_was_surely_not_sent_is_due_again_for_a_day_and_then_dead() {
        let mut digest = digest();
        for minute in 0..23 * 60 {
            digest = digest.take(7, at(minute)).expect("it is due").missed(Missed::Surely, "SNS is away", at(minute));
            assert_eq!(digest.end, None, "{minute}");
        }
        let late = digest.take(7, at(23 * 60)).expect("somebody has to say so");
        assert!(matches!(late.end, Some(End::Dead(_))) && !late.is_held());
    }

    #[test]
    fn what_was_perhaps_sent_is_sent_once_more_hours_later() {
        let pause = DIGEST_PAUSE / 60;
        let lost = digest().take(7, at(0)).expect("it is due").take(7, at(DIGEST_LEASE / 60)).expect("nobody has it");
        assert_eq!((lost.is_held(), lost.end.clone()), (false, None));
        assert!(!lost.is_due(at(pause)));
        let again = lost.take(7, at(pause + DIGEST_LEASE / 60)).expect("it is due again");
        let dead = again.missed(Missed::Perhaps, "no answer", at(pause + 6));
        assert_eq!(dead.end, Some(End::Dead("no answer".into())));
        // Nor is it sent when the next is about to be.
        let late = digest().take(7, at(22 * 60)).expect("it is due").missed(Missed::Perhaps, "no answer", at(22 * 60));
        assert!(matches!(late.end, Some(End::Dead(_))));
    }
}
