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

/// Makes and checks tokens.
#[derive(Clone, Debug)]
pub struct TokenKey(pub Key);

impl TokenKey {
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
        let proof = self.mac(CODE, &[id.0, nonce.0].concat()).finalize().into_bytes();
        let number = proof.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // Of 2^64 numbers the remainders are even to one part in 10^13.
        format!("{:06}", number % 1_000_000)
    }

    fn mac(&self, purpose: &[u8], name: &[u8]) -> HmacSha256 {
        self.0.hmac().chain_update(purpose).chain_update(name)
    }

    fn issue(&self, purpose: &[u8], name: &[u8]) -> String {
        let proof = self.mac(purpose, name).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([name, &proof[..PROOF]].concat())
    }

    fn check(&self, purpose: &[u8], token: &str) -> Option<Vec<u8>> {
        let mut name = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        let proof = name.split_off(name.len().checked_sub(PROOF)?);
        self.mac(purpose, &name).verify_truncated_left(&proof).ok().map(|()| name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey(Key::new([byte; 32]))
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
}
