//! The page on which an admin chooses another password.

use askama::Template;

use super::frame::{Account, Frame, Section};
use super::input::{Input, Kind, again, new_password};
use super::mistake::Mistake;
use super::render;
use super::sign_in::SignInNotice;
use crate::page::Site;

/// `GET admin/security/password`, and the answer to a `POST` that failed. The form sends `csrf`, `current`, `password`
/// and `again`.
#[derive(Clone, Debug)]
pub struct ChangePassword<'a> {
    /// `TooMany`.
    pub notice: Option<SignInNotice>,
    pub mistakes: &'a [Mistake],
}

#[derive(Template)]
#[template(path = "admin/password.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    me: &'a Account<'a>,
    view: &'a ChangePassword<'a>,
    notice: Option<String>,
    inputs: Vec<Input<'a>>,
}

/// The form at `admin/security/password`.
pub fn change_password(site: &Site<'_>, me: &Account<'_>, view: &ChangePassword<'_>) -> String {
    let current = Input::new("current", "Your current password", Kind::Password).judged(view.mistakes);
    let inputs = vec![current, new_password("New password", view.mistakes), again(view.mistakes)];
    let notice = view.notice.map(SignInNotice::message);
    render(&Page { frame: Frame::below(site, me, Section::Security), me, view, notice, inputs })
}
