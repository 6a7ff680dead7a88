//! The audit log: who did what, when, and from where.
//!
//! Pure. A user who was erased is in it by ID alone, and nothing of what a user typed ever is. Each entry is kept in the
//! table and, as a [`Line`] without any address, in the function's log, which the function can add to and not change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::role::Role;
use super::{Admin, AdminId};
use crate::clock::{after, rfc3339};
use crate::journal::Line;
use crate::user::UserId;

/// How long an entry is kept, in seconds: 400 days, so that a year can be looked back on from a month later.
pub const KEPT: u32 = 400 * 86_400;

/// Characters of an entry's ID: a time, a separator and eight digits.
const CURSOR: usize = 24 + 1 + 8;

/// One thing that an admin did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The time and some random digits, by which entries are in order and none meets another.
    #[serde(skip)]
    pub id: String,
    pub at: Timestamp,
    /// The admin's address, or what an operator is called.
    pub admin: String,
    #[serde(flatten)]
    pub action: Action,
    /// Whom it was done to: a user's ID or an admin's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The beginning of the keyed hash of the network; absent of an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    SetUp,
    SignedIn {
        /// Whether it was from a network and a browser that were not known.
        new_place: bool,
    },
    SignInRefused,
    ProvenAgain,
    SignedOut,
    SessionRevoked,
    OtherSessionsRevoked,
    PasswordChanged,
    RecoveryCodesMade,
    AdminAdded {
        role: Role,
    },
    AdminRemoved,
    PasswordReset,
    RoleChanged {
        role: Role,
    },
    UserViewed,
    Resent,
    Unsubscribed,
    Erased,
    Exported {
        format: String,
        /// What was asked for, in the words of the page's address; of a search only that it was one.
        filter: String,
    },
    /// Something that an admin who was signed in may not do.
    Refused {
        /// The pattern of its path: what stands in its place was typed, or can be.
        route: String,
        cause: Cause,
    },
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is for owners.
    Role,
    /// The form was not one of this session's pages.
    Form,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Form => "form",
        }
    }
}

/// Whom something was done to.
#[derive(Clone, Copy, Debug)]
pub enum Whom<'a> {
    User(UserId),
    Admin(&'a Admin),
}

impl Whom<'_> {
    /// What the audit log calls them.
    fn name(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Admin(admin) => admin.email.clone(),
        }
    }
}

impl Action {
    /// The name as stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::SignedIn { .. } => "signed_in",
            Self::SignInRefused => "sign_in_refused",
            Self::ProvenAgain => "proven_again",
            Self::SignedOut => "signed_out",
            Self::SessionRevoked => "session_revoked",
            Self::OtherSessionsRevoked => "other_sessions_revoked",
            Self::PasswordChanged => "password_changed",
            Self::RecoveryCodesMade => "recovery_codes_made",
            Self::AdminAdded { .. } => "admin_added",
            Self::AdminRemoved => "admin_removed",
            Self::PasswordReset => "password_reset",
            Self::RoleChanged { .. } => "role_changed",
            Self::UserViewed => "user_viewed",
            Self::Resent => "resent",
            Self::Unsubscribed => "unsubscribed",
            Self::Erased => "erased",
            Self::Exported { .. } => "exported",
            Self::Refused { .. } => "refused",
        }
    }
}

impl Entry {
    pub(crate) fn new(admin: &str, network: Option<&str>, action: Action, random: u32, at: Timestamp) -> Self {
        Self {
            id: format!("{}#{random:08x}", rfc3339(at)),
            at,
            admin: admin.to_owned(),
            action,
            subject: None,
            network: network.map(|network| network.chars().take(8).collect()),
        }
    }

    pub(super) fn on(self, whom: Option<Whom<'_>>) -> Self {
        Self { subject: whom.map(Whom::name), ..self }
    }

