//! Tokens for links in mail, and the six digits beside them.
//!
//! Each is worked out from a name that the table holds and from the service's key, which it does not: so a mail
//! that goes out twice carries the same link, and whoever reads the table can follow none. Whether one is still
//! good (not expired, not used) is for the user to say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::keys::{HmacSha256, Key};
use crate::user::{Nonce, UserId};

/// Bytes of the HMAC that are kept: 128 bits leave nothing to guess.
const PROOF: usize = 16;

/// What a proof is made for; one for one purpose is worthless for another. The NUL ends the label, so that no
/// label is the beginning of another.
const CONFIRM: &[u8] = b"confirm\0";
const CODE: &[u8] = b"code\0";
const UNSUBSCRIBE: &[u8] = b"unsubscribe\0";
const REFERENCE: &[u8] = b"reference\0";

/// Makes and checks tokens, stamps and challenges.
#[derive(Clone, Debug)]
pub struct TokenKey {
    key: Key,
    /// The one that it has replaced, by which nothing is made any more. What lies in somebody's inbox is still good.
    former: Option<Key>,
}

impl TokenKey {
    pub fn new(key: Key) -> Self {
        Self { key, former: None }
    }

    /// Reads what Parameter Store holds: a key, and behind a space the one that it has replaced, if it has.
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut keys = text.split_whitespace().map(Key::from_base64);
        let (key, former) = (keys.next()??, keys.next());
        match (former, keys.next()) {
            (None, None) => Some(Self::new(key)),
            (Some(former), None) => Some(Self { key, former: Some(former?) }),
            _ => None,
        }
    }

    /// A keyed hash for what lives for minutes, and is worth nothing once the key is replaced.
    pub(crate) fn hmac(&self) -> HmacSha256 {
        self.key.hmac()
    }

    /// The token that confirms one submission: 64 letters, digits, `-` and `_`.
    pub fn confirm(&self, id: UserId, nonce: Nonce) -> String {
        self.issue(CONFIRM, &[id.0, nonce.0].concat())
    }

    /// The user and the submission a token was made for; `None` when this service did not make it.
    /// Takes the same time wherever the proof differs.
    pub fn check_confirm(&self, token: &str) -> Option<(UserId, Nonce)> {
        let name: [u8; 32] = self.check(CONFIRM, token)?.try_into().ok()?;
        let (id, nonce) = name.split_at(16);
        Some((UserId(id.try_into().ok()?), Nonce(nonce.try_into().ok()?)))
    }

    /// The token that stops all mail to one user: 43 letters, digits, `-` and `_`.
    pub fn unsubscribe(&self, id: UserId) -> String {
        self.issue(UNSUBSCRIBE, &id.0)
    }

    /// The user such a token was made for.
    pub fn check_unsubscribe(&self, token: &str) -> Option<UserId> {
        Some(UserId(self.check(UNSUBSCRIBE, token)?.try_into().ok()?))
    }

    /// A name for a user that pages can carry, so that nobody has to type an address twice. It gives no right to
    /// anything, and is made for whatever address was typed, known or not: 43 letters, digits, `-` and `_`.
    pub fn reference(&self, id: UserId) -> String {
        self.issue(REFERENCE, &id.0)
    }

    /// The user such a name was made for.
    pub fn check_reference(&self, token: &str) -> Option<UserId> {
        Some(UserId(self.check(REFERENCE, token)?.try_into().ok()?))
    }

    /// The six digits of one submission.
    pub fn code(&self, id: UserId, nonce: Nonce) -> String {
        code(&self.key, id, nonce)
    }

    /// Whether these are the digits of a submission.
    pub fn check_code(&self, id: UserId, nonce: Nonce, digits: &str) -> bool {
        self.keys().any(|key| code(key, id, nonce) == digits)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        [&self.key].into_iter().chain(&self.former)
    }

    fn issue(&self, purpose: &[u8], name: &[u8]) -> String {
        let proof = mac(&self.key, purpose, name).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([name, &proof[..PROOF]].concat())
    }

    fn check(&self, purpose: &[u8], token: &str) -> Option<Vec<u8>> {
        let mut name = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        let proof = name.split_off(name.len().checked_sub(PROOF)?);
        let is_by = |key| mac(key, purpose, &name).verify_truncated_left(&proof).is_ok();
        self.keys().any(is_by).then_some(name)
    }
}

