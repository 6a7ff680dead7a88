//! The service's keys: one that hides addresses, one that signs tokens (`crate::token`), and one for the admins.
//!
//! They come from SSM at init (`crate::aws`), live in memory only, and never show in a log: `Debug` is blank.

mod address;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce as SealNonce, UnboundKey};
use sha2::Sha256;

pub use address::{AddressKey, MOST, Name, Names};

use crate::address::Address;
use crate::user::{AdminId, Nonce};

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// 32 secret bytes.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 32 bytes in standard base64; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    /// A keyed hash that is ready to be fed.
    pub(crate) fn hmac(&self) -> HmacSha256 {
        HmacSha256::new_from_slice(&self.0).expect("HMAC takes a key of any length")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Everything that the admins' part derives; the web function and `signupctl` read it, the worker never.
///
/// The table alone is worth nothing to a thief: passwords are hashed with a pepper, and the secrets of TOTP are not in
/// it at all.
#[derive(Clone, Debug)]
pub struct AdminKey(pub Key);

impl AdminKey {
    /// Whose an address is, as an admin's.
    pub fn admin(&self, address: &Address) -> AdminId {
        self.admin_named(&address.normalised())
    }

    /// The same of whatever was typed as one: there is a name for it also where it is no address.
    pub fn admin_typed(&self, typed: &str) -> AdminId {
        let address = Address::parse(typed).map(|address| address.normalised());
        self.admin_named(&address.unwrap_or_else(|_| typed.trim().to_lowercase()))
    }

    fn admin_named(&self, name: &str) -> AdminId {
        AdminId(first(&self.derive("admin", &[name.as_bytes()])))
    }

    /// A name for the network of a client, so that it need not be kept: 64 hex digits.
    pub fn network(&self, client: IpAddr) -> String {
        hex(self.mac("network", &[&network_bytes(client)]))
    }

    /// What goes into every password's hash and is not in the table.
    pub(crate) fn pepper(&self) -> [u8; 32] {
        self.derive("pepper", &[])
    }

    /// The secret that an authenticator app shares: 160 bits, as RFC 4226 recommends.
    pub(crate) fn totp_secret(&self, id: AdminId, nonce: Nonce) -> [u8; 20] {
        first(&self.derive("totp", &[&id.0, &nonce.0]))
    }

    /// A recovery code as the table knows it: 64 hex digits.
    pub(crate) fn recovery(&self, id: AdminId, code: &str) -> String {
        hex(self.mac("recovery", &[&id.0, code.as_bytes()]))
    }

    /// What proves that a browser has signed in before: of one admin, under a name of its own, with the credentials of
    /// that time.
    pub(crate) fn device(&self, id: AdminId, nonce: Nonce, credentials: i64) -> String {
        URL_SAFE_NO_PAD.encode(self.derive("device", &[&id.0, &nonce.0, &credentials.to_be_bytes()]))
    }

    pub(crate) fn check_device(&self, id: AdminId, nonce: Nonce, credentials: i64, proof: &str) -> bool {
        let proof = URL_SAFE_NO_PAD.decode(proof).unwrap_or_default();
        self.mac("device", &[&id.0, &nonce.0, &credentials.to_be_bytes()]).verify_slice(&proof).is_ok()
    }

    /// The token that a form carries against forgery, bound to a session or to another secret of the browser's.
    pub fn csrf(&self, binding: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.derive("csrf", &[binding]))
    }

    /// Whether a form's token is the one of this binding. Takes the same time wherever it differs.
    pub fn check_csrf(&self, binding: &[u8], token: &str) -> bool {
        let token = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        self.mac("csrf", &[binding]).verify_slice(&token).is_ok()
    }

    /// A text as an address may hold it that lands in histories and bookmarks: only pages of this admin read it back, as
    /// what it was sealed for. Every text takes a nonce of its own, drawn at random.
    pub(crate) fn seal(&self, id: AdminId, purpose: &str, text: &str, nonce: Nonce) -> String {
        seal(self.sealing("seal", &[&id.0]), purpose, text, std::array::from_fn(|at| nonce.0[at]))
    }

    /// What was sealed; `None` of anything else.
    pub(crate) fn unseal(&self, id: AdminId, purpose: &str, sealed: &str) -> Option<String> {
        unseal(&self.sealing("seal", &[&id.0]), purpose, sealed)
    }

    /// What an item of the table holds that has this name. Nothing is drawn: the nonce follows from name and text, so that it
    /// is another one for whatever is sealed, and the same is always sealed alike.
    pub(crate) fn seal_item(&self, name: &str, text: &str) -> String {
        let length = u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes();
        let nonce = first(&self.derive("item's nonce", &[&length, name.as_bytes(), text.as_bytes()]));
        seal(self.sealing("item", &[]), name, text, nonce)
    }

    /// What was sealed of the item with this name; `None` of anything else.
    pub(crate) fn unseal_item(&self, name: &str, sealed: &str) -> Option<String> {
        unseal(&self.sealing("item", &[]), name, sealed)
    }

    fn sealing(&self, purpose: &str, parts: &[&[u8]]) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &self.derive(purpose, parts));
        LessSafeKey::new(key.expect("AES-256 takes 32 bytes"))
    }

    fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// All parts but the last have one length, or one that a part before tells, so that no two lists of parts are one text.
    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> HmacSha256 {
        let mac = self.0.hmac().chain_update(purpose).chain_update(b"\0");
        parts.iter().fold(mac, |mac, part| mac.chain_update(part))
    }
}

