//! What happened in a change of a user: the difference between before and after, as far as somebody wants to know.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::farewell::gone_at;
use super::{AboutMail, EventType, TELL_GRACE, Tell, Untold};
use crate::clock::after;
use crate::config::ServiceConfig;
use crate::user::{Attempt, EndedBy, MailEnd, MailId, User};

/// Where SES takes mail that reaches nobody. Whoever signs up from there was made up, by the proof after a deploy.
const MADE_UP: &str = "@simulator.amazonses.com";

/// The types of events that somebody subscribed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted(BTreeSet<EventType>);

impl Wanted {
    pub fn of(config: &ServiceConfig) -> Self {
        Self(config.notifications.events.iter().copied().collect())
    }

    /// Whether nobody wants to know anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user after a change, with what happened in it kept to be told; unchanged when nobody wants to know.
    pub fn note(&self, before: Option<&User>, user: User, now: Timestamp) -> User {
        if self.is_empty() {
            return user;
        }
        let began = before.is_none_or(|before| before.created_at != user.created_at);
        let known = before.filter(|_| !began);
        // A time alone would not do: two things can happen within a millisecond, or by a clock that was set back.
        let confirmed = |user: &User| user.confirmed_at.map(|at| (at, user.done.clone()));
        let ended_so = |user: &User| user.ended_at.map(|at| (at, user.ended_by, user.state));
        // A refusal of an address of which nothing is known is no sign-up.
        let refused = began && user.ended_at.is_some();
        let ended = match user.ended_by {
            Some(EndedBy::Bounce) => EventType::Bounced,
            Some(EndedBy::Complaint) => EventType::Complained,
            None => EventType::Unsubscribed,
        };
        let happened = [
            // Another took the place of a record that the table had not forgotten yet.
            (began && before.is_some()).then_some(EventType::Erased),
            (began && !refused).then_some(EventType::Received),
            (user.confirmed_at.is_some() && confirmed(&user) != known.and_then(confirmed))
                .then_some(EventType::Confirmed),
            (user.ended_at.is_some() && ended_so(&user) != known.and_then(ended_so)).then_some(ended),
        ];
        let made_up = before.is_some_and(is_made_up);
        let mut user = user;
        for kind in happened.into_iter().flatten().filter(|_| !made_up) {
            // What ended is the record before, at the version in which it would have been erased.
            let of = before.filter(|_| kind == EventType::Erased).unwrap_or(&user);
            let (version, state) = (of.version, of.state);
            let at = if kind == EventType::Erased { gone_at(of, now) } else { now };
            self.keep(&mut user, Tell { kind, version, state, at, mail: None }, now);
        }
        user
    }

    /// The user after an attempt to mail it, with its end kept to be told.
    pub fn note_end(&self, user: User, attempt: &Attempt, end: &MailEnd, now: Timestamp) -> User {
        let (kind, reason) = match end {
            MailEnd::Sent => (EventType::Sent, None),
            MailEnd::Dead { reason, .. } => (EventType::Failed, Some(reason.clone())),
            MailEnd::Later(_) | MailEnd::Unanswered(_) => return user,
        };
        self.note_mail(user, kind, AboutMail { id: attempt.id, kind: attempt.kind, reason }, now)
    }

    /// The user after a mail was given up before it was tried, with that kept to be told.
    pub fn note_given_up(&self, user: User, mail: MailId, reason: &str, now: Timestamp) -> User {
        let kind = user.mail.as_ref().filter(|it| it.id == mail).map(|it| it.kind);
        match kind {
            Some(kind) => {
                let about = AboutMail { id: mail, kind, reason: Some(reason.to_owned()) };
                self.note_mail(user, EventType::Failed, about, now)
            }
            None => user,
        }
    }

    fn note_mail(&self, mut user: User, kind: EventType, mail: AboutMail, now: Timestamp) -> User {
        let (version, state) = (user.version, user.state);
        self.keep(&mut user, Tell { kind, version, state, at: now, mail: Some(mail) }, now);
        user
    }

    fn keep(&self, user: &mut User, tell: Tell, now: Timestamp) {
        if !self.wants(tell.kind) || is_made_up(user) {
            return;
        }
        let untold = user.untold.get_or_insert_with(|| Untold { due_at: after(now, TELL_GRACE), tells: Vec::new() });
        untold.tells.push(tell);
        user.wakes = true;
    }

    pub(super) fn wants(&self, kind: EventType) -> bool {
        self.0.contains(&kind)
    }
}

/// Whether the user was made up to prove that the service works.
pub(super) fn is_made_up(user: &User) -> bool {
    user.answers.email.to_ascii_lowercase().ends_with(MADE_UP)
}
