//! A service with some users, for every test of the pages.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::admin::Role;
use crate::admin::page::Account;
use crate::admin::page::time::date;
use crate::census::{Census, Pair};
use crate::config::ServiceConfig;
use crate::user::{State, User, UserId};

pub(crate) fn now() -> Timestamp {
    "2026-11-22T17:05:09Z".parse().expect("a time")
}

/// The form with every type of field.
pub(crate) fn config() -> ServiceConfig {
    serde_json::from_str(include_str!("../../../../tests/every_field.json")).expect("a configuration")
}

pub(crate) fn owner() -> Account<'static> {
    Account { email: "grace@example.com", role: Role::Owner, csrf: "CSRF" }
}

pub(crate) fn viewer() -> Account<'static> {
    Account { email: "edsger@example.com", role: Role::Viewer, csrf: "CSRF" }
}

fn user(id: u8, value: Value) -> User {
    let mut user: User = serde_json::from_value(value).expect("a user");
    user.id = UserId([id; 16]);
    user
}

fn millis(time: &str) -> i64 {
    time.parse::<Timestamp>().expect("a time").as_millisecond()
}

/// Confirmed, with every answer but the telephone.
pub(crate) fn ada() -> User {
    user(
        0xad,
        json!({
            "version": 3, "state": "confirmed", "email": "ada@example.com", "language": "en",
            "fields": {
                "full_name": "Ada Lovelace", "age": 40, "height": 1.65, "birthday": "1985-12-10", "nationality": "GB",
                "marital_status": "married", "topics": ["science", "music"], "region": "north-east",
                "website": "https://example.com/ada", "about": "I write notes\non engines.", "newsletter": true,
                "shoe_size": 38,
            },
            "consent": { "text": "I agree that my answers are kept until I leave the society.", "version": "2" },
            "created_at": "2026-11-21T09:12:44Z", "confirmed_at": "2026-11-21T09:15:02Z",
            "mailed_at": millis("2026-11-21T09:12:46Z"), "mailings": 1, "spent": { "hour": 0, "count": 1 },
            "mail": {
                "id": "0a".repeat(16), "kind": "confirmation", "since": millis("2026-11-21T09:12:44Z"),
                "due_at": millis("2026-11-21T09:12:44Z"), "base_url": "https://example.com", "attempts": 1, "end": "sent",
            },
        }),
    )
}

/// Not confirmed, with a mail that was tried twice.
pub(crate) fn pending() -> User {
    user(
        0xbe,
        json!({
            "version": 2, "state": "pending", "email": "نور@example.com",
            "fields": { "full_name": "نور الهدى", "age": 29, "nationality": "EG", "marital_status": "single" },
            "created_at": "2026-11-22T16:40:00Z", "mailed_at": millis("2026-11-22T16:58:10Z"), "mailings": 1,
            "link": { "nonce": "0b".repeat(16), "expires_at": millis("2026-11-23T16:40:00Z") },
            "keep_until": millis("2026-11-29T16:40:00Z"), "spent": { "hour": 0, "count": 1 },
            "mail": {
                "id": "0c".repeat(16), "kind": "confirmation", "since": millis("2026-11-22T16:40:00Z"),
                "due_at": millis("2026-11-22T17:20:00Z"), "base_url": "https://example.com", "attempts": 2,
                "unanswered": 1,
            },
        }),
    )
}

/// Confirmed, and signed up once more with other answers that wait.
pub(crate) fn waiting() -> User {
    user(
        0xcf,
        json!({
            "version": 5, "state": "confirmed", "email": "jean.baptiste.grenouille@parfum.example.com",
            "fields": { "full_name": "Jean-Baptiste Grenouille", "age": 28, "nationality": "FR" },
            "created_at": "2026-09-01T08:00:00Z", "confirmed_at": "2026-09-01T08:03:00Z",
            "waiting": {
                "email": "jean.baptiste.grenouille@parfum.example.com",
                "fields": { "full_name": "Jean-Baptiste Grenouille", "age": 29, "nationality": "IT" },
                "consent": { "text": "I agree.", "version": "2" },
                "link": { "nonce": "0d".repeat(16), "expires_at": millis("2026-11-23T11:00:00Z") },
                "keep_until": millis("2026-11-23T11:00:00Z"),
            },
            "spent": { "hour": 0, "count": 2 },
        }),
    )
}

pub(crate) fn unsubscribed() -> User {
    user(
        0xd0,
        json!({
            "version": 4, "state": "unsubscribed", "email": "li@example.com",
            "fields": { "full_name": "Lǐ Wěi", "age": 51, "nationality": "SG" },
            "created_at": "2026-10-05T22:10:00Z", "confirmed_at": "2026-10-05T22:11:00Z",
            "ended_at": "2026-11-01T06:00:00Z", "spent": { "hour": 0, "count": 0 },
        }),
    )
}

/// Of whom nothing is kept but that no mail is wanted.
pub(crate) fn refused() -> User {
    user(
        0xee,
        json!({
            "version": 1, "state": "suppressed", "email": "", "created_at": "2026-11-20T10:00:00Z",
            "ended_at": "2026-11-20T10:00:00Z", "spent": { "hour": 0, "count": 0 },
        }),
    )
}

pub(crate) fn users() -> Vec<User> {
    vec![pending(), ada(), refused(), unsubscribed(), waiting()]
}

/// Some four hundred days of a service that grows, from twelve countries.
pub(crate) fn census() -> Census {
    let mut census = Census::default();
    for (back, at) in (0..400_u64).zip(1_i64..) {
        let day = date(now()).saturating_sub((at - 1).days()).to_string();
        let received = (400 - back) / 12 + (back * 7 % 11) + if back % 7 < 2 { 9 } else { 0 };
        census.days.insert(day, Pair { received, confirmed: received * 4 / 5 + back % 2 });
    }
    let received: u64 = census.days.values().map(|pair| pair.received).sum();
    let counts = [received * 7 / 10, received * 2 / 10, received / 20];
    census.states = [State::Confirmed, State::Pending, State::Unsubscribed].into_iter().zip(counts).collect();
    census.states.insert(State::Suppressed, received - counts.iter().sum::<u64>());
    let codes = ["FR", "GB", "DE", "CD", "US", "BR", "IN", "EG", "SG", "IT", "SH", "JP"];
    for (code, at) in codes.into_iter().zip(1_u64..) {
        let received = received * 3 / 10 / at;
        census.countries.insert(code.into(), Pair { received, confirmed: received * 3 / 4 });
    }
    census
}
