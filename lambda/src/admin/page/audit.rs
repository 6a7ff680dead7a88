//! The page that tells what admins did.

use askama::Template;
use jiff::Timestamp;

use super::frame::{Account, Frame, Section};
use super::render;
use super::time::When;
use crate::page::Site;
use crate::user::UserId;

/// `GET admin/audit?older=&newer=`: a page of the audit log, newest first.
#[derive(Clone, Debug)]
pub struct Audit<'a> {
    pub entries: &'a [AuditEntry<'a>],
    /// The cursor of the page with newer entries, sent as `newer`; absent on the first.
    pub newer: Option<&'a str>,
    /// The cursor of the page with older ones, sent as `older`; absent on the last.
    pub older: Option<&'a str>,
}

/// One line of the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    pub at: Timestamp,
    /// The admin's address; empty where nobody was signed in.
    pub admin: &'a str,
    /// The action's name as stored, such as `recovery_codes_made`; one that this page has no words for is shown with
    /// spaces.
    pub action: &'a str,
    /// What else is known of it, such as the role that was given; empty where there is nothing.
    pub detail: String,
    pub subject: Option<Subject<'a>>,
    /// Tells networks apart without naming them.
    pub place: &'a str,
}

/// Whom or what an action was about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A user, who may have been erased since.
    User(UserId),
    /// An admin's address, or the route that was refused.
    Text(&'a str),
}

impl AuditEntry<'_> {
    fn when(&self) -> When {
        When(self.at)
    }

    fn words(&self) -> String {
        let words = match self.action {
            "sign_in_refused" => "Gave a wrong password or code",
            "set_up" => "Set the account up",
            "signed_in_new_place" => "Signed in from a new place",
            "user_viewed" => "Looked at a user",
            "exported" => "Exported users",
            "erased" => "Erased a user",
            "resent" => "Asked for the mail again",
            "unsubscribed" => "Unsubscribed a user",
            "admin_added" => "Added an admin",
            "admin_removed" => "Removed an admin",
            "password_reset" => "Reset an admin’s password",
            "role_changed" => "Changed an admin’s role",
            "session_revoked" => "Ended a session",
            "other_sessions_revoked" => "Ended all other sessions",
            "recovery_codes_made" => "Made new recovery codes",
            "password_changed" => "Changed the password",
            "refused" => "Was not allowed",
            "refused_form" => "Sent a form of another page",
            "proven_again" => "Proved who it is",
            other => {
                let mut letters = other.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                return first.chain(letters).collect::<String>().replace('_', " ");
            }
        };
        match self.detail.as_str() {
            "" => words.to_owned(),
            detail => format!("{words}: {detail}"),
        }
    }
}

#[derive(Template)]
#[template(path = "admin/audit.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a Audit<'a>,
    newer: Option<String>,
    older: Option<String>,
}

/// The audit log at `admin/audit`.
pub fn audit(site: &Site<'_>, me: &Account<'_>, view: &Audit<'_>) -> String {
    let frame = Frame::new(site, me, Section::Audit);
    let link = |key: &str, cursor: Option<&str>| cursor.map(|cursor| frame.to_with("audit", &[(key, cursor)]));
    let (newer, older) = (link("newer", view.newer), link("older", view.older));
    render(&Page { frame, view, newer, older })
}
