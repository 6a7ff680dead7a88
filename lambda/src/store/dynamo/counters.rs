//! Counters: raised once per event, spread over shards, and read by adding the shards up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::item::{self, Item, s};
use super::transact::{self, Reason, TRIES, Transacted, any_condition, try_again};
use crate::clock::after;
use crate::store::{Counters, EVENTS_AT_ONCE, Event, MARKER, SHARDS, StoreError};

const RECORD: &str = "record events";
const READ: &str = "read counters";

pub(super) async fn record_events(store: &DynamoStore, events: &[Event], now: Timestamp) -> Result<usize, StoreError> {
    let mut new = 0;
    for chunk in events.chunks(EVENTS_AT_ONCE) {
        let unique: BTreeMap<&str, &Event> = chunk.iter().map(|event| (event.id.as_str(), event)).collect();
        new += record(store, unique.into_values().collect(), now).await?;
    }
    Ok(new)
}

async fn record(store: &DynamoStore, mut events: Vec<&Event>, now: Timestamp) -> Result<usize, StoreError> {
    for tried in 0..TRIES {
        if events.is_empty() {
            return Ok(0);
        }
        let digest = digest(&events, now);
        let token: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // Each try takes another shard, so that two workers that met part.
        let shard = (digest[16] % SHARDS + u8::try_from(tried).unwrap_or(0)) % SHARDS;
        let token = format!("{token}-{tried}");
        let reasons = match store.transact(RECORD, &token, items(store, &events, shard, now)?).await? {
            Transacted::Done => return Ok(events.len()),
            Transacted::Cancelled(reasons) => reasons,
        };
        if any_condition(&reasons) {
            // Markers come first: those that exist belong to events that were counted before.
            let seen = |at: usize| reasons.get(at).is_some_and(Reason::is_condition);
            events = events.into_iter().enumerate().filter(|(at, _)| !seen(*at)).map(|(_, event)| event).collect();
        } else {
            try_again(RECORD, tried, &token, &reasons).await?;
        }
    }
    Err(StoreError::busy(RECORD, "other workers kept counting the same events"))
}

/// Names what is sent: the time is in the markers, so a later repetition is another request.
fn digest(events: &[&Event], now: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(now.as_nanosecond().to_be_bytes());
    for event in events {
        hash.update(event.id.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

fn items(
    store: &DynamoStore,
    events: &[&Event],
    shard: u8,
    now: Timestamp,
) -> Result<Vec<aws_sdk_dynamodb::types::TransactWriteItem>, StoreError> {
    let ttl = after(now, MARKER).as_second();
    let mut counters: BTreeMap<String, u64> = BTreeMap::new();
    for name in events.iter().flat_map(|event| event.counters()) {
        *counters.entry(name).or_default() += 1;
    }
    let markers = events.iter().map(|event| transact::mark(RECORD, store.table(), item::marker_key(&event.id), ttl));
    let counts = counters
        .into_iter()
        .map(|(name, by)| transact::count(RECORD, store.table(), item::key(item::counter_pk(shard), name), by));
    markers.chain(counts).collect()
}

pub(super) async fn counters(store: &DynamoStore) -> Result<Counters, StoreError> {
    let mut counters = Counters::default();
    for item in query(store).await? {
        let read = || Ok::<_, item::BadItem>((item::text(&item, "sk")?, item::number(&item, "n")?));
        let (name, count) = read().map_err(|error| StoreError::new(READ, error))?;
        counters.add(name, u64::try_from(count).unwrap_or(0));
    }
    Ok(counters)
}

/// The counters of every shard.
async fn query(store: &DynamoStore) -> Result<Vec<Item>, StoreError> {
    let shard = |shard: u8| {
        let query = store
            .client
            .query()
            .table_name(store.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(item::counter_pk(shard)));
        store.query(READ, query, usize::MAX)
    };
    const { assert!(SHARDS == 4, "one call for each shard") };
    let (a, b, c, d) = tokio::try_join!(shard(0), shard(1), shard(2), shard(3))?;
    Ok([a, b, c, d].concat())
}
