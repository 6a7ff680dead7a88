//! A user: what is kept of one address, from the first sign-up to the last trace.
//!
//! Pure. One value holds the whole of it: the answers, what waits for confirmation, the mail to be sent and
//! what the counters include. Every change is a function from a user and the time to the user after it
//! (`receive`, `confirm`, `outbox`, `undeliverable`, `rename`), so that a store has only one thing to do: keep the value unless
//! somebody else was faster.

mod confirm;
mod id;
mod outbox;
mod receive;
mod rename;
mod undeliverable;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::config::MailKind;
pub use confirm::{CODE_TRIES, ConfirmOutcome, Proof};
pub use id::{AdminId, EventId, MailId, Nonce, UserId};
pub(crate) use outbox::LIFETIME;
pub use outbox::{Attempt, End, LEASE, LOOK_AFTER, Lease, Mail, MailEnd, STREAM_GRACE, Taken};
pub use receive::{Again, Draws, NOTICE_PAUSE, RESEND_PAUSE, Receipt, Request, Rules, SECOND_PAUSE};
pub(crate) use receive::{hour, until_next_day, until_next_hour};
pub use undeliverable::{EndedBy, Undeliverable};

use crate::census::Tally;
use crate::clock::{millis, optional_millis};
use crate::counting::Ticket;
use crate::event::{Told, Untold};
use crate::keys::Name;

/// What the worker looks at a user for. Whoever has a mail to be sent is looked at for that, and what is to be told of
/// them is told then too: news that cannot be told must never stand before a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// A mail to be sent, or answers to forget.
    Mail,
    /// Something that subscribers are to be told.
    News,
}

/// How far a person has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Signed up; nobody has shown yet that the address is theirs.
    Pending,
    Confirmed,
    /// Was confirmed, and asked for no more mail. May confirm anew.
    Unsubscribed,
    /// Gets no mail any more, whatever happens: the address refused before it was ever confirmed, bounced for good, or
    /// reported a mail as spam.
    Suppressed,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Confirmed, Self::Unsubscribed, Self::Suppressed];

    /// The name as stored and as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a field holds once checked. Whole numbers are always [`FieldValue::Integer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Choices(Vec<String>),
}

impl FieldValue {
    /// The number in its one form: whole numbers as integers, so that they survive any store unchanged.
    pub fn number(number: f64) -> Self {
        // Up to 2^53 every whole number is exact in both types.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
            let whole = number as i64;
            Self::Integer(whole)
        } else {
            Self::Number(number)
        }
    }

    /// The value when it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The values of a sign-up by field name. Fields left empty are absent; the address is kept apart.
pub type Fields = BTreeMap<String, FieldValue>;

/// The wording a person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGiven {
    pub text: String,
    pub version: String,
}

/// What a person said, once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// As typed; empty of an address that is suppressed and never was confirmed.
    pub email: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: Fields,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentGiven>,
    /// The language of the page, by its code; in it the person is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// What confirms: the link in a mail, and the six digits beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Drawn for one submission. The token and the code follow from it, but only by the service's key.
    pub nonce: Nonce,
    #[serde(with = "millis")]
    pub expires_at: Timestamp,
    /// Wrong codes so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u8,
    /// Whether somebody may have it: a mail with it was sent, or nobody knows that it was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out: bool,
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// Of who was there before keys were counted.
fn one() -> u8 {
    1
}

fn is_one(number: &u8) -> bool {
    *number == 1
}

/// A later submission of a known address. It takes effect when its own link is followed, and not before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    #[serde(flatten)]
    pub answers: Answers,
    pub link: Link,
    /// When it is forgotten.
    #[serde(with = "millis")]
    pub keep_until: Timestamp,
}

/// Submissions of one address within an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Hours since 1970.
    pub hour: i64,
    pub count: u32,
}

/// Everything that is kept of one address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Follows from the address by the service's keys: one address, one user.
    #[serde(skip)]
    pub id: UserId,
    /// By how many keys.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub keys: u8,
    /// What the first key alone makes of the address, where that is not the ID and the address is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<UserId>,
    /// Raised by every change. It begins with the time, so that no version of a user who was erased can be
    /// taken for one of the user who came after.
    pub version: u64,
    pub state: State,
    #[serde(flatten)]
    pub answers: Answers,
    pub created_at: Timestamp,
    /// Of the newest confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// When the mail ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What ended it, unless the person asked for no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// While pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// When a pending sign-up is forgotten.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Still later answers, which take the place of those that wait when the mail with their link leaves: a link
    /// that somebody may have goes on working until a newer one is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Waiting>,
    /// The submissions whose links have nothing to do any more: the one that confirmed last, and those that were
    /// out before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Nonce>,
    /// The mail to be sent, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
    /// When SES was last asked to mail this person.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<Timestamp>,
    /// Mails in a row, none of them a day after the one before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mailings: u8,
    pub spent: Spent,
    /// What the counters include of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Tally>,
    /// The note under which the counters came to include it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// What subscribers are still to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<Untold>,
    /// Whether the stream should wake the worker for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wakes: bool,
}

