//! The page after the form: look into your mailbox, or enter the code that came.

use askama::Template;

use super::site::{LanguageLink, Site};
use super::{message::Sign, render};
use crate::words::Words;

/// What happened on the page before it is shown again; nothing at first.
#[derive(Clone, Debug, Default)]
pub struct Sent<'a> {
    /// The address as it was typed on this very page. A code is never kept.
    pub email: &'a str,
    pub problem: Option<SentProblem>,
    /// The person asked for the message again, and nothing is wrong.
    pub again: bool,
}

/// Why neither the code nor the wish for another message helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentProblem {
    /// Not the code of this address, or no longer; who has signed up is nobody else's business.
    WrongCode,
    AddressNeeded,
    /// Too many codes were tried.
    TooMany,
}

#[derive(Template)]
#[template(path = "sent.html", whitespace = "minimize")]
struct Page<'a> {
    site: &'a Site<'a>,
    menu: Vec<LanguageLink<'a>>,
    words: &'a Words,
    sign: Sign,
    email: &'a str,
    /// Id of the input to go to, and the sentence.
    mistake: Option<(&'static str, &'a str)>,
    again: bool,
}

/// What follows a sign-up, the same whether the address was new or known, and true of both.
pub fn sent(site: &Site<'_>, sent: &Sent<'_>) -> String {
    let words = site.words();
    let mistake = sent.problem.map(|problem| match problem {
        SentProblem::WrongCode => ("code", words.sent.wrong_code.as_str()),
        SentProblem::AddressNeeded => ("email", words.sent.address_needed.as_str()),
        SentProblem::TooMany => ("code", words.sent.too_many.as_str()),
    });
    let again = sent.again && mistake.is_none();
    render(&Page { site, menu: site.menu("sent", &[]), words, sign: Sign::Mail, email: sent.email, mistake, again })
}

impl Page<'_> {
    fn is_at(mistake: &Option<(&'static str, &str)>, target: &str) -> bool {
        mistake.is_some_and(|(at, _)| at == target)
    }
}
