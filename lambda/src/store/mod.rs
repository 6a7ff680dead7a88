//! What the service keeps, as one trait with two implementations that one conformance suite holds together.
//!
//! Every operation is one outcome: a condition that fails is a value here, never an error. Callers pass the
//! time in; a store never reads a clock. The table's keys and attributes are known to `dynamo` alone.

mod change;
pub mod dynamo;
mod memory;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

pub use change::{Change, Event, EventKind, What};
pub use dynamo::DynamoStore;
pub use memory::MemoryStore;

use crate::clock::{after, before, rfc3339};
use crate::sign_up::{ListedUser, MailId, NewSignUp, RESEND_COOL_DOWN, State, User, UserId};

/// Events that are recorded at once at most: each takes a marker and at most three counters, and a
/// transaction of DynamoDB holds 100 items.
pub const EVENTS_AT_ONCE: usize = 25;

/// Shards of each day, of the due mails and of the counters: one item of DynamoDB takes 1,000 writes a
/// second, and a query must ask every shard.
pub const SHARDS: u8 = 4;

/// How long a worker has for one mail before another may try, in seconds. Longer than one
/// call to SES may take, and long enough to mark the mail afterwards while the table recovers.
pub const LEASE: u32 = 90;

/// How long the stream has to deliver a new mail before the sweeper takes it, in seconds.
pub const STREAM_GRACE: u32 = 120;

/// How long traces of work done are kept, in seconds: mails that were sent or given up, for support.
pub const TRACE: u32 = 7 * 86_400;

/// How long an event's marker is kept, in seconds: longer than the 24 hours a stream can repeat it.
pub const MARKER: u32 = 3 * 86_400;

/// Where sign-ups, the outbox and the counters live.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Writes a sign-up, its address's lock, its mail and its budgets in one transaction, or says why not.
    async fn sign_up(&self, sign_up: &NewSignUp) -> Result<SignUpOutcome, StoreError>;

    /// Confirms a pending sign-up, once, as long as its link works.
    async fn confirm(&self, id: UserId, now: Timestamp) -> Result<ConfirmOutcome, StoreError>;

    /// The user as just written.
    async fn get_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// A page of users, newest first. Never scans and never depends on what the stream has brought: each
    /// sign-up leaves its day in a list of days. A page costs a query for every 30 days and [`SHARDS`] queries
    /// for each day that it looks at, whether or not anybody of that day is left.
    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError>;

    /// Takes a mail for [`LEASE`] seconds; `None` when it is gone, done, not due again yet or taken by another,
    /// or when it cannot be read, which ends it.
    async fn lease_mail(&self, id: MailId, now: Timestamp) -> Result<Option<LeasedMail>, StoreError>;

    /// Ends a lease. `false` when the lease was lost to another meanwhile, and nothing was changed.
    async fn finish_mail(&self, mail: &LeasedMail, end: &MailEnd, now: Timestamp) -> Result<bool, StoreError>;

    /// Mails of a shard (`0..SHARDS`) that are due, oldest first.
    async fn due_mails(&self, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<MailId>, StoreError>;

    /// Counts events, each once however often it is reported. Returns how many were new.
    async fn record_events(&self, events: &[Event], now: Timestamp) -> Result<usize, StoreError>;

    /// Every counter.
    async fn counters(&self) -> Result<Counters, StoreError>;
}

/// What came of a sign-up. The caller of the service gets the same answer to the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignUpOutcome {
    /// The address was new, or forgotten: the sign-up and its mail are kept.
    Accepted(UserId),
    /// The address was known; what was done is in [`Known`].
    Known(Known),
    /// A budget is used up; nothing was changed.
    RateLimited {
        /// Seconds until the next hour begins.
        retry_after: u32,
    },
}

/// What a new submission means for an address that already signed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The confirmed user stays as it is.
    Confirmed,
    /// Was pending, and the service no longer asks for confirmation: confirmed now, with the fields replaced.
    Promoted,
    /// Still pending: the fields were replaced and the confirmation is mailed again.
    MailedAgain,
    /// Still pending, and the last mail is too recent for another: nothing changed.
    CoolingDown,
}

impl Known {
    /// The one rule for known addresses.
    pub(crate) fn of(user: &User, sign_up: &NewSignUp) -> Self {
        match (user.state, sign_up.state) {
            (State::Confirmed, _) => Self::Confirmed,
            (State::Pending, State::Confirmed) => Self::Promoted,
            _ if user.mailed_at <= before(sign_up.now, RESEND_COOL_DOWN) => Self::MailedAgain,
            _ => Self::CoolingDown,
        }
    }