fn mac(key: &Key, purpose: &[u8], name: &[u8]) -> HmacSha256 {
    key.hmac().chain_update(purpose).chain_update(name)
}

fn code(key: &Key, id: UserId, nonce: Nonce) -> String {
    let proof = mac(key, CODE, &[id.0, nonce.0].concat()).finalize().into_bytes();
    let number = proof.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Of 2^64 numbers the remainders are even to one part in 10^13.
    format!("{:06}", number % 1_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(Key::new([byte; 32]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_token_names_its_user_and_its_submission(id: [u8; 16], nonce: [u8; 16]) {
            let (id, nonce) = (UserId(id), Nonce(nonce));
            let token = key(1).confirm(id, nonce);
            prop_assert_eq!(token.len(), 64);
            prop_assert_eq!(key(1).check_confirm(&token), Some((id, nonce)));
            prop_assert_eq!(key(2).check_confirm(&token), None);
            prop_assert_eq!(key(1).check_unsubscribe(&token), None);
            let token = key(1).unsubscribe(id);
            prop_assert_eq!(key(1).check_unsubscribe(&token), Some(id));
            prop_assert_eq!(key(1).check_reference(&token), None);
            prop_assert_eq!(key(1).check_reference(&key(1).reference(id)), Some(id));
            prop_assert_eq!(key(1).check_confirm(&token), None);
        }

        #[test]
        fn a_changed_token_is_refused(id: [u8; 16], nonce: [u8; 16], at in 0_usize..48, bit in 0_u8..8) {
            let token = key(1).confirm(UserId(id), Nonce(nonce));
            let mut bytes = URL_SAFE_NO_PAD.decode(token).expect("base64");
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(key(1).check_confirm(&URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,80}") {
            prop_assert_eq!(key(1).check_confirm(&text), None);
            prop_assert_eq!(key(1).check_unsubscribe(&text), None);
        }

        #[test]
        fn a_code_is_six_digits_of_its_own(id: [u8; 16], nonce: [u8; 16]) {
            let code = key(1).code(UserId(id), Nonce(nonce));
            prop_assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()));
            prop_assert_eq!(&code, &key(1).code(UserId(id), Nonce(nonce)));
        }
    }

    #[test]
    fn what_a_replaced_key_made_for_mails_is_good_for_as_long_as_it_is_the_former() {
        let text = |byte| base64::engine::general_purpose::STANDARD.encode([byte; 32]);
        let replaced = TokenKey::from_base64(&format!("{} {}", text(2), text(1))).expect("two keys");
        let (id, nonce) = (UserId([7; 16]), Nonce([8; 16]));
        for of in [key(1), key(2)] {
            assert_eq!(replaced.check_confirm(&of.confirm(id, nonce)), Some((id, nonce)));
            assert_eq!(replaced.check_unsubscribe(&of.unsubscribe(id)), Some(id));
            assert!(replaced.check_code(id, nonce, &of.code(id, nonce)));
        }
        assert_eq!(replaced.confirm(id, nonce), key(2).confirm(id, nonce), "by the new one alone");
        assert_eq!(replaced.code(id, nonce), key(2).code(id, nonce));
        assert_eq!(replaced.check_confirm(&key(3).confirm(id, nonce)), None);
        assert!(!replaced.check_code(id, nonce, &key(3).code(id, nonce)));
        assert_eq!(replaced.hmac().finalize().into_bytes(), key(2).hmac().finalize().into_bytes());
        for none in [String::new(), "x".into(), format!("{} x", text(2)), [text(1), text(2), text(3)].join(" ")] {
            assert!(TokenKey::from_base64(&none).is_none(), "{none}");
        }
    }
}
