//! Refusals whose address is kept no more, named anew by a key that has replaced another.
//!
//! Of everybody else the table holds the address itself, so that a name tells nothing that it does not. A refusal is kept under
//! its name alone: whoever has a former key, and a copy of the table, could tell of an address that they guess.

use jiff::Timestamp;
use signup_service::keys::{AddressKey, Name};
use signup_service::store::{Among, From, Group, ListUsers, Saved, Store, StoreError};
use signup_service::user::{State, User};

use super::store_failure;
use crate::error::Outcome;

/// Refusals that are read at once.
const PAGE: u16 = 100;

/// How often a refusal is tried that changes meanwhile.
const TRIES: u32 = 8;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    pub refusals: u64,
    /// Those that kept changing, or of which subscribers are still to be told.
    pub left: u64,
}

/// Renames all of them. Safe to repeat, and to break off: one that is there twice is found by either name.
pub async fn rename(store: &dyn Store, key: &AddressKey, note: impl Fn(u64)) -> Outcome<Renamed> {
    let among = Among::Newest { of: Group::State(State::Suppressed), on: None };
    let mut renamed = Renamed::default();
    let mut from = From::Start;
    loop {
        let page = store.list_users(&ListUsers { among: among.clone(), from, limit: PAGE }).await;
        let page = page.map_err(|error| store_failure(&error))?;
        for user in page.users.iter().filter(|user| user.is_bare_refusal()) {
            let Some(name) = key.renewed(user.name()) else { continue };
            match rename_one(store, user, name).await.map_err(|error| store_failure(&error))? {
                true => renamed.refusals += 1,
                false => renamed.left += 1,
            }
            note(renamed.refusals);
        }
        match page.next {
            Some(next) => from = From::after(Some(next)),
            None => return Ok(renamed),
        }
    }
}

/// Keeps a refusal under its new name, and then no more under the former. Whether it came to that.
async fn rename_one(store: &dyn Store, user: &User, name: Name) -> Result<bool, StoreError> {
    let Some(renamed) = user.refusal_as(name, Timestamp::now()) else { return Ok(false) };
    if store.save(&renamed, None).await? == Saved::Changed {
        // An earlier run was broken off here; or somebody is there, who must not be told from a refusal.
        let there = store.load(name.id).await?;
        if !there.is_some_and(|there| there.is_bare_refusal()) {
            return Ok(false);
        }
    }
    let mut former = user.clone();
    for _ in 0..TRIES {
        if store.erase(&former, None).await? == Saved::Done {
            return Ok(true);
        }
        match store.load(user.id).await? {
            // Somebody has asked for the same address meanwhile, which changes nothing of the refusal.
            Some(changed) if changed.is_bare_refusal() => former = changed,
            // Where nobody is any more, another run may have been faster.
            there => return Ok(there.is_none()),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use signup_service::store::MemoryStore;
    use signup_service::user::UserId;

    use super::*;
    use crate::engine::sample;

    fn text(number: u8) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine};
        BASE64_STANDARD.encode([number; 32])
    }

    #[tokio::test]
    async fn what_is_kept_of_a_refusal_moves_to_its_new_name_and_nobody_else_does() {
        let store = MemoryStore::default();
        let key = AddressKey::parse(&format!("{} {}", text(2), text(1))).expect("two keys");
        let refusal = |number| {
            let pending = sample::received(number, "ada@example.com");
            User {
                untold: None,
                ..User::unsubscribe(Some(pending), Name { id: UserId::default(), keys: 1 }, sample::at(50))
                    .expect("a change")
            }
        };
        let complained = User { id: UserId([9; 16]), ..sample::complained() };
        // Somebody by the new key already, somebody whose address is kept, and one that an earlier run left twice.
        let new = User { keys: 2, ..refusal(3) };
        for user in [&refusal(1), &refusal(2), &new, &complained, &sample::received(4, "bob@example.com")] {
            sample::keep(&store, user).await;
        }
        let name = |number| key.renewed(Name { id: UserId([number; 16]), keys: 1 }).expect("a former name");
        sample::keep(&store, &refusal(2).refusal_as(name(2), sample::at(60)).expect("a refusal")).await;
        let all = rename(&store, &key, drop).await.expect("the store works");
        assert_eq!(all, Renamed { refusals: 2, left: 0 });
        let mut expected = vec![name(1).id, name(2).id, new.id, complained.id, UserId([4; 16])];
        expected.sort();
        assert_eq!(store.users().iter().map(|user| user.id).collect::<Vec<_>>(), expected);
        let moved = store.users().into_iter().find(|user| user.id == name(1).id).expect("there");
        let shown = |user: &User| (user.state, user.created_at, user.ended_at, user.keys, user.counted.is_some());
        let before = refusal(1);
        assert_eq!(shown(&moved), (State::Suppressed, before.created_at, before.ended_at, 2, false));
        assert!(moved.wakes, "it is counted anew");
        assert_eq!(rename(&store, &key, drop).await.expect("the store works"), Renamed::default());
    }
}