    /// Whether the user and its lock are written, and a mail follows.
    pub(crate) fn changes(self) -> bool {
        matches!(self, Self::Promoted | Self::MailedAgain)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    Confirmed,
    AlreadyConfirmed,
    /// The link no longer works; signing up again gives a new one.
    Expired,
    Unknown,
}

/// Where a page of users begins, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUsers {
    /// At most this many.
    pub limit: u16,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserPage {
    pub users: Vec<ListedUser>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// The place of a user in time, and the cursor after it: `2026-11-22T17:00:00.000000Z#<id>`.
pub(crate) fn at(created_at: Timestamp, id: UserId) -> String {
    format!("{}#{id}", rfc3339(created_at))
}

impl UserPage {
    /// The first `limit` of the users found, which are newest first, and the cursor when there are more.
    pub(crate) fn cut(mut found: Vec<(String, ListedUser)>, limit: u16) -> Self {
        let limit = usize::from(limit.max(1));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(at, _)| at.clone());
        Self { users: found.into_iter().map(|(_, user)| user).collect(), next }
    }
}

/// When a lease taken now ends, in whole milliseconds as stored.
pub(crate) fn lease_until(now: Timestamp) -> Timestamp {
    let until = after(now, LEASE);
    Timestamp::from_millisecond(until.as_millisecond()).unwrap_or(until)
}

/// Seconds until the hour of the budgets ends, at least one.
pub(crate) fn until_next_hour(now: Timestamp) -> u32 {
    u32::try_from(3_600 - now.as_second().rem_euclid(3_600)).unwrap_or(3_600)
}

/// The shard of a user or a mail.
pub(crate) fn shard(id: &[u8; 16]) -> u8 {
    id[15] % SHARDS
}

/// Why a mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// Asks the person to confirm.
    Confirmation,
    /// Greets a person who was signed up at once.
    Welcome,
}

impl MailKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Welcome => "welcome",
        }
    }

    /// The mail that follows a sign-up.
    pub(crate) fn after(state: State) -> Self {
        match state {
            State::Pending => Self::Confirmation,
            State::Confirmed => Self::Welcome,
        }
    }
}

/// A mail that the caller alone may send until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedMail {
    pub id: MailId,
    pub user: UserId,
    pub kind: MailKind,
    pub to: String,
    pub base_url: String,
    /// This attempt included.
    pub attempts: u32,
    pub created_at: Timestamp,
    /// When its link stops working, of a confirmation.
    pub expires_at: Option<Timestamp>,
    /// Attempts so far of which nobody knows whether they delivered.
    pub unanswered: u32,
    /// When the lease ends, which also names it.
    pub lease: Timestamp,
}

/// How a lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEnd {
    Sent,
    /// Due again then.
    Later(Timestamp),
    /// Perhaps sent, perhaps not; due again then.
    Unanswered(Timestamp),
    /// Given up, for the reason stated, which holds no address.
    Dead(String),
}

/// How many signed up and confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub received: u64,
    pub confirmed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, kind: EventKind, count: u64) {
        match kind {
            EventKind::Received => self.received += count,
            EventKind::Confirmed => self.confirmed += count,
        }
    }
}

/// Every counter of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub total: Tally,
    /// By day in UTC, `2026-11-22`: of the sign-up and of the confirmation respectively.
    pub days: BTreeMap<String, Tally>,
    /// By value of the form's first country field.
    pub countries: BTreeMap<String, Tally>,
}

impl Counters {
    /// Adds a counter by its stored name; names of other versions are passed over.
    pub(crate) fn add(&mut self, name: &str, count: u64) {
        let Some((group, kind)) = name.rsplit_once('#') else { return };
        let Some(kind) = EventKind::parse(kind) else { return };
        match group.split_once('#') {
            None if group == "total" => self.total.add(kind, count),
            Some(("day", day)) => self.days.entry(day.to_owned()).or_default().add(kind, count),
            Some(("country", code)) => self.countries.entry(code.to_owned()).or_default().add(kind, count),
            _ => {}
        }
    }
}

/// The store did not do what was asked, and it is not known whether it did.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many wanted the same at once, and still did after some tries: it will work in a moment.
    #[error("the table was too busy to `{operation}`")]
    Busy { operation: &'static str, source: Cause },
    #[error("the table could not `{operation}`")]
    Failed { operation: &'static str, source: Cause },
}

/// What is behind a [`StoreError`]. It holds nothing that a person typed.
type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    pub fn new(operation: &'static str, source: impl Into<Cause>) -> Self {
        Self::Failed { operation, source: source.into() }
    }

    pub fn busy(operation: &'static str, source: impl Into<Cause>) -> Self {
        Self::Busy { operation, source: source.into() }
    }

    /// Says it in the log, the one way that the alarms listen for.
    pub fn log(&self) {
        match self {
            Self::Busy { operation, source } => tracing::warn!(operation, cause = %source, "the store was busy"),
            Self::Failed { operation, source } => tracing::error!(operation, cause = %source, "the store failed"),
        }
    }
}
