//! The items of the table: keys, attributes, and the way between them and the domain's types.
//!
//! The only file that knows an attribute's name or type; the templates declare the same keys and indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::super::{LeasedMail, MailKind, STREAM_GRACE, at, shard};
use crate::clock::{after, day, rfc3339};
use crate::keys::AddressHash;
use crate::sign_up::{ConsentGiven, FieldValue, Fields, ListedUser, MailId, NewSignUp, State, User, UserId};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The index of users by day and shard, newest last.
pub(super) const BY_DAY: &str = "by-day";
/// The sparse index of mails that wait, by shard.
pub(super) const DUE: &str = "due";

/// An item is not what this version of the service writes.
#[derive(Debug, thiserror::Error)]
#[error("the item has no usable `{0}`")]
pub(super) struct BadItem(&'static str);

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

pub(super) fn lock_key(address: &AddressHash) -> Item {
    key(format!("ADDR#{address}"), "ADDR")
}

pub(super) fn mail_key(id: MailId) -> Item {
    key(format!("MAIL#{id}"), "MAIL")
}

pub(super) fn budget_key(name: &str, hour: &str) -> Item {
    key(format!("BUDGET#{name}"), hour)
}

pub(super) fn counter_pk(shard: u8) -> String {
    format!("COUNT#{shard}")
}

/// The list of days on which anybody signed up, by day.
pub(super) const DAYS: &str = "DAYS";

pub(super) fn day_key(day: &str) -> Item {
    key(DAYS.into(), day)
}

pub(super) fn marker_key(event: &str) -> Item {
    key(format!("SEEN#{event}"), "SEEN")
}

pub(super) fn fields(fields: &Fields) -> AttributeValue {
    AttributeValue::M(fields.iter().map(|(name, value)| (name.clone(), field(value))).collect())
}

fn field(value: &FieldValue) -> AttributeValue {
    match value {
        FieldValue::Flag(flag) => AttributeValue::Bool(*flag),
        FieldValue::Integer(number) => n(number),
        FieldValue::Number(number) => n(number),
        FieldValue::Text(text) => s(text),
        FieldValue::Choices(values) => AttributeValue::L(values.iter().map(s).collect()),
    }
}

pub(super) fn consent(consent: &ConsentGiven) -> AttributeValue {
    AttributeValue::M(HashMap::from([("text".into(), s(&consent.text)), ("version".into(), s(&consent.version))]))
}

/// The user that an accepted sign-up makes.
pub(super) fn new_user(sign_up: &NewSignUp) -> Item {
    let user = User::new(sign_up);
    let mut item = user_key(user.id);
    let mut put = |name: &str, value| drop(item.insert(name.into(), value));
    put("id", s(user.id.to_string()));
    put("state", s(user.state.name()));
    put("email", s(&user.email));
    put("fields", fields(&user.fields));
    put("created_at", s(rfc3339(user.created_at)));
    put("mailed_at", s(rfc3339(user.mailed_at)));
    put("address", s(sign_up.address.as_str()));
    put("day", s(format!("{}#{}", day(user.created_at), shard(&user.id.0))));
    put("at", s(at(user.created_at, user.id)));
    if let Some(given) = &user.consent {
        put("consent", consent(given));
    }
    if let Some(at) = user.confirmed_at {
        put("confirmed_at", s(rfc3339(at)));
    }
    if let Some(until) = user.expires_at {
        put("expires_at", n(until.as_second()));
        put("ttl", n(sign_up.keep_until.as_second()));
    }
    item
}

/// The lock on the address of an accepted sign-up.
pub(super) fn new_lock(sign_up: &NewSignUp) -> Item {
    let mut item = lock_key(&sign_up.address);
    item.insert("id".into(), s(sign_up.id.to_string()));
    if sign_up.state == State::Pending {
        item.insert("ttl".into(), n(sign_up.keep_until.as_second()));
    }
    item
}

/// The mail that follows a sign-up.
pub(super) fn new_mail(sign_up: &NewSignUp, user: UserId) -> Item {
    let mut item = mail_key(sign_up.mail_id);
    let mut put = |name: &str, value| drop(item.insert(name.into(), value));
    put("user", s(user.to_string()));
    put("kind", s(MailKind::after(sign_up.state).name()));
    put("to", s(&sign_up.mail_to));
    put("base_url", s(&sign_up.base_url));
    put("state", s("pending"));
    put("attempts", n(0));
    put("created_at", s(rfc3339(sign_up.now)));
    if sign_up.state == State::Pending {
        put("expires_at", n(sign_up.expires_at.as_second()));
    }
    put("due", s(shard(&sign_up.mail_id.0).to_string()));
    put("due_at", n(after(sign_up.now, STREAM_GRACE).as_millisecond()));
    item
}

pub(super) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, BadItem> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(BadItem(name)),
    }
}

