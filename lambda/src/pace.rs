//! How fast mail is sent: a token bucket below the account's rate, which gives way when SES asks for it.
//!
//! Pure: the time is passed in. Each worker has a bucket of its own, and several may run at once; that their
//! sum stays below the account's rate is what giving way is for.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The part of the account's rate that a worker uses: others send from the account too.
const SHARE: f64 = 0.8;

/// Mails a second while the account's rate is not known.
const UNKNOWN: f64 = 5.0;

/// The least rate, in mails a second: one in ten seconds finds out when SES takes more again.
const LEAST: f64 = 0.1;

/// By how much the rate recovers with each mail, in parts of the ceiling.
const RECOVERY: f64 = 0.02;

/// What SES lets an account send.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    pub per_second: f64,
    /// In any 24 hours; below zero where there is no limit.
    pub per_day: f64,
    pub sent: f64,
}

/// How the mail stands, as the sweeper saw it last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailHealth {
    pub at: Timestamp,
    /// Users whose mail was overdue, as far as the sweep had time to look.
    pub waiting: usize,
    /// Of the whole account; absent when SES did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// The last of those who signed up whose first mail was looked after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<String>,
}

impl Quota {
    /// Whether the day's mails are used up.
    pub fn is_used_up(&self) -> bool {
        self.per_day >= 0.0 && self.sent >= self.per_day
    }
}

/// A token bucket that holds a second's worth of mails.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    ceiling: f64,
    rate: f64,
    tokens: f64,
    at: Timestamp,
}

impl Pace {
    pub fn new(now: Timestamp) -> Self {
        Self { ceiling: UNKNOWN, rate: UNKNOWN, tokens: 1.0, at: now }
    }

    /// Takes on the account's rate.
    pub fn set(&mut self, quota: &Quota) {
        let ceiling = (quota.per_second * SHARE).max(LEAST);
        // What was learnt about the rate stays learnt.
        self.rate = (self.rate / self.ceiling * ceiling).max(LEAST);
        self.ceiling = ceiling;
    }

    /// Reserves one mail: how long to wait before it may be sent.
    pub fn reserve(&mut self, now: Timestamp) -> Duration {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.at = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.rate.max(1.0)) - 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.rate) }
    }

    /// A mail was taken.
    pub fn taken(&mut self) {
        self.rate = (self.rate + self.ceiling * RECOVERY).min(self.ceiling);
    }

    /// SES asked for less.
    pub fn throttled(&mut self) {
        self.rate = (self.rate / 2.0).max(LEAST);
        self.tokens = self.tokens.min(0.0);
    }

    /// How many mails can leave within so many seconds, at least one.
    pub fn within(&self, seconds: f64) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and never negative")]
        let count = (self.rate * seconds) as usize;
        count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    fn quota(per_second: f64) -> Quota {
        Quota { per_second, per_day: 200.0, sent: 0.0 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_second_has_more_than_four_fifths_of_the_rate(rate in 1_u32..200, pauses in prop::collection::vec(0_i64..400, 50..200)) {
            let rate = f64::from(rate);
            let mut pace = Pace::new(at(0));
            pace.set(&quota(rate));
            let (mut now, mut sent) = (0, Vec::new());
            for pause in pauses {
                now += pause;
                now += i64::try_from(pace.reserve(at(now)).as_millis()).expect("short") + 1;
                sent.push(now);
            }
            // A bucket that was full at the beginning of a span adds one second's worth to it.
            for (first, from) in sent.iter().enumerate() {
                let within = sent[first..].iter().take_while(|until| *until - from < 10_000).count();
                prop_assert!(within as f64 <= rate * SHARE * 11.0 + 2.0, "{within} in 10 s at {rate}");
            }
        }
    }

    #[test]
    fn throttling_halves_the_rate_and_success_brings_it_back() {
        let mut pace = Pace::new(at(0));
        pace.set(&quota(10.0));
        pace.throttled();
        assert_eq!((pace.rate, pace.ceiling), (4.0, 8.0));
        (0..100).for_each(|_| pace.taken());
        assert_eq!(pace.rate, 8.0);
        (0..100).for_each(|_| pace.throttled());
        assert_eq!(pace.rate, LEAST);
        assert_eq!(pace.within(5.0), 1);
    }

    #[test]
    fn a_sandboxed_account_has_a_day() {
        assert!(Quota { per_second: 1.0, per_day: 200.0, sent: 200.0 }.is_used_up());
        assert!(!Quota { per_second: 1.0, per_day: -1.0, sent: 200.0 }.is_used_up());
    }
}
