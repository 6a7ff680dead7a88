//! Counters: read as sums, mended, and less by whom the table forgot; and how the mail stands.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::item::{self, BadItem, Item, s};
use super::json;
use super::transact::{self, Reason, TRIES, Transacted, failed, try_again};
use super::user::token;
use super::{farewell, recent};
use crate::census::{Delta, Sums};
use crate::clock::after;
use crate::event::Farewell;
use crate::pace::MailHealth;
use crate::store::{MARKER, StoreError};
use crate::user::User;

const FORGET: &str = "forget a user";
const ADJUST: &str = "adjust counters";
const READ: &str = "read counters";
const NOTE_MAIL: &str = "note how the mail stands";
const READ_MAIL: &str = "read how the mail stands";

pub(super) async fn forget(
    store: &DynamoStore,
    event: &str,
    user: &User,
    farewell: Option<&Farewell>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (token, mut looks) = (drawn(FORGET)?, false);
    for tried in 0..TRIES {
        let marker = transact::mark(FORGET, store.table(), item::marker_key(event), after(now, MARKER).as_second());
        let items = std::iter::once(marker)
            .chain(farewell::put(FORGET, store, farewell))
            .chain(recent::uncount(store, FORGET, user, looks).await?.map(Ok));
        match store.transact(FORGET, &format!("{token}-{tried}"), items.collect::<Result<_, _>>()?).await? {
            Transacted::Done => return Ok(true),
            Transacted::Cancelled(reasons) if reasons.first().is_some_and(Reason::is_condition) => return Ok(false),
            Transacted::Cancelled(reasons) => {
                try_again(FORGET, tried, &token, &reasons).await?;
                looks |= reasons.last().is_some_and(Reason::is_condition);
            }
        }
    }
    Err(StoreError::busy(FORGET, "other workers kept the same counters"))
}

/// Changes the counters, a transaction's worth at a time. Not safe to repeat after an error.
pub(super) async fn adjust(store: &DynamoStore, delta: &Delta) -> Result<(), StoreError> {
    let items: Vec<_> = transact::counts(ADJUST, store.table(), delta).collect::<Result<_, _>>()?;
    for part in items.chunks(50) {
        let token = drawn(ADJUST)?;
        for tried in 0.. {
            match store.transact(ADJUST, &format!("{token}-{tried}"), part.to_vec()).await? {
                Transacted::Done => break,
                Transacted::Cancelled(reasons) => try_again(ADJUST, tried, &token, &reasons).await?,
            }
        }
    }
    Ok(())
}

/// A token that no other transaction has.
pub(super) fn drawn(operation: &'static str) -> Result<String, StoreError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| StoreError::new(operation, error.to_string()))?;
    Ok(token(Sha256::new().chain_update(random)))
}

pub(super) async fn counters(store: &DynamoStore, month: Option<&str>) -> Result<Sums, StoreError> {
    let query = store.client.query().table_name(store.table()).expression_attribute_values(":pk", s(item::COUNT));
    let query = match month {
        None => query.key_condition_expression("pk = :pk").consistent_read(true),
        // From the month on, but for the years.
        Some(month) => query
            .key_condition_expression("pk = :pk AND sk BETWEEN :month AND :recent")
            .expression_attribute_values(":month", s(month))
            .expression_attribute_values(":recent", s(format!("{}~", item::RECENT))),
    };
    let mut sums = Sums::default();
    for item in store.query(READ, query, usize::MAX).await? {
        add(&mut sums, &item).map_err(|error| StoreError::new(READ, error))?;
    }
    Ok(match month {
        None => sums,
        Some(month) => sums.of(month),
    })
}

/// Adds what an item counts.
pub(super) fn add(sums: &mut Sums, item: &Item) -> Result<(), BadItem> {
    let place = item::text(item, "sk")?;
    let numbers = item.iter().filter(|(name, _)| *name != item::CHANGES);
    for (name, value) in numbers {
        let AttributeValue::N(number) = value else { continue };
        if let Some((month, name)) = item::counter_at(place, name) {
            sums.add(&month, name, number.parse().unwrap_or(0));
        }
    }
    Ok(())
}

pub(super) async fn note_mail(store: &DynamoStore, health: &MailHealth) -> Result<(), StoreError> {
    let Ok(Value::Object(object)) = serde_json::to_value(health) else { return Ok(()) };
    let mut item = json::attributes(object);
    item.extend(item::mail_key());
    let put = store.client.put_item().table_name(store.table()).set_item(Some(item));
    put.send().await.map(drop).map_err(|error| failed(NOTE_MAIL, error))
}

pub(super) async fn mail_health(store: &DynamoStore) -> Result<Option<MailHealth>, StoreError> {
    let get = store.client.get_item().table_name(store.table()).set_key(Some(item::mail_key()));
    let found = get.send().await.map_err(|error| failed(READ_MAIL, error))?.item;
    let read = |item| serde_json::from_value(Value::Object(json::values(&item)));
    found.map(read).transpose().map_err(|error| StoreError::new(READ_MAIL, error))
}
