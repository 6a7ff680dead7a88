//! The second factor as it is typed: six digits of an app, or one of the recovery codes.
//!
//! Pure: the random bits are passed in.

use std::fmt;

use super::base32;
use crate::clock::Entropy;

/// How many recovery codes an admin is given at once.
pub const RECOVERY_CODES: usize = 10;

/// Random bytes of a recovery code. The table holds keyed hashes, of which nothing can be guessed without the key; with it,
/// 120 bits are out of reach (OWASP's ASVS 6.5.2 asks for 112 where a plain hash is kept).
const BYTES: usize = 15;

/// What was typed as a code.
#[derive(Clone, PartialEq, Eq)]
pub enum Code {
    Totp(u32),
    /// Without what groups it, in upper case.
    Recovery(String),
}

impl Code {
    /// Reads a code whichever way it was grouped; anything but six digits is taken for a recovery code.
    pub fn typed(text: &str) -> Self {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        let digits = plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit());
        match plain.parse() {
            Ok(number) if digits => Self::Totp(number),
            // Base32 has none of these digits, so that each can only have been the letter that looks like it.
            _ => Self::Recovery(plain.replace('0', "O").replace('1', "I").replace('8', "B")),
        }
    }
}

/// Blank, so that no code reaches a log through a `{:?}`.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// New recovery codes as they are shown: `ABCD-EFGH-IJKL-MNOP-QRST-UVWX`.
pub(super) fn draw_recovery(entropy: &dyn Entropy) -> Vec<String> {
    let code = |_| base32::grouped(&base32::encode(&entropy.bytes()[16 - BYTES..]), '-');
    (0..RECOVERY_CODES).map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::System;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for text in ["012345", "012 345", " 012-345\n"] {
            assert_eq!(Code::typed(text), Code::Totp(12_345), "{text}");
        }
        let codes = draw_recovery(&System);
        assert_eq!((codes.len(), codes[0].len()), (RECOVERY_CODES, 29));
        assert_ne!(codes[0], codes[1]);
        let read = Code::typed(&codes[0]);
        assert_eq!(Code::typed(&codes[0].to_lowercase().replace('-', " ").replace('o', "0")), read);
        assert_eq!(read, Code::Recovery(codes[0].replace('-', "")));
        for other in ["", "12345", "1234567", "٠١٢٣٤٥"] {
            assert!(matches!(Code::typed(other), Code::Recovery(_)), "{other}");
        }
    }
}
