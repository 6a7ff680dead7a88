//! The page with the form: its fields, what was typed, and what is wrong with it.

use askama::Template;

use super::field::{self, Control, FieldView};
use super::render;
use super::site::{LanguageLink, Site};
use crate::config::Form;
use crate::form::{CONSENT, FieldError};
use crate::words::{FormPage, LangOf, fill};

/// What goes with the form for the sake of telling people from programs.
#[derive(Clone, Debug)]
pub struct Hidden {
    /// Proves when the form was made.
    pub stamp: String,
    /// Name of a field that only programs fill in; no field of the form may have it.
    pub honeypot: &'static str,
}

/// Why a form without a mistake comes back. What was typed is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The table was busy for a moment.
    Busy,
    /// Too many sign-ups from one place; it may be tried again in so many minutes.
    RateLimited { minutes: u32 },
    /// The service takes no more on this day.
    Full,
    /// The form's stamp or its proof was not good, which sending it once more mends.
    SendAgain,
}

impl Notice {
    fn message(self, words: &FormPage) -> String {
        match self {
            Self::Busy => words.busy.clone(),
            Self::RateLimited { minutes } => fill(&words.rate_limited, &[("minutes", &minutes.to_string())]),
            Self::Full => words.full.clone(),
            Self::SendAgain => words.send_again.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "form.html", whitespace = "minimize")]
struct Page<'a> {
    site: &'a Site<'a>,
    menu: Vec<LanguageLink<'a>>,
    words: &'a FormPage,
    form: &'a Form,
    title_lang: LangOf<'a>,
    intro_lang: LangOf<'a>,
    submit: &'a str,
    submit_lang: LangOf<'a>,
    fields: Vec<FieldView<'a>>,
    /// What stands before and after the mark in the sentence that explains it; `None` when no field has one.
    marks: Option<(&'a str, &'a str)>,
    errors: Vec<Mistake<'a>>,
    notice: Option<String>,
    hidden: Option<&'a Hidden>,
}

/// A line of the error summary.
pub(super) struct Mistake<'a> {
    /// Id of the input to go to.
    pub(super) target: String,
    pub(super) label: String,
    pub(super) lang: LangOf<'a>,
    pub(super) message: &'a str,
}

/// The form as declared, shown in the page's language, with what was typed and what is wrong with it.
///
/// Without `hidden` the page has no script and asks for no proof.
pub fn form(
    site: &Site<'_>,
    form: &Form,
    typed: &[(String, String)],
    errors: &[FieldError],
    notice: Option<Notice>,
    hidden: Option<&Hidden>,
) -> String {
    let words = &site.words().form;
    let form = site.language.translate(form);
    let fields = field::views(&form, site, typed, errors);
    let mistakes = errors
        .iter()
        .map(|error| {
            let view = fields.iter().find(|view| view.name == error.field);
            let (label, lang) = match view {
                Some(_) if error.field == CONSENT => (words.consent.clone(), LangOf::default()),
                Some(view) => (view.label.clone(), view.label_lang),
                None => (error.field.clone(), LangOf::default()),
            };
            Mistake { target: view.map_or_else(String::new, FieldView::target), label, lang, message: &error.message }
        })
        .collect();
    let marks = fields.iter().any(|field| field.required);
    let own = &site.language.form;
    render(&Page {
        site,
        menu: site.menu(site.form(), &[]),
        words,
        form: &form,
        title_lang: site.own(own.title.is_some()),
        intro_lang: site.own(own.intro.is_some()),
        submit: form.submit.as_ref().unwrap_or(&words.submit),
        submit_lang: site.own(own.submit.is_some() || form.submit.is_none()),
        marks: marks.then(|| words.required_note.split_once("{star}").unwrap_or((&words.required_note, ""))),
        fields,
        errors: mistakes,
        notice: notice.map(|notice| notice.message(words)),
        hidden,
    })
}
