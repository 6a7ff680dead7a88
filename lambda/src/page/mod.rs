//! The pages a person sees: server-rendered HTML that needs no script.
//!
//! Pure. Every link and form action is relative, since the service may live below a path. Values are
//! escaped by the templates; no page is ever built from text by hand.

mod field;
mod style;

use askama::Template;

pub use style::{Accent, icon, stylesheet};

use crate::config::{Form, ServiceConfig};
use crate::form::{CONSENT, FieldError};
use field::{Control, FieldView};

/// What every page knows.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The name a person knows the operator by.
    pub brand: String,
    /// Way from the page to the service's root: empty, or `../` as often as the page is deep.
    pub root: String,
    /// Version of the style sheet, so that it can be cached for good.
    pub release: &'a str,
}

impl<'a> Site<'a> {
    /// A page at the root.
    pub fn new(config: &'a ServiceConfig, release: &'a str) -> Self {
        Self { brand: config.brand(), root: String::new(), release }
    }

    /// The same for a page at this path, however deep.
    pub fn at(mut self, path: &str) -> Self {
        self.root = "../".repeat(path.trim_start_matches('/').matches('/').count());
        self
    }
}

#[derive(Template)]
#[template(path = "form.html", whitespace = "minimize")]
struct FormPage<'a> {
    site: &'a Site<'a>,
    form: &'a Form,
    fields: Vec<FieldView>,
    /// Whether any field carries a mark that needs explaining.
    marks: bool,
    errors: Vec<Mistake<'a>>,
    notice: Option<&'a str>,
}

/// A line of the error summary.
struct Mistake<'a> {
    /// Id of the input to go to.
    target: String,
    label: String,
    message: &'a str,
}

/// The form, with what was typed and what is wrong with it.
pub fn form(
    site: &Site<'_>,
    form: &Form,
    typed: &[(String, String)],
    errors: &[FieldError],
    notice: Option<&str>,
) -> String {
    let fields = field::views(form, typed, errors);
    let mistakes = errors
        .iter()
        .map(|error| {
            let view = fields.iter().find(|view| view.name == error.field);
            Mistake {
                target: view.map_or_else(String::new, FieldView::target),
                label: match view {
                    Some(_) if error.field == CONSENT => "Consent".into(),
                    Some(view) => view.label.clone(),
                    None => error.field.clone(),
                },
                message: &error.message,
            }
        })
        .collect();
    let marks = fields.iter().any(|field| field.required);
    render(&FormPage { site, form, fields, marks, errors: mistakes, notice })
}

/// The picture above a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Mail,
    Done,
    Stop,
}

impl Sign {
    fn class(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Done => "done",
            Self::Stop => "stop",
        }
    }
}

#[derive(Template)]
#[template(path = "message.html", whitespace = "minimize")]
struct MessagePage<'a> {
    site: &'a Site<'a>,
    sign: Sign,
    title: &'a str,
    paragraphs: &'a [&'a str],
    link: Option<(&'a str, &'a str)>,
}

/// What follows a sign-up, the same whether the address was new or known, and true of both.
pub fn sent(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Mail,
        title: "Check your mail",
        paragraphs: &[
            "A message is on its way to the address you gave, unless that is signed up already. Open it and press the button in it to complete your sign-up.",
            "Nothing there after a few minutes? Look in the spam folder, or sign up once more.",
        ],
        link: Some(("./", "Back to the form")),
    })
}

/// What follows a confirmation, or a sign-up that needs none, in the operator's words.
pub fn welcome(site: &Site<'_>, config: &ServiceConfig) -> String {
    let (title, message) = (config.form.success.title.as_str(), config.success_message());
    render(&MessagePage { site, sign: Sign::Done, title, paragraphs: &[message], link: None })
}

/// A link that once worked.
pub fn expired(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Stop,
        title: "This link has expired",
        paragraphs: &["Sign up once more, and we will send you a new one."],
        link: Some(("./", "Sign up again")),
    })
}

/// A link that never worked, or no longer leads anywhere.
pub fn unknown_link(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Stop,
        title: "This link does not work",
        paragraphs: &[
            "It may have been cut short on its way. Copy the whole link from the message, or sign up once more.",
        ],
        link: Some(("./", "Go to the form")),
    })
}

/// A page that does not exist.
pub fn not_found(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Stop,
        title: "There is nothing here",
        paragraphs: &["The page you were looking for does not exist."],
        link: Some(("./", "Go to the form")),
    })
}

/// A request that no form of ours sends; `title` and `message` say what is wrong with it.
pub fn refused(site: &Site<'_>, title: &str, message: &str) -> String {
    render(&MessagePage { site, sign: Sign::Stop, title, paragraphs: &[message], link: Some(("./", "Go to the form")) })
}

/// Our failure, of which the person learns no more than what to do.
pub fn failed(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Stop,
        title: "Something went wrong on our side",
        paragraphs: &["It is not your fault, and we have been told. Please try again in a few minutes."],
        link: Some(("./", "Go to the form")),
    })
}

/// Too many at once, which is over in a moment.
pub fn busy(site: &Site<'_>) -> String {
    render(&MessagePage {
        site,
        sign: Sign::Stop,
        title: "Many people are here right now",
        paragraphs: &["Nothing was changed. Please go back and try again in a moment."],
        link: Some(("./", "Go to the form")),
    })
}

#[derive(Template)]
#[template(path = "confirm.html", whitespace = "minimize")]
struct ConfirmPage<'a> {
    site: &'a Site<'a>,
    token: &'a str,
}

/// The page behind the link in the mail: a button, since programs that scan mail follow links.
pub fn confirm(site: &Site<'_>, token: &str) -> String {
    render(&ConfirmPage { site, token })
}

fn render(page: &impl Template) -> String {
    page.render().expect("a template renders into memory without fail")
}

#[cfg(test)]
mod tests;
