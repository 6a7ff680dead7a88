//! What the tests of the service share: a clock that is set, numbers that repeat, and sign-ups to try.

pub mod failing;
pub mod meter;
pub mod service;
pub mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use signup_service::clock::{Clock, Entropy, after, later};
use signup_service::config::ServiceConfig;
use signup_service::form::Checker;
use signup_service::keys::{AddressKey, Key};
use signup_service::token::TokenKey;
use signup_service::user::{Answers, Draws, MailId, Nonce, Request, Rules, User};

pub const BASE_URL: &str = "https://join.example.com";

/// The form with every type of field.
pub fn config() -> ServiceConfig {
    serde_json::from_str(include_str!("../../every_field.json")).expect("a configuration")
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
    AddressKey::new(Key::new([1; 32]))
}

/// The same while it is replaced by another, which is known and names nobody yet; and where it was.
pub fn replaced_key(is_halfway: bool) -> AddressKey {
    let [former, new] = [1, 2].map(|number| STANDARD.encode([number; 32]));
    AddressKey::parse(&format!("{} {new} {former}", if is_halfway { "next" } else { "" })).expect("two keys")
}

pub fn token_key() -> TokenKey {
    TokenKey::new(Key::new([2; 32]))
}

/// What a page may do that nobody may frame.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic while held")
    }

    /// Time passes at once, and nobody has to wait for it.
    async fn sleep(&self, pause: Duration) {
        let mut now = self.0.lock().expect("no panic while held");
        *now = later(*now, pause);
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
        // The shard is taken from the last byte, and numbers from the first four: let them vary.
        let first = self.1.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (u128::from(first) << 64 | u128::from(number)).to_be_bytes()
    }
}

/// A submission to the small form as the web function makes it of what somebody sends.
pub fn submission(entropy: &Counting, email: &str, age: u8) -> Request {
    let age = age.to_string();
    let pairs = [("email", email), ("country", "FR"), ("age", &age), ("tags", "b"), ("tags", "a"), ("size", "1.5")];
    let pairs: Vec<(String, String)> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let config = small_config();
    let submission =
        Checker::new(&config.form).expect("no patterns").check_html(&pairs, config.default_language()).expect("valid");
    let names = address_key().whose(&submission.email);
    Request {
        root: names.root,
        name: names.first,
        answers: Answers {
            email: submission.email.as_typed().to_owned(),
            fields: submission.fields,
            consent: submission.consent,
            language: None,
        },
        base_url: BASE_URL.into(),
        draws: Draws { nonce: Nonce(entropy.bytes()), mail: MailId(entropy.bytes()) },
    }
}

/// The user that follows from a first submission to the small form.
pub fn new_user(entropy: &Counting, email: &str, age: u8, now: Timestamp) -> User {
    let (user, _) = User::receive(None, submission(entropy, email, age), &rules(), now);
    user.expect("the first of the hour")
}

pub fn rules() -> Rules {
    Rules::of(&small_config())
}
