//! Pages that say one thing, and where to go from there.

use askama::Template;

use super::render;
use super::site::{LanguageLink, Site};
use crate::config::ServiceConfig;
use crate::words::{LangOf, fill};

/// The picture above a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Mail,
    Done,
    Stop,
}

impl Sign {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Done => "done",
            Self::Stop => "stop",
        }
    }
}

#[derive(Template)]
#[template(path = "message.html", whitespace = "minimize")]
struct Page<'a> {
    site: &'a Site<'a>,
    menu: Vec<LanguageLink<'a>>,
    sign: Sign,
    title: &'a str,
    title_lang: LangOf<'a>,
    message: &'a str,
    message_lang: LangOf<'a>,
    /// Label of the link to the form.
    link: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// In the page's language, with the menu of the form.
    fn new(site: &'a Site<'a>, sign: Sign, title: &'a str, message: &'a str) -> Self {
        let menu = site.menu(site.form(), &[]);
        let lang = LangOf::default();
        Self { site, menu, sign, title, title_lang: lang, message, message_lang: lang, link: None }
    }
}

/// A page with a stop sign and the way to the form.
fn stop(site: &Site<'_>, title: &str, message: &str, link: &str) -> String {
    render(&Page { link: Some(link), ..Page::new(site, Sign::Stop, title, message) })
}

/// What follows a confirmation, or a sign-up that needs none, in the operator's words.
pub fn welcome(site: &Site<'_>, config: &ServiceConfig) -> String {
    let (title, message) = site.language.success(config);
    render(&Page {
        menu: site.menu("welcome", &[]),
        title_lang: site.own(title.translated),
        message_lang: site.own(message.translated),
        ..Page::new(site, Sign::Done, &title.text, &message.text)
    })
}

/// What follows the wish for no more mail.
pub fn unsubscribed(site: &Site<'_>) -> String {
    let words = &site.words().unsubscribe;
    let message = fill(&words.done_message, &[("brand", &site.brand)]);
    render(&Page::new(site, Sign::Done, &words.done_title, &message))
}

/// A link that once worked.
pub fn expired(site: &Site<'_>) -> String {
    let words = &site.words().pages;
    stop(site, &words.expired_title, &words.expired, &words.sign_up_again)
}

/// A link that never worked, or no longer leads anywhere.
pub fn unknown_link(site: &Site<'_>) -> String {
    let words = &site.words().pages;
    stop(site, &words.unknown_link_title, &words.unknown_link, &words.to_form)
}

/// A page that does not exist.
pub fn not_found(site: &Site<'_>) -> String {
    let words = &site.words().pages;
    stop(site, &words.not_found_title, &words.not_found, &words.to_form)
}

/// Requests that no form of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is of another type than a form's.
    Unreadable,
    TooLarge,
    /// The method is none that the address takes.
    WrongMethod,
}

/// A request that no form of ours sends.
pub fn refused(site: &Site<'_>, refusal: Refusal) -> String {
    let words = &site.words().pages;
    let (title, message) = match refusal {
        Refusal::Unreadable => (&words.unreadable_title, &words.use_the_form),
        Refusal::TooLarge => (&words.too_large_title, &words.too_large),
        Refusal::WrongMethod => (&words.wrong_way_title, &words.use_the_form),
    };
    stop(site, title, message, &words.to_form)
}

/// Our failure, of which the person learns no more than what to do.
pub fn failed(site: &Site<'_>) -> String {
    let words = &site.words().pages;
    stop(site, &words.failed_title, &words.failed, &words.to_form)
}

/// Too many at once, which is over in a moment.
pub fn busy(site: &Site<'_>) -> String {
    let words = &site.words().pages;
    stop(site, &words.busy_title, &words.busy, &words.to_form)
}
