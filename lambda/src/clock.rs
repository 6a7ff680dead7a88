//! Where time and randomness enter, so that everything behind them can be replayed.
//!
//! The edges (handlers, worker, sweeper) ask a [`Clock`] and an [`Entropy`] once and pass plain
//! values on. Nothing else in the crate reads the time or the generator.

use std::fmt::Debug;

use jiff::Timestamp;

/// The time of day.
pub trait Clock: Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The generator behind identifiers and jitter.
pub trait Entropy: Debug + Send + Sync {
    /// 128 unpredictable bits.
    fn bytes(&self) -> [u8; 16];

    /// A number from 0.0 (inclusive) to 1.0 (exclusive), for spreading retries.
    fn fraction(&self) -> f64 {
        let [a, b, c, d, ..] = self.bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The machine's clock and the operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    /// In whole microseconds, as far as stored times are written.
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

impl Entropy for System {
    /// # Panics
    /// When the operating system has no randomness to give: going on without would make tokens guessable.
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }
}

/// RFC 3339 in UTC with six decimals, so that text sorts as time does: `2026-11-22T17:00:00.000000Z`.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The day of a time in UTC: `2026-11-22`.
pub fn day(at: Timestamp) -> String {
    let mut text = rfc3339(at);
    text.truncate(10);
    text
}

/// The hour of a time in UTC: `2026-11-22T17`.
pub fn hour(at: Timestamp) -> String {
    let mut text = rfc3339(at);
    text.truncate(13);
    text
}

/// Seconds after a time; the end of time when that is out of range.
pub fn after(at: Timestamp, seconds: u32) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
}

/// Seconds before a time; the beginning of time when that is out of range.
pub fn before(at: Timestamp, seconds: u32) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fixed_width() {
        let at: Timestamp = "2026-11-22T17:05:09.5Z".parse().expect("a time");
        assert_eq!(rfc3339(at), "2026-11-22T17:05:09.500000Z");
        assert_eq!((day(at).as_str(), hour(at).as_str()), ("2026-11-22", "2026-11-22T17"));
        assert_eq!(rfc3339(after(at, 60)), "2026-11-22T17:06:09.500000Z");
    }
}
