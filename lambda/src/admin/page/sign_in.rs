//! The page that asks who is there.

use askama::Template;

use super::frame::Frame;
use super::input::{Input, Kind, code, password};
use super::number::counted;
use super::render;
use crate::page::Site;

/// Why the sign-in is shown, if there is a reason to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInNotice {
    /// Whatever was wrong: whether the address is known is not told.
    Refused,
    /// Too many wrong tries from here.
    TooMany {
        minutes: u32,
    },
    SignedOut,
    /// The session ended by itself, or was ended elsewhere.
    Ended,
    /// A page was open for as long as a session lasts unused.
    Left,
    /// The password was set anew, and the sign-in needs it.
    PasswordSet,
}

impl SignInNotice {
    pub(super) fn message(self) -> String {
        match self {
            Self::Refused => {
                "The address, the password or the code is not right. Check all three and try again; a code is good once, \
                 while the app shows it."
                    .into()
            }
            Self::TooMany { minutes } => {
                format!(
                    "There were too many wrong tries. Try again in {}.",
                    counted(minutes.max(1).into(), "minute", "minutes")
                )
            }
            Self::SignedOut => "You have signed out.".into(),
            Self::Ended => "Your session has ended. Sign in to go on.".into(),
            Self::Left => "The page was left open, and has been closed. Where you are still signed in, go on in your \
                           other window; otherwise sign in."
                .into(),
            Self::PasswordSet => "Your new password is set. Sign in with it.".into(),
        }
    }

    fn is_wrong(self) -> bool {
        matches!(self, Self::Refused | Self::TooMany { .. })
    }
}

/// `GET admin/sign-in`, and the answer to a `POST` that failed. The form sends `email`, `password` and `code`.
#[derive(Clone, Debug, Default)]
pub struct SignIn<'a> {
    /// As typed before.
    pub email: &'a str,
    pub notice: Option<SignInNotice>,
    /// What every form of this page sends as `csrf`: a token of its own, since there is no session yet.
    pub csrf: &'a str,
    /// Where to go afterwards, sent as `next`: a place below `admin/`, which the route checks.
    pub next: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "admin/sign-in.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a SignIn<'a>,
    inputs: Vec<Input<'a>>,
}

/// The sign-in at `admin/sign-in`.
pub fn sign_in(site: &Site<'_>, view: &SignIn<'_>) -> String {
    let email = Input::new("email", "Email", Kind::Username).value(view.email);
    render(&Page { frame: Frame::apart(site, None), view, inputs: vec![email, password(), code()] })
}
