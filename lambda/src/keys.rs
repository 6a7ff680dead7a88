//! The service's two keys: one that hides addresses, one that signs tokens.
//!
//! They come from SSM at init (`crate::aws`), live in memory only, and never show in a log: `Debug` is blank.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::address::Address;
use crate::user::UserId;

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

/// Hides mail addresses and client addresses.
#[derive(Clone, Debug)]
pub struct AddressKey(pub Key);

impl AddressKey {
    /// Whose an address is: the first half of HMAC-SHA-256 over the normalised address.
    pub fn user(&self, address: &Address) -> UserId {
        let hash = self.0.hmac().chain_update(address.normalised()).finalize().into_bytes();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        UserId(id)
    }

    /// A name for any other text, so that it need not be kept: 64 hex digits.
    pub fn name(&self, purpose: &str, text: &[u8]) -> String {
        // No normalised address begins with a NUL, so the uses of the key cannot meet.
        hex(self.0.hmac().chain_update(b"\0").chain_update(purpose).chain_update(b"\0").chain_update(text))
    }

    /// The same for a client: IPv4 whole, IPv6 by its /64, which is what one household or host is given.
    pub fn client(&self, client: IpAddr) -> String {
        let network = match client.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        };
        self.name("client", &network)
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

    fn key() -> AddressKey {
        AddressKey(Key::new([7; 32]))
    }

    fn client(text: &str) -> String {
        key().client(text.parse().expect("an address"))
    }

    #[test]
    fn a_key_is_32_bytes_and_stays_out_of_logs() {
        assert!(Key::from_base64("AAAA").is_none());
        let key = Key::from_base64(&STANDARD.encode([1; 32])).expect("32 bytes");
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.2"), client("192.0.2.1"));
    }

    #[test]
    fn equal_addresses_are_one_user() {
        let hash = |text: &str| key().user(&Address::parse(text).expect("an address"));
        assert_eq!(hash("Ada@Example.com"), hash("ada@EXAMPLE.com"));
        assert_ne!(hash("ada+list@example.com"), hash("ada@example.com"));
    }
}
