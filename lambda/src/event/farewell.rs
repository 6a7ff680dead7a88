//! What is left of somebody who is gone until subscribers know: the ID, and what they were not told. No answer, and no
//! address.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::note::is_made_up;
use super::{EventType, TELL_GRACE, Tell, Wanted};
use crate::clock::{after, millis};
use crate::user::{User, UserId};

/// How long it is kept at most, in seconds: whoever could not be told for a month is not.
const LIFE: u32 = 30 * 86_400;

/// Kept by the write that takes the user out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    #[serde(skip)]
    pub id: UserId,
    /// Of the user as it was last.
    pub version: u64,
    /// When the sweeper tells it, if nobody did before.
    #[serde(with = "millis")]
    pub due_at: Timestamp,
    /// The erasure is the last of them.
    pub tells: Vec<Tell>,
    /// Has the stream wake the worker.
    pub wakes: bool,
}

impl Farewell {
    /// When it is forgotten, told or not.
    pub fn keep_until(&self) -> Timestamp {
        after(self.due_at, LIFE)
    }
}

/// When a user was gone whom nobody erased: when the time was over, whenever that is noticed. So it is before whatever
/// the same person did later.
pub(super) fn gone_at(user: &User, now: Timestamp) -> Timestamp {
    user.keep_until.map_or(now, |until| until.min(now))
}

impl Wanted {
    /// What is to be told of a user whose time is over; `None` when nobody wants to know.
    pub fn farewell_of_forgotten(&self, user: &User, now: Timestamp) -> Option<Farewell> {
        self.farewell_at(user, gone_at(user, now), now)
    }

    /// What is to be told of a user who goes now; `None` when nobody wants to know.
    pub fn farewell(&self, user: &User, now: Timestamp) -> Option<Farewell> {
        self.farewell_at(user, now, now)
    }

    fn farewell_at(&self, user: &User, at: Timestamp, now: Timestamp) -> Option<Farewell> {
        if self.is_empty() || is_made_up(user) {
            return None;
        }
        let erased = Tell { kind: EventType::Erased, version: user.version, state: user.state, at, mail: None };
        let untold = user.untold.iter().flat_map(|untold| untold.tells.iter().cloned());
        let tells: Vec<Tell> = untold.chain(self.wants(EventType::Erased).then_some(erased)).collect();
        let due_at = after(now, TELL_GRACE);
        (!tells.is_empty()).then_some(Farewell { id: user.id, version: user.version, due_at, tells, wakes: true })
    }
}
