//! The store on DynamoDB: one table, two indexes, no scan.

mod counters;
mod item;
mod list;
mod outbox;
mod sign_up;
mod transact;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;

use super::{
    ConfirmOutcome, Counters, Event, LeasedMail, ListUsers, MailEnd, SignUpOutcome, Store, StoreError, UserPage,
};
use crate::sign_up::{MailId, NewSignUp, User, UserId};
use item::Item;
use transact::failed;

/// The service's table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
    /// The day that was last put on the list of days; shared by clones.
    noted: Arc<Mutex<String>>,
}

impl DynamoStore {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), noted: Arc::default() }
    }

    fn table(&self) -> &str {
        &self.table
    }

    /// An item as just written.
    async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        request.send().await.map(|found| found.item).map_err(|error| failed(operation, error))
    }

    async fn user(&self, operation: &'static str, id: UserId) -> Result<Option<User>, StoreError> {
        let item = self.get(operation, item::user_key(id)).await?;
        item.map(|item| item::read_user(&item).map_err(|error| StoreError::new(operation, error))).transpose()
    }

    /// Items of a query, in its order, at most `limit`, over as many calls as it takes.
    async fn query(
        &self,
        operation: &'static str,
        query: QueryFluentBuilder,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let left = i32::try_from(limit - items.len()).ok();
            let page = query.clone().set_limit(left).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| failed(operation, error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || items.len() >= limit {
                items.truncate(limit);
                return Ok(items);
            }
        }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn sign_up(&self, new: &NewSignUp) -> Result<SignUpOutcome, StoreError> {
        sign_up::sign_up(self, new).await
    }

    async fn confirm(&self, id: UserId, now: Timestamp) -> Result<ConfirmOutcome, StoreError> {
        sign_up::confirm(self, id, now).await
    }

    async fn get_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.user("get a user", id).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        list::list_users(self, query).await
    }

    async fn lease_mail(&self, id: MailId, now: Timestamp) -> Result<Option<LeasedMail>, StoreError> {
        outbox::lease_mail(self, id, now).await
    }

    async fn finish_mail(&self, mail: &LeasedMail, end: &MailEnd, now: Timestamp) -> Result<bool, StoreError> {
        outbox::finish_mail(self, mail, end, now).await
    }

    async fn due_mails(&self, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<MailId>, StoreError> {
        outbox::due_mails(self, shard, now, limit).await
    }

    async fn record_events(&self, events: &[Event], now: Timestamp) -> Result<usize, StoreError> {
        counters::record_events(self, events, now).await
    }

    async fn counters(&self) -> Result<Counters, StoreError> {
        counters::counters(self).await
    }
}