    /// The same for the function's log: people by their IDs, and nothing of a filter.
    pub(super) fn line(&self, by: Option<AdminId>, whom: Option<Whom<'_>>) -> Line {
        let (user, subject) = match whom {
            Some(Whom::User(id)) => (Some(id.to_string()), None),
            Some(Whom::Admin(admin)) => (None, Some(admin.id.to_string())),
            None => (None, None),
        };
        let admin = by.map(|id| id.to_string());
        let known = [("admin", admin), ("user", user), ("subject_admin", subject), ("network", self.network.clone())];
        let line = Line::new("audit", self.at).with("action", self.action.name());
        let known = known.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        let line = known.fold(line, |line, (name, value)| line.with(name, value));
        match &self.action {
            Action::SignedIn { new_place } => line.with("new_place", *new_place),
            Action::AdminAdded { role } | Action::RoleChanged { role } => line.with("role", role.name()),
            Action::Exported { format, .. } => line.with("format", format.as_str()),
            Action::Refused { route, cause } => line.with("route", route.as_str()).with("cause", cause.name()),
            _ => line,
        }
    }

    /// When it is forgotten.
    pub fn keep_until(&self) -> Timestamp {
        after(self.at, KEPT)
    }
}

/// Which page of the log is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntries {
    /// At most this many.
    pub limit: u16,
    pub from: Start,
}

/// Where a page begins. A cursor comes back from a browser: see [`Start::checked`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    #[default]
    Newest,
    /// After the entry with this ID, which is older.
    OlderThan(String),
    NewerThan(String),
}

impl Start {
    /// The same where its cursor looks like one, and the newest where it does not: a table refuses some texts as keys.
    pub(super) fn checked(self) -> Self {
        let is_cursor = |id: &str| id.len() == CURSOR && id.is_ascii();
        match self {
            Self::OlderThan(id) | Self::NewerThan(id) if !is_cursor(&id) => Self::Newest,
            other => other,
        }
    }
}

/// Entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPage {
    pub entries: Vec<Entry>,
    /// The cursor of the page of older entries; absent on the last.
    pub older: Option<String>,
    /// The cursor of the page of newer ones; absent on the first.
    pub newer: Option<String>,
}

impl EntryPage {
    /// The page of what was found in the order of the question, one entry more than asked for if there are more.
    pub(crate) fn of(mut found: Vec<Entry>, query: &ListEntries) -> Self {
        let limit = usize::from(query.limit.max(1));
        let more = found.len() > limit;
        found.truncate(limit);
        if matches!(query.from, Start::NewerThan(_)) {
            found.reverse();
        }
        let (first, last) = (found.first().map(|it| it.id.clone()), found.last().map(|it| it.id.clone()));
        let (older, newer) = match query.from {
            Start::Newest => (last.filter(|_| more), None),
            Start::OlderThan(_) => (last.filter(|_| more), first),
            Start::NewerThan(_) => (last, first.filter(|_| more)),
        };
        Self { entries: found, older, newer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_none_begins_at_the_newest() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let id = Entry::new("ada@example.com", None, Action::SetUp, 7, now).id;
        assert_eq!(Start::OlderThan(id.clone()).checked(), Start::OlderThan(id));
        for wrong in ["", "x", &"é".repeat(33), &"x".repeat(2_000)] {
            assert_eq!(Start::NewerThan(wrong.into()).checked(), Start::Newest, "{wrong}");
        }
    }

    #[test]
    fn an_action_is_stored_by_its_name() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        for action in [
            Action::SetUp,
            Action::SignedIn { new_place: true },
            Action::Exported { format: "csv".into(), filter: "state=pending".into() },
            Action::RoleChanged { role: Role::Viewer },
            Action::OtherSessionsRevoked,
            Action::Refused { route: "/admin/export".into(), cause: Cause::Role },
        ] {
            let entry = Entry::new("ada@example.com", Some("0123456789abcdef"), action.clone(), 7, now);
            let json = serde_json::to_value(&entry).expect("json");
            assert_eq!((json["action"].as_str(), json["network"].as_str()), (Some(action.name()), Some("01234567")));
            let read: Entry = serde_json::from_value(json).expect("an entry");
            assert_eq!(Entry { id: entry.id.clone(), ..read }, entry);
        }
    }
}
