//! The page that asks an admin who is signed in to show once more who it is.

use askama::Template;

use super::frame::{Account, Frame};
use super::input::{Input, code, password};
use super::render;
use super::sign_in::SignInNotice;
use crate::page::Site;

/// `GET admin/prove?next=`, and the answer to a `POST` that failed. The form sends `csrf`, `next`, `password` and `code`.
#[derive(Clone, Debug)]
pub struct Prove<'a> {
    /// Where to go afterwards: a place below `admin/`, which the route checks.
    pub next: &'a str,
    /// `Refused` or `TooMany`.
    pub notice: Option<SignInNotice>,
}

#[derive(Template)]
#[template(path = "admin/prove.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    me: &'a Account<'a>,
    next: &'a str,
    notice: Option<String>,
    inputs: Vec<Input<'a>>,
}

/// The question at `admin/prove`.
pub fn prove(site: &Site<'_>, me: &Account<'_>, view: &Prove<'_>) -> String {
    let notice = view.notice.map(|notice| match notice {
        SignInNotice::Refused => {
            "The password or the code is not right. Check both and try again; a code is good once, while the app shows it."
                .to_owned()
        }
        other => other.message(),
    });
    let frame = Frame::apart(site, Some(me));
    render(&Page { frame, me, next: view.next, notice, inputs: vec![password(), code()] })
}
