//! What the stream tells the worker, and what of it is counted.

use std::collections::BTreeMap;

use crate::sign_up::MailId;

/// One record of the stream, reduced to what the worker acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Names the change wherever it is reported again.
    pub event: String,
    /// The record's place in its shard of the stream, by which a failure is reported.
    pub sequence: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A mail was put into the outbox.
    Mail(MailId),
    /// A user is new, or was confirmed, or both at once.
    User {
        received: Option<String>,
        confirmed: Option<String>,
        /// Values of text fields by name, from which the country is counted.
        texts: BTreeMap<String, String>,
    },
    /// Anything else: budgets, locks, counters, removals.
    Nothing,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    Received,
    Confirmed,
}

impl EventKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Confirmed => "confirmed",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Received, Self::Confirmed].into_iter().find(|kind| kind.name() == name)
    }
}

/// Something to count once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names the event wherever it is reported again.
    pub id: String,
    pub kind: EventKind,
    /// The day in UTC, `2026-11-22`.
    pub day: String,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

impl Event {
    /// The counters it raises by one.
    pub(super) fn counters(&self) -> impl Iterator<Item = String> {
        let kind = self.kind.name();
        [
            Some(format!("total#{kind}")),
            Some(format!("day#{}#{kind}", self.day)),
            self.country.as_ref().map(|code| format!("country#{code}#{kind}")),
        ]
        .into_iter()
        .flatten()
    }
}
