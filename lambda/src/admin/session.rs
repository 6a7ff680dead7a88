//! A session: from a sign-in until it is ended, unused for too long, or too old.
//!
//! Pure. The browser holds a [`Token`] in the cookie [`COOKIE`], the table its hash. `Token::to_string` is the value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::{Admin, Credentials};
use super::token::{Token, TokenHash};
use super::{AdminId, Visit};
use crate::clock::{after, millis};

/// The session's cookie: `Secure`, `HttpOnly`, `SameSite=Strict`, `Path=/`, without an expiry.
pub const COOKIE: &str = "__Host-admin";

/// How long a session may be unused, and how old it may become, in seconds: 30 minutes and 12 hours, a working day.
/// NIST SP 800-63B allows as much at its second level.
pub const IDLE: u32 = 30 * 60;
pub const ABSOLUTE: u32 = 12 * 3_600;

/// How long a proof is good for what is hard to take back, in seconds.
pub const PROOF: u32 = 5 * 60;

/// How old the note of the last use may become before it is written anew, in seconds.
const NOTE: u32 = 60;

/// The longest name of a browser that is kept, in characters.
const AGENT_LENGTH: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    #[serde(skip)]
    pub admin: AdminId,
    pub hash: TokenHash,
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// When it was last used, up to a minute late.
    #[serde(with = "millis")]
    pub seen_at: Timestamp,
    /// When password and code were last given.
    #[serde(with = "millis")]
    pub proven_at: Timestamp,
    /// The keyed hash of the network it was begun from.
    pub network: String,
    /// What the browser calls itself.
    pub agent: String,
    /// Which recovery codes there were when it was last shown who it is.
    #[serde(default)]
    pub recovery_edition: u32,
}

impl Session {
    /// `admin` as it was shown who it is: the code that showed it is used up in it.
    pub(super) fn begun(token: &Token, admin: &Admin, visit: &Visit, now: Timestamp) -> Self {
        Self {
            admin: token.admin,
            hash: token.session(),
            created_at: now,
            seen_at: now,
            proven_at: now,
            network: visit.network.clone(),
            agent: visit.agent.clone(),
            recovery_edition: admin.recovery_edition(),
        }
    }

    /// The same session under another token, proven now by this admin as it was then. It becomes no younger.
    pub(super) fn proven(&self, token: &Token, admin: &Admin, now: Timestamp) -> Self {
        let (hash, recovery_edition) = (token.session(), admin.recovery_edition());
        Self { hash, seen_at: now, proven_at: now, recovery_edition, ..self.clone() }
    }

    /// When it ends however much it is used.
    pub fn ends_at(&self) -> Timestamp {
        after(self.created_at, ABSOLUTE)
    }

    /// Whether it is still good for this admin: one who was reset, whose password changed or who made other recovery
    /// codes has only newer ones.
    pub fn is_open(&self, admin: &Admin, now: Timestamp) -> bool {
        let is_of = |credentials: &Credentials| {
            credentials.changed_at <= self.created_at
                && (credentials.recovery_edition == self.recovery_edition || credentials.recovery_by == Some(self.hash))
        };
        self.admin == admin.id
            && admin.credentials.as_ref().is_some_and(is_of)
            && now < after(self.seen_at, IDLE)
            && now < self.ends_at()
    }

    /// Seconds after which it has ended if it is not used any more: one more than it lasts.
    pub fn left(&self, now: Timestamp) -> u32 {
        let end = after(self.seen_at, IDLE).min(self.ends_at());
        u32::try_from(end.as_second() - now.as_second()).unwrap_or(0) + 1
    }

    pub fn is_proven(&self, now: Timestamp) -> bool {
        now < after(self.proven_at, PROOF)
    }

    /// The session as used now, when that is worth a write.
    pub(super) fn seen(&self, now: Timestamp) -> Option<Self> {
        (now >= after(self.seen_at, NOTE)).then(|| Self { seen_at: now, ..self.clone() })
    }
}

/// A browser's name as it is kept: cut, and without anything that a terminal or a log would take for a command.
pub(super) fn agent(header: &str) -> String {
    header.chars().filter(|letter| !letter.is_control()).take(AGENT_LENGTH).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_name_is_cut_and_harmless() {
        assert_eq!(agent(" Firefox\r\n\u{1b}[31m/150 "), "Firefox[31m/150");
        assert_eq!(agent(&"é".repeat(500)).chars().count(), AGENT_LENGTH);
    }
}
