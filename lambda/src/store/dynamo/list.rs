//! Listing users: by their days, newest first, and by when the worker has to look at them.
//!
//! A page costs its length and the days it looks at, however many users there are.
//!
//! A day is noted before anybody signs up on it, so that the list of days is never behind the users.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use jiff::Timestamp;

use super::DynamoStore;
use super::item::{self, n, s};
use super::transact::failed;
use crate::store::{ListUsers, SHARDS, StoreError, UserPage, cut, id_at};
use crate::user::{User, UserId};

const NOTE: &str = "note a day";
const LIST: &str = "list users";
const LIST_DUE: &str = "list due users";

/// Users that are read by one call at most, which is DynamoDB's limit.
const READ_AT_ONCE: usize = 100;

/// Days in one answer of the list of days.
const DAYS: usize = 30;

/// Puts a day on the list of days, unless this process did so with it or a later one. Safe to repeat.
pub(super) async fn note(store: &DynamoStore, day: &str) -> Result<(), StoreError> {
    let noted = || store.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if noted().as_str() >= day {
        return Ok(());
    }
    let put = store.client.put_item().table_name(store.table()).set_item(Some(item::day_key(day)));
    put.send().await.map_err(|error| failed(NOTE, error))?;
    day.clone_into(&mut noted());
    Ok(())
}

pub(super) async fn list_users(store: &DynamoStore, query: &ListUsers) -> Result<UserPage, StoreError> {
    let wanted = usize::from(query.limit.max(1)) + 1;
    let cursor = query.cursor.as_deref();
    let mut found = Vec::new();
    // The cursor begins with its day, and a day comes before everything that begins with it.
    let mut before = cursor.map(str::to_owned);
    loop {
        let days = days(store, before.as_deref()).await?;
        for day in &days {
            let mut of_day = of_day(store, day, cursor, wanted - found.len()).await?;
            of_day.sort_by(|a, b| b.cmp(a));
            found.extend(of_day);
            if found.len() >= wanted {
                return page(store, found, query.limit).await;
            }
        }
        if days.len() < DAYS {
            return page(store, found, query.limit).await;
        }
        before = days.last().cloned();
    }
}

/// Days on which anybody signed up, newest first, that come before a text.
async fn days(store: &DynamoStore, before: Option<&str>) -> Result<Vec<String>, StoreError> {
    let query = store
        .client
        .query()
        .table_name(store.table())
        .scan_index_forward(false)
        .expression_attribute_values(":pk", s(item::DAYS));
    let query = match before {
        None => query.key_condition_expression("pk = :pk"),
        Some(before) => query
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":before", s(before)),
    };
    let items = store.query(LIST, query, DAYS).await?;
    let days = items.iter().map(|item| item::text(item, "sk").map(str::to_owned)).collect::<Result<_, _>>();
    days.map_err(|error| StoreError::new(LIST, error))
}

/// The page of the places found.
async fn page(store: &DynamoStore, found: Vec<String>, limit: u16) -> Result<UserPage, StoreError> {
    let (places, next) = cut(found, limit);
    let ids: Vec<UserId> = places.iter().filter_map(|at| id_at(at)).collect();
    let mut users = HashMap::new();
    for part in ids.chunks(READ_AT_ONCE) {
        users.extend(read(store, part).await?.into_iter().map(|user| (user.id, user)));
    }
    // Somebody may have been erased since the index was read.
    Ok(UserPage { users: ids.iter().filter_map(|id| users.remove(id)).collect(), next })
}

/// Those of the users who are there, in any order.
async fn read(store: &DynamoStore, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let mut users = Vec::new();
    let keys = KeysAndAttributes::builder().set_keys(Some(ids.iter().map(|id| item::user_key(*id)).collect()));
    let keys = keys.consistent_read(true).build().map_err(|error| StoreError::new(LIST, error))?;
    let mut left = HashMap::from([(store.table().to_owned(), keys)]);
    // What does not fit into an answer comes back as keys that were not processed.
    while !left.is_empty() {
        let found = store.client.batch_get_item().set_request_items(Some(left)).send().await;
        let found = found.map_err(|error| failed(LIST, error))?;
        for item in found.responses.unwrap_or_default().remove(store.table()).unwrap_or_default() {
            users.push(item::read_user(&item).map_err(|error| StoreError::new(LIST, error))?);
        }
        left = found.unprocessed_keys.unwrap_or_default();
    }
    Ok(users)
}

pub(super) async fn due(store: &DynamoStore, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
    let query = store
        .client
        .query()
        .table_name(store.table())
        .index_name(item::DUE)
        .key_condition_expression("#due = :shard AND #due_at <= :now")
        .expression_attribute_names("#due", "due")
        .expression_attribute_names("#due_at", "due_at")
        .expression_attribute_values(":shard", s(shard.to_string()))
        .expression_attribute_values(":now", n(now.as_millisecond()));
    let items = store.query(LIST_DUE, query, usize::from(limit)).await?;
    // An item under a name that is no user's must not keep the others of its shard.
    let read = |item| item::user_id(item).inspect_err(|error| tracing::warn!(%error, "a due item is no user")).ok();
    Ok(items.iter().filter_map(read).collect())
}

/// Places of one day before the cursor, at most `wanted` of each shard.
async fn of_day(
    store: &DynamoStore,
    day: &str,
    cursor: Option<&str>,
    wanted: usize,
) -> Result<Vec<String>, StoreError> {
    let shard = |shard: u8| {
        let query = store
            .client
            .query()
            .table_name(store.table())
            .index_name(item::BY_DAY)
            .scan_index_forward(false)
            .expression_attribute_names("#day", "day")
            .expression_attribute_values(":day", s(format!("{day}#{shard}")));
        let query = match cursor {
            None => query.key_condition_expression("#day = :day"),
            Some(cursor) => query
                .key_condition_expression("#day = :day AND #at < :at")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":at", s(cursor)),
        };
        store.query(LIST, query, wanted)
    };
    const { assert!(SHARDS == 4, "one call for each shard") };
    let (a, b, c, d) = tokio::try_join!(shard(0), shard(1), shard(2), shard(3))?;
    let place = |item: &item::Item| item::text(item, "at").map(str::to_owned);
    let places = [a, b, c, d].concat().iter().map(place).collect::<Result<_, _>>();
    places.map_err(|error| StoreError::new(LIST, error))
}
