//! What the operator is written of what admins do: whatever changes who may come in, and who came in from elsewhere.
//!
//! Pure. It names the admin and who did it, since the mail goes to whoever has to judge that.

use std::fmt::Write;

use super::audit::{Action, Entry};
use crate::notice::Notice;

/// What to do about it.
const ADVICE: &str = "
Changes are told right before they are made. If none of you did that, `signupctl admin list` shows who may sign in and
`signupctl admin remove ADDRESS` ends it. The dashboard's audit log has what happened before and after.
";

impl Entry {
    /// Whether the operator is written to about it.
    pub(crate) fn is_told(&self) -> bool {
        self.action.told().is_some()
    }

    /// The mail about it, if there is one.
    pub(crate) fn notice(&self, service: &str) -> Option<Notice> {
        let (subject, sentence) = self.action.told()?;
        let mut text = format!("{sentence}\n\n  admin  {}\n", self.subject.as_ref().unwrap_or(&self.admin));
        if let Action::AdminAdded { role } | Action::RoleChanged { role } = self.action {
            let _ = writeln!(text, "  role   {}", role.name());
        }
        if self.subject.is_some() {
            let _ = writeln!(text, "  by     {}", self.admin);
        }
        let _ = writeln!(text, "  at     {}", self.at.strftime("%F %H:%M UTC"));
        text.push_str(ADVICE);
        Some(Notice::new(format!("{service}: {subject}"), text))
    }
}

impl Action {
    /// In the words of a subject, and in a sentence.
    fn told(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::AdminAdded { .. } => ("an admin was added", "Somebody was invited to be an admin."),
            Self::SetUp => ("an admin set up their account", "An admin set their account up, and can sign in now."),
            Self::SignedIn { new_place: true } => (
                "an admin signed in from a new place",
                "An admin signed in from a network from which they never had, in a browser that was not known.",
            ),
            Self::RoleChanged { .. } => ("an admin's role was changed", "An admin has another role now."),
            Self::AdminRemoved => ("an admin was removed", "Somebody is no admin any more."),
            Self::PasswordReset => (
                "an admin's account was reset",
                "An admin's password, app and sessions were ended, and a link to set them up anew was made.",
            ),
            Self::PasswordChanged => ("an admin changed their password", "An admin changed their password."),
            Self::RecoveryCodesMade => {
                ("an admin made new recovery codes", "An admin made new recovery codes; the earlier ones are void.")
            }
            Self::SignedIn { new_place: false }
            | Self::SignInRefused
            | Self::ProvenAgain
            | Self::SignedOut
            | Self::SessionRevoked
            | Self::OtherSessionsRevoked
            | Self::UserViewed
            | Self::Resent
            | Self::Unsubscribed
            | Self::Erased
            | Self::Exported { .. }
            | Self::Refused { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Role;

    fn entry(action: Action, subject: Option<&str>) -> Entry {
        let now = "2026-11-22T10:00:00Z".parse().expect("a time");
        let by = if subject.is_some() { "signupctl" } else { "ada@example.com" };
        Entry { subject: subject.map(str::to_owned), ..Entry::new(by, None, action, 7, now) }
    }

    #[test]
    fn who_was_added_is_named_and_by_whom() {
        let notice = entry(Action::AdminAdded { role: Role::Owner }, Some("eve@example.com")).notice("waitlist");
        let notice = notice.expect("it is told");
        assert_eq!(notice.subject, "waitlist: an admin was added");
        insta::assert_snapshot!(notice.text, @r"
        Somebody was invited to be an admin.

          admin  eve@example.com
          role   owner
          by     signupctl
          at     2026-11-22 10:00 UTC

        Changes are told right before they are made. If none of you did that, `signupctl admin list` shows who may sign in and
        `signupctl admin remove ADDRESS` ends it. The dashboard's audit log has what happened before and after.
        ");
    }

    #[test]
    fn what_admins_do_to_their_own_account_names_them_alone() {
        let notice = entry(Action::SignedIn { new_place: true }, None).notice("waitlist").expect("it is told");
        assert!(notice.text.contains("\n  admin  ada@example.com\n  at "), "{}", notice.text);
    }

    #[test]
    fn whatever_changes_who_may_come_in_is_told_and_what_is_done_every_day_is_not() {
        use Action as Did;
        let told = |action: Action| entry(action, None).notice("waitlist").map(|notice| notice.subject);
        for (action, subject) in [
            (Did::AdminAdded { role: Role::Viewer }, "an admin was added"),
            (Did::AdminRemoved, "an admin was removed"),
            (Did::RoleChanged { role: Role::Owner }, "an admin's role was changed"),
            (Did::PasswordReset, "an admin's account was reset"),
            (Did::PasswordChanged, "an admin changed their password"),
            (Did::RecoveryCodesMade, "an admin made new recovery codes"),
            (Did::SetUp, "an admin set up their account"),
            (Did::SignedIn { new_place: true }, "an admin signed in from a new place"),
        ] {
            assert_eq!(told(action), Some(format!("waitlist: {subject}")));
        }
        for action in [
            Did::SignedIn { new_place: false },
            Did::SignInRefused,
            Did::ProvenAgain,
            Did::SignedOut,
            Did::SessionRevoked,
            Did::OtherSessionsRevoked,
            Did::UserViewed,
            Did::Resent,
            Did::Unsubscribed,
            Did::Erased,
            Did::Exported { format: "csv".into(), filter: String::new() },
        ] {
            assert_eq!(told(action), None);
        }
    }
}