impl User {
    pub fn name(&self) -> Name {
        Name { id: self.id, keys: self.keys }
    }

    /// What stands for the address in mails: whatever is done by it is done to whoever has the address.
    pub fn root(&self) -> UserId {
        self.root.unwrap_or(self.id)
    }

    /// When the worker has to look at this user again, if ever, and what for; but for a mail that is fresh.
    pub fn due(&self) -> Option<(Queue, Timestamp)> {
        // Answers are not forgotten while a mail for them is open.
        let waiting = [&self.waiting, &self.later].into_iter().flatten().map(|waiting| waiting.keep_until).min();
        if let Some(mail) = self.mail.as_ref().filter(|mail| mail.is_open()) {
            return mail.sweep_at().map(|at| (Queue::Mail, at));
        }
        let untold = self.untold.as_ref().map(|untold| (Queue::News, untold.due_at));
        untold.into_iter().chain(waiting.map(|at| (Queue::Mail, at))).min_by_key(|(_, at)| *at)
    }

    /// The time of that.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due().map(|(_, at)| at)
    }

    /// Whether it counts as gone although it is still there: a table deletes some days late.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.keep_until.is_some_and(|until| until <= now)
    }

    /// The user counted as it is, under a ticket drawn for it; `None` when it is so already. Nothing else changes, and
    /// nobody is mailed for it.
    pub fn counted_as_is(mut self, by: u32, country_field: Option<&str>) -> Option<Self> {
        self.count(by, country_field).then(|| self.changed())
    }

    /// Counts the user as it is. Whether it was counted otherwise before.
    fn count(&mut self, by: u32, country_field: Option<&str>) -> bool {
        let tally = Tally::of(self, country_field);
        if self.counted.as_ref() == Some(&tally) {
            return false;
        }
        self.counted = Some(tally);
        self.ticket = Some(Ticket { over: self.version, by });
        true
    }

    /// The user counted as it is, without what subscribers know by now, and left to the sweeper if there is a mail to be
    /// sent or more to be told.
    pub fn set_aside(mut self, told: &Told, by: u32, country_field: Option<&str>, now: Timestamp) -> Self {
        self.untold = told.left(self.untold, self.id);
        self.count(by, country_field);
        if let Some(mail) = &mut self.mail {
            mail.is_handled(now);
        }
        self.wakes = false;
        self.changed()
    }

    /// Closes a change.
    fn changed(mut self) -> Self {
        self.version += 1;
        self
    }

    /// Closes a change that the worker has to act upon.
    pub(crate) fn waking(mut self) -> Self {
        self.wakes = true;
        self.changed()
    }

    /// How long this address is left alone after a mail, in seconds: longer with each mail in a row.
    pub(crate) fn pause(&self) -> u32 {
        match (self.state, self.mailings) {
            (State::Pending, 0 | 1) => RESEND_PAUSE,
            (State::Pending, 2) => SECOND_PAUSE,
            _ => NOTICE_PAUSE,
        }
    }

    /// The link that the next mail carries: of the newest answers.
    fn newest_link(&mut self) -> Option<&mut Link> {
        let later = self.later.as_mut().map(|later| &mut later.link);
        let waiting = self.waiting.as_mut().map(|waiting| &mut waiting.link);
        later.or(waiting).or(self.link.as_mut())
    }

    fn link_of(&mut self, nonce: Nonce) -> Option<&mut Link> {
        let later = self.later.as_mut().map(|later| &mut later.link);
        let waiting = self.waiting.as_mut().map(|waiting| &mut waiting.link);
        [later, waiting, self.link.as_mut()].into_iter().flatten().find(|link| link.nonce == nonce)
    }

    /// Whether somebody may follow a link: it works still, and was mailed or is being mailed.
    fn is_in_force(&self, link: &Link, now: Timestamp) -> bool {
        let being_mailed = self.mail.as_ref().and_then(Mail::carries);
        (link.out || being_mailed == Some(link.nonce)) && link.expires_at > now
    }
}

#[cfg(test)]
mod tests;
