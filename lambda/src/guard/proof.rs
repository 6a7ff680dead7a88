//! Proof of work: a challenge that costs the client seconds and the service microseconds.
//!
//! ALTCHA's protocol, version 2, so that its own widget can solve what is asked here, as can `form.js`. The
//! client tries counters until a key derived from one begins as the challenge says. The service chose that
//! counter, so it signs the key beforehand and derives nothing to verify: issuing takes one derivation
//! (some 0.1 ms), verifying a few HMACs (some 12 µs). A chosen counter also bounds the wait: nobody draws
//! a blank for long.
//!
//! PBKDF2, since a browser derives natively: a plain hash would spend a browser's time on calls and leave a
//! program, which hashes without them, a hundred times ahead.
//!
//! The crate's own `create_challenge` and `verify_solution` ask the system's clock and generator, so they are
//! not used: parameters are filled in here, signed by its `sign_challenge`, and verified by signing again.

use std::collections::BTreeMap;

use altcha::{Challenge, ChallengeParameters, HmacAlgorithm, Payload, sign_challenge};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use jiff::Timestamp;
use pbkdf2::pbkdf2_hmac_array;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Difficulty;
use crate::config::Form;
use crate::token::TokenKey;

/// The name under which a form or a JSON body carries a proof; ALTCHA's widget calls it so.
pub const FIELD: &str = "altcha";

const ALGORITHM: &str = "PBKDF2/SHA-256";

/// Iterations of one attempt. Enough that a browser's time goes into them and not into calling (on a
/// server's core 130 µs an attempt, hardly any of it overhead), few enough to be no burden to issue.
const COST: u32 = 1_000;

/// Bytes of the derived key, the first half of which the challenge tells.
const KEY_LENGTH: usize = 32;

/// How long a challenge is good, in seconds. It is fetched when a person begins to fill the form, so this is
/// the time for filling it. Longer would let a program hoard proofs for one great burst, and make the store
/// remember used ones longer; the page's script fetches anew when one has run out.
pub const LIFE: u32 = 20 * 60;

/// Characters of a payload at most; ours have about 850.
pub const LIMIT: usize = 4_096;

/// Names of what the signed data holds.
const FORM: &str = "form";
const CLIENT: &str = "client";
const ATTEMPTS: &str = "attempts";

/// Names a service and its form as declared now: proofs for another, or for an older one, are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormVersion(String);

impl FormVersion {
    /// A digest, to be made once and kept.
    pub fn new(service: &str, form: &Form) -> Self {
        let declared = serde_json::to_vec(form).expect("a form is text, numbers and lists");
        let digest = Sha256::new().chain_update(service).chain_update(b"\0").chain_update(declared).finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(hex(half))
    }
}

/// What a challenge is for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub form: &'a FormVersion,
    /// The client's network by its keyed hash (`AddressKey::client`), where the front tells it.
    pub client: Option<&'a str>,
}

/// A proof that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Names the challenge. The store takes each only once, and may forget it after `expires_at`.
    pub id: [u8; 16],
    pub expires_at: Timestamp,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("no proof of work was sent")]
    Missing,
    #[error("the proof of work cannot be read")]
    Malformed,
    /// Not signed by this service, or altered.
    #[error("the proof of work is for no challenge of this service")]
    Forged,
    /// Too late, or for a form that has changed since: a new challenge helps against both.
    #[error("the proof of work has expired")]
    Expired,
    #[error("the challenge is not solved")]
    Unsolved,
    /// Asked for from another network: handed on, or carried from one network into another.
    #[error("the proof of work belongs to another client")]
    OtherClient,
}

impl Unproven {
    /// The name for programs; it never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Malformed => "proof_malformed",
            Self::Forged => "proof_forged",
            Self::Expired => "proof_expired",
            Self::Unsolved => "proof_unsolved",
            Self::OtherClient => "proof_other_client",
        }
    }
}

/// A new challenge, as served. `random` is its name and must never be the same twice.
pub fn challenge(key: &TokenKey, scope: &Scope<'_>, difficulty: Difficulty, now: Timestamp, random: [u8; 16]) -> Value {
    let attempts = difficulty.attempts();
    let (salt, counter) = drawn(key, random, attempts);
    let mut data = BTreeMap::from([
        (FORM.to_owned(), Value::from(scope.form.0.as_str())),
        (ATTEMPTS.to_owned(), Value::from(attempts)),
    ]);
    data.extend(client(key, scope).map(|client| (CLIENT.to_owned(), Value::from(client))));
    let derived: [u8; KEY_LENGTH] = pbkdf2_hmac_array::<Sha256, _>(&password(random, counter), &salt, COST);
    let mut prefix = [0; 16];
    prefix.copy_from_slice(&derived[..16]);
    let parameters = ChallengeParameters {
        algorithm: ALGORITHM.into(),
        cost: COST,
        data: Some(data),
        expires_at: Some(now.as_second() + i64::from(LIFE)),
        key_length: KEY_LENGTH,
        key_prefix: hex(prefix),
        key_signature: None,
        memory_cost: None,
        nonce: hex(random),
        parallelism: None,
        salt: hex(salt),
    };
    let signed = signed(key, parameters, Some(derived)).expect("parameters are text and numbers");
    serde_json::to_value(signed).expect("a challenge is text and numbers")
}

