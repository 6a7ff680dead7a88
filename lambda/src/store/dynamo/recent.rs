//! The counters that changed lately: changed without being read, and moved to those of their months.
//!
//! Each shard is one small item, so that a change costs one unit of writing however many counters there are. Counting
//! adds to what is there, whatever it is, so that many count at once. Whoever has to look at what is there raises its
//! version, unless somebody was faster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use aws_sdk_dynamodb::config::Config;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::addition::Addition;
use super::counters::drawn;
use super::item::{self, Item, n, s};
use super::transact::{self, Reason, Transacted, failed, pause};
use super::{DynamoStore, IS_ABSENT, IS_VERSION, Put};
use crate::census::Delta;
use crate::counting::{Note, Ticket, Verdict};
use crate::store::recent::{Name, Recent};
use crate::store::{SHARDS, StoreError, shard};
use crate::user::{User, UserId};

const COUNT: &str = "count users";
const CLOSE: &str = "close notes of counters";
const LIST: &str = "list notes of counters";
const TIDY: &str = "tidy counters";

/// How large a shard's item may grow before it is tidied, in bytes: up to a kilobyte is one unit of writing, and whoever
/// signs up and confirms adds some two hundred.
const ROOMY: usize = 800;

/// Counters that a shard may hold, however often it is tidied: more are moved to their months.
const FEW: usize = 30;

/// How often a shard is tidied while others change it.
const TIDIED: u32 = 3;

/// How often a change is tried while others change the same shard: two to four seconds with the pauses.
const TRIES: u32 = 8;

/// Counters that are moved at once at most, each perhaps of another month: a transaction takes 100 items.
const MOVED_AT_ONCE: usize = 90;

/// Notes that are dropped by the way at most: an expression has room for 300 operators.
pub(super) const DROPPED_AT_ONCE: usize = 50;

/// The notes of which this process knows that they hold, by shard: to be dropped with the next change.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<u8, BTreeSet<Name>>>);

impl Held {
    fn shards(&self) -> MutexGuard<'_, BTreeMap<u8, BTreeSet<Name>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn add(&self, names: &[Name]) {
        let mut shards = self.shards();
        for name in names {
            shards.entry(shard(name.0)).or_default().insert(*name);
        }
    }

    fn of(&self, shard: u8) -> Vec<Name> {
        self.shards().get(&shard).into_iter().flatten().copied().collect()
    }

    fn dropped(&self, shard: u8, names: &[Name]) {
        self.shards().entry(shard).or_default().retain(|name| !names.contains(name));
    }

    /// Those of all notes of which it is not known that they hold. What is not there any more is forgotten.
    fn others(&self, noted: Vec<Note>) -> Vec<Note> {
        let mut shards = self.shards();
        let there: BTreeSet<Name> = noted.iter().map(Note::name).collect();
        shards.values_mut().for_each(|held| held.retain(|name| there.contains(name)));
        let is_held = |note: &Note| shards.get(&shard(note.user)).is_some_and(|held| held.contains(&note.name()));
        noted.into_iter().filter(|note| note.is_void || !is_held(note)).collect()
    }
}

