//! What ends all mail to an address although nobody asked for it here: a mail that bounced for good, or a complaint.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answers, State, User};

/// What ended the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The receiving server, or SES in its place, takes no mail for the address.
    Bounce,
    /// The person reported a mail as spam.
    Complaint,
}

impl EndedBy {
    /// The name as stored and as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }
}

/// A report that an address takes no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeliverable {
    pub by: EndedBy,
    /// When it happened.
    pub at: Timestamp,
    /// What it speaks of: whoever signed up or confirmed later has said more than it does. Of a bounce that is when
    /// the mail left, since a mailbox that confirms after it has shown that it takes mail.
    pub since: Timestamp,
}

impl User {
    /// The user after a report; `None` when it changes nothing. Reports may be repeated and come in any order. Who
    /// never confirmed leaves nothing but the fact, as a refusal does; who confirmed once keeps the answers.
    pub fn undeliverable(mut self, report: &Undeliverable, now: Timestamp) -> Option<Self> {
        let said_more = self.created_at > report.since || self.confirmed_at.is_some_and(|at| at > report.since);
        if said_more || self.state == State::Suppressed || self.is_forgotten(now) {
            return None;
        }
        if self.state == State::Pending {
            self.answers = Answers::default();
        }
        self.ended_by = Some(report.by);
        Some(self.silenced(State::Suppressed, report.at))
    }

    /// Ends all mail, in a state that allows none. What waits for a confirmation is dropped with the mail for it; one
    /// that is being sent right now is past recall.
    pub(super) fn silenced(mut self, state: State, at: Timestamp) -> Self {
        self.state = state;
        self.ended_at = Some(at);
        self.root = self.root.filter(|_| !self.answers.email.is_empty());
        self.link = None;
        self.keep_until = None;
        (self.waiting, self.later) = (None, None);
        self.mail = self.mail.filter(|mail| !mail.is_open());
        self.waking()
    }
}
