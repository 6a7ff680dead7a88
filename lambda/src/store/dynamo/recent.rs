//! The counters that changed lately: read, changed unless somebody was faster, and moved to those of their months.
//!
//! Each shard is one small item, so that a change costs one unit of writing however many counters there are. What a
//! shard was when this process last wrote it is remembered, and mostly still true: then it is not even read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::counters::drawn;
use super::item::{self, Item, n, s};
use super::transact::{self, Reason, Transacted, pause};
use super::{DynamoStore, IS_ABSENT, IS_VERSION, Put};
use crate::census::{Delta, Sums};
use crate::counting::{Note, Ticket, Verdict};
use crate::store::recent::{Name, Recent};
use crate::store::{SHARDS, StoreError, shard};
use crate::user::{User, UserId};

const COUNT: &str = "count users";
const CLOSE: &str = "close notes of counters";
const LIST: &str = "list notes of counters";
const GATHER: &str = "gather counters";

/// Counters that a shard holds before they are moved: with some notes they fit into a kilobyte, which is one unit of
/// writing.
const HELD: usize = 20;

/// How often a change is tried while others change the same shard: two to four seconds with the pauses.
const TRIES: u32 = 8;

/// Counters that are moved at once at most, each perhaps of another month: a transaction takes 100 items.
const MOVED_AT_ONCE: usize = 90;

/// What this process knows of the shards.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<u8, Shard>>);

#[derive(Debug, Default)]
struct Shard {
    last: Option<Recent>,
    /// Notes to be dropped with the next change.
    holding: Vec<Name>,
}

impl Known {
    fn shards(&self) -> MutexGuard<'_, BTreeMap<u8, Shard>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn of(&self, shard: u8) -> (Option<Recent>, Vec<Name>) {
        self.shards().get(&shard).map(|shard| (shard.last.clone(), shard.holding.clone())).unwrap_or_default()
    }

    /// Somebody changed a shard, perhaps in a way that is not known.
    fn forget(&self, shard: u8) {
        self.shards().entry(shard).or_default().last = None;
    }

    /// This is a shard now, without the notes that were to be dropped.
    fn wrote(&self, shard: u8, last: Recent, dropped: &[Name]) {
        let mut shards = self.shards();
        let shard = shards.entry(shard).or_default();
        shard.last = Some(last);
        shard.holding.retain(|name| !dropped.contains(name));
    }
}

pub(super) async fn count(store: &DynamoStore, notes: &[Note]) -> Result<(), StoreError> {
    let shards: BTreeSet<u8> = notes.iter().map(|note| shard(note.user)).collect();
    let of_shard = async |of| {
        let notes: Vec<Note> = notes.iter().filter(|note| shard(note.user) == of).cloned().collect();
        change(store, COUNT, of, |recent| recent.count(&notes)).await
    };
    join_all(shards.into_iter().map(of_shard)).await.into_iter().collect()
}

pub(super) async fn close(store: &DynamoStore, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
    let shards: BTreeSet<u8> = notes.iter().map(|(user, ..)| shard(*user)).collect();
    let of_shard = async |of| {
        let notes: Vec<_> = notes.iter().filter(|(user, ..)| shard(*user) == of).copied().collect();
        change(store, CLOSE, of, |recent| recent.close(&notes)).await
    };
    join_all(shards.into_iter().map(of_shard)).await.into_iter().collect()
}

/// The put that is part of a user's deletion: takes it out of the counters. Nothing, of whoever was never counted.
pub(super) async fn uncount(
    store: &DynamoStore,
    operation: &'static str,
    user: &User,
) -> Result<Option<TransactWriteItem>, StoreError> {
    if user.counted.is_none() {
        return Ok(None);
    }
    let of = shard(user.id);
    let last = read(store, operation, of).await?;
    let mut next = Recent { version: last.version + 1, ..last.clone() };
    next.uncount(user);
    store.known.forget(of);
    put_over(store, operation, &last, &next, of).map(Some)
}

fn put_over(
    store: &DynamoStore,
    operation: &'static str,
    last: &Recent,
    next: &Recent,
    of: u8,
) -> Result<TransactWriteItem, StoreError> {
    transact::put(operation, store.table(), item::of_recent(next, of), |put| match last.version {
        0 => put.condition_expression(IS_ABSENT),
        version => put
            .condition_expression(IS_VERSION)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", n(version)),
    })
}

pub(super) fn close_later(store: &DynamoStore, holding: &[Name]) {
    let mut shards = store.known.shards();
    for name in holding {
        shards.entry(shard(name.0)).or_default().holding.push(*name);
    }
}

