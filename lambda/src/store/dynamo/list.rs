//! Listing users by their days: a page costs its length and the days it looks at, however many users there are.
//!
//! Every sign-up notes its day before it is written, so that the list of days is never behind the users.

use super::DynamoStore;
use super::item::{self, s};
use super::transact::failed;
use crate::sign_up::ListedUser;
use crate::store::{ListUsers, SHARDS, StoreError, UserPage};

const LIST: &str = "list users";

/// Days in one answer of the list of days.
const DAYS: usize = 30;

impl DynamoStore {
    /// Puts a day on the list of days, at most once a day in each process. Safe to repeat.
    pub(super) async fn note_day(&self, operation: &'static str, day: &str) -> Result<(), StoreError> {
        let noted = || self.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *noted() == day {
            return Ok(());
        }
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item::day_key(day)));
        put.send().await.map_err(|error| failed(operation, error))?;
        day.clone_into(&mut noted());
        Ok(())
    }
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
            of_day.sort_by(|(a, _), (b, _)| b.cmp(a));
            found.extend(of_day);
            if found.len() >= wanted {
                return Ok(UserPage::cut(found, query.limit));
            }
        }
        if days.len() < DAYS {
            return Ok(UserPage::cut(found, query.limit));
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
