//! The pages behind the links in mails. Each is a question and a button, since programs that scan mail follow
//! links: opening one changes nothing.

use askama::Template;

use super::message::Sign;
use super::render;
use super::site::{LanguageLink, Site};
use crate::words::fill;

#[derive(Template)]
#[template(path = "ask.html", whitespace = "minimize")]
struct Page<'a> {
    site: &'a Site<'a>,
    menu: Vec<LanguageLink<'a>>,
    sign: Sign,
    /// Title of the window.
    page: &'a str,
    title: &'a str,
    message: &'a str,
    /// Where the form is sent, which is its id and its script's name too.
    action: &'a str,
    /// Whether `confirm.js` belongs to it.
    script: bool,
    token: &'a str,
    button: &'a str,
    aside: &'a str,
}

/// Confirm that the address is yours?
pub fn confirm(site: &Site<'_>, token: &str) -> String {
    let words = &site.words().confirm;
    render(&Page {
        site,
        menu: site.menu("confirm", &[("t", token)]),
        sign: Sign::Mail,
        page: &words.page,
        title: &words.title,
        message: &words.message,
        action: "confirm",
        script: true,
        token,
        button: &words.button,
        aside: &words.aside,
    })
}

/// Replace the answers of an address that has confirmed before? Shows none of either: whoever opens the page
/// need not be whoever typed them.
pub fn replace(site: &Site<'_>, token: &str) -> String {
    let words = &site.words().confirm;
    render(&Page {
        site,
        menu: site.menu("confirm", &[("t", token), ("update", "1")]),
        sign: Sign::Mail,
        page: &words.replace_title,
        title: &words.replace_title,
        message: &words.replace_message,
        action: "confirm",
        // Nobody's earlier answers shall go because a page was opened.
        script: false,
        token,
        button: &words.replace_button,
        aside: &words.replace_aside,
    })
}

/// Stop all mail?
pub fn unsubscribe(site: &Site<'_>, token: &str) -> String {
    let words = &site.words().unsubscribe;
    render(&Page {
        site,
        menu: site.menu("unsubscribe", &[("t", token)]),
        sign: Sign::Stop,
        page: &words.title,
        title: &words.title,
        message: &fill(&words.message, &[("brand", &site.brand)]),
        action: "unsubscribe",
        script: false,
        token,
        button: &words.button,
        aside: &words.aside,
    })
}
