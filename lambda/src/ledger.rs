//! One user, changed: loaded, decided upon, kept unless somebody was faster, and then all over again.
//!
//! The decisions are pure functions of `crate::user`. A change is always one read and one write, whatever is found
//! and whatever comes of it, so that nobody learns from the time it takes who has signed up. (Two reads, where it says
//! openly that nothing changed: see [`Reading::Lately`]; and of each name, where the key of addresses was replaced.)

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::clock::{Clock, Entropy};
use crate::event::Wanted;
use crate::keys::Names;
use crate::store::{Saved, Store, StoreError};
use crate::user::{User, UserId};

/// How often a change is tried while others change the same user. With the pauses it is about a second.
const TRIES: u32 = 8;

/// Where users are kept, and what decisions about them need from outside.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// What of it is kept to be told to subscribers.
    pub wanted: Wanted,
}

/// How a user is read before it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As just written.
    Now,
    /// Perhaps as of a moment ago, at half the price. A change of what has changed since is refused and tried anew; that
    /// there is nothing to change is decided only upon the user as just written. It is for those who are told whether
    /// something changed: to others the second read would tell it.
    Lately,
}

impl Ledger {
    /// Changes a user as `decide` says, which gets the user as it is and the time, and gives the user as it is to
    /// be, if it is to change, and what came of it.
    pub async fn change<T>(
        &self,
        operation: &'static str,
        names: impl Into<Names>,
        reading: Reading,
        mut decide: impl FnMut(Option<User>, Timestamp) -> (Option<User>, T),
    ) -> Result<T, StoreError> {
        let names = names.into();
        for tried in 0..TRIES {
            let now = self.clock.now();
            let is_late = tried == 0 && reading == Reading::Lately;
            let (id, found, others) = look(&*self.store, &names, is_late).await?;
            let over = found.as_ref().map(|user| user.version);
            let before = found.clone().filter(|_| !self.wanted.is_empty());
            let (next, outcome) = decide(found, now);
            let Some(user) = next else {
                if is_late {
                    continue;
                }
                self.store.touch_unless(id, &others).await?;
                return Ok(outcome);
            };
            let user = self.wanted.note(before.as_ref(), user, now);
            if self.store.save_unless(&user, over, &others).await? == Saved::Done {
                return Ok(outcome);
            }
            self.pause(tried).await;
        }
        Err(StoreError::busy(operation, "the user kept changing"))
    }

    /// 10, 20, 40 .. 160 ms, and up to as much again, so that two that met do not meet again.
    pub(crate) async fn pause(&self, tried: u32) {
        let base = Duration::from_millis(10 << tried.min(4));
        self.clock.sleep(base + base.mul_f64(self.entropy.fraction())).await;
    }
}

/// Somebody who is kept under one of the names, as just written.
pub async fn find(store: &dyn Store, names: &Names) -> Result<Option<User>, StoreError> {
    // Whoever is renamed goes to the first of them: looked at last, they are not missed on the way.
    let others = try_join_all(names.others.iter().map(|id| store.load(*id))).await?;
    match others.into_iter().flatten().next() {
        Some(user) => Ok(Some(user)),
        None => store.load(names.first.id).await,
    }
}

/// Under which of the names there is somebody, and where nobody is; under the first where there is nobody at all. All are read,
/// and where nobody is, nobody may come to be meanwhile: so that a key that is replaced makes nobody twice, and that nobody
/// learns from the time it takes by which name somebody is known.
async fn look(
    store: &dyn Store,
    names: &Names,
    is_late: bool,
) -> Result<(UserId, Option<User>, Vec<UserId>), StoreError> {
    let read = async |id| if is_late { store.glance(id).await } else { store.load(id).await };
    let read = try_join_all(names.all().map(async |id| Ok((id, read(id).await?)))).await?;
    let at = read.iter().position(|(_, found)| found.is_some()).unwrap_or(0);
    let others = read.iter().enumerate().filter(|(other, (_, found))| *other != at && found.is_none());
    let others = others.map(|(_, (id, _))| *id).collect();
    let (id, found) = read.into_iter().nth(at).unwrap_or((names.first.id, None));
    Ok((id, found, others))
}
