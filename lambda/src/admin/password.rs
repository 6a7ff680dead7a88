//! Passwords: which are taken, and how they are kept.
//!
//! Pure, and slow on purpose: a hash takes 19 MiB and some tens of milliseconds, so that callers run it aside.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;

use super::common::is_common;
use crate::keys::AdminKey;

/// The shortest password, in characters.
pub const MIN_LENGTH: usize = 12;

/// The longest, in characters: twice what ASVS 6.2.9 wants to be allowed, and nothing is ever cut off.
pub const MAX_LENGTH: usize = 128;

/// OWASP's Password Storage Cheat Sheet, the first choice for argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What is checked where there is no password: it costs the same, and nothing matches it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as it is hashed: in Unicode's form C, since keyboards compose the same letter in different ways (RFC 8265
/// does the same). Nothing is trimmed and nothing is cut.
#[derive(Clone)]
pub struct Password(String);

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has at least {MIN_LENGTH} characters")]
    TooShort,
    #[error("a password has at most {MAX_LENGTH} characters")]
    TooLong,
    #[error("this password is among those that are guessed first")]
    Common,
}

impl Password {
    pub fn new(typed: &str) -> Self {
        Self(ComposingNormalizerBorrowed::new_nfc().normalize(typed).into_owned())
    }

    /// Whether it may be an admin's; `names` are words that a guesser would try.
    pub fn check(&self, names: &[&str]) -> Result<(), WeakPassword> {
        match self.0.chars().count() {
            ..MIN_LENGTH => Err(WeakPassword::TooShort),
            MIN_LENGTH..=MAX_LENGTH if is_common(&self.0, names) => Err(WeakPassword::Common),
            MIN_LENGTH..=MAX_LENGTH => Ok(()),
            _ => Err(WeakPassword::TooLong),
        }
    }

    /// The hash to be kept, in PHC's form with its salt and parameters.
    pub(super) fn hash(&self, key: &AdminKey, salt: [u8; 16]) -> Result<String, HashError> {
        let pepper = key.pepper();
        let hash: PasswordHash = argon2(&pepper)?.hash_password_with_salt(self.0.as_bytes(), &salt)?;
        Ok(hash.to_string())
    }

    /// Whether it is the one behind a hash. Without a hash it takes as long, and is not.
    pub(super) fn verify(&self, key: &AdminKey, hash: Option<&str>) -> Result<bool, HashError> {
        let pepper = key.pepper();
        let found = argon2(&pepper)?.verify_password(self.0.as_bytes(), hash.unwrap_or(NOBODY));
        match found {
            Ok(()) => Ok(hash.is_some()),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Blank, so that no password reaches a log through a `{:?}`.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// No memory for a hash, or what is kept is none.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

impl HashError {
    /// The thread that hashes is gone.
    pub(super) fn lost(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl From<argon2::Error> for HashError {
    fn from(error: argon2::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<argon2::password_hash::Error> for HashError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self(error.to_string())
    }
}

fn argon2(pepper: &[u8; 32]) -> Result<Argon2<'_>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin::code::Code;
    use crate::admin::token::Token;
    use crate::keys::Key;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", name in "\\PC{0,10}") {
            let _ = Password::new(&text).check(&[&name]);
            let _ = Code::typed(&text);
            prop_assert!(Token::parse(&text).is_none());
        }

        #[test]
        fn what_a_generator_makes_is_taken(text in "[a-zA-Z0-9#%*=_-]{16,40}") {
            // Of so many letters it is a wonder if some stand in a row.
            prop_assert_eq!(Password::new(&text).check(&["registration"]), Ok(()));
        }
    }

    fn key(byte: u8) -> AdminKey {
        AdminKey(Key::new([byte; 32]))
    }

    #[test]
    fn a_hash_is_of_one_password_one_salt_and_one_key() {
        let password = Password::new("correct horse battery");
        let hash = password.hash(&key(1), [3; 16]).expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(password.hash(&key(1), [4; 16]).expect("a hash"), hash);
        let is = |typed: &str, key: &AdminKey| Password::new(typed).verify(key, Some(&hash)).expect("a hash");
        assert!(is("correct horse battery", &key(1)));
        for (typed, key) in [
            ("correct horse batter", key(1)),
            ("Correct horse battery", key(1)),
            (" correct horse battery", key(1)),
            ("correct horse battery", key(2)),
        ] {
            assert!(!is(typed, &key), "{typed}");
        }
    }

    #[test]
    fn nobody_has_a_password() {
        let hash = PasswordHash::new(NOBODY).expect("a hash");
        let of_nobody = Params::try_from(&hash).expect("parameters");
        assert_eq!((of_nobody.m_cost(), of_nobody.t_cost(), of_nobody.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert!(!Password::new("").verify(&key(1), None).expect("a hash"));
        assert!(Password::new("x").verify(&key(1), Some("no hash")).is_err());
    }

    #[test]
    fn a_letter_is_one_letter_however_it_was_composed() {
        let hash = Password::new("zw\u{f6}lf B\u{e4}ume im Wald").hash(&key(1), [3; 16]).expect("a hash");
        let typed = Password::new("zwo\u{308}lf Ba\u{308}ume im Wald");
        assert!(typed.verify(&key(1), Some(&hash)).expect("a hash"));
    }

    #[test]
    fn long_passwords_are_welcome_and_short_or_common_ones_are_not() {
        let check = |text: &str| Password::new(text).check(&["registration"]);
        let phrase = "the quick onyx goblin jumps over a lazy dwarf, ".repeat(3);
        assert_eq!(check(&phrase[..128]), Ok(()));
        assert_eq!(check(&phrase[..129]), Err(WeakPassword::TooLong));
        assert_eq!(check("kq!mZ2vLp0x"), Err(WeakPassword::TooShort));
        assert_eq!(check("kq!mZ2vLp0xw"), Ok(()));
        assert_eq!(check("password1234"), Err(WeakPassword::Common));
        assert_eq!(check("Registration2026"), Err(WeakPassword::Common));
        // Eleven letters, however many code points they were typed as.
        assert_eq!(check(&"a\u{308}".repeat(11)), Err(WeakPassword::TooShort));
        assert_eq!(format!("{:?}", Password::new("secret")), "Password(..)");
    }
}
