//! How often somebody may guess: failures are counted, and from some number on they cost time.
//!
//! Pure. A try is counted before it is judged, so that many at once count as many; a success takes it back. Whoever
//! comes from a browser or a network where this admin has signed in before is counted apart, so that strangers, however
//! many, cannot keep the admin out there (OWASP: "device cookies"). All others share what the account allows strangers.
//! The counters of a name that nobody has are kept like any other.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AdminId, TokenHash};
use crate::clock::{after, later, millis, optional_millis};

/// The first delay and the longest, in seconds. At the longest, a year of guessing makes 35,000 guesses of a password of
/// twelve characters and a code.
const FIRST_DELAY: u32 = 30;
pub const LONGEST_DELAY: u32 = 15 * 60;

/// How long failures are held against somebody after the last one, in seconds: 12 hours.
pub const MEMORY: u32 = 12 * 3_600;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// One account from one network.
    Pair(AdminId, String),
    /// One account from a browser that proves that it has signed in before.
    Device(AdminId, String),
    /// One account from wherever it is not known.
    Strangers(AdminId),
    /// All accounts from one network.
    Client(String),
    /// Whoever holds a session, and is asked for the password again.
    Session(TokenHash),
}

impl Scope {
    /// The name under which it is kept.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Pair(id, network) => format!("pair#{id}#{network}"),
            Self::Device(id, nonce) => format!("device#{id}#{nonce}"),
            Self::Strangers(id) => format!("strangers#{id}"),
            Self::Client(network) => format!("client#{network}"),
            Self::Session(hash) => format!("session#{hash}"),
        }
    }

    /// Failures that cost nothing. Behind one network there can be an office.
    fn free(&self) -> u32 {
        match self {
            Self::Pair(..) | Self::Device(..) | Self::Session(_) => 5,
            Self::Strangers(_) => 10,
            Self::Client(_) => 20,
        }
    }

    /// Whether a success clears it. Of a network it takes back one try alone, since whoever has an account could go on
    /// guessing at others otherwise.
    fn is_cleared(&self) -> bool {
        !matches!(self, Self::Client(_))
    }
}

/// The failures of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Raised by every change.
    pub version: u64,
    pub failed: u32,
    #[serde(with = "millis")]
    pub last_at: Timestamp,
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<Timestamp>,
}

impl Attempts {
    /// With one more try at this time, taken for a failure.
    pub(super) fn counted(found: Option<&Self>, scope: &Scope, now: Timestamp) -> Self {
        let remembered = found.filter(|it| now < it.forgotten_at()).map_or(0, |it| it.failed);
        let failed = remembered.saturating_add(1);
        let delay = failed.checked_sub(scope.free()).map(delay);
        Self {
            version: next_version(found, now),
            failed,
            last_at: now,
            blocked_until: delay.map(|delay| later(now, delay)),
        }
    }

    /// Without the try that was counted, which turned out to be none.
    pub(super) fn taken_back(found: &Self, scope: &Scope, now: Timestamp) -> Self {
        let failed = if scope.is_cleared() { 0 } else { found.failed.saturating_sub(1) };
        Self { version: next_version(Some(found), now), failed, blocked_until: None, ..*found }
    }

    /// When it counts as absent; the table deletes it some time later.
    pub fn forgotten_at(&self) -> Timestamp {
        after(self.last_at, MEMORY)
    }

    /// How long to wait, if at all.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        let until = self.blocked_until.filter(|until| *until > now)?;
        Duration::try_from(until.duration_since(now)).ok()
    }
}

/// A new one begins with the time, so that it is never taken for one that was deleted.
fn next_version(found: Option<&Attempts>, now: Timestamp) -> u64 {
    found.map_or_else(|| u64::try_from(now.as_microsecond()).unwrap_or(0), |found| found.version + 1)
}

fn delay(beyond: u32) -> Duration {
    // Beyond 16 doublings it has long been the longest.
    let seconds = FIRST_DELAY.saturating_mul(1 << beyond.min(16)).min(LONGEST_DELAY);
    Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_begin_late_double_and_end_at_a_quarter_of_an_hour() {
        let scope = Scope::Pair(AdminId([1; 16]), "n".into());
        let mut now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let (mut attempts, mut waits) = (None, Vec::new());
        for _ in 0..12 {
            let next = Attempts::counted(attempts.as_ref(), &scope, now);
            let wait = next.wait(now).unwrap_or_default();
            waits.push(wait.as_secs());
            now = later(now, wait);
            attempts = Some(next);
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        // Half a day later all is forgotten, and the version goes on.
        let old = attempts.expect("failures");
        let new = Attempts::counted(Some(&old), &scope, old.forgotten_at());
        assert_eq!((new.failed, new.blocked_until, new.version), (1, None, old.version + 1));
    }

    #[test]
    fn a_success_clears_an_account_and_not_a_network() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let after_one_of_two = |scope: Scope| {
            let one = Attempts::counted(None, &scope, now);
            let two = Attempts::counted(Some(&one), &scope, now);
            Attempts::taken_back(&two, &scope, now).failed
        };
        assert_eq!(after_one_of_two(Scope::Strangers(AdminId([1; 16]))), 0);
        assert_eq!(after_one_of_two(Scope::Client("n".into())), 1);
    }
}
