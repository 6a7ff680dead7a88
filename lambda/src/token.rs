//! Tokens for links in mail: the sign-up's id, and a proof that the service wrote it.
//!
//! A token is the same every time it is made, so a mail that goes out twice carries links that both
//! work, and nothing but the key must be kept to check one. Whether it is still good (not expired, not
//! used) is the store's to say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::keys::Key;
use crate::sign_up::UserId;

/// Bytes of the HMAC that are kept: 128 bits leave nothing to guess.
const PROOF: usize = 16;

/// What a token is good for; a token for one purpose is worthless for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Confirm,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            // The NUL ends the label, so that no label is the beginning of another.
            Self::Confirm => b"confirm\0",
        }
    }
}

/// Makes and checks tokens.
#[derive(Clone, Debug)]
pub struct TokenKey(pub Key);

impl TokenKey {
    /// The token for one user: 43 letters, digits, `-` and `_`.
    pub fn issue(&self, purpose: Purpose, id: UserId) -> String {
        let proof = self.0.hmac().chain_update(purpose.label()).chain_update(id.0).finalize().into_bytes();
        let mut bytes = [0; 16 + PROOF];
        bytes[..16].copy_from_slice(&id.0);
        bytes[16..].copy_from_slice(&proof[..PROOF]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The user a token was issued for; `None` when this service did not issue it for this purpose.
    /// Takes the same time wherever the proof differs.
    pub fn check(&self, purpose: Purpose, token: &str) -> Option<UserId> {
        let bytes: [u8; 16 + PROOF] = URL_SAFE_NO_PAD.decode(token.trim()).ok()?.try_into().ok()?;
        let id: [u8; 16] = bytes[..16].try_into().ok()?;
        let mac = self.0.hmac().chain_update(purpose.label()).chain_update(id);
        mac.verify_truncated_left(&bytes[16..]).ok().map(|()| UserId(id))
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
        fn a_token_names_its_user(id: [u8; 16]) {
            let token = key(1).issue(Purpose::Confirm, UserId(id));
            prop_assert_eq!(token.len(), 43);
            prop_assert_eq!(key(1).check(Purpose::Confirm, &token), Some(UserId(id)));
            prop_assert_eq!(key(2).check(Purpose::Confirm, &token), None);
        }

        #[test]
        fn a_changed_token_is_refused(id: [u8; 16], at in 0_usize..32, bit in 0_u8..8) {
            let mut bytes = URL_SAFE_NO_PAD.decode(key(1).issue(Purpose::Confirm, UserId(id))).expect("base64");
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(key(1).check(Purpose::Confirm, &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,60}") {
            prop_assert_eq!(key(1).check(Purpose::Confirm, &text), None);
        }
    }
}
