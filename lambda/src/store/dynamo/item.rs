//! The items of the table: their keys, what the indexes need, and how a user becomes one.
//!
//! The only file that knows a key; the templates declare the same keys and indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::directory::{self, List, entries};
use super::super::recent::{Name, Noted, Recent};
use super::super::shard;
use super::json;
use crate::admin::{self, Admin, Attempts, Session, TokenHash};
use crate::census::Delta;
use crate::counting::Ticket;
use crate::digest::DigestMail;
use crate::event::Farewell;
use crate::user::{AdminId, Queue, User, UserId};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The sparse index of users whom the worker has to look at, by shard.
pub(super) const DUE: &str = "due";

/// An item is not what this version of the service writes.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadItem {
    #[error("the item has no usable `{0}`")]
    Attribute(&'static str),
    // The cause would quote what a person typed.
    #[error("the item is no {0} as this version writes one")]
    Kind(&'static str),
    #[error("the item is sealed by another key")]
    Sealed,
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

/// The part of the index that a queue's shard is.
pub(super) fn due_part(queue: Queue, shard: u8) -> String {
    match queue {
        Queue::Mail => shard.to_string(),
        Queue::News => format!("news{shard}"),
    }
}

/// The part of the same index in which farewells are. They are few, and need no shards.
pub(super) const GONE: &str = "gone";

pub(super) fn farewell_key(farewell: &Farewell) -> Item {
    key(format!("GONE#{}", farewell.id), farewell.version.to_string())
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

/// What the key of a day's digest begins with.
pub(crate) const DIGEST: &str = "DIGEST#";

pub(super) fn digest_key(day: &str) -> Item {
    key(format!("{DIGEST}{day}"), "DIGEST")
}

pub(super) fn of_digest(digest: &DigestMail) -> Item {
    of(digest, digest_key(&digest.day), Some(digest.keep_until()))
}

pub(super) fn read_digest(item: &Item) -> Result<DigestMail, BadItem> {
    read(item, "digest")
}

/// Where the counters are: those that changed lately by shard, the others by month, and of years that are over by year.
pub(super) const COUNT: &str = "COUNT";

pub(super) fn counter_key(month: &str) -> Item {
    key(COUNT.into(), format!("{month}#0"))
}

/// What the sort key of the counters that changed lately begins with. It sorts behind the months, and before the years.
pub(super) const RECENT: &str = "RECENT.";

pub(super) fn recent_key(shard: u8) -> Item {
    key(COUNT.into(), format!("{RECENT}{shard}"))
}

/// What a counter of any month is called among those that changed lately: `2026-11.d22.r`.
pub(super) fn name_in_recent(month: &str, name: &str) -> String {
    format!("{month}.{name}")
}

/// The shard that a key of those is of.
pub(super) fn shard_of_recent(item: &Item) -> Option<u8> {
    text(item, "sk").ok()?.strip_prefix(RECENT)?.parse().ok()
}

/// What the attribute's name begins with that a note is, one that was taken back, and a doubt.
const NOTE: char = '~';
const VOID_NOTE: char = '!';
const DOUBT: char = '?';

pub(super) fn of_recent(recent: &Recent, shard: u8) -> Item {
    let mut item = recent_key(shard);
    item.insert("version".into(), n(recent.version));
    item.extend(recent.sums.named().map(|(month, name, count)| (name_in_recent(month, name), n(count))));
    item.extend(recent.notes.iter().map(|(name, noted)| (note_name(name, noted.is_void), of_note(noted))));
    item.extend(recent.doubts.iter().map(|(name, at)| (doubt_name(name), of_doubt(*at))));
    item
}

/// The attribute that a doubt is, or would be.
pub(super) fn doubt_name((user, ticket): &Name) -> String {
    format!("{DOUBT}{user}.{}.{}", ticket.over, ticket.by)
}

pub(super) fn of_doubt(at: Timestamp) -> AttributeValue {
    s(at.as_millisecond().to_string())
}

/// The attribute that a note is, or would be if it were taken back.
pub(super) fn note_name((user, ticket): &Name, is_void: bool) -> String {
    let kind = if is_void { VOID_NOTE } else { NOTE };
    format!("{kind}{user}.{}.{}", ticket.over, ticket.by)
}

pub(super) fn of_note(noted: &Noted) -> AttributeValue {
    s(format!("{} {}", noted.at.as_millisecond(), noted.delta))
}

pub(super) fn read_recent(item: &Item) -> Result<Recent, BadItem> {
    let version = u64::try_from(number(item, "version")?).map_err(|_| BadItem::Attribute("version"))?;
    let mut recent = Recent { version, ..Recent::default() };
    for (name, value) in item {
        match value {
            AttributeValue::S(at) if name.starts_with(DOUBT) => {
                let at = at.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok());
                recent.doubts.extend(read_name(&name[DOUBT.len_utf8()..]).zip(at));
            }
            AttributeValue::N(count) => {
                let Some((month, name)) = name.split_once('.') else { continue };
                recent.sums.add(month, name, count.parse().map_err(|_| BadItem::Kind("counter"))?);
            }
            AttributeValue::S(text) if name.starts_with([NOTE, VOID_NOTE]) => {
                // One that cannot be read must not keep all others from being counted; a recount finds what it hid.
                match read_note(name, text) {
                    Some((name, noted)) => drop(recent.notes.insert(name, noted)),
                    None => tracing::error!("a note of the counters cannot be read"),
                }
            }
            _ => {}
        }
    }
    Ok(recent)
}

fn read_note(name: &str, text: &str) -> Option<(Name, Noted)> {
    let is_void = name.starts_with(VOID_NOTE);
    let name = read_name(name.trim_start_matches([NOTE, VOID_NOTE]))?;
    let (at, delta) = text.split_once(' ')?;
    let at = Timestamp::from_millisecond(at.parse().ok()?).ok()?;
    Some((name, Noted { at, delta: Delta::parse(delta)?, is_void }))
}

fn read_name(name: &str) -> Option<Name> {
    let mut parts = name.split('.');
    let user = UserId::parse(parts.next()?)?;
    Some((user, Ticket { over: parts.next()?.parse().ok()?, by: parts.next()?.parse().ok()? }))
}

/// About what an item takes in the table, in bytes: a number has two digits in each and one byte more, as DynamoDB's
/// documentation says.
pub(super) fn size(item: &Item) -> usize {
    let of_value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        _ => 1,
    };
    item.iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

/// What the sort key of a year's counters begins with: a letter, which sorts behind the months.
const YEAR: &str = "YEAR#";

pub(super) fn year_key(year: &str) -> Item {
    key(COUNT.into(), format!("{YEAR}{year}"))
}

/// Raised by every change of an item of counters, by which it is known to be the one that was read.
pub(super) const CHANGES: &str = "v";

/// What a counter of a month is called in its year: `11.d22.r`.
pub(super) fn name_in_year(month: &str, name: &str) -> String {
    format!("{}.{name}", month.split('-').nth(1).unwrap_or_default())
}

/// The month and the name of a counter, by where it is and what it is called there.
pub(super) fn counter_at<'a>(place: &str, name: &'a str) -> Option<(String, &'a str)> {
    match place.strip_prefix(YEAR) {
        Some(year) => name.split_once('.').map(|(month, name)| (format!("{year}-{month}"), name)),
        None if place.starts_with(RECENT) => name.split_once('.').map(|(month, name)| (month.to_owned(), name)),
        None => place.split_once('#').map(|(month, _)| (month.to_owned(), name)),
    }
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

/// Where admins are, by ID.
pub(super) const ADMINS: &str = "ADMINS";

pub(super) fn admin_key(id: AdminId) -> Item {
    key(ADMINS.into(), id.to_string())
}

/// Where one admin's sessions are.
pub(super) fn admin_partition(id: AdminId) -> String {
    format!("ADMIN#{id}")
}

/// What the sort key of every session begins with.
pub(super) const SESSION: &str = "SESSION#";

pub(super) fn session_key(admin: AdminId, hash: TokenHash) -> Item {
    key(admin_partition(admin), format!("{SESSION}{hash}"))
}

pub(super) fn attempts_key(name: &str) -> Item {
    key(format!("{ATTEMPTS}{name}"), "ATTEMPTS")
}

const ATTEMPTS: &str = "ADMIN#ATTEMPTS#";

/// Where the audit log is, by time.
pub(crate) const AUDIT: &str = "ADMIN#AUDIT";

/// The item of a user: its JSON, and what the keys and indexes need.
pub(super) fn of_user(user: &User, name_field: Option<&str>) -> Item {
    let Ok(Value::Object(object)) = serde_json::to_value(user) else { return Item::new() };
    let mut item = json::attributes(object);
    item.extend(user_key(user.id));
    let mut put = |name: &str, value| drop(item.insert(name.into(), value));
    for directory::Entry { list, part, place } in entries(user, name_field) {
        let (_, [hash, range]) = index(list);
        put(hash, s(part));
        put(range, s(place));
    }
    if let Some((queue, due_at)) = user.due() {
        put("due", s(due_part(queue, shard(user.id))));
        put("due_at", n(due_at.as_millisecond()));
    }
    if let Some(until) = user.keep_until {
        put("ttl", n(until.as_second()));
    }
    item
}

pub(super) fn read_user(item: &Item) -> Result<User, BadItem> {
    let id = user_id(item)?;
    Ok(User { id, ..read(item, "user")? })
}

/// The item of a value's JSON under a key, to be forgotten at a time.
fn of<T: Serialize>(value: &T, key: Item, forgotten_at: Option<Timestamp>) -> Item {
    let Ok(Value::Object(object)) = serde_json::to_value(value) else { return Item::new() };
    let mut item = json::attributes(object);
    item.extend(key);
    item.extend(forgotten_at.map(|at| ("ttl".to_owned(), n(at.as_second()))));
    item
}

pub(super) fn of_farewell(farewell: &Farewell) -> Item {
    let mut item = of(farewell, farewell_key(farewell), Some(farewell.keep_until()));
    item.insert("due".into(), s(GONE));
    item
}

pub(super) fn read_farewell(item: &Item) -> Result<Farewell, BadItem> {
    let id = text(item, "pk")?.strip_prefix("GONE#").and_then(UserId::parse).ok_or(BadItem::Attribute("pk"))?;
    Ok(Farewell { id, ..read(item, "farewell")? })
}

fn read<T: DeserializeOwned>(item: &Item, kind: &'static str) -> Result<T, BadItem> {
    serde_json::from_value(Value::Object(json::values(item))).map_err(|_| BadItem::Kind(kind))
}

pub(super) fn of_admin(admin: &Admin) -> Item {
    of(admin, admin_key(admin.id), None)
}

pub(super) fn read_admin(item: &Item) -> Result<Admin, BadItem> {
    let id = AdminId::parse(text(item, "sk")?).ok_or(BadItem::Attribute("sk"))?;
    Ok(Admin { id, ..read(item, "admin")? })
}

pub(super) fn of_session(session: &Session) -> Item {
    of(session, session_key(session.admin, session.hash), Some(session.ends_at()))
}

pub(super) fn read_session(item: &Item, admin: AdminId) -> Result<Session, BadItem> {
    Ok(Session { admin, ..read(item, "session")? })
}

pub(super) fn of_attempts(name: &str, attempts: &Attempts) -> Item {
    of(attempts, attempts_key(name), Some(attempts.forgotten_at()))
}

/// Attempts and the name under which they are counted.
pub(super) fn read_attempts(item: &Item) -> Result<(String, Attempts), BadItem> {
    let name = text(item, "pk")?.strip_prefix(ATTEMPTS).ok_or(BadItem::Attribute("pk"))?;
    Ok((name.to_owned(), read(item, "counter of attempts")?))
}

pub(super) fn of_entry(entry: &admin::Entry) -> Item {
    let mut item = of(entry, key(AUDIT.into(), entry.id.as_str()), Some(entry.keep_until()));
    if entry.is_told() {
        item.insert("wakes".into(), AttributeValue::Bool(true));
    }
    item
}

pub(super) fn read_entry(item: &Item) -> Result<admin::Entry, BadItem> {
    Ok(admin::Entry { id: text(item, "sk")?.to_owned(), ..read(item, "entry of the audit log")? })
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
    fn an_entry_wakes_the_worker_where_the_operator_is_written_to() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        for (action, wakes) in [(admin::Action::SetUp, true), (admin::Action::UserViewed, false)] {
            let entry = admin::Entry::new("ada@example.com", None, action, 7, now);
            let item = of_entry(&entry);
            assert_eq!(item.get("wakes"), wakes.then_some(&AttributeValue::Bool(true)));
            assert_eq!(read_entry(&item).expect("an entry"), entry);
        }
    }

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