/// Changes a shard, whose version shows whether it is as it was known. Nothing is written where nothing changes.
async fn change(
    store: &DynamoStore,
    operation: &'static str,
    of: u8,
    change: impl Fn(&mut Recent) -> bool,
) -> Result<(), StoreError> {
    let (mut known, holding) = store.known.of(of);
    let held: Vec<_> = holding.iter().map(|(user, ticket)| (*user, *ticket, Verdict::Holds)).collect();
    for tried in 0..TRIES {
        let is_fresh = known.is_none();
        let last = match known.take() {
            Some(last) => last,
            None => read(store, operation, of).await?,
        };
        let mut next = last.clone();
        if !change(&mut next) {
            // What was known may be older than what is to be changed.
            match is_fresh {
                true => return Ok(()),
                false => continue,
            }
        }
        next.close(&held);
        next.version += 1;
        match put(store, operation, &last, &next, of).await? {
            Put::Done => {
                store.known.wrote(of, next, &holding);
                return Ok(());
            }
            // At once on top of what is there; from then on apart from others who were refused, and read anew.
            Put::Refused(there) if tried == 0 => known = there,
            Put::Refused(_) if tried + 1 < TRIES => pause(tried, &drawn(operation)?).await,
            Put::Refused(_) => {}
        }
    }
    store.known.forget(of);
    Err(StoreError::busy(operation, "other workers kept the same counters"))
}

async fn put(
    store: &DynamoStore,
    operation: &'static str,
    last: &Recent,
    next: &Recent,
    of: u8,
) -> Result<Put<Recent>, StoreError> {
    let over = (last.version > 0).then_some(last.version);
    let there = match store.try_put(operation, item::of_recent(next, of), over).await {
        Ok(Put::Done) => return Ok(Put::Done),
        Ok(Put::Refused(there)) => there.map(|item| parse(operation, &item)).transpose()?,
        // In the middle of a transaction, or of too many requests.
        Err(StoreError::Busy { .. }) => None,
        Err(error) => {
            store.known.forget(of);
            return Err(error);
        }
    };
    // The answer to an earlier try may have been lost.
    Ok(if there.as_ref() == Some(next) { Put::Done } else { Put::Refused(there) })
}

async fn read(store: &DynamoStore, operation: &'static str, of: u8) -> Result<Recent, StoreError> {
    let found = store.get(operation, item::recent_key(of)).await?;
    found.map_or(Ok(Recent::default()), |item| parse(operation, &item))
}

fn parse(operation: &'static str, item: &Item) -> Result<Recent, StoreError> {
    item::read_recent(item).map_err(|error| StoreError::new(operation, error))
}

pub(super) async fn notes(store: &DynamoStore, until: Timestamp) -> Result<Vec<Note>, StoreError> {
    let shards = all(store, LIST, true).await?;
    Ok(shards.iter().flat_map(|recent| recent.noted_by(until)).collect())
}

/// Every shard that there is.
async fn all(store: &DynamoStore, operation: &'static str, is_now: bool) -> Result<Vec<Recent>, StoreError> {
    let query = store.client.query().table_name(store.table()).consistent_read(is_now);
    let query = query
        .key_condition_expression("pk = :pk AND begins_with(sk, :recent)")
        .expression_attribute_values(":pk", s(item::COUNT))
        .expression_attribute_values(":recent", s(item::RECENT));
    let found = store.query(operation, query, SHARDS.into()).await?;
    found.iter().map(|item| parse(operation, item)).collect()
}

/// Moves the counters of shards that hold more than [`HELD`] to those of their months; the notes stay.
pub(super) async fn gather(store: &DynamoStore) -> Result<(), StoreError> {
    if all(store, GATHER, false).await?.iter().all(|recent| recent.sums.len() <= HELD) {
        return Ok(());
    }
    let mut failure = None;
    for of in 0..SHARDS {
        if let Err(error) = gather_one(store, of).await {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn gather_one(store: &DynamoStore, of: u8) -> Result<(), StoreError> {
    let last = read(store, GATHER, of).await?;
    if last.sums.len() > HELD { move_to_months(store, last, of).await } else { Ok(()) }
}

/// A shard that somebody changes meanwhile is left for the next time.
async fn move_to_months(store: &DynamoStore, last: Recent, of: u8) -> Result<(), StoreError> {
    let (moved, sums) = last.sums.clone().split(MOVED_AT_ONCE);
    let next = Recent { version: last.version + 1, sums, notes: last.notes.clone() };
    store.known.forget(of);
    let put = put_over(store, GATHER, &last, &next, of);
    let moved = Delta::outside(&Sums::default(), &Sums::default(), &moved);
    let counts = transact::counts(GATHER, store.table(), &moved);
    let items = std::iter::once(put).chain(counts).collect::<Result<_, _>>()?;
    let reasons = match store.transact(GATHER, &drawn(GATHER)?, items).await? {
        Transacted::Done => return Ok(()),
        Transacted::Cancelled(reasons) => reasons,
    };
    match reasons.into_iter().find(|reason| matches!(reason, Reason::Other(_))) {
        Some(Reason::Other(code)) => Err(StoreError::new(GATHER, format!("the transaction was cancelled: {code}"))),
        _ => Ok(()),
    }
}
