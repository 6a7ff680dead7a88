//! Refusals whose address is kept no more, named anew by a key that has replaced another.
//!
//! Of everybody else the table holds the address itself, so that a name tells nothing that it does not. A refusal is kept under
//! its name alone: whoever has a former key, and a copy of the table, could tell of an address that they guess.

use futures_util::StreamExt;
use futures_util::stream;

use crate::clock::Clock;
use crate::event::Wanted;
use crate::keys::AddressKey;
use crate::store::{Among, From, Group, ListUsers, SHARDS, Saved, Store, StoreError};
use crate::user::{State, User};

/// Refusals that are read at once.
const PAGE: u16 = 100;

/// Refusals that are renamed at once: each changes the counters, of which there are so many.
const AT_ONCE: usize = SHARDS as usize;

/// How often a refusal is tried that changes meanwhile.
const TRIES: u32 = 8;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    pub refusals: u64,
    /// Those that were too busy, in whose place somebody is, or of whom is still to be told what nobody wants to hear here.
    pub left: u64,
}

/// Renames all of them; `note` is told how many so far. Subscribers are told that who they know by the former name is gone.
/// Safe to repeat, to break off, and to run twice at once. A fault that does not pass ends it.
pub async fn rename(
    store: &dyn Store,
    key: &AddressKey,
    wanted: &Wanted,
    clock: &dyn Clock,
    note: impl Fn(u64),
) -> Result<Renamed, StoreError> {
    let among = Among::Newest { of: Group::State(State::Suppressed), on: None };
    let (mut renamed, mut from) = (Renamed::default(), From::Start);
    loop {
        let page = store.list_users(&ListUsers { among: among.clone(), from, limit: PAGE }).await?;
        let all = page.users.into_iter().map(|user| rename_one(store, key, wanted, clock, user));
        let mut all = stream::iter(all).buffer_unordered(AT_ONCE);
        while let Some(one) = all.next().await {
            match one {
                Ok(Some(true)) => {
                    renamed.refusals += 1;
                    note(renamed.refusals);
                }
                Ok(Some(false)) => renamed.left += 1,
                Ok(None) => {}
                Err(error) if error.is_passing() => renamed.left += 1,
                Err(error) => return Err(error),
            }
        }
        match page.next {
            Some(next) => from = From::after(Some(next)),
            None => return Ok(renamed),
        }
    }
}

/// Whether it came to that; `None` of whoever needs no other name.
async fn rename_one(
    store: &dyn Store,
    key: &AddressKey,
    wanted: &Wanted,
    clock: &dyn Clock,
    mut user: User,
) -> Result<Option<bool>, StoreError> {
    for _ in 0..TRIES {
        let now = clock.now();
        let renamed = key.renewed(user.name()).and_then(|name| user.refusal_as(name, now));
        let Some(renamed) = renamed else { return Ok(None) };
        let farewell = wanted.farewell(&user, now);
        if farewell.is_none() && user.untold.is_some() {
            break;
        }
        if store.rename(&user, &renamed, farewell.as_ref()).await? == Saved::Done {
            return Ok(Some(true));
        }
        // Somebody has asked for the same address meanwhile; or it was renamed, or erased, by another.
        let Some(there) = store.load(user.id).await? else { return Ok(None) };
        if there.version == user.version {
            break;
        }
        user = there;
    }
    Ok(Some(false))
}
