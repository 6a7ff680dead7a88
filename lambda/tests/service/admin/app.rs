//! The authenticator app of an admin.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

/// The key that a page shows for the app.
pub fn secret(page: &str) -> Vec<u8> {
    let (_, rest) = page.split_once("secret=").expect("an address for the app");
    let text: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.chars() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).expect("base32");
        bits = bits << 5 | u32::try_from(value).expect("small");
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("a byte"));
        }
    }
    bytes
}

/// What an app shows, by RFC 6238.
pub fn code(secret: &[u8], now: Timestamp) -> String {
    let step = now.as_second().div_euclid(30).to_be_bytes();
    let mac = Hmac::<Sha1>::new_from_slice(secret).expect("a key").chain_update(step).finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes([mac[at], mac[at + 1], mac[at + 2], mac[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
