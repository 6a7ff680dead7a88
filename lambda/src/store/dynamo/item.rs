//! The items of the table: their keys, what the indexes need, and how a user becomes one.
//!
//! The only file that knows a key; the templates declare the same keys and indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::super::directory::{Entry, List, entries};
use super::super::shard;
use super::json;
use crate::user::{User, UserId};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The sparse index of users whom the worker has to look at, by shard.
pub(super) const DUE: &str = "due";

/// An item is not what this version of the service writes.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadItem {
    #[error("the item has no usable `{0}`")]
    Attribute(&'static str),
    // The cause would quote what a person typed.
    #[error("the item is no user as this version writes one")]
    User,
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn key(pk: String, sk: impl Into<String>) -> Item {
    HashMap::from([("pk".into(), s(pk)), ("sk".into(), s(sk))])
}

pub(super) fn user_key(id: UserId) -> Item {
    key(format!("USER#{id}"), "USER")
}

pub(super) fn budget_key(name: &str, hour: i64) -> Item {
    key(format!("BUDGET#{name}"), hour.to_string())
}

pub(super) fn claim_key(name: &str) -> Item {
    key(format!("CLAIM#{name}"), "CLAIM")
}

pub(super) fn marker_key(event: &str) -> Item {
    key(format!("SEEN#{event}"), "SEEN")
}

pub(super) fn mail_key() -> Item {
    key("MAIL".into(), "HEALTH")
}

/// Where the counters are, by month and shard.
pub(super) const COUNT: &str = "COUNT";

pub(super) fn counter_key(month: &str, shard: u8) -> Item {
    key(COUNT.into(), format!("{month}#{shard}"))
}

/// The index of a list, and its keys: the part of the list, and the place in it.
pub(super) fn index(list: List) -> (&'static str, [&'static str; 2]) {
    match list {
        List::Time => ("by-time", ["in_time", "at"]),
        List::State => ("by-state", ["in_state", "at"]),
        List::Country => ("by-country", ["in_country", "at"]),
        List::Address => ("by-address", ["in_address", "address_key"]),
        List::Name => ("by-name", ["in_name", "name_key"]),
    }
}

/// The item of a user: its JSON, and what the keys and indexes need.
pub(super) fn of_user(user: &User, name_field: Option<&str>) -> Item {
    let Ok(Value::Object(object)) = serde_json::to_value(user) else { return Item::new() };
    let mut item = json::attributes(object);
    item.extend(user_key(user.id));
    let mut put = |name: &str, value| drop(item.insert(name.into(), value));
    for Entry { list, part, place } in entries(user, name_field) {
        let (_, [hash, range]) = index(list);
        put(hash, s(part));
        put(range, s(place));
    }
    if let Some(due_at) = user.due_at() {
        put("due", s(shard(user.id).to_string()));
        put("due_at", n(due_at.as_millisecond()));
    }
    if let Some(until) = user.keep_until {
        put("ttl", n(until.as_second()));
    }
    item
}

pub(super) fn read_user(item: &Item) -> Result<User, BadItem> {
    let id = user_id(item)?;
    let user: User = serde_json::from_value(Value::Object(json::values(item))).map_err(|_| BadItem::User)?;
    Ok(User { id, ..user })
}

pub(super) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, BadItem> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(BadItem::Attribute(name)),
    }
}

pub(super) fn number(item: &Item, name: &'static str) -> Result<i64, BadItem> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| BadItem::Attribute(name)),
        _ => Err(BadItem::Attribute(name)),
    }
}

pub(super) fn user_id(item: &Item) -> Result<UserId, BadItem> {
    text(item, "pk")?.strip_prefix("USER#").and_then(UserId::parse).ok_or(BadItem::Attribute("pk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_another_shape_is_no_user_and_nothing_of_it_is_told() {
        let mut item = user_key(UserId([0; 16]));
        item.insert("email".into(), s("ada@example.com"));
        assert_eq!(
            read_user(&item).expect_err("a bare key").to_string(),
            "the item is no user as this version writes one"
        );
        assert_eq!(read_user(&Item::new()).expect_err("nothing").to_string(), "the item has no usable `pk`");
    }
}
