//! The page after the form: look into your mailbox, or enter the code that came.

use askama::Template;

use super::site::{LanguageLink, Site};
use super::{message::Sign, render};
use crate::words::Words;

/// What happened on the page before it is shown again; nothing at first.
#[derive(Clone, Debug, Default)]
pub struct Sent<'a> {
    /// Stands for whoever has just signed up, and is sent back as `u`: the page need not ask for an address that
    /// was typed a moment ago (WCAG 3.3.7), and does not show it either. Without it the page asks.
    pub user: Option<&'a str>,
    /// The address as it was typed on this very page; shown only without a `user`. A code is never kept.
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
    /// Not of a page with a `user`, which asks for none.
    AddressNeeded,
    /// Too many codes were tried.
    TooMany,
    /// The message was asked for too often.
    TooManyAgain,
}

#[derive(Template)]
#[template(path = "sent.html", whitespace = "minimize")]
struct Page<'a> {
    site: &'a Site<'a>,
    menu: Vec<LanguageLink<'a>>,
    words: &'a Words,
    sign: Sign,
    user: Option<&'a str>,
    email: &'a str,
    /// Id of the input to go to, and the sentence.
    mistake: Option<(&'static str, &'a str)>,
    /// What is wrong with none of the inputs.
    notice: Option<&'a str>,
    again: bool,
}

/// What follows a sign-up, the same whether the address was new or known, and true of both.
pub fn sent(site: &Site<'_>, sent: &Sent<'_>) -> String {
    let words = site.words();
    let mistake = sent.problem.and_then(|problem| match problem {
        SentProblem::WrongCode => Some(("code", words.sent.wrong_code.as_str())),
        SentProblem::AddressNeeded => sent.user.is_none().then_some(("email", words.sent.address_needed.as_str())),
        SentProblem::TooMany => Some(("code", words.sent.too_many.as_str())),
        SentProblem::TooManyAgain => None,
    });
    let notice = (sent.problem == Some(SentProblem::TooManyAgain)).then_some(words.sent.too_many_again.as_str());
    let keep = sent.user.map(|user| [("u", user)]);
    render(&Page {
        site,
        menu: site.menu("sent", keep.as_ref().map_or(&[], |keep| keep.as_slice())),
        words,
        sign: Sign::Mail,
        user: sent.user,
        email: sent.email,
        mistake,
        notice,
        again: sent.again && sent.problem.is_none(),
    })
}

impl Page<'_> {
    fn is_at(mistake: &Option<(&'static str, &str)>, target: &str) -> bool {
        mistake.is_some_and(|(at, _)| at == target)
    }
}
