//! The store on DynamoDB: one table and its indexes, no scan.

mod addition;
mod admin;
mod budget;
mod counters;
mod digest;
mod farewell;
mod fold;
mod held;
mod item;
mod json;
mod list;
mod recent;
mod sealed;
mod tidy;
mod transact;
mod user;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;

use super::{Claimed, ListUsers, Saved, SignedUp, Spending, Spent, Store, StoreError, UserPage};
use crate::census::{Delta, Sums};
use crate::counting::{Note, Ticket, Verdict};
use crate::digest::DigestMail;
use crate::event::Farewell;
use crate::keys::AdminKey;
use crate::pace::MailHealth;
use crate::user::{Queue, User, UserId};
use item::Item;
use transact::failed;

pub(crate) use item::{AUDIT, DIGEST};
pub(crate) use json::plain;

/// What an item must be to be replaced.
const IS_VERSION: &str = "#version = :version";
const IS_ABSENT: &str = "attribute_not_exists(pk)";

/// What came of a put over a version.
enum Put<T> {
    Done,
    /// This is there, in another version, or nothing.
    Refused(Option<T>),
}

/// The service's table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
    name_field: Option<String>,
    admin_key: Option<AdminKey>,
    held: Arc<held::Held>,
}

impl DynamoStore {
    /// `name_field` is the field of the form by which people can be looked for besides their address, see
    /// [`crate::config::Form::name_field`]: whoever keeps users keeps them under it.
    pub fn new(client: Client, table: impl Into<String>, name_field: Option<&str>) -> Self {
        let (table, name_field) = (table.into(), name_field.map(str::to_owned));
        Self { client, table, name_field, admin_key: None, held: Arc::default() }
    }

    fn name_field(&self) -> Option<&str> {
        self.name_field.as_deref()
    }

    fn table(&self) -> &str {
        &self.table
    }

    /// An item as just written.
    async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>, StoreError> {
        self.read(operation, key, true).await
    }

    /// An item, as just written or perhaps as of a moment ago.
    async fn read(&self, operation: &'static str, key: Item, is_now: bool) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(is_now);
        request.send().await.map(|found| found.item).map_err(|error| failed(operation, error))
    }

    /// Keeps an item in the place of the version `over`, or of none. The answer to an earlier try may have been lost: when
    /// what is there is what was to be kept, as `is_kept` says, it was.
    async fn put_over(
        &self,
        operation: &'static str,
        item: Item,
        over: Option<u64>,
        is_kept: impl Fn(&Item) -> bool,
    ) -> Result<Saved, StoreError> {
        Ok(match self.try_put(operation, item, over).await? {
            Put::Done => Saved::Done,
            Put::Refused(found) if found.as_ref().is_some_and(is_kept) => Saved::Done,
            Put::Refused(_) => Saved::Changed,
        })
    }

    async fn try_put(&self, operation: &'static str, item: Item, over: Option<u64>) -> Result<Put<Item>, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match over {
            None => put.condition_expression(IS_ABSENT),
            Some(version) => put
                .condition_expression(IS_VERSION)
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", item::n(version)),
        };
        let error = match put.send().await {
            Ok(_) => return Ok(Put::Done),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(found)) => Ok(Put::Refused(found.item().cloned())),
            _ => Err(failed(operation, error)),
        }
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
    async fn load(&self, id: UserId) -> Result<Option<User>, StoreError> {
        user::load(self, id, true).await
    }

    async fn glance(&self, id: UserId) -> Result<Option<User>, StoreError> {
        user::load(self, id, false).await
    }

    async fn save_unless(&self, user: &User, over: Option<u64>, others: &[UserId]) -> Result<Saved, StoreError> {
        user::save(self, user, over, others).await
    }

    async fn touch_unless(&self, id: UserId, others: &[UserId]) -> Result<(), StoreError> {
        user::touch(self, id, others).await
    }

    async fn count(&self, notes: &[Note]) -> Result<(), StoreError> {
        recent::count(self, notes).await
    }

    async fn close(&self, notes: &[(UserId, Ticket, Verdict)]) -> Result<(), StoreError> {
        recent::close(self, notes).await
    }

    fn drop_later(&self, holding: &[(UserId, Ticket)]) {
        self.held.add(holding);
    }

    async fn notes(&self, until: Timestamp) -> Result<Vec<Note>, StoreError> {
        recent::notes(self, until).await
    }

    async fn erase(&self, user: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        user::erase(self, user, farewell).await
    }

    async fn rename(&self, user: &User, renamed: &User, farewell: Option<&Farewell>) -> Result<Saved, StoreError> {
        user::rename(self, user, renamed, farewell).await
    }

    async fn forget(
        &self,
        event: &str,
        user: &User,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        counters::forget(self, event, user, farewell, now).await
    }

    async fn farewells(&self, now: Timestamp, limit: u16) -> Result<Vec<Farewell>, StoreError> {
        farewell::farewells(self, now, limit).await
    }

    async fn drop_farewell(&self, farewell: &Farewell) -> Result<(), StoreError> {
        farewell::drop_farewell(self, farewell).await
    }

    async fn adjust(&self, delta: &Delta) -> Result<(), StoreError> {
        counters::adjust(self, delta).await
    }

    async fn spend(&self, spending: &Spending) -> Result<Spent, StoreError> {
        budget::spend(self, spending).await
    }

    async fn spent(&self, key: &str, hour: i64) -> Result<u32, StoreError> {
        budget::spent(self, key, hour).await
    }

    async fn claimed(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        budget::claimed(self, key, request, now).await
    }

    async fn claim(&self, key: &str, request: &str, now: Timestamp) -> Result<Claimed, StoreError> {
        budget::claim(self, key, request, now).await
    }

    async fn fulfil(&self, key: &str) -> Result<(), StoreError> {
        budget::fulfil(self, key).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        list::list_users(self, query).await
    }

    async fn signed_up(&self, behind: &str, until: Timestamp, limit: u16) -> Result<SignedUp, StoreError> {
        list::signed_up(self, behind, until, limit).await
    }

    async fn due(&self, queue: Queue, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<UserId>, StoreError> {
        list::due(self, queue, shard, now, limit).await
    }

    async fn note_mail(&self, health: &MailHealth) -> Result<(), StoreError> {
        counters::note_mail(self, health).await
    }

    async fn mail_health(&self) -> Result<Option<MailHealth>, StoreError> {
        counters::mail_health(self).await
    }

    async fn digest(&self, day: &str) -> Result<Option<DigestMail>, StoreError> {
        digest::load(self, day).await
    }

    async fn save_digest(&self, digest: &DigestMail, over: Option<u64>) -> Result<Saved, StoreError> {
        digest::save(self, digest, over).await
    }

    async fn counters(&self, month: Option<&str>) -> Result<Sums, StoreError> {
        counters::counters(self, month).await
    }
    async fn fold(&self, before: &str, now: Timestamp) -> Result<(), StoreError> {
        let tidied = tidy::tidy(self, now).await;
        fold::fold(self, before).await.and(tidied)
    }
}
