//! The sign-up itself: who it is, what it holds, and the plan of one, made from a checked submission.
//!
//! Pure: a [`NewSignUp`] leaves the store nothing to decide. Nothing here reads the clock or the network.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::clock::{after, rfc3339};
use crate::config::{ConfirmationMode, ServiceConfig};
use crate::form::Submission;
use crate::keys::{AddressHash, AddressKey};

/// How long a pending sign-up waits before the same address is mailed again, in seconds. Long enough
/// that a form cannot be used to flood a mailbox, short enough for a mail that really was lost.
pub const RESEND_COOL_DOWN: u32 = 300;

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Names ", $what, ": 128 bits of the system's generator, written as 32 lower-case hex digits.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Reads 32 lower-case hex digits; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id!(UserId, "a user, whether confirmed or not");
id!(MailId, "a mail of the outbox");

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Whether the person has shown that the address is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Confirmed,
}

impl State {
    /// The name as stored and as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
        }
    }
}

/// What a field holds once checked. Whole numbers are always [`FieldValue::Integer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Choices(Vec<String>),
}

impl FieldValue {
    /// The number in its one form: whole numbers as integers, so that they survive any store unchanged.
    pub fn number(number: f64) -> Self {
        // Up to 2^53 every whole number is exact in both types.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
            let whole = number as i64;
            Self::Integer(whole)
        } else {
            Self::Number(number)
        }
    }

    /// The value when it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The values of a sign-up by field name. Fields left empty are absent; the address is kept apart.
pub type Fields = BTreeMap<String, FieldValue>;

/// The wording a person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentGiven {
    pub text: String,
    pub version: String,
}

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct User {
    pub id: UserId,
    pub state: State,
    /// As typed.
    pub email: String,
    pub fields: Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentGiven>,
    #[serde(serialize_with = "time")]
    pub created_at: Timestamp,
    #[serde(serialize_with = "optional_time")]
    pub confirmed_at: Option<Timestamp>,
    /// When the link stops working, while pending.
    #[serde(skip)]
    pub expires_at: Option<Timestamp>,
    /// When the person was last mailed about this sign-up.
    #[serde(skip)]
    pub mailed_at: Timestamp,
}

impl User {
    /// The user that an accepted sign-up makes.
    pub(crate) fn new(sign_up: &NewSignUp) -> Self {
        let pending = sign_up.state == State::Pending;
        Self {
            id: sign_up.id,
            state: sign_up.state,
            email: sign_up.email.clone(),
            fields: sign_up.fields.clone(),
            consent: sign_up.consent.clone(),
            created_at: sign_up.now,
            confirmed_at: (!pending).then_some(sign_up.now),
            expires_at: pending.then_some(sign_up.expires_at),
            mailed_at: sign_up.now,
        }
    }
}

impl ListedUser {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id,
            state: user.state,
            email: user.email.clone(),
            fields: user.fields.clone(),
            created_at: user.created_at,
            confirmed_at: user.confirmed_at,
        }
    }
}

/// A user as listed: what the index by day holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedUser {
    pub id: UserId,
    pub state: State,
    pub email: String,
    pub fields: Fields,
    #[serde(serialize_with = "time")]
    pub created_at: Timestamp,
    #[serde(serialize_with = "optional_time")]
    pub confirmed_at: Option<Timestamp>,
}

fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn optional_time<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

/// A ceiling on accepted sign-ups in an hour, under a name that tells nothing about the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub key: String,
    pub limit: u32,
}

/// Everything that one transaction of the store writes for one submission.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSignUp {
    /// Used when the address is new.
    pub id: UserId,
    pub mail_id: MailId,
    pub address: AddressHash,
    /// As typed.
    pub email: String,
    /// As mailed: the same with an ASCII domain.
    pub mail_to: String,
    pub fields: Fields,
    pub consent: Option<ConsentGiven>,
    /// Confirmed at once when the spec asks for no confirmation.
    pub state: State,
    /// Where the links in the mail lead.
    pub base_url: String,
    pub now: Timestamp,
    /// When the link stops working.
    pub expires_at: Timestamp,
    /// When the sign-up is forgotten unless confirmed; never before the link stops working.
    pub keep_until: Timestamp,
    pub budgets: Vec<Budget>,
}

/// The random part of a sign-up, drawn by the caller.
#[derive(Clone, Copy, Debug)]
pub struct NewIds {
    pub user: UserId,
    pub mail: MailId,
}

/// The plan of a sign-up.
pub fn plan(
    config: &ServiceConfig,
    key: &AddressKey,
    submission: Submission,
    client: Option<IpAddr>,
    base_url: &str,
    ids: NewIds,
    now: Timestamp,
) -> NewSignUp {
    let address = key.address(&submission.email);
    let mut budgets =
        vec![Budget { key: format!("address#{address}"), limit: config.security.budgets.address_per_hour }];
    if let Some(client) = client {
        budgets.push(Budget { key: format!("ip#{}", key.client(client)), limit: config.security.budgets.ip_per_hour });
    }
    let expires = config.confirmation.expires.seconds;
    // The table keeps these in whole seconds.
    let in_seconds = |seconds| {
        let at = after(now, seconds);
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    };
    NewSignUp {
        id: ids.user,
        mail_id: ids.mail,
        address,
        email: submission.email.as_typed().to_owned(),
        mail_to: submission.email.mailable(),
        fields: submission.fields,
        consent: submission.consent,
        state: match config.confirmation.mode {
            ConfirmationMode::DoubleOptIn => State::Pending,
            ConfirmationMode::None => State::Confirmed,
        },
        base_url: base_url.to_owned(),
        now,
        expires_at: in_seconds(expires),
        keep_until: in_seconds(config.retention.seconds.max(expires)),
        budgets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_written() {
        let id = UserId([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(UserId::parse(&id.to_string()), Some(id));
        for wrong in ["", "AB", &"AB".repeat(16), &"g0".repeat(16), &"ab".repeat(17)] {
            assert_eq!(UserId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_have_one_form() {
        assert_eq!(FieldValue::number(3.0), FieldValue::Integer(3));
        assert_eq!(FieldValue::number(-0.5), FieldValue::Number(-0.5));
        assert_eq!(serde_json::to_string(&FieldValue::number(3.0)).expect("json"), "3");
    }
}
