//! An admin: what is kept of one, and how it changes.
//!
//! Pure. Every change is a function from an admin to the admin after it; a store keeps the value unless somebody else
//! was faster.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AdminId;
use super::code::Code;
use super::role::Role;
use super::token::TokenHash;
use super::totp::Totp;
use crate::clock::{after, millis};
use crate::keys::AdminKey;
use crate::user::Nonce;

/// How long a set-up link works, in seconds.
pub const SETUP: u32 = 3_600;

/// How many networks are remembered of an admin, newest first.
const PLACES: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin {
    /// Follows from the address by the admins' key: one address, one admin.
    #[serde(skip)]
    pub id: AdminId,
    /// Raised by every change. It begins with the time, so that no version of an admin who was removed can be taken
    /// for one of the admin who came after.
    pub version: u64,
    /// As typed by whoever added them.
    pub email: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub created_by: String,
    /// While a set-up link waits to be followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Setup>,
    /// What signs in; absent until the set-up is complete, and from a reset on until it is again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Where this admin signed in from, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// A set-up link, and how far it was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub token_hash: TokenHash,
    #[serde(with = "millis")]
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
}

/// A password that was chosen, and the app that is to be shown to hold the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    pub password_hash: String,
    pub totp_nonce: Nonce,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// In PHC's form.
    pub password_hash: String,
    /// The secret follows from it by the admins' key.
    pub totp_nonce: Nonce,
    /// The step of the last code that was good: neither it nor one before it is again.
    pub totp_last_step: i64,
    /// Drawn anew with every code that was good, so that no two uses of one code write the same and pass for one.
    pub used: u32,
    /// Keyed hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
    /// How often new ones were made. Sessions from before are over, but for the one that made them.
    #[serde(default)]
    pub recovery_edition: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_by: Option<TokenHash>,
    /// Sessions from before are over.
    #[serde(with = "millis")]
    pub changed_at: Timestamp,
}

/// A network, by its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub network: String,
    #[serde(with = "millis")]
    pub last_seen: Timestamp,
}

/// What came of the last step of a set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completed {
    Done,
    WrongCode,
    /// The link was used, is too old or was never made, or no password was chosen yet.
    Invalid,
}

impl Setup {
    pub(super) fn new(token_hash: TokenHash, now: Timestamp) -> Self {
        Self { token_hash, expires_at: after(now, SETUP), enrolment: None }
    }

    fn is_open(&self, token: TokenHash, now: Timestamp) -> bool {
        self.token_hash == token && now < self.expires_at
    }
}

impl Admin {
    /// An admin who has a link and nothing else.
    pub(super) fn invited(id: AdminId, email: &str, role: Role, by: &str, setup: Setup, now: Timestamp) -> Self {
        Self {
            id,
            version: u64::try_from(now.as_microsecond()).unwrap_or(0),
            email: email.to_owned(),
            role,
            created_at: now,
            created_by: by.to_owned(),
            setup: Some(setup),
            credentials: None,
            places: Vec::new(),
        }
    }

    /// The admin with a new link. Password, app and recovery codes are worth nothing from now on: a reset is for when
    /// somebody else may have them, and cannot wait for the link to be followed.
    pub(super) fn reset(self, setup: Setup) -> Self {
        Self { setup: Some(setup), credentials: None, places: Vec::new(), ..self }.changed()
    }

    pub(super) fn with_role(self, role: Role) -> Self {
        Self { role, ..self }.changed()
    }

    /// Whether a link may be followed.
    pub(super) fn open_setup(&self, token: TokenHash, now: Timestamp) -> Option<&Setup> {
        self.setup.as_ref().filter(|setup| setup.is_open(token, now))
    }

    /// The admin with a password that was chosen by the link; `None` when the link is not open.
    pub(super) fn enrolled(mut self, token: TokenHash, enrolment: Enrolment, now: Timestamp) -> Option<Self> {
        let setup = self.setup.as_mut().filter(|setup| setup.is_open(token, now))?;
        setup.enrolment = Some(enrolment);
        Some(self.changed())
    }

