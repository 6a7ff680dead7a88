//! A refusal under another name, once the key of addresses is another one.

use jiff::Timestamp;

use super::{State, User};
use crate::keys::Name;

impl User {
    /// Whether nothing is kept but that an address is not mailed, and not the address itself.
    pub fn is_bare_refusal(&self) -> bool {
        self.state == State::Suppressed && self.answers.email.is_empty()
    }

    /// A bare refusal as it is to be kept under another name, where it is counted anew, and subscribers have nothing to be told
    /// of it. `None` of anybody else, whom links and subscribers know by the name of before.
    pub fn refusal_as(&self, name: Name, now: Timestamp) -> Option<Self> {
        let renamed = Self {
            id: name.id,
            keys: name.keys,
            version: u64::try_from(now.as_microsecond()).unwrap_or(0),
            counted: None,
            ticket: None,
            untold: None,
            ..self.clone()
        };
        self.is_bare_refusal().then(|| renamed.waking())
    }
}
