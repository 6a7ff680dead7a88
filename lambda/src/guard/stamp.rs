//! The age of a form: when its page was made, signed, in a hidden field.
//!
//! A person needs some seconds to fill a form, and does not keep one open for days. A stamp says no more
//! than that: it can be sent many times, and is no proof of anything else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use jiff::Timestamp;

use crate::token::TokenKey;

/// Sooner than this nobody has filled a form, not even with the browser's help. In milliseconds.
const YOUNGEST: i64 = 2_000;

/// A page left open over night still works. In milliseconds.
const OLDEST: i64 = 24 * 60 * 60 * 1_000;

/// The age of a stamp from an instance whose clock is ahead, at most a minute. In milliseconds.
const AHEAD: i64 = -60_000;

/// Bytes of the time: milliseconds since 1970, enough for the next 8,900 years.
const TIME: usize = 6;

/// Bytes of the HMAC that are kept: 128 bits, as OWASP's ASVS 11.2.3 asks for.
const PROOF: usize = 16;

/// Separates stamps from whatever else the key signs; the NUL ends the label.
const LABEL: &[u8] = b"stamp\0";

/// What a stamp says of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Good,
    /// Under 2 seconds, or from an instance whose clock is ahead of this one's.
    TooYoung,
    /// Over 24 hours.
    TooOld,
    /// Absent, altered, or of another service.
    Forged,
}

/// The stamp of a page that is made now: 30 letters, digits, `-` and `_`.
pub fn issue(key: &TokenKey, now: Timestamp) -> String {
    // Before 1970 there is no time to state, and no clock that is right.
    let [_, _, time @ ..] = now.as_millisecond().max(0).to_be_bytes();
    let proof = key.hmac().chain_update(LABEL).chain_update(time).finalize().into_bytes();
    let mut bytes = [0; TIME + PROOF];
    bytes[..TIME].copy_from_slice(&time);
    bytes[TIME..].copy_from_slice(&proof[..PROOF]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The age of a stamp that came back. Takes the same time wherever a forged one differs.
pub fn check(key: &TokenKey, stamp: &str, now: Timestamp) -> Age {
    let Some(issued) = issued(key, stamp) else { return Age::Forged };
    match now.as_millisecond() - issued {
        // No clock of ours is that far ahead: then not even the signature is to be believed.
        ..AHEAD => Age::Forged,
        AHEAD..YOUNGEST => Age::TooYoung,
        YOUNGEST..=OLDEST => Age::Good,
        _ => Age::TooOld,
    }
}

/// When the stamp was issued, in milliseconds; `None` when this service did not issue it.
fn issued(key: &TokenKey, stamp: &str) -> Option<i64> {
    let bytes: [u8; TIME + PROOF] = URL_SAFE_NO_PAD.decode(stamp).ok()?.try_into().ok()?;
    let (time, proof) = bytes.split_first_chunk::<TIME>()?;
    key.hmac().chain_update(LABEL).chain_update(time).verify_truncated_left(proof).ok()?;
    let [a, b, c, d, e, f] = *time;
    Some(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Key;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(Key::new([byte; 32]))
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    fn age_after(milliseconds: i64) -> Age {
        let issued = at(1_800_000_000_000);
        check(&key(1), &issue(&key(1), issued), issued + milliseconds.milliseconds())
    }

    #[test]
    fn a_form_is_good_from_two_seconds_to_a_day() {
        assert_eq!(age_after(1_999), Age::TooYoung);
        assert_eq!(age_after(2_000), Age::Good);
        assert_eq!(age_after(86_400_000), Age::Good);
        assert_eq!(age_after(86_400_001), Age::TooOld);
    }

    #[test]
    fn a_clock_that_is_ahead_makes_a_form_young_and_no_more() {
        assert_eq!(age_after(0), Age::TooYoung);
        assert_eq!(age_after(-60_000), Age::TooYoung);
        assert_eq!(age_after(-60_001), Age::Forged);
    }

    #[test]
    fn a_stamp_is_short_and_fits_everywhere() {
        let stamp = issue(&key(1), at(1_800_000_000_000));
        assert_eq!(stamp.len(), 30);
        assert!(stamp.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_changed_stamp_is_refused(issued in 0_i64..4_000_000_000_000, place in 0_usize..30, other in "[A-Za-z0-9_-]") {
            let stamp = issue(&key(1), at(issued));
            let mut changed = stamp.clone();
            changed.replace_range(place..=place, &other);
            prop_assume!(changed != stamp);
            prop_assert_eq!(check(&key(1), &changed, at(issued + 5_000)), Age::Forged);
            prop_assert_eq!(check(&key(2), &stamp, at(issued + 5_000)), Age::Forged);
            prop_assert_eq!(check(&key(1), &stamp, at(issued + 5_000)), Age::Good);
        }

        #[test]
        fn anything_at_any_time_has_an_age(text in ".{0,40}", issued in any::<i64>(), now in any::<i64>()) {
            let any_time = |number: i64| {
                at(number.rem_euclid(Timestamp::MAX.as_millisecond() - Timestamp::MIN.as_millisecond()) + Timestamp::MIN.as_millisecond())
            };
            prop_assert_eq!(check(&key(1), &text, any_time(now)), Age::Forged);
            check(&key(1), &issue(&key(1), any_time(issued)), any_time(now));
        }
    }
}
