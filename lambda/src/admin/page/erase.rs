//! The page that asks whether a user is really to be erased.

use askama::Template;

use super::frame::{Account, Frame, Section};
use super::input::{Input, Kind};
use super::mistake::Mistake;
use super::render;
use super::value;
use crate::config::ServiceConfig;
use crate::page::Site;
use crate::user::User;

/// What has to be typed where there is no address to type, and may be where there is.
const WORD: &str = "ERASE";

/// `GET admin/users/{id}/erase`, and the answer to a `POST` to it that failed. The form sends `csrf` and `confirm`.
#[derive(Clone, Debug)]
pub struct Erase<'a> {
    pub user: &'a User,
    /// `ErasureNotConfirmed`, or nothing.
    pub mistakes: &'a [Mistake],
}

impl Erase<'_> {
    /// Whether what was typed confirms: the address, however it is capitalised, or the word.
    pub fn is_confirmed_by(&self, typed: &str) -> bool {
        let (typed, email) = (typed.trim(), self.user.answers.email.as_str());
        typed == WORD || (!email.is_empty() && typed.to_lowercase() == email.to_lowercase())
    }
}

#[derive(Template)]
#[template(path = "admin/erase.html", whitespace = "minimize")]
struct Page<'a> {
    frame: Frame<'a>,
    me: &'a Account<'a>,
    id: String,
    email: &'a str,
    name: Option<String>,
    inputs: Vec<Input<'a>>,
}

/// The question at `admin/users/{id}/erase`.
pub fn erase(site: &Site<'_>, me: &Account<'_>, config: &ServiceConfig, view: &Erase<'_>) -> String {
    let Erase { user, mistakes } = view;
    let label = if user.answers.email.is_empty() { "Type ERASE" } else { "Type the address, or ERASE" };
    render(&Page {
        frame: Frame::below(site, me, Section::Users),
        me,
        id: user.id.to_string(),
        email: &user.answers.email,
        name: value::name(&config.form, &user.answers.fields),
        inputs: vec![Input::new("confirm", label, Kind::Text).judged(mistakes)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::tests::sample;

    #[test]
    fn the_address_confirms_or_the_word_and_nothing_else() {
        let user = sample::ada();
        let erase = Erase { user: &user, mistakes: &[] };
        for right in ["ada@example.com", " Ada@Example.com ", "ERASE"] {
            assert!(erase.is_confirmed_by(right), "{right}");
        }
        for wrong in ["", "erase", "ada", "ada@example.org"] {
            assert!(!erase.is_confirmed_by(wrong), "{wrong}");
        }
        let nobody = sample::refused();
        assert!(!Erase { user: &nobody, mistakes: &[] }.is_confirmed_by(""), "no address is none to type");
    }
}
