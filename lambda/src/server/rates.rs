//! How often one client may ask, so that none takes the place of the others.
//!
//! A token bucket for each client, kept as the one time at which it would be full again (the generic cell rate algorithm).
//! Whose bucket is full is not kept.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Budgets;

/// How often those are forgotten whose bucket is full.
const LOOK: Duration = Duration::from_secs(1);

/// What clients have asked of late. A client is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug)]
pub struct Rates {
    /// The time of one request in steady state.
    step: Duration,
    /// Requests at once.
    burst: u32,
    asked: Mutex<Asked>,
}

#[derive(Debug)]
struct Asked {
    full_at: HashMap<IpAddr, Instant>,
    looked: Instant,
}

impl Rates {
    /// `burst` requests of each client at once, and `requests_per_second` in steady state.
    pub fn of(budgets: &Budgets) -> Self {
        Self::every(Duration::from_secs(1) / budgets.requests_per_second.max(1), budgets.burst.max(1))
    }

    /// One request of each client in every `step`, and `burst` at once.
    pub fn every(step: Duration, burst: u32) -> Self {
        Self { step, burst, asked: Mutex::new(Asked { full_at: HashMap::new(), looked: Instant::now() }) }
    }

    /// Takes one of a client's requests. An error is the seconds after which it has another, when none is left.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(asked.looked) >= LOOK {
            asked.full_at.retain(|_, full_at| *full_at > now);
            asked.looked = now;
        }
        let client = network(client);
        let full_at = asked.full_at.get(&client).map_or(now, |full_at| (*full_at).max(now)) + self.step;
        let late = full_at.duration_since(now).saturating_sub(self.step * self.burst);
        if late.is_zero() {
            asked.full_at.insert(client, full_at);
            return Ok(());
        }
        Err(late.as_secs() + 1)
    }
}

/// What one household or host is given.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(requests_per_second: u32, burst: u32) -> Rates {
        Rates::of(&Budgets { requests_per_second, burst, ..Budgets::default() })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_client_has_a_burst_and_then_the_steady_rate() {
        let (rates, start) = (rates(2, 3), Instant::now());
        let asks = |milliseconds| rates.take(address("192.0.2.1"), start + Duration::from_millis(milliseconds));
        for (at, answer) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(1)),
            (499, Err(1)),
            (500, Ok(())),
            (500, Err(1)),
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Err(1)),
        ] {
            assert_eq!(asks(at), answer, "after {at} ms");
        }
    }

    #[test]
    fn clients_are_told_apart_by_what_one_of_them_is_given() {
        let (rates, now) = (rates(1, 2), Instant::now());
        let asks = |client: &str| rates.take(address(client), now).is_ok();
        assert!(asks("192.0.2.1") && asks("::ffff:192.0.2.1") && !asks("192.0.2.1"), "written as it may be");
        assert!(asks("192.0.2.2"));
        assert!(asks("2001:db8::1") && asks("2001:db8::ffff:1") && !asks("2001:db8::2"), "a network is one client");
        assert!(asks("2001:db8:0:1::3"));
    }

    #[test]
    fn only_those_are_kept_who_asked_of_late() {
        let (rates, start) = (rates(1, 10), Instant::now());
        for number in 0..100 {
            rates.take(IpAddr::from([192, 0, 2, number]), start).expect("the first");
        }
        rates.take(address("192.0.2.0"), start).expect("the second");
        rates.take(address("198.51.100.1"), start + Duration::from_millis(1_500)).expect("the first");
        let kept = rates.asked.lock().expect("no panic").full_at.len();
        assert_eq!(kept, 2, "the one who asked twice, and the one who did now");
    }
}