/// Whether a payload, as ALTCHA's widget sends it (base64 of JSON), proves work for this form by this client.
/// Nothing is remembered: the same proof holds until it expires.
pub fn verify(key: &TokenKey, scope: &Scope<'_>, payload: &str, now: Timestamp) -> Result<Proven, Unproven> {
    if payload.is_empty() {
        return Err(Unproven::Missing);
    }
    let Payload { challenge: Challenge { parameters, signature }, solution } = read(payload)?;
    let signature = signature.ok_or(Unproven::Forged)?;
    // Whether parameters, with the signature over the derived key put into them, are the ones that were issued.
    let holds = |derived: Option<[u8; KEY_LENGTH]>| {
        let signed = signed(key, parameters.clone(), derived).and_then(|challenge| challenge.signature);
        signed.is_some_and(|signed| same(key, &signed, &signature))
    };
    if !holds(None) {
        return Err(Unproven::Forged);
    }
    let data = |name: &str| parameters.data.as_ref().and_then(|data| data.get(name));
    let expires_at = parameters.expires_at.and_then(|second| Timestamp::from_second(second).ok());
    let expires_at = expires_at.filter(|end| now < *end).ok_or(Unproven::Expired)?;
    if data(FORM).and_then(Value::as_str) != Some(&scope.form.0) {
        return Err(Unproven::Expired);
    }
    if data(CLIENT).and_then(Value::as_str) != client(key, scope).as_deref() {
        return Err(Unproven::OtherClient);
    }
    let id = unhex(&parameters.nonce).ok_or(Unproven::Forged)?;
    let attempts = data(ATTEMPTS).and_then(Value::as_u64).and_then(|attempts| u32::try_from(attempts).ok());
    let (_, counter) = drawn(key, id, attempts.ok_or(Unproven::Forged)?);
    let derived = derived_key(&solution.derived_key).ok_or(Unproven::Unsolved)?;
    if solution.counter != counter || !holds(Some(derived)) {
        return Err(Unproven::Unsolved);
    }
    Ok(Proven { id, expires_at })
}

fn read(payload: &str) -> Result<Payload, Unproven> {
    let json = Some(payload).filter(|payload| payload.len() <= LIMIT).and_then(|payload| STANDARD.decode(payload).ok());
    json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or(Unproven::Malformed)
}

/// The salt of a challenge and the counter that solves it. They follow from its name and the key: nothing
/// need be kept, and nobody else can tell the counter.
fn drawn(key: &TokenKey, name: [u8; 16], attempts: u32) -> ([u8; 16], u32) {
    let bytes = key.hmac().chain_update(b"challenge draw\0").chain_update(name).finalize().into_bytes();
    let (mut salt, mut number) = ([0; 16], [0; 8]);
    salt.copy_from_slice(&bytes[..16]);
    number.copy_from_slice(&bytes[16..24]);
    // Evenly from 0, where solvers begin. With a later beginning everybody would leave the first ones out, and
    // with an uneven draw it could pay to drop a challenge for a new one.
    let counter = u64::from_be_bytes(number) % u64::from(attempts.max(1));
    (salt, u32::try_from(counter).unwrap_or(0))
}

/// What the key of one attempt is derived from.
fn password(name: [u8; 16], counter: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(&name);
    bytes[16..].copy_from_slice(&counter.to_be_bytes());
    bytes
}

/// Signs the parameters, after the derived key where one is given. `None` when they cannot be written as JSON.
fn signed(key: &TokenKey, mut parameters: ChallengeParameters, derived: Option<[u8; KEY_LENGTH]>) -> Option<Challenge> {
    let secret = |label: &[u8]| STANDARD.encode(key.hmac().chain_update(label).finalize().into_bytes());
    let (outer, inner) = (secret(b"challenge\0"), secret(b"challenge key\0"));
    let derived = derived.as_ref().map(<[u8; KEY_LENGTH]>::as_slice);
    sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, derived, &outer, Some(&inner)).ok()
}

/// Compares by keyed hashes: the time taken tells nothing of where two signatures differ.
fn same(key: &TokenKey, a: &str, b: &str) -> bool {
    let mac = |text: &str| key.hmac().chain_update(b"challenge same\0").chain_update(text);
    mac(a).verify(&mac(b).finalize().into_bytes()).is_ok()
}

/// A short name of the client for the challenge, which everybody can read: another hash, that only this
/// service can make, and of no use elsewhere.
fn client(key: &TokenKey, scope: &Scope<'_>) -> Option<String> {
    let mac = key.hmac().chain_update(b"challenge client\0").chain_update(scope.client?).finalize().into_bytes();
    Some(mac.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn derived_key(text: &str) -> Option<[u8; KEY_LENGTH]> {
    let (left, right) = text.split_at_checked(32)?;
    let mut key = [0; 32];
    key[..16].copy_from_slice(&unhex(left)?);
    key[16..].copy_from_slice(&unhex(right)?);
    Some(key)
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Reads 32 lower-case digits: with capitals a proof could be written in more than one way.
fn unhex(text: &str) -> Option<[u8; 16]> {
    let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests;
