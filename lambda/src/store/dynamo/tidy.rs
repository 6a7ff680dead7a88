//! Tidying: a shard of the counters that changed lately is made small again.

use jiff::Timestamp;

use super::counters::drawn;
use super::item::{self, Item};
use super::recent::{all, parse, put, put_over};
use super::transact::{self, Reason, Transacted};
use super::{DynamoStore, Put};
use crate::census::Delta;
use crate::counting::Verdict;
use crate::store::StoreError;
use crate::store::recent::Recent;

const TIDY: &str = "tidy counters";

/// How large a shard's item may grow before it is tidied, in bytes: up to a kilobyte is one unit of writing, and whoever
/// signs up and confirms adds some two hundred.
const ROOMY: usize = 800;

/// Counters that a shard may hold, however often it is tidied: more are moved to their months.
const FEW: usize = 30;

/// How often a shard is tidied while others change it.
const TIDIED: u32 = 3;

/// Counters that are moved at once at most, each perhaps of another month: a transaction takes 100 items.
const MOVED_AT_ONCE: usize = 90;

/// Makes shards small again that have grown beyond [`ROOMY`], and forgets what was doubted long ago.
pub(super) async fn tidy(store: &DynamoStore, now: Timestamp) -> Result<(), StoreError> {
    let mut failure = None;
    for item in all(store, TIDY, false).await? {
        let is_overgrown = item::size(&item) > ROOMY || parse(TIDY, &item)?.doubt_no_longer(now);
        let Some(of) = item::shard_of_recent(&item).filter(|_| is_overgrown) else { continue };
        if let Err(error) = tidy_one(store, of, item, now).await {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Drops the notes that hold, and moves the counters to those of their months where they are many. A shard that others keep
/// changing is left for the next time.
async fn tidy_one(store: &DynamoStore, of: u8, item: Item, now: Timestamp) -> Result<(), StoreError> {
    let (held, mut item) = (store.held.of(of), Some(item));
    let holding: Vec<_> = held.iter().map(|(user, ticket)| (*user, *ticket, Verdict::Holds)).collect();
    for _ in 0..TIDIED {
        let Some(found) = item else { return Ok(()) };
        let last = parse(TIDY, &found)?;
        let mut next = Recent { version: last.version + 1, ..last.clone() };
        next.close(&holding);
        next.doubt_no_longer(now);
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