/// A text that only the key opens, and only as what it was sealed for.
fn seal(key: LessSafeKey, purpose: &str, text: &str, nonce: [u8; NONCE_LEN]) -> String {
    let mut sealed = text.as_bytes().to_vec();
    let unique = SealNonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(unique, Aad::from(purpose), &mut sealed).expect("shorter than 64 GiB");
    URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
}

fn unseal(key: &LessSafeKey, purpose: &str, sealed: &str) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = SealNonce::try_assume_unique_for_key(nonce).ok()?;
    let text = key.open_in_place(nonce, Aad::from(purpose), sealed).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

/// The first bytes of a keyed hash.
fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= 32, "a hash has 32 bytes") };
    std::array::from_fn(|at| bytes[at])
}

/// What one household or host is given: an IPv4 address, or the beginning of IPv6's, with nothing behind it.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// The same in bytes: four, or eight.
fn network_bytes(client: IpAddr) -> Vec<u8> {
    match network(client) {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

fn hex(mac: HmacSha256) -> String {
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_and_stays_out_of_logs() {
        assert!(Key::from_base64("AAAA").is_none());
        let key = Key::from_base64(&STANDARD.encode([1; 32])).expect("32 bytes");
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn whatever_an_admin_types_has_a_name() {
        let key = AdminKey(Key::new([7; 32]));
        let address = Address::parse("Ada@Example.com").expect("an address");
        assert_eq!(key.admin_typed(" ada@EXAMPLE.com "), key.admin(&address));
        assert_eq!(key.admin_typed("Ada "), key.admin_typed("ada"));
        assert_ne!(key.admin_typed("ada"), key.admin_typed(""));
    }

    #[test]
    fn what_the_admins_key_derives_is_good_for_one_thing() {
        let key = AdminKey(Key::new([7; 32]));
        let (id, nonce) = (AdminId([1; 16]), Nonce([2; 16]));
        assert_ne!(key.totp_secret(id, nonce), key.totp_secret(AdminId([2; 16]), Nonce([1; 16])));
        assert_ne!(key.totp_secret(id, nonce)[..16], key.pepper()[..16]);
        let token = key.csrf(b"session");
        assert!(key.check_csrf(b"session", &token));
        for wrong in ["", "AAAA", &token[1..], &key.csrf(b"other")] {
            assert!(!key.check_csrf(b"session", wrong), "{wrong}");
        }
        assert!(!AdminKey(Key::new([8; 32])).check_csrf(b"session", &token));
    }

    #[test]
    fn an_item_is_sealed_alike_and_read_in_its_place_alone() {
        let key = AdminKey(Key::new([7; 32]));
        let sealed = key.seal_item("a\nb", "text");
        assert_eq!(
            (key.seal_item("a\nb", "text"), key.unseal_item("a\nb", &sealed)),
            (sealed.clone(), Some("text".into()))
        );
        let nonces = [("a\nb", "text"), ("a\nb", "texu"), ("a\nbt", "ext"), ("a\n", "btext")]
            .map(|(name, text)| key.seal_item(name, text)[..16].to_owned());
        assert_eq!(std::collections::BTreeSet::from(nonces).len(), 4, "no nonce is used twice");
        let others = [
            key.unseal_item("a\nc", &sealed),
            AdminKey(Key::new([8; 32])).unseal_item("a\nb", &sealed),
            key.unseal(AdminId([0; 16]), "a\nb", &sealed),
            key.unseal_item("a\nb", &sealed[1..]),
        ];
        assert_eq!(others, [const { None }; 4]);
    }

    #[test]
    fn what_is_sealed_is_read_by_its_admin_alone() {
        let (key, me) = (AdminKey(Key::new([7; 32])), AdminId([1; 16]));
        for text in ["", "ada@example.com", "Ünal & söhne"] {
            let sealed = key.seal(me, "search", text, Nonce([3; 16]));
            assert_eq!(key.unseal(me, "search", &sealed).as_deref(), Some(text));
            assert_eq!(key.unseal(AdminId([2; 16]), "search", &sealed), None);
            assert_eq!(key.unseal(me, "place", &sealed), None, "what it was sealed for");
            assert_eq!(AdminKey(Key::new([8; 32])).unseal(me, "search", &sealed), None);
            for wrong in [&sealed[1..], &sealed[..sealed.len() - 1], &format!("B{}", &sealed[1..]), "", "AAAA", "%"] {
                assert_eq!(key.unseal(me, "search", wrong), None, "{wrong}");
            }
        }
        assert_ne!(key.seal(me, "search", "ada", Nonce([3; 16])), key.seal(me, "search", "ada", Nonce([4; 16])));
    }
}
