//! Pages of the admin's part that say one thing, and where to go from there.

use askama::Template;

use super::frame::{Account, Frame};
use super::render;
use crate::page::{Refusal, Site};

#[derive(Template)]
#[template(path = "admin/message.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    title: &'a str,
    message: &'a str,
    /// From `admin/`.
    target: &'a str,
    link: &'a str,
}

const TO_DASHBOARD: (&str, &str) = ("dashboard", "To the dashboard");

fn page(site: &Site<'_>, me: Option<&Account<'_>>, title: &str, message: &str) -> String {
    let (target, link) = if me.is_some() { TO_DASHBOARD } else { ("sign-in", "To the sign-in") };
    render(&Page { frame: Frame::apart(site, me), title, message, target, link })
}

/// An owner's page, asked for by a viewer.
pub fn not_allowed(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    let message = "Your account may look, but not change or export anything. An owner can do this, or make you one.";
    page(site, me, "Only for owners", message)
}

/// A page or a user that does not exist, or not any more.
pub fn not_found(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    page(site, me, "Not found", "There is nothing here. It may have been erased meanwhile.")
}

/// A form whose token is of another session, as after a sign-in in another tab. Nothing was changed.
pub fn too_old(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    page(site, me, "This page is too old", "Nothing was changed. Open the page anew and try again.")
}

/// A request that no form of ours sends.
pub fn refused(site: &Site<'_>, me: Option<&Account<'_>>, refusal: Refusal) -> String {
    let (title, message) = match refusal {
        Refusal::Unreadable => ("This cannot be read", "Nothing was changed. Use the forms of these pages."),
        Refusal::TooLarge => ("This is too long", "Nothing was changed. Type less and try again."),
        Refusal::WrongMethod => ("There is no page here", "Nothing was changed. Use the forms of these pages."),
    };
    page(site, me, title, message)
}

/// A file that would not hold everybody: none is better than one that looks whole.
pub fn too_many(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    let message = "One file cannot hold all of them. Choose fewer: a day, a country, or more letters of a name.";
    page(site, me, "Too many for one file", message)
}

/// Too many at once, which is over in a moment.
pub fn busy(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    page(site, me, "One moment", "The service is busy right now. Try again in a minute.")
}

/// Our failure, whose cause is in the log.
pub fn failed(site: &Site<'_>, me: Option<&Account<'_>>) -> String {
    page(site, me, "Something went wrong", "This is our mistake, and it is in the service's log. Try again later.")
}
