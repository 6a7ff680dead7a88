//! One user, changed: loaded, decided upon, kept unless somebody was faster, and then all over again.
//!
//! The decisions are pure functions of `crate::user`. A change is always one read and one write, whatever is found
//! and whatever comes of it, so that nobody learns from the time it takes who has signed up. (Two reads, where it says
//! openly that nothing changed: see [`Reading::Lately`].)

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Entropy};
use crate::event::Wanted;
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
        id: UserId,
        reading: Reading,
        mut decide: impl FnMut(Option<User>, Timestamp) -> (Option<User>, T),
    ) -> Result<T, StoreError> {
        for tried in 0..TRIES {
            let now = self.clock.now();
            let is_late = tried == 0 && reading == Reading::Lately;
            let found = if is_late { self.store.glance(id).await? } else { self.store.load(id).await? };
            let over = found.as_ref().map(|user| user.version);
            let before = found.clone().filter(|_| !self.wanted.is_empty());
            let (next, outcome) = decide(found, now);
            let Some(user) = next else {
                if is_late {
                    continue;
                }
                self.store.touch(id).await?;
                return Ok(outcome);
            };
            let user = self.wanted.note(before.as_ref(), user, now);
            if self.store.save(&user, over).await? == Saved::Done {
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
