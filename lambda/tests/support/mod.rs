//! What the tests of the service share: a clock that is set, numbers that repeat, and sign-ups to try.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod service;
pub mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use signup_service::clock::{Clock, Entropy, after};
use signup_service::config::ServiceConfig;
use signup_service::form::Checker;
use signup_service::keys::{AddressKey, Key};
use signup_service::sign_up::{MailId, NewIds, NewSignUp, UserId, plan};
use signup_service::token::TokenKey;

pub const BASE_URL: &str = "https://join.example.com";

/// The form with every type of field.
pub fn config() -> ServiceConfig {
    serde_json::from_str(include_str!("../every_field.json")).expect("a configuration")
}

/// A form that asks for an address and a country.
pub fn small_config() -> ServiceConfig {
    let json = serde_json::json!({
        "service": "small", "email": { "from": "hello@example.com" }, "retention": "7d",
        "form": { "title": "Small", "fields": [
            { "name": "email", "type": "email" },
            { "name": "country", "type": "country" },
            { "name": "age", "type": "integer" },
            { "name": "tags", "type": "multi_choice", "options": ["a", "b"] },
            { "name": "size", "type": "number" },
            { "name": "letter", "type": "checkbox" },
        ] },
    });
    serde_json::from_value(json).expect("a configuration")
}

pub fn address_key() -> AddressKey {
    AddressKey(Key::new([1; 32]))
}

pub fn token_key() -> TokenKey {
    TokenKey(Key::new([2; 32]))
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub fn at(text: &str) -> Self {
        Self(Mutex::new(text.parse().expect("a time")))
    }

    pub fn forward(&self, seconds: u32) -> Timestamp {
        let mut now = self.0.lock().expect("no panic while held");
        *now = after(*now, seconds);
        *now
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic while held")
    }
}

/// Distinct bits, the same in every run from the same beginning.
#[derive(Debug)]
pub struct Counting(AtomicU64, u64);

impl Counting {
    pub fn from(seed: u64) -> Self {
        Self(AtomicU64::new(0), seed)
    }
}

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 16] {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        // The shard is taken from the last byte: let it vary.
        (u128::from(self.1) << 64 | u128::from(number)).to_be_bytes()
    }
}

/// A sign-up to the small form as the web function plans it.
pub fn sign_up(entropy: &Counting, email: &str, age: u8, now: Timestamp) -> NewSignUp {
    sign_up_to(&small_config(), entropy, email, age, now)
}

pub fn sign_up_to(config: &ServiceConfig, entropy: &Counting, email: &str, age: u8, now: Timestamp) -> NewSignUp {
    let age = age.to_string();
    let pairs = [("email", email), ("country", "FR"), ("age", &age), ("tags", "b"), ("tags", "a"), ("size", "1.5")];
    let pairs: Vec<(String, String)> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let submission = Checker::new(&config.form).expect("no patterns").check_html(&pairs).expect("valid");
    let ids = NewIds { user: UserId(entropy.bytes()), mail: MailId(entropy.bytes()) };
    let client = Some("192.0.2.7".parse().expect("an address"));
    plan(config, &address_key(), submission, client, BASE_URL, ids, now)
}
