//! Secrets that are handed out whole and kept as hashes: a session's, and the one of a set-up link.
//!
//! Pure: the random bits are passed in. A token names its admin, so that one read finds what it is for.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::AdminId;
use crate::clock::Entropy;

/// 256 random bits of one admin's, written `<admin>.<43 letters, digits, - and _>`.
#[derive(Clone)]
pub struct Token {
    pub(super) admin: AdminId,
    secret: [u8; 32],
}

/// What the table holds in a token's place. The secret has 256 bits, so that nothing slower than SHA-256 is called for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl Token {
    pub(super) fn draw(admin: AdminId, entropy: &dyn Entropy) -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&entropy.bytes());
        secret[16..].copy_from_slice(&entropy.bytes());
        Self { admin, secret }
    }

    /// Reads a token; whether it is good for anything is for the table to say.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (admin, secret) = text.trim().split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        Some(Self { admin: AdminId::parse(admin)?, secret })
    }

    /// Its hash as the token of a session.
    pub(super) fn session(&self) -> TokenHash {
        self.hash(b"session\0")
    }

    /// Its hash as the token of a set-up link.
    pub(super) fn setup(&self) -> TokenHash {
        self.hash(b"setup\0")
    }

    /// What is compared are hashes of what a caller sends, of which nobody can choose the beginning: how long that
    /// takes tells nothing.
    fn hash(&self, purpose: &[u8]) -> TokenHash {
        let hash = Sha256::new().chain_update(purpose).chain_update(self.admin.0).chain_update(self.secret);
        TokenHash(hash.finalize().into())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.admin, URL_SAFE_NO_PAD.encode(self.secret))
    }
}

/// Blank, so that no token reaches a log through a `{:?}`.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl TokenHash {
    /// Reads what is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("32 bytes in base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::System;

    #[test]
    fn a_token_reads_back_as_written_and_is_good_for_one_thing() {
        let token = Token::draw(AdminId([7; 16]), &System);
        let text = token.to_string();
        assert_eq!(text.len(), 32 + 1 + 43);
        let read = Token::parse(&format!(" {text}\n")).expect("a token");
        assert_eq!((read.admin, read.session()), (token.admin, token.session()));
        assert_ne!(token.session(), token.setup());
        assert_ne!(token.session(), Token { admin: AdminId([8; 16]), ..token.clone() }.session());
        assert_eq!(TokenHash::parse(&token.session().to_string()), Some(token.session()));
        for wrong in ["", ".", "x.y", &text[1..], &text[..70], &format!("{text}A")] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }
}