pub(super) fn number(item: &Item, name: &'static str) -> Result<i64, BadItem> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| BadItem(name)),
        _ => Err(BadItem(name)),
    }
}

fn time(item: &Item, name: &'static str) -> Result<Timestamp, BadItem> {
    text(item, name)?.parse().map_err(|_| BadItem(name))
}

pub(super) fn user_id(item: &Item, name: &'static str) -> Result<UserId, BadItem> {
    UserId::parse(text(item, name)?).ok_or(BadItem(name))
}

pub(super) fn mail_id(item: &Item) -> Result<MailId, BadItem> {
    text(item, "pk")?.strip_prefix("MAIL#").and_then(MailId::parse).ok_or(BadItem("pk"))
}

fn state(item: &Item) -> Result<State, BadItem> {
    let name = text(item, "state")?;
    [State::Pending, State::Confirmed].into_iter().find(|state| state.name() == name).ok_or(BadItem("state"))
}

fn read_fields(item: &Item) -> Result<Fields, BadItem> {
    let Some(AttributeValue::M(values)) = item.get("fields") else { return Err(BadItem("fields")) };
    values.iter().map(|(name, value)| Ok((name.clone(), read_field(value)?))).collect()
}

fn read_field(value: &AttributeValue) -> Result<FieldValue, BadItem> {
    match value {
        AttributeValue::Bool(flag) => Ok(FieldValue::Flag(*flag)),
        AttributeValue::S(text) => Ok(FieldValue::Text(text.clone())),
        AttributeValue::N(number) => number.parse().map(FieldValue::number).map_err(|_| BadItem("fields")),
        AttributeValue::L(values) => values
            .iter()
            .map(|value| value.as_s().cloned().map_err(|_| BadItem("fields")))
            .collect::<Result<_, _>>()
            .map(FieldValue::Choices),
        _ => Err(BadItem("fields")),
    }
}

fn read_consent(item: &Item) -> Result<Option<ConsentGiven>, BadItem> {
    match item.get("consent") {
        None => Ok(None),
        Some(AttributeValue::M(given)) => {
            Ok(Some(ConsentGiven { text: text(given, "text")?.into(), version: text(given, "version")?.into() }))
        }
        Some(_) => Err(BadItem("consent")),
    }
}

pub(super) fn read_user(item: &Item) -> Result<User, BadItem> {
    let listed = read_listed(item)?;
    Ok(User {
        id: listed.id,
        state: listed.state,
        email: listed.email,
        fields: listed.fields,
        consent: read_consent(item)?,
        created_at: listed.created_at,
        confirmed_at: listed.confirmed_at,
        expires_at: expires_at(item)?,
        mailed_at: time(item, "mailed_at")?,
    })
}

fn expires_at(item: &Item) -> Result<Option<Timestamp>, BadItem> {
    let read = |_| Timestamp::from_second(number(item, "expires_at")?).map_err(|_| BadItem("expires_at"));
    item.get("expires_at").map(read).transpose()
}

/// A user of the index by day, which holds less than the item.
pub(super) fn read_listed(item: &Item) -> Result<ListedUser, BadItem> {
    Ok(ListedUser {
        id: user_id(item, "id")?,
        state: state(item)?,
        email: text(item, "email")?.into(),
        fields: read_fields(item)?,
        created_at: time(item, "created_at")?,
        confirmed_at: item.get("confirmed_at").map(|_| time(item, "confirmed_at")).transpose()?,
    })
}

/// A mail as it is right after its lease was taken.
pub(super) fn read_leased(id: MailId, item: &Item) -> Result<LeasedMail, BadItem> {
    let kind = text(item, "kind")?;
    Ok(LeasedMail {
        id,
        user: user_id(item, "user")?,
        kind: [MailKind::Confirmation, MailKind::Welcome]
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or(BadItem("kind"))?,
        to: text(item, "to")?.into(),
        base_url: text(item, "base_url")?.into(),
        attempts: u32::try_from(number(item, "attempts")?).map_err(|_| BadItem("attempts"))?,
        created_at: time(item, "created_at")?,
        expires_at: expires_at(item)?,
        // Absent until the first such attempt.
        unanswered: item
            .get("unanswered")
            .map_or(Ok(0), |_| u32::try_from(number(item, "unanswered")?).map_err(|_| BadItem("unanswered")))?,
        lease: Timestamp::from_millisecond(number(item, "lease")?).map_err(|_| BadItem("lease"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_the_table() {
        for value in
            [FieldValue::number(3.0), FieldValue::number(-1.5), FieldValue::number(1e15), FieldValue::number(1e-15)]
        {
            assert_eq!(read_field(&field(&value)).expect("a value"), value);
        }
    }

    #[test]
    fn an_item_of_another_shape_names_what_is_missing() {
        let error = read_user(&user_key(UserId([0; 16]))).expect_err("a bare key");
        assert_eq!(error.to_string(), "the item has no usable `id`");
    }
}
