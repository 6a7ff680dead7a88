//! The key that hides addresses, and how it is replaced.
//!
//! A key that was replaced stays beneath the one that came after it: a name by the new key is a keyed hash of the name by
//! those before. So everybody is found who was there before, also whose address is kept no more, and nobody's ID has to
//! change, by which subscribers know them. Who knows a former key alone can work out no later name.
//!
//! It goes in two steps, since functions and servers are not replaced in one moment. First all get to know the new key, look
//! for people under its names too, and go on naming by the former; then they name by it.

use std::net::IpAddr;

use hmac::Mac;

use super::{HmacSha256, Key, hex, network_bytes};
use crate::address::Address;
use crate::user::UserId;

/// How many keys there can be, the first and those that replaced it: each costs a read whenever somebody signs up.
pub const MOST: usize = 10;

/// Before the keys, as Parameter Store holds them, of which the newest names nobody yet.
const NEXT: &str = "next";

/// Hides mail addresses and client addresses.
#[derive(Clone, Debug)]
pub struct AddressKey {
    /// The first, and those that replaced it, oldest first.
    keys: Vec<Key>,
    /// How many of them name whoever is new: all, or all but the newest.
    in_force: usize,
}

/// An ID that follows from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub id: UserId,
    /// By how many keys.
    pub keys: u8,
}

/// Where somebody may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The address by the first key alone, from which all follow.
    pub root: UserId,
    /// Who is new is kept under this.
    pub first: Name,
    /// Who was there before, or came while the keys were being replaced, may be under one of these.
    pub others: Vec<UserId>,
}

impl Names {
    pub fn all(&self) -> impl Iterator<Item = UserId> {
        std::iter::once(self.first.id).chain(self.others.iter().copied())
    }
}

/// Whoever is known by an ID is kept there and nowhere else.
impl From<UserId> for Names {
    fn from(id: UserId) -> Self {
        Self { root: id, first: Name { id, keys: 1 }, others: Vec::new() }
    }
}

impl AddressKey {
    /// A key that has replaced none.
    pub fn new(key: Key) -> Self {
        Self { keys: vec![key], in_force: 1 }
    }

    /// Reads what Parameter Store holds: at most [`MOST`] keys in base64 with spaces between, the newest first, behind
    /// `next` if that one names nobody yet. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let is_next = words.first() == Some(&NEXT);
        words.drain(..usize::from(is_next));
        let keys: Vec<Key> = words.into_iter().rev().map(Key::from_base64).collect::<Option<_>>()?;
        let in_force = keys.len().checked_sub(usize::from(is_next))?;
        ((1..=MOST).contains(&keys.len()) && in_force > 0).then_some(Self { keys, in_force })
    }

    /// What Parameter Store is to hold after `text`, on the way to `new`: first the new key is known, then it is in force.
    /// `None` where there are [`MOST`] keys.
    pub fn following(text: &str, new: &str) -> Option<String> {
        match Self::is_halfway(text) {
            true => text.trim().strip_prefix(NEXT).map(|keys| keys.trim().to_owned()),
            false if text.split_whitespace().count() < MOST => Some(format!("{NEXT} {new} {}", text.trim())),
            false => None,
        }
    }

    /// Whether the newest key is known and not in force.
    pub fn is_halfway(text: &str) -> bool {
        text.split_whitespace().next() == Some(NEXT)
    }

    /// Whose an address is, by the first key alone: the first half of HMAC-SHA-256 over the normalised address. All names of
    /// the address follow from it, so that it stands for the address where that is not to be told.
    pub fn root(&self, address: &Address) -> UserId {
        let hash = self.keys[0].hmac().chain_update(address.normalised()).finalize();
        first_half(&hash.into_bytes())
    }

    /// Where whoever has an address may be kept.
    pub fn whose(&self, address: &Address) -> Names {
        self.names(self.root(address))
    }

    /// The same by its [`Self::root`].
    pub fn names(&self, root: UserId) -> Names {
        let mut others: Vec<UserId> = std::iter::once(root).chain(self.renamed(root, 1)).collect();
        let id = others.remove(self.in_force - 1);
        Names { root, first: Name { id, keys: self.count() }, others }
    }

    /// The name in force of whoever is known by a name of fewer keys; `None` of any other.
    pub fn renewed(&self, name: Name) -> Option<Name> {
        let known = usize::from(name.keys);
        // Of none where none is to be added.
        let id = self.renamed(name.id, known).take(self.in_force.saturating_sub(known)).last();
        id.map(|id| Name { id, keys: self.count() })
    }

    fn count(&self) -> u8 {
        u8::try_from(self.in_force).unwrap_or(u8::MAX)
    }

    /// What the keys behind the first so many make of a name, one after the other.
    fn renamed(&self, id: UserId, from: usize) -> impl Iterator<Item = UserId> {
        let keys = self.keys.iter().skip(from);
        keys.scan(id, |id, key| {
            *id = first_half(&named(key, "user", &id.0).finalize().into_bytes());
            Some(*id)
        })
    }

    /// A name for any other text, so that it need not be kept: 64 hex digits.
    pub fn name(&self, purpose: &str, text: &[u8]) -> String {
        hex(named(&self.keys[self.in_force - 1], purpose, text))
    }

    /// The same for a client: IPv4 whole, IPv6 by its /64, which is what one household or host is given.
    pub fn client(&self, client: IpAddr) -> String {
        self.name("client", &network_bytes(client))
    }

    /// A client as the log names it on one day, and by another name on the next: 16 hex digits.
    pub fn client_on(&self, client: IpAddr, day: &str) -> String {
        let mut name = self.name("client on a day", &[day.as_bytes(), b"\0", &network_bytes(client)].concat());
        name.truncate(16);
        name
    }
}