pub(super) async fn count(store: &DynamoStore, notes: &[Note]) -> Result<(), StoreError> {
    let shards: BTreeSet<u8> = notes.iter().map(|note| shard(note.user)).collect();
    let of_shard = async |of| {
        let notes: Vec<Note> = notes.iter().filter(|note| shard(note.user) == of).cloned().collect();
        match add(store, of, &notes).await? {
            Added::Done => Ok(()),
            // One of them is there, or one of the former was taken back: what to do depends on what is there.
            Added::Refused { doubtful } => {
                change(store, COUNT, of, |recent| recent.count(&notes) | (doubtful && recent.doubt(&notes))).await
            }
        }
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

/// What came of counting without looking.
enum Added {
    Done,
    Refused {
        /// Whether a try before was not answered.
        doubtful: bool,
    },
}

/// Counts without looking at what is there. Each try is one request, so that it is known whether one was not answered: such
/// a one may be on its way for long, and arrive when its notes are gone.
async fn add(store: &DynamoStore, of: u8, notes: &[Note]) -> Result<Added, StoreError> {
    let held: Vec<Name> = store.held.of(of).into_iter().take(DROPPED_AT_ONCE).collect();
    let (mut tried, mut doubtful) = (0, false);
    loop {
        let addition = Addition::of_notes(notes, doubtful, &held);
        let update = store
            .client
            .update_item()
            .table_name(store.table())
            .set_key(Some(item::recent_key(of)))
            .update_expression(addition.update)
            .set_condition_expression(addition.condition)
            .set_expression_attribute_names(Some(addition.names))
            .set_expression_attribute_values(Some(addition.values))
            .customize()
            .config_override(Config::builder().retry_config(RetryConfig::disabled()));
        let error = match update.send().await {
            Ok(_) => {
                store.held.dropped(of, &held);
                return Ok(Added::Done);
            }
            Err(error) => error,
        };
        if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) {
            return Ok(Added::Refused { doubtful });
        }
        tried += 1;
        match failed(COUNT, error) {
            // In the middle of a transaction, or of too many requests.
            StoreError::Busy { .. } if tried < TRIES => {}
            StoreError::Silent { .. } if !doubtful => doubtful = true,
            error => return Err(error),
        }
        pause(tried, &drawn(COUNT)?).await;
    }
}

/// The last part of a user's deletion, which takes it out of the counters: without looking at what is there, unless `last`
/// tells that this was tried and did not do. Nothing, of whoever was never counted.
pub(super) async fn uncount(
    store: &DynamoStore,
    operation: &'static str,
    user: &User,
    last: &[Reason],
) -> Result<Option<TransactWriteItem>, StoreError> {
    if user.counted.is_none() {
        return Ok(None);
    }
    let of = shard(user.id);
    if !last.last().is_some_and(Reason::is_condition) {
        let addition = Addition::of_end(user);
        return transact::update(operation, store.table(), item::recent_key(of), |update| {
            update
                .update_expression(addition.update)
                .set_condition_expression(addition.condition)
                .set_expression_attribute_names(Some(addition.names))
                .set_expression_attribute_values(Some(addition.values))
        })
        .map(Some);
    }
    let last = read(store, operation, of).await?;
    let mut next = Recent { version: last.version + 1, ..last.clone() };
    next.uncount(user);
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

/// Changes a shard as it is. Nothing is written where nothing changes.
async fn change(
    store: &DynamoStore,
    operation: &'static str,
    of: u8,
    change: impl Fn(&mut Recent) -> bool,
) -> Result<(), StoreError> {
    let mut there = read(store, operation, of).await?;
    for tried in 0..TRIES {
        let mut next = there.clone();
        if !change(&mut next) {
            return Ok(());
        }
        next.version += 1;
        match put(store, operation, &there, &next, of).await? {
            Put::Done => return Ok(()),
            // At once on top of what is there; from then on apart from others who were refused, and read anew.
            Put::Refused(Some(found)) if tried == 0 => there = found,
            Put::Refused(_) if tried + 1 < TRIES => {
                pause(tried, &drawn(operation)?).await;
                there = read(store, operation, of).await?;
            }
            Put::Refused(_) => {}
        }
    }
    Err(StoreError::busy(operation, "others changed the same counters"))
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
        Err(error) => return Err(error),
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
    let mut noted = Vec::new();
    for item in all(store, LIST, true).await? {
        noted.extend(parse(LIST, &item)?.noted_by(Timestamp::MAX));
    }
    let mut others = store.held.others(noted);
    others.retain(|note| note.at <= until);
    Ok(others)
}

/// Every shard that there is.
async fn all(store: &DynamoStore, operation: &'static str, is_now: bool) -> Result<Vec<Item>, StoreError> {
    let query = store.client.query().table_name(store.table()).consistent_read(is_now);
    let query = query
        .key_condition_expression("pk = :pk AND begins_with(sk, :recent)")
        .expression_attribute_values(":pk", s(item::COUNT))
        .expression_attribute_values(":recent", s(item::RECENT));
    store.query(operation, query, SHARDS.into()).await
}

/// Makes shards small again that have grown beyond [`ROOMY`].
pub(super) async fn tidy(store: &DynamoStore) -> Result<(), StoreError> {
    let mut failure = None;
    for item in all(store, TIDY, false).await? {
        let Some(of) = item::shard_of_recent(&item).filter(|_| item::size(&item) > ROOMY) else { continue };
        if let Err(error) = tidy_one(store, of, item).await {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Drops the notes that hold, and moves the counters to those of their months where they are many. A shard that others keep
/// changing is left for the next time.
async fn tidy_one(store: &DynamoStore, of: u8, item: Item) -> Result<(), StoreError> {
    let (held, mut item) = (store.held.of(of), Some(item));
    let holding: Vec<_> = held.iter().map(|(user, ticket)| (*user, *ticket, Verdict::Holds)).collect();
    for _ in 0..TIDIED {
        let Some(found) = item else { return Ok(()) };
        let last = parse(TIDY, &found)?;
        let mut next = Recent { version: last.version + 1, ..last.clone() };
        next.close(&holding);
        next.doubt_no_longer();
        let is_done = if next.sums.len() > FEW {
            let (moved, left) = next.sums.split(MOVED_AT_ONCE);
            next.sums = left;
            move_to_months(store, of, &last, &next, &Delta::of(&moved)).await?
        } else if item::size(&item::of_recent(&next, of)) < item::size(&found) {
            matches!(put(store, TIDY, &last, &next, of).await?, Put::Done)
        } else {
            return Ok(());
        };
        if is_done {
            store.held.dropped(of, &held);
            return Ok(());
        }
        item = store.get(TIDY, item::recent_key(of)).await?;
    }
    tracing::info!(shard = of, "a busy shard of counters is not tidied yet");
    Ok(())
}

/// `false` where somebody else changed one of them.
async fn move_to_months(
    store: &DynamoStore,
    of: u8,
    last: &Recent,
    next: &Recent,
    moved: &Delta,
) -> Result<bool, StoreError> {
    let put = put_over(store, TIDY, last, next, of);
    let counts = transact::counts(TIDY, store.table(), moved);
    let items = std::iter::once(put).chain(counts).collect::<Result<_, _>>()?;
    let reasons = match store.transact(TIDY, &drawn(TIDY)?, items).await? {
        Transacted::Done => return Ok(true),
        Transacted::Cancelled(reasons) => reasons,
    };
    match reasons.into_iter().find(|reason| matches!(reason, Reason::Other(_))) {
        Some(Reason::Other(code)) => Err(StoreError::new(TIDY, format!("the transaction was cancelled: {code}"))),
        _ => Ok(false),
    }
}
