//! How many connections each address holds, so that none holds them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::keys::network;

/// Who holds connections. A peer is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug)]
pub(super) struct Peers {
    most: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection of a peer, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    peer: IpAddr,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peers {
    /// So many connections of each peer at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// One more connection; `None` if the peer has as many as it may.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Held> {
        let peer = network(peer);
        let mut held = lock(&self.held);
        let count = held.entry(peer).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Held { peer, held: Arc::clone(&self.held) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

fn lock(held: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_as_many_as_it_may_and_nobody_else_has_fewer() {
        let peers = Peers::new(2);
        let take = |peer: &str| peers.take(peer.parse().expect("an address"));
        let (first, second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some() && take("192.0.2.1").is_none());
        let other = [take("192.0.2.2"), take("2001:db8::1"), take("2001:db8::2")];
        assert!(other.iter().all(Option::is_some) && take("2001:db8::3").is_none(), "a network is one peer");
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop((second, other));
        assert!(lock(&peers.held).is_empty(), "whoever has gone is not kept");
    }
}
