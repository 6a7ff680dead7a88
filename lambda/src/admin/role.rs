//! What an admin may do, and when they have to show anew that it is them.
//!
//! Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SignedIn;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything and changes nothing.
    Viewer,
    /// Does everything, and says who else may.
    Owner,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Viewer, Self::Owner];

    /// The name as stored and as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Owner => "owner",
        }
    }

    /// The name as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Viewer => "Viewer",
            Self::Owner => "Owner",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Something that an admin may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To see users, counters and the audit log.
    View,
    /// To have a mail sent again, and to stop a user's mail.
    Mail,
    /// To take users' data away.
    Export,
    Erase,
    /// To add, change and remove admins.
    Administer,
    /// To change one's own password and recovery codes, and to end one's sessions.
    Secure,
}

/// Why an admin may not do something now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Owners alone may.
    Role,
    /// Password and code are asked for again, since they were last given too long ago.
    ProveAgain,
}

impl Right {
    fn is_owners(self) -> bool {
        !matches!(self, Self::View | Self::Secure)
    }

    fn needs_proof(self) -> bool {
        !matches!(self, Self::View | Self::Mail)
    }
}

impl SignedIn {
    /// Whether this admin may do something now. The role comes first: nobody has to prove themselves in vain.
    pub fn may(&self, right: Right, now: Timestamp) -> Result<(), Denied> {
        if right.is_owners() && self.admin.role != Role::Owner {
            return Err(Denied::Role);
        }
        if right.needs_proof() && !self.session.is_proven(now) {
            return Err(Denied::ProveAgain);
        }
        Ok(())
    }
}