/// A hash of anything but an address. No normalised address begins with a NUL, so the uses of a key cannot meet.
fn named(key: &Key, purpose: &str, text: &[u8]) -> HmacSha256 {
    key.hmac().chain_update(b"\0").chain_update(purpose).chain_update(b"\0").chain_update(text)
}

fn first_half(hash: &[u8]) -> UserId {
    UserId(std::array::from_fn(|at| hash[at]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn text(number: u8) -> String {
        STANDARD.encode([number; 32])
    }

    fn key() -> AddressKey {
        AddressKey::new(Key::new([7; 32]))
    }

    fn of(text: &str) -> AddressKey {
        AddressKey::parse(text).expect("keys")
    }

    fn root(key: &AddressKey, address: &str) -> UserId {
        key.root(&Address::parse(address).expect("an address"))
    }

    fn client(text: &str) -> String {
        key().client(text.parse().expect("an address"))
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.2"), client("192.0.2.1"));
    }

    #[test]
    fn equal_addresses_are_one_user() {
        assert_eq!(root(&key(), "Ada@Example.com"), root(&key(), "ada@EXAMPLE.com"));
        assert_ne!(root(&key(), "ada+list@example.com"), root(&key(), "ada@example.com"));
        let only = key().names(root(&key(), "ada@example.com"));
        assert_eq!((only.first.keys, only.others.len()), (1, 0));
    }

    #[test]
    fn nothing_else_is_a_key() {
        for wrong in ["", "next", "AAAA", &format!("next {}", text(1)), &format!("{} AAAA", text(1))] {
            assert!(AddressKey::parse(wrong).is_none(), "{wrong}");
        }
        let most = vec![text(1); MOST].join(" ");
        assert!(AddressKey::parse(&most).is_some() && AddressKey::parse(&format!("{most} {}", text(1))).is_none());
        assert_eq!(AddressKey::following(&most, &text(2)), None);
    }

    #[test]
    fn a_new_key_is_known_before_it_names_anybody() {
        let former = text(1);
        let halfway = AddressKey::following(&former, &text(2)).expect("room");
        let replaced = AddressKey::following(&halfway, &text(3)).expect("room");
        let is = (halfway.as_str(), replaced.as_str());
        assert_eq!(is, (&*format!("next {} {former}", text(2)), &*format!("{} {former}", text(2))));
        let [before, halfway, after] = [&former, &halfway, &replaced].map(|it| of(it));
        let root = root(&before, "ada@example.com");
        let [before, halfway, after] = [before, halfway, after].map(|key| key.names(root));
        assert_eq!((before.first, before.first.id), (halfway.first, root));
        assert_eq!((after.first.keys, after.others), (2, vec![root]));
        assert_eq!(halfway.others, [after.first.id]);
    }

    #[test]
    fn whoever_was_there_before_any_key_is_found_after_it() {
        let keys: Vec<String> =
            (1..=4).map(|count| (1..=count).rev().map(text).collect::<Vec<_>>().join(" ")).collect();
        let newest = of(&keys[3]);
        let root = root(&newest, "ada@example.com");
        let now = newest.names(root);
        let then: Vec<Name> = keys.iter().map(|it| of(it).names(root).first).collect();
        for name in &then {
            assert!(now.all().any(|id| id == name.id), "{name:?}");
            // Who is renamed is found where who is new would be.
            let renewed = newest.renewed(*name);
            assert_eq!(renewed, Some(now.first).filter(|_| *name != now.first), "{name:?}");
        }
        assert_eq!(now.all().collect::<BTreeSet<_>>().len(), 4, "each key gives another name");
        let other = of(&[&text(9), keys[0].as_str()].join(" ")).names(root);
        assert_ne!(other.first.id, then[1].id, "a former key alone tells no later name");
    }

    #[test]
    fn other_texts_are_named_by_the_key_in_force() {
        let [first, halfway, second] =
            [text(1), format!("next {} {}", text(2), text(1)), format!("{} {}", text(2), text(1))];
        let name = |keys: &str| of(keys).name("client", b"here");
        assert_eq!((name(&first), name(&second)), (name(&halfway), name(&text(2))));
    }
}
