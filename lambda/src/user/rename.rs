//! A refusal under another name, once the key of addresses is another one.

use jiff::Timestamp;

use super::{State, User};
use crate::keys::Name;

impl User {
    /// Whether nothing is kept but that an address is not mailed, and not the address itself.
    pub fn is_bare_refusal(&self) -> bool {
        self.state == State::Suppressed && self.answers.email.is_empty()
    }

    /// A bare refusal as it is to be kept under another name, where it is counted anew. `None` of anybody else, whom links and
    /// subscribers know by the name of before, and while subscribers are still to be told something of it.
    pub fn refusal_as(&self, name: Name, now: Timestamp) -> Option<Self> {
        let renamed = Self {
            id: name.id,
            keys: name.keys,
            version: u64::try_from(now.as_microsecond()).unwrap_or(0),
            counted: None,
            ticket: None,
            ..self.clone()
        };
        (self.is_bare_refusal() && self.untold.is_none()).then(|| renamed.waking())
    }
}