    /// The admin whose app has shown the code that came at that time, with recovery codes by their hashes. The link is
    /// used up.
    pub(super) fn completed(
        mut self,
        token: TokenHash,
        code: &Code,
        recovery: Vec<String>,
        key: &AdminKey,
        came: Timestamp,
    ) -> (Option<Self>, Completed) {
        let Some(enrolment) = self.open_setup(token, came).and_then(|setup| setup.enrolment.clone()) else {
            return (None, Completed::Invalid);
        };
        let totp = Totp::new(key.totp_secret(self.id, enrolment.totp_nonce));
        let step = match code {
            Code::Totp(code) => totp.check(*code, None, came),
            Code::Recovery(_) => None,
        };
        let Some(totp_last_step) = step else { return (None, Completed::WrongCode) };
        self.setup = None;
        self.credentials = Some(Credentials {
            password_hash: enrolment.password_hash,
            totp_nonce: enrolment.totp_nonce,
            totp_last_step,
            used: 0,
            recovery,
            recovery_edition: 0,
            recovery_by: None,
            changed_at: came,
        });
        (Some(self.changed()), Completed::Done)
    }

    /// The hash that a password is checked against, if there is one.
    pub(super) fn password_hash(&self) -> Option<&str> {
        self.credentials.as_ref().map(|credentials| credentials.password_hash.as_str())
    }

    /// The admin after a code was used up that came at that time; `None` when it is not good. `random` sets this use apart
    /// from any other.
    pub(super) fn use_code(mut self, code: &Code, key: &AdminKey, random: u32, came: Timestamp) -> Option<Self> {
        let id = self.id;
        let credentials = self.credentials.as_mut()?;
        match code {
            Code::Totp(code) => {
                let totp = Totp::new(key.totp_secret(id, credentials.totp_nonce));
                credentials.totp_last_step = totp.check(*code, Some(credentials.totp_last_step), came)?;
            }
            Code::Recovery(code) => {
                let hash = key.recovery(id, code);
                let at = credentials.recovery.iter().position(|kept| *kept == hash)?;
                credentials.recovery.remove(at);
            }
        }
        credentials.used = random;
        Some(self.changed())
    }

    /// The admin with other recovery codes, made by this session; all others are over, and so is one that somebody is just
    /// beginning by an earlier code.
    pub(super) fn with_recovery(mut self, recovery: Vec<String>, by: TokenHash) -> Option<Self> {
        let credentials = self.credentials.as_mut()?;
        credentials.recovery = recovery;
        credentials.recovery_edition += 1;
        credentials.recovery_by = Some(by);
        Some(self.changed())
    }

    /// Which recovery codes there are, by how often they were made.
    pub(super) fn recovery_edition(&self) -> u32 {
        self.credentials.as_ref().map_or(0, |credentials| credentials.recovery_edition)
    }

    /// The admin with another password; all sessions from before are over.
    pub(super) fn with_password(mut self, password_hash: String, now: Timestamp) -> Option<Self> {
        let credentials = self.credentials.as_mut()?;
        credentials.password_hash = password_hash;
        credentials.changed_at = now;
        Some(self.changed())
    }

    /// Whether this admin can sign in: has set up, and was not reset since.
    pub fn is_set_up(&self) -> bool {
        self.credentials.is_some()
    }

    /// Whether this admin has signed in from a network before.
    pub fn knows(&self, network: &str) -> bool {
        self.places.iter().any(|place| place.network == network)
    }

    /// The admin as seen at a network, where it is known: a part of a change and none of its own.
    pub(super) fn seen_at(mut self, network: &str, now: Timestamp) -> Self {
        if network.is_empty() {
            return self;
        }
        self.places.retain(|place| place.network != network);
        self.places.insert(0, Place { network: network.to_owned(), last_seen: now });
        self.places.truncate(PLACES);
        self
    }

    /// Closes a change.
    fn changed(mut self) -> Self {
        self.version += 1;
        self
    }
}
