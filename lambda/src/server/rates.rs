//! How often one client may ask, so that none takes the place of the others.
//!
//! A token bucket for each client, kept as the one time at which it would be full again (the generic cell rate algorithm),
//! and a bound to what is at work. Whose bucket is full and who has nothing at work is not kept.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Budgets;
use crate::keys::network;

/// How often those are forgotten who asked no more.
const LOOK: Duration = Duration::from_secs(1);

/// Requests of one client that may be at work at once: slow ones must not take all of a server's places either.
const AT_WORK: u32 = 100;

/// What clients have asked of late. A client is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug)]
pub struct Rates {
    /// The time of one request in steady state.
    step: Duration,
    /// Requests at once.
    burst: u32,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug)]
struct Asked {
    clients: HashMap<IpAddr, Client>,
    looked: Instant,
}

#[derive(Debug)]
struct Client {
    /// When its bucket is full again.
    full_at: Instant,
    at_work: u32,
}

/// A request at work; its client may have another when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    client: IpAddr,
    asked: Arc<Mutex<Asked>>,
}

impl Rates {
    /// `burst` requests of each client at once, and `requests_per_second` in steady state.
    pub fn of(budgets: &Budgets) -> Self {
        Self::every(Duration::from_secs(1) / budgets.requests_per_second.max(1), budgets.burst.max(1))
    }

    /// One request of each client in every `step`, and `burst` at once.
    pub fn every(step: Duration, burst: u32) -> Self {
        Self { step, burst, asked: Arc::new(Mutex::new(Asked { clients: HashMap::new(), looked: Instant::now() })) }
    }

    /// Takes one of a client's requests. An error is the seconds after which it may ask again.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> Result<Turn, u64> {
        let mut asked = lock(&self.asked);
        if now.saturating_duration_since(asked.looked) >= LOOK {
            asked.clients.retain(|_, client| client.full_at > now || client.at_work > 0);
            asked.looked = now;
        }
        let address = network(client);
        let client = asked.clients.entry(address).or_insert(Client { full_at: now, at_work: 0 });
        let full_at = client.full_at.max(now) + self.step;
        let late = full_at.duration_since(now).saturating_sub(self.step * self.burst);
        if !late.is_zero() || client.at_work >= AT_WORK {
            return Err(late.as_secs() + 1);
        }
        (client.full_at, client.at_work) = (full_at, client.at_work + 1);
        Ok(Turn { client: address, asked: Arc::clone(&self.asked) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(client) = lock(&self.asked).clients.get_mut(&self.client) {
            client.at_work -= 1;
        }
    }
}

fn lock(asked: &Mutex<Asked>) -> MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
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
        let asks = |after| rates.take(address("192.0.2.1"), start + Duration::from_millis(after)).map(drop);
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
        let kept = lock(&rates.asked).clients.len();
        assert_eq!(kept, 2, "the one who asked twice, and the one who did now");
    }

    #[test]
    fn no_client_has_all_places() {
        let (rates, start) = (rates(1_000, 1_000), Instant::now());
        let (slow, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let mut turns: Vec<Turn> = (0..AT_WORK).map(|_| rates.take(slow, start).expect("a place")).collect();
        let later = start + Duration::from_secs(60);
        assert_eq!(rates.take(slow, later).map(drop), Err(1), "however long ago it was");
        assert!(rates.take(other, later).is_ok());
        turns.pop();
        let last = rates.take(slow, later).expect("one has ended");
        assert!(rates.take(slow, later).is_err());
        drop((turns, last));
        assert_eq!(lock(&rates.asked).clients[&slow].at_work, 0);
    }
}
