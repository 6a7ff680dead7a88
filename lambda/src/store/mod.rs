//! What the service keeps, as one trait with two implementations that one conformance suite holds together.
//!
//! A store decides nothing: it keeps a user unless somebody else was faster, and everything that a change must
//! bring with it is in the one value ([`User`]) or in one transaction. Callers pass the time in; a store never
//! reads a clock. The table's keys and attributes are known to `dynamo` alone.

pub mod dynamo;
mod memory;

use std::error::Error;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

pub use dynamo::DynamoStore;
pub use memory::MemoryStore;

use crate::census::{Delta, Sums, Tally};
use crate::clock::rfc3339;
use crate::user::{User, UserId};

/// Shards of each day and of the due users: one partition of DynamoDB takes 1,000 writes a second, and a query
/// must ask every shard.
pub const SHARDS: u8 = 4;

/// Users that are settled at once at most: with them go at most three counters' items each, and a transaction
/// of DynamoDB holds 100 items.
pub const SETTLED_AT_ONCE: usize = 25;

/// How long a removed user's marker is kept, in seconds: longer than the 24 hours a stream can repeat it.
pub const MARKER: u32 = 3 * 86_400;

/// How long an answer is kept for its `Idempotency-Key`, in seconds.
pub const CLAIM: u32 = 86_400;

/// Where users, budgets and counters live.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The user as just written.
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Sees to it that a day is on the list of days, as [`Store::list_users`] needs it: before anybody signs up on
    /// it. Costs a write once a day in each process.
    async fn note_day(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Keeps a user in the place of the version `over`, or of none; a new one only on a day that was noted before.
    /// Safe to repeat: a user that is there already, exactly so, was kept.
    async fn save(&self, user: &User, over: Option<u64>) -> Result<Saved, StoreError>;

    /// Takes as long as a save, and changes nothing.
    async fn touch(&self, id: UserId) -> Result<(), StoreError>;

    /// Keeps several users, each over the version stated, and changes the counters, in one transaction: at most
    /// [`SETTLED_AT_ONCE`].
    async fn settle(&self, users: &[(User, u64)], delta: &Delta) -> Result<Settled, StoreError>;

    /// Deletes a user, as it was loaded, and takes it out of the counters, in one transaction.
    async fn erase(&self, user: &User) -> Result<Saved, StoreError>;

    /// Takes a user whom the table forgot by itself out of the counters, once however often the event is
    /// reported. Returns whether it was the first time.
    async fn forget(&self, event: &str, counted: &Tally, now: Timestamp) -> Result<bool, StoreError>;

    /// Changes the counters alone, to repair them.
    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError>;

    /// Spends one of a budget, and uses something up that is good for once, both or none.
    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError>;

    /// What was spent of a budget, perhaps a moment ago.
    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError>;

    /// Reserves a key for one request for [`CLAIM`] seconds.
    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Notes that the request behind a claimed key was answered.
    async fn fulfil(&self, key: &str) -> Result<(), StoreError>;

    /// A page of users, newest first. Never scans and never depends on what the stream has brought: each
    /// sign-up leaves its day in a list of days. A page costs a query for every 30 days, [`SHARDS`] queries
    /// for each day that it looks at, and a read for each user.
    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError>;

    /// Users of a shard (`0..SHARDS`) who are due, oldest first.
    async fn due(&self, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError>;

    /// The counters of one month (`2026-11`), perhaps as of a moment ago, or all as of now.
    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError>;
}

/// Whether a user was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Done,
    /// Another version is there; nothing was changed.
    Changed,
}

/// Whether all were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// Of these another version is there; nothing was changed of anybody.
    Changed(Vec<UserId>),
}

/// One of a budget, to be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Names whose budget it is without telling anything of them.
    pub key: String,
    /// The hour it counts for, in hours since 1970.
    pub hour: i64,
    pub limit: u32,
    /// What is used up with it, such as a proof of work.
    pub once: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    Done,
    /// The budget of this hour is used up; nothing was changed.
    UsedUp,
    /// What is good for once was used before; nothing was changed.
    Repeated,
}

/// What is known of an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nothing, or a request like this one that was never answered.
    Open,
    /// The same request was answered before.
    Answered,
    /// It was used for another request.
    Taken,
}

/// Where a page of users begins, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUsers {
    /// At most this many.
    pub limit: u16,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct UserPage {
    pub users: Vec<User>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// The place of a user in time, and the cursor after it: `2026-11-22T17:00:00.000Z#<id>`.
pub(crate) fn at(created_at: Timestamp, id: UserId) -> String {
    format!("{}#{id}", rfc3339(created_at))
}

/// Whose a place in time is.
pub(crate) fn id_at(at: &str) -> Option<UserId> {
    at.split_once('#').and_then(|(_, id)| UserId::parse(id))
}

/// The first `limit` of the places found, which are newest first, and the cursor when there are more.
pub(crate) fn cut(mut found: Vec<String>, limit: u16) -> (Vec<String>, Option<String>) {
    let limit = usize::from(limit.max(1));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).cloned();
    (found, next)
}

/// The shard of a user.
pub(crate) fn shard(id: UserId) -> u8 {
    id.0[15] % SHARDS
}

/// The store did not do what was asked, and it is not known whether it did.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many wanted the same at once, and still did after some tries, or no answer came in time: it will work in a
    /// moment.
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
