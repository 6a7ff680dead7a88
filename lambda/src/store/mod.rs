//! What the service keeps, as one trait with two implementations that one conformance suite holds together.
//!
//! A store decides nothing: it keeps a user unless somebody else was faster, and what a change must bring with it is in the
//! one value ([`User`]), in one transaction, or noted until it is ([`crate::counting`]). Callers pass the time in; a store
//! never reads a clock. The table's keys and attributes are known to `dynamo` alone.

mod directory;
pub mod dynamo;
mod memory;
mod recent;

use std::error::Error;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

pub use directory::{Among, From, Group, LIST_SHARDS, PREFIX, Prefix};
pub use dynamo::DynamoStore;
pub use memory::MemoryStore;

use crate::census::{Delta, Sums};
use crate::clock::rfc3339;
use crate::counting::{Note, Ticket, Verdict};
use crate::digest::DigestMail;
use crate::event::Farewell;
use crate::pace::MailHealth;
use crate::user::{Queue, User, UserId};

/// Shards of the due users and of the counters that change: one partition of DynamoDB takes 1,000 writes a second.
pub const SHARDS: u8 = 4;

/// How long a removed user's marker is kept, in seconds: longer than the 24 hours a stream can repeat it.
pub const MARKER: u32 = 3 * 86_400;

/// How long an answer is kept for its `Idempotency-Key`, in seconds.
pub const CLAIM: u32 = 86_400;

/// Where users, budgets and counters live.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The user as just written.
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user perhaps as of a moment ago, at half the price.
    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Keeps a user in the place of the version `over`, or of none, unless somebody is kept under one of the other IDs.
    /// Safe to repeat: a user that is there already, exactly so, was kept.
    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError>;

    /// Takes as long as that, and changes nothing.
    async fn touch_unless(&self, id: UserId, others: &[UserId]) -> Result<(), StoreError>;

    /// Keeps a user who has no other ID.
    async fn save(&self, user: &User, over: Option<u64>) -> Result<Saved, StoreError> {
        self.save_unless(user, over, &[]).await
    }

    /// Changes the counters as notes say, and keeps the notes. Of those that one shard holds, all or none. Safe to repeat
    /// while the notes are there: what is noted is counted. A try that was not answered is never counted later, unless all
    /// failed: then the notes have to be closed, and nobody may be kept under their tickets.
    async fn count(&self, notes: &[Note]) -> Result<(), StoreError>;

    /// Closes notes. Safe to repeat: a note that is not there is closed.
    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError>;

    /// Drops notes that hold, when that is for nothing: with the next change of the same counters.
    fn drop_later(&self, holding: &[(UserId, Ticket)]);

    /// The notes that were made by a time, as just written, but for those of which this process knows that they hold.
    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError>;

    /// Deletes a user, as it was loaded, takes it out of the counters and keeps what is to be told of it, in one
    /// transaction.
    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError>;

    /// Keeps a user under the ID of `renamed`, where nobody may be, and no more as it was loaded, which is taken out of the
    /// counters and told of, in one transaction.
    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError>;

    /// Takes a user whom the table forgot by itself out of the counters and keeps what is to be told of it, once however
    /// often the event is reported. Returns whether it was the first time.
    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// What is to be told by now of those who are gone, oldest first.
    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError>;

    /// Drops a farewell that was told. Safe to repeat.
    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError>;

    /// Changes the counters alone, to repair them.
    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError>;

    /// Spends one of a budget, and uses something up that is good for once, both or none.
    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError>;

    /// What was spent of a budget, perhaps a moment ago.
    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError>;

    /// What is known of a key, perhaps as of a moment ago; nothing is kept.
    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Reserves a key for one request for [`CLAIM`] seconds.
    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Notes that the request behind a claimed key was answered.
    async fn fulfil(&self, key: &str) -> Result<(), StoreError>;

    /// A page of some of the users. Never scans, and never depends on what the stream has brought, but for countries.
    /// Costs at most [`LIST_SHARDS`] queries of one more than the page's length each, and a read for each user.
    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError>;

    /// Who signed up behind a place and up to a time, oldest first and at most so many, perhaps as of a moment ago.
    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError>;

    /// Users of a shard (`0..SHARDS`) who are due in a queue, oldest first.
    async fn due(&self, queue: Queue, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError>;

    /// Notes how the mail stands, in the place of what was noted before.
    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError>;

    /// How the mail stood when it was last noted.
    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError>;

    /// How far the digest of a day (`2026-11-22`) has come, as just written.
    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError>;

    /// Keeps a digest in the place of the version `over`, or of none. Safe to repeat, as [`Store::save`].
    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError>;

    /// The counters of one month (`2026-11`) that is not folded, perhaps as of a moment ago, or all as of now.
    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError>;

    /// Keeps counters that changed lately with the others of their month, and those of the months before this one
    /// together, so that all counters are read at the same cost for many years, and changed at the same cost always. They stay as they are; safe to repeat, and to leave out.
    async fn fold(&self, before: &str, now: Timestamp) -> Result<(), StoreError>;
}

