//! Listing users: by the indexes of the directory, and by when the worker has to look at them.
//!
//! A page costs its length, however many users there are.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::DynamoStore;
use super::item::{self, Item, n, s};
use super::transact::failed;
use crate::store::directory::{self, Among, From};
use crate::store::{ListUsers, SignedUp, StoreError, UserPage, at, places_between};
use crate::user::{Queue, User, UserId};

const LIST: &str = "list users";
const SIGNED_UP: &str = "list who signed up";
const LIST_DUE: &str = "list due users";

/// Users that are read by one call at most, which is DynamoDB's limit.
const READ_AT_ONCE: usize = 100;

pub(super) async fn list_users(store: &DynamoStore, query: &ListUsers) -> Result<UserPage, StoreError> {
    let parts = query.among.parts();
    let found = match &parts[..] {
        [one] => places(store, query, one).await?,
        [one, other] => {
            let (one, other) = tokio::try_join!(places(store, query, one), places(store, query, other))?;
            [one, other].concat()
        }
        _ => return Err(StoreError::new(LIST, "a list has one part or two")),
    };
    let page = directory::page(found, &query.among, &query.from, query.limit);
    let ids: Vec<UserId> = page.places.iter().filter_map(|place| directory::id_at(place)).collect();
    let found = read(store, &ids, true).await?;
    let found: Result<Vec<User>, _> = found.iter().map(item::read_user).collect();
    let found = found.map_err(|error| StoreError::new(LIST, error))?;
    let mut users: HashMap<UserId, User> = found.into_iter().map(|user| (user.id, user)).collect();
    // Since the index was read somebody may have been erased, or have become another's.
    let is_there = |user: &User| query.among.holds(user, store.name_field());
    let users = ids.iter().filter_map(|id| users.remove(id)).filter(is_there).collect();
    Ok(UserPage { users, previous: page.previous, next: page.next })
}

/// The places in one part of a list: one more than the page holds, from the cursor on.
async fn places(store: &DynamoStore, query: &ListUsers, part: &str) -> Result<Vec<String>, StoreError> {
    let ListUsers { among, from, limit, .. } = query;
    let (index, [hash, range]) = item::index(among.list());
    let backwards = matches!(from, From::Before(_));
    let request = store
        .client
        .query()
        .table_name(store.table())
        .index_name(index)
        .scan_index_forward(among.is_descending() == backwards)
        .expression_attribute_names("#part", hash)
        .expression_attribute_values(":part", s(part));
    let beginning = among.beginning();
    let (condition, value) = match from {
        From::Start if beginning.is_empty() => ("", None),
        From::Start => (" AND begins_with(#place, :place)", Some(beginning)),
        From::After(cursor) | From::Before(cursor) if among.is_descending() == backwards => {
            (" AND #place > :place", Some(cursor.as_str()))
        }
        From::After(cursor) | From::Before(cursor) => (" AND #place < :place", Some(cursor.as_str())),
    };
    let request = request.key_condition_expression(format!("#part = :part{condition}"));
    let request = match value {
        Some(value) => {
            request.expression_attribute_names("#place", range).expression_attribute_values(":place", s(value))
        }
        None => request,
    };
    let found = store.query(LIST, request, usize::from((*limit).max(1)) + 1).await?;
    let place = |item: &Item| item::text(item, range).map(str::to_owned);
    let places: Result<Vec<String>, _> = found.iter().map(place).collect();
    let mut places = places.map_err(|error| StoreError::new(LIST, error))?;
    // Behind a cursor the query goes on to what begins otherwise.
    places.retain(|place| place.starts_with(beginning));
    Ok(places)
}

/// The items of those of the users who are there, in any order.
async fn read(store: &DynamoStore, ids: &[UserId], is_now: bool) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::new();
    for part in ids.chunks(READ_AT_ONCE) {
        let keys = KeysAndAttributes::builder().set_keys(Some(part.iter().map(|id| item::user_key(*id)).collect()));
        let keys = keys.consistent_read(is_now).build().map_err(|error| StoreError::new(LIST, error))?;
        let mut left = HashMap::from([(store.table().to_owned(), keys)]);
        // What does not fit into an answer comes back as keys that were not processed.
        while !left.is_empty() {
            let found = store.client.batch_get_item().set_request_items(Some(left)).send().await;
            let found = found.map_err(|error| failed(LIST, error))?;
            items.extend(found.responses.unwrap_or_default().remove(store.table()).unwrap_or_default());
            left = found.unprocessed_keys.unwrap_or_default();
        }
    }
    Ok(items)
}

pub(super) async fn signed_up(
    store: &DynamoStore,
    behind: &str,
    until: Timestamp,
    limit: u16,
) -> Result<SignedUp, StoreError> {
    let Some((low, high)) = places_between(behind, until) else {
        return Ok(SignedUp::default());
    };
    let (index, [hash, range]) = item::index(Among::ALL.list());
    let limit = usize::from(limit);
    let query = store
        .client
        .query()
        .table_name(store.table())
        .index_name(index)
        .key_condition_expression("#part = :part AND #place BETWEEN :low AND :high")
        .expression_attribute_names("#part", hash)
        .expression_attribute_names("#place", range)
        .expression_attribute_values(":low", s(low))
        .expression_attribute_values(":high", s(high));
    let part =
        |part: String| store.query(SIGNED_UP, query.clone().expression_attribute_values(":part", s(part)), limit + 1);
    let found = try_join_all(Among::ALL.parts().into_iter().map(part)).await?.concat();
    let place = |item: &Item| item::text(item, range).map(str::to_owned);
    let places: Result<Vec<String>, _> = found.iter().map(place).collect();
    let mut places = places.map_err(|error| StoreError::new(SIGNED_UP, error))?;
    places.sort_unstable();
    let more = places.len() > limit;
    places.truncate(limit);
    let ids: Vec<UserId> = places.iter().filter_map(|place| directory::id_at(place)).collect();
    let (mut users, mut unread) = (Vec::new(), Vec::new());
    for item in read(store, &ids, false).await? {
        match item::read_user(&item) {
            Ok(user) => users.push(user),
            Err(error) => {
                let whose = item::user_id(&item).map(|id| id.to_string()).unwrap_or_default();
                unread.push(format!("user {whose}: {error}"));
            }
        }
    }
    users.sort_unstable_by_key(|user| at(user.created_at, user.id));
    let failure = (!unread.is_empty()).then(|| StoreError::new(SIGNED_UP, unread.join("; ")));
    Ok(SignedUp { users, last: places.pop(), more, failure })
}

pub(super) async fn due(
    store: &DynamoStore,
    queue: Queue,
    shard: u8,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<UserId>, StoreError> {
    let items = store.query(LIST_DUE, due_query(store, &item::due_part(queue, shard), now), usize::from(limit)).await?;
    // An item under a name that is no user's must not keep the others of its shard.
    let read = |item| item::user_id(item).inspect_err(|error| tracing::warn!(%error, "a due item is no user")).ok();
    Ok(items.iter().filter_map(read).collect())
}

/// The keys of what is due in a part of the index, oldest first.
pub(super) fn due_query(store: &DynamoStore, part: &str, now: Timestamp) -> QueryFluentBuilder {
    store
        .client
        .query()
        .table_name(store.table())
        .index_name(item::DUE)
        .key_condition_expression("#due = :part AND #due_at <= :now")
        .expression_attribute_names("#due", "due")
        .expression_attribute_names("#due_at", "due_at")
        .expression_attribute_values(":part", s(part))
        .expression_attribute_values(":now", n(now.as_millisecond()))
}
