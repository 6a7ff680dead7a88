//! From a set-up link to an account: the link's code, and three steps: a password, an authenticator app, the recovery codes.

use askama::Template;

use super::frame::{Account, Frame, Section};
use super::input::{Input, Kind, again, new_password};
use super::mistake::Mistake;
use super::render;
use crate::page::Site;

/// What the first two steps share. Their forms go to `admin/set-up` and send `csrf` and `token`.
#[derive(Clone, Debug)]
pub struct SetUp<'a> {
    /// Whose account it is.
    pub email: &'a str,
    /// The link's token, which is sent along.
    pub token: &'a str,
    /// What every form of this page sends as `csrf`: a token of its own, since there is no session yet.
    pub csrf: &'a str,
    pub mistakes: &'a [Mistake],
}

/// What an authenticator app has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Authenticator<'a> {
    /// The QR code: an `svg` element without size, style or script, as the server drew it. It is put into the page
    /// as it is, so that nothing of it may come from a person.
    pub qr: &'a str,
    /// The `otpauth://totp/` address that the picture holds, for whoever reads the page on the phone with the app.
    pub uri: &'a str,
    /// The secret in Base32, to be typed by hand.
    pub secret: &'a str,
}

#[derive(Template)]
#[template(path = "admin/set-up.html", whitespace = "minimize")]
struct LinkPage<'a> {
    frame: Frame<'a>,
    csrf: &'a str,
    inputs: Vec<Input<'a>>,
}

/// Where a link leads, at `admin/set-up`: sends `token`, which a script takes out of the link's fragment.
pub fn set_up(site: &Site<'_>, csrf: &str) -> String {
    let token = Input::new("token", "The link, or its code", Kind::Token).hint("The code is all that follows the #.");
    render(&LinkPage { frame: Frame::apart(site, None), csrf, inputs: vec![token] })
}

#[derive(Template)]
#[template(path = "admin/set-up-password.html", whitespace = "minimize")]
struct PasswordPage<'a> {
    frame: Frame<'a>,
    view: &'a SetUp<'a>,
    inputs: Vec<Input<'a>>,
}

/// Step 1, at `admin/set-up`: sends `password` and `again`.
pub fn set_up_password(site: &Site<'_>, view: &SetUp<'_>) -> String {
    let inputs = vec![new_password("Password", view.mistakes), again(view.mistakes)];
    render(&PasswordPage { frame: Frame::apart(site, None), view, inputs })
}

#[derive(Template)]
#[template(path = "admin/set-up-app.html", whitespace = "minimize")]
struct AppPage<'a> {
    frame: Frame<'a>,
    view: &'a SetUp<'a>,
    app: Authenticator<'a>,
    /// The secret in groups of four.
    groups: Vec<String>,
    inputs: Vec<Input<'a>>,
}

/// Step 2, at `admin/set-up`: sends `code`.
pub fn set_up_app(site: &Site<'_>, view: &SetUp<'_>, app: &Authenticator<'_>) -> String {
    let letters: Vec<char> = app.secret.chars().collect();
    let groups = letters.chunks(4).map(|group| group.iter().collect()).collect();
    let code = Input::new("code", "Code from the app", Kind::Digits).hint("Six digits.").judged(view.mistakes);
    render(&AppPage { frame: Frame::apart(site, None), view, app: *app, groups, inputs: vec![code] })
}

#[derive(Template)]
#[template(path = "admin/recovery-codes.html", whitespace = "minimize")]
struct CodesPage<'a> {
    frame: Frame<'a>,
    codes: &'a [String],
    /// The last step of a set-up, and not codes that were asked for anew.
    first: bool,
}

/// Step 3: the recovery codes, which are shown this once. Without an account where the admin has yet to sign in.
pub fn recovery_codes(site: &Site<'_>, me: Option<&Account<'_>>, codes: &[String], first: bool) -> String {
    let frame = me.map_or_else(|| Frame::apart(site, None), |me| Frame::below(site, me, Section::Security));
    render(&CodesPage { frame, codes, first })
}

#[derive(Template)]
#[template(path = "admin/set-up-expired.html", whitespace = "minimize")]
struct ExpiredPage<'a> {
    frame: Frame<'a>,
}

/// A set-up link that was used, ran out, or never was one: the same for all three.
pub fn set_up_expired(site: &Site<'_>) -> String {
    render(&ExpiredPage { frame: Frame::apart(site, None) })
}