/// Whether a user was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Done,
    /// Another version is there, or somebody under another ID; nothing was changed.
    Changed,
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

/// Which users a page holds, where it begins and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUsers {
    pub among: Among,
    pub from: From,
    /// At most this many.
    pub limit: u16,
}

impl ListUsers {
    /// So many of all, newest first.
    pub fn newest(limit: u16) -> Self {
        Self { among: Among::ALL, from: From::Start, limit }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct UserPage {
    pub users: Vec<User>,
    /// The page before ends before this place; absent on the first.
    pub previous: Option<String>,
    /// The next page begins after this place; absent on the last.
    pub next: Option<String>,
}

/// Some of those who signed up.
#[derive(Debug, Default)]
pub struct SignedUp {
    pub users: Vec<User>,
    /// The place of the last of them, also of one who is left out; absent where there is nobody.
    pub last: Option<String>,
    /// Whether there are more.
    pub more: bool,
    /// Why some are left out, whose items cannot be read.
    pub failure: Option<StoreError>,
}

/// The place of a user in time, and the cursor after it: `2026-11-22T17:00:00.000Z#<id>`.
pub(crate) fn at(created_at: Timestamp, id: UserId) -> String {
    format!("{}#{id}", rfc3339(created_at))
}

/// The first and the last place that can be behind one and up to a time, both included; `None` where no place can be.
fn places_between(behind: &str, until: Timestamp) -> Option<(String, String)> {
    // No place begins another one, and what is put behind an ID or a time is behind every place that has it.
    let (low, high) = (format!("{behind}!"), format!("{}~", rfc3339(until)));
    (low < high).then_some((low, high))
}

/// The shard of a user among the due and the counters.
pub(crate) fn shard(id: UserId) -> u8 {
    shard_of(id, SHARDS)
}

fn shard_of(id: UserId, shards: u8) -> u8 {
    id.0[15] % shards
}

/// The store did not do what was asked, and it is not known whether it did.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many wanted the same at once, and still did after some tries: it will work in a moment.
    #[error("the table was too busy to `{operation}`")]
    Busy { operation: &'static str, source: Cause },
    /// No answer came, or one that the fault is AWS's: it may work in a moment.
    #[error("the table did not answer when asked to `{operation}`")]
    Silent { operation: &'static str, source: Cause },
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

    pub fn silent(operation: &'static str, source: impl Into<Cause>) -> Self {
        Self::Silent { operation, source: source.into() }
    }

    /// Whether the same may be asked again in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Silent { .. })
    }

    /// Says it in the log, the one way that the alarms listen for.
    pub fn log(&self) {
        match self {
            Self::Busy { operation, source } => tracing::warn!(operation, cause = %source, "the store was busy"),
            Self::Silent { operation, source } | Self::Failed { operation, source } => {
                tracing::error!(operation, cause = %source, "the store failed")
            }
        }
    }
}
