//! The six digits of an authenticator app: TOTP as RFC 6238 has it, in the one form that every app knows.
//!
//! Pure.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

use super::base32;

/// Seconds for which a code is shown, and good. RFC 6238 would have one more taken for clocks that differ; phones and
/// servers are set by the network now, and ASVS (6.5.5) asks for no more than this.
const PERIOD: i64 = 30;

/// What an authenticator app shares with the service.
#[derive(Clone)]
pub(super) struct Totp([u8; 20]);

impl Totp {
    pub(super) fn new(secret: [u8; 20]) -> Self {
        Self(secret)
    }

    /// The step to which a code belongs, when the app showed it at that time and it is later than `last`: no code is good
    /// for twice, nor is one before it.
    pub(super) fn check(&self, code: u32, last: Option<i64>, at: Timestamp) -> Option<i64> {
        let step = at.as_second().div_euclid(PERIOD);
        let is_shown = self.code(step) == code;
        (is_shown && last.is_none_or(|last| step > last)).then_some(step)
    }

    /// The secret for typing it into an app: 32 letters and digits in groups of four.
    pub(super) fn typed(&self) -> String {
        base32::grouped(&base32::encode(&self.0), ' ')
    }

    /// What the QR code holds, in the form that Google Authenticator set. The parameters are the ones that every app
    /// takes for granted, and are left out.
    pub(super) fn uri(&self, issuer: &str, account: &str) -> String {
        // A colon ends the issuer within the label.
        let issuer = issuer.replace(':', " ");
        let (issuer, account) = (percent(&issuer), percent(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32::encode(&self.0))
    }

    /// RFC 4226's number of six digits for one step.
    pub(super) fn code(&self, step: i64) -> u32 {
        let mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        let hash = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
        let at = usize::from(hash[19] & 15);
        let number = hash[at..at + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        (number & 0x7fff_ffff) % 1_000_000
    }
}

/// A text for a URI: apps read `+` as it is, so that a space has to be `%20`.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut safe, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totp() -> Totp {
        Totp::new(*b"12345678901234567890")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn rfc_6238_says_the_same() {
        // Its vectors have eight digits; the last six are what six digits are.
        for (seconds, code) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(totp().check(code, None, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn rfc_4226_says_the_same() {
        let codes = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        assert_eq!((0..10).map(|step| totp().code(step)).collect::<Vec<_>>(), codes);
    }

    #[test]
    fn a_code_is_good_while_it_is_shown_and_once() {
        let code = |step| totp().code(step);
        let now = at(5 * 30 + 7);
        for (second, good) in [(149, false), (150, true), (179, true), (180, false)] {
            assert_eq!(totp().check(code(5), None, at(second)), good.then_some(5), "{second}");
        }
        for (last, good) in [(4, true), (5, false), (6, false)] {
            assert_eq!(totp().check(code(5), Some(last), now).is_some(), good, "{last}");
        }
        assert_eq!(totp().check(1_000_000, None, now), None);
    }

    #[test]
    fn an_app_learns_whose_secret_it_is() {
        let uri = totp().uri("Söhne & Co: Garden", "ada+x@example.com");
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let issuer = "S%C3%B6hne%20%26%20Co%20%20Garden";
        assert_eq!(uri, format!("otpauth://totp/{issuer}:ada%2Bx%40example.com?secret={secret}&issuer={issuer}"));
        assert_eq!(totp().typed().replace(' ', ""), secret);
    }
}
