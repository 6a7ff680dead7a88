//! The page about the own account, and for owners about the other admins.

use std::borrow::Cow;

use askama::Template;
use jiff::Timestamp;

use super::browser::browser;
use super::frame::{Account, Frame, Section};
use super::input::{Input, Kind};
use super::mistake::Mistake;
use super::number::counted;
use super::render;
use super::time::When;
use crate::admin::Role;
use crate::page::Site;

/// `GET admin/security`, and the answer to a `POST` below it.
#[derive(Clone, Debug)]
pub struct Security<'a> {
    /// The own ones that have not ended, newest first.
    pub sessions: &'a [SessionRow<'a>],
    /// How many recovery codes were not used yet.
    pub recovery_left: u32,
    /// Everybody, for an owner; `None` for a viewer.
    pub admins: Option<&'a [AdminRow<'a>]>,
    /// Whether the admin has just shown who they are, without which nothing is changed here.
    pub is_proven: bool,
    pub notice: Option<SecurityNotice<'a>>,
    /// What the form that adds an admin was sent with, when it failed.
    pub email: &'a str,
    /// In that form.
    pub mistakes: &'a [Mistake],
}

/// One session of the admin's own.
#[derive(Clone, Debug)]
pub struct SessionRow<'a> {
    /// What revokes it, sent as `session`: never the session's token. The form that ends all but the current one sends
    /// `others` instead.
    pub id: &'a str,
    /// The browser as it names itself.
    pub agent: &'a str,
    /// Tells networks apart without naming them.
    pub place: &'a str,
    pub since: Timestamp,
    pub last_used: Timestamp,
    /// The one that asks.
    pub current: bool,
}

impl SessionRow<'_> {
    pub(super) fn agent(&self) -> Cow<'_, str> {
        browser(self.agent)
    }

    fn since(&self) -> When {
        When(self.since)
    }

    fn last_used(&self) -> When {
        When(self.last_used)
    }
}

/// One admin.
#[derive(Clone, Debug)]
pub struct AdminRow<'a> {
    /// What the forms send as `admin`.
    pub id: &'a str,
    pub email: &'a str,
    pub role: Role,
    /// When the admin was added.
    pub since: Timestamp,
    /// Until when a set-up link works that was not used yet.
    pub invited_until: Option<Timestamp>,
    /// Whether there is a password already.
    pub active: bool,
    /// The admin who asks, who can neither remove nor demote themselves here.
    pub me: bool,
}

impl AdminRow<'_> {
    fn since(&self) -> When {
        When(self.since)
    }

    fn invited(&self) -> Option<When> {
        self.invited_until.map(When)
    }

    /// The role that the admin has not.
    fn other_role(&self) -> Role {
        match self.role {
            Role::Viewer => Role::Owner,
            Role::Owner => Role::Viewer,
        }
    }
}

/// A set-up link, which is shown this once.
#[derive(Clone, Copy, Debug)]
pub struct SetUpLink<'a> {
    pub email: &'a str,
    /// The whole address.
    pub url: &'a str,
    pub until: Timestamp,
}

impl SetUpLink<'_> {
    fn until(&self) -> When {
        When(self.until)
    }
}

/// What came of a form of this page.
#[derive(Clone, Copy, Debug)]
pub enum SecurityNotice<'a> {
    /// An admin was added, or a password reset: here is the link.
    Link(SetUpLink<'a>),
    SessionRevoked,
    OthersRevoked,
    /// The own one, and so the other sessions are over.
    PasswordChanged,
    RoleChanged,
    AdminRemoved,
    /// The service needs an owner, and this is the last one.
    LastOwner,
    /// Somebody else changed or removed that admin in the same moment.
    Changed,
    /// A form was not acted upon, since the admin was asked first who they are.
    Again,
}

impl<'a> SecurityNotice<'a> {
    fn link(&self) -> Option<SetUpLink<'a>> {
        match self {
            Self::Link(link) => Some(*link),
            _ => None,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Link(_) => "Here is the set-up link.",
            Self::SessionRevoked => "The session has ended.",
            Self::OthersRevoked => "All your other sessions have ended.",
            Self::PasswordChanged => "Your password has been changed, and all your other sessions have ended.",
            Self::RoleChanged => "The role has been changed.",
            Self::AdminRemoved => "The admin has been removed, and their sessions have ended.",
            Self::LastOwner => "This is the last owner. Make somebody else an owner first.",
            Self::Changed => "Somebody else changed this admin in the same moment. Look at the list and try again.",
            Self::Again => "Nothing was changed yet, since you were asked first who you are. Do it once more.",
        }
    }

    fn is_wrong(&self) -> bool {
        matches!(self, Self::LastOwner | Self::Changed | Self::Again)
    }
}

#[derive(Template)]
#[template(path = "admin/security.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    me: &'a Account<'a>,
    view: &'a Security<'a>,
    codes: String,
    /// Few enough to make new ones soon.
    few_codes: bool,
    inputs: Vec<Input<'a>>,
}

/// Sessions, recovery codes and admins, at `admin/security`.
pub fn security(site: &Site<'_>, me: &Account<'_>, view: &Security<'_>) -> String {
    render(&Page {
        frame: Frame::new(site, me, Section::Security),
        me,
        view,
        codes: counted(view.recovery_left.into(), "recovery code", "recovery codes"),
        few_codes: view.recovery_left <= 2,
        inputs: vec![Input::new("email", "Email", Kind::Email).value(view.email).judged(view.mistakes)],
    })
}
