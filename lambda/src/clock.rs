//! Where time and randomness enter, so that everything behind them can be replayed.
//!
//! The edges (handlers, worker, sweeper) ask a [`Clock`] and an [`Entropy`] once and pass plain
//! values on. Nothing else in the crate reads the time or the generator.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The time of day, and waiting for it.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// In whole milliseconds, as far as stored times are written.
    fn now(&self) -> Timestamp;

    async fn sleep(&self, pause: Duration);
}

/// The generator behind identifiers and jitter.
pub trait Entropy: Debug + Send + Sync {
    /// 128 unpredictable bits.
    fn bytes(&self) -> [u8; 16];

    /// 32 unpredictable bits.
    fn number(&self) -> u32 {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// A number from 0.0 (inclusive) to 1.0 (exclusive), for spreading retries.
    fn fraction(&self) -> f64 {
        f64::from(self.number()) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The machine's clock and the operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

#[async_trait]
impl Clock for System {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
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

/// RFC 3339 in UTC with three decimals, so that text sorts as time does: `2026-11-22T17:00:00.000Z`.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The day of a time in UTC: `2026-11-22`.
pub fn day(at: Timestamp) -> String {
    let mut text = rfc3339(at);
    text.truncate(10);
    text
}

/// Seconds after a time; the end of time when that is out of range.
pub fn after(at: Timestamp, seconds: u32) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
}

/// A while after a time; the end of time when that is out of range.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Seconds before a time; the beginning of time when that is out of range.
pub fn before(at: Timestamp, seconds: u32) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MIN)
}

/// A time as milliseconds since 1970, for times that only programs read.
pub(crate) mod millis {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_millisecond())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_millisecond(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The same where there may be none.
pub(crate) mod optional_millis {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize, Serialize)]
    struct Millis(#[serde(with = "super::millis")] Timestamp);

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Millis).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Millis>::deserialize(deserializer)?.map(|Millis(at)| at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fixed_width() {
        let at: Timestamp = "2026-11-22T17:05:09.5Z".parse().expect("a time");
        assert_eq!(rfc3339(at), "2026-11-22T17:05:09.500Z");
        assert_eq!(day(at), "2026-11-22");
        assert_eq!(rfc3339(after(at, 60)), "2026-11-22T17:06:09.500Z");
    }
}
