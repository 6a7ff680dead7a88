//! The counters that changed lately, and the notes of who changed them.
//!
//! Each shard is one small item, so that a change costs one unit of writing however many counters there are. Counting
//! adds to what is there, whatever it is, so that many count at once. Whoever has to look at what is there raises its
//! version, unless somebody was faster.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::config::Config;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::addition::Addition;
use super::counters::drawn;
use super::item::{self, Item, n, s};
use super::transact::{self, failed, pause};
use super::{DynamoStore, IS_ABSENT, IS_VERSION, Put};
use crate::counting::{Note, Ticket, Verdict};
use crate::store::recent::{Name, Recent};
use crate::store::{SHARDS, StoreError, shard};
use crate::user::{User, UserId};

const COUNT: &str = "count users";
const CLOSE: &str = "close notes of counters";
const LIST: &str = "list notes of counters";

/// How often a change is tried while others change the same shard: two to four seconds with the pauses.
const TRIES: u32 = 8;

/// How often it is tried while the table does not answer: each try takes four seconds at most.
const SILENT: u32 = 3;

/// Notes that are dropped by the way at most: an expression has room for 300 operators.
pub(super) const DROPPED_AT_ONCE: usize = 50;

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
            StoreError::Silent { .. } if tried < SILENT => doubtful = true,
            error => return Err(error),
        }
        pause(tried, &drawn(COUNT)?).await;
    }
}

/// The last part of a user's deletion, which takes it out of the counters: looking at what is there, where it was seen that
/// this has to be. Nothing, of whoever was never counted.
pub(super) async fn uncount(
    store: &DynamoStore,
    operation: &'static str,
    user: &User,
    looks: bool,
) -> Result<Option<TransactWriteItem>, StoreError> {
    if user.counted.is_none() {
        return Ok(None);
    }
    let of = shard(user.id);
    if !looks {
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

pub(super) fn put_over(
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

pub(super) async fn put(
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

pub(super) fn parse(operation: &'static str, item: &Item) -> Result<Recent, StoreError> {
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
pub(super) async fn all(store: &DynamoStore, operation: &'static str, is_now: bool) -> Result<Vec<Item>, StoreError> {
    let query = store.client.query().table_name(store.table()).consistent_read(is_now);
    let query = query
        .key_condition_expression("pk = :pk AND begins_with(sk, :recent)")
        .expression_attribute_values(":pk", s(item::COUNT))
        .expression_attribute_values(":recent", s(item::RECENT));
    store.query(operation, query, SHARDS.into()).await
}
