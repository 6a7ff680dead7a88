//! Events: what subscribers are told of a user.
//!
//! Pure. What is to be told is kept in the user by the write that changes it ([`Wanted`]), as little as that takes
//! ([`Tell`]), and becomes an event when it is told ([`Event`]). Of whoever is gone it is kept in an item of its own
//! ([`Farewell`]). An event that is told again has the same ID.

mod farewell;
mod message;
mod note;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::config::EventType;
pub use crate::user::EventId;
pub use farewell::Farewell;
pub use message::{Event, events};
pub use note::Wanted;

use crate::clock::millis;
use crate::user::{MailId, MailKind, State, UserId};

/// How long the stream has to bring what is to be told before the sweeper tells it, in seconds.
pub const TELL_GRACE: u32 = 120;

/// One thing that happened to a user, to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The version of the user that it made, or that it ended.
    pub version: u64,
    /// The state of the user after it.
    pub state: State,
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// The mail that it is about, if the service knows which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<AboutMail>,
}

/// A mail as an event names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutMail {
    pub id: MailId,
    pub kind: MailKind,
    /// Why it was given up; holds no address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Tell {
    /// What names the event wherever it is told. No version of a user comes twice, not even after an erasure.
    pub fn id(&self, user: UserId) -> EventId {
        let hash = Sha256::new()
            .chain_update(b"event\0")
            .chain_update(user.0)
            .chain_update(self.version.to_be_bytes())
            .chain_update(self.kind.name())
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        EventId(id)
    }
}

/// What subscribers were not told of a user yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// When the sweeper tells it, if nobody did before.
    #[serde(with = "millis")]
    pub due_at: Timestamp,
    /// In the order in which it happened.
    pub tells: Vec<Tell>,
}

/// What of the untold needs no telling any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nobody subscribes any more.
    Everything,
    These(BTreeSet<EventId>),
}

impl Told {
    pub fn nothing() -> Self {
        Self::These(BTreeSet::new())
    }

    pub fn includes(&self, tell: &Tell, user: UserId) -> bool {
        match self {
            Self::Everything => true,
            Self::These(ids) => ids.contains(&tell.id(user)),
        }
    }

    /// What is left of the untold.
    pub fn left(&self, untold: Option<Untold>, user: UserId) -> Option<Untold> {
        let mut untold = untold?;
        untold.tells.retain(|tell| !self.includes(tell, user));
        (!untold.tells.is_empty()).then_some(untold)
    }
}

#[cfg(test)]
mod tests;
