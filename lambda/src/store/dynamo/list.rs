//! Listing users by the index of days: the cost of a page is its length, however many users there are.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::item::{self, s};
use super::{DynamoStore, counters};
use crate::clock::{before, day};
use crate::sign_up::ListedUser;
use crate::store::{ListUsers, SHARDS, StoreError, UserPage};

const LIST: &str = "list users";

pub(super) async fn list_users(store: &DynamoStore, query: &ListUsers) -> Result<UserPage, StoreError> {
    let wanted = usize::from(query.limit.max(1)) + 1;
    let mut found = Vec::new();
    for day in days(store, query.cursor.as_deref(), query.now).await?.into_iter().rev() {
        let mut of_day = of_day(store, &day, query.cursor.as_deref(), wanted - found.len()).await?;
        of_day.sort_by(|(a, _), (b, _)| b.cmp(a));
        found.extend(of_day);
        if found.len() >= wanted {
            break;
        }
    }
    Ok(UserPage::cut(found, query.limit))
}

/// The days to look at, up to the cursor's. A sign-up may be a day old before the stream has it
/// counted, so today and yesterday are always among them.
async fn days(store: &DynamoStore, cursor: Option<&str>, now: Timestamp) -> Result<BTreeSet<String>, StoreError> {
    let mut days = counters::days(store).await?;
    days.extend([day(now), day(before(now, 86_400))]);
    if let Some(last) = cursor.and_then(|cursor| cursor.get(..10)) {
        days.retain(|day| day.as_str() <= last);
    }
    Ok(days)
}

/// Users of one day before the cursor, at most `wanted` of each shard.
async fn of_day(
    store: &DynamoStore,
    day: &str,
    cursor: Option<&str>,
    wanted: usize,
) -> Result<Vec<(String, ListedUser)>, StoreError> {
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
    let read = |item: &item::Item| Ok((item::text(item, "at")?.to_owned(), item::read_listed(item)?));
    let users = [a, b, c, d].concat().iter().map(read).collect::<Result<_, item::BadItem>>();
    users.map_err(|error| StoreError::new(LIST, error))
}
