//! The languages of a service: every sentence, the countries' names, and the operator's own texts in each.
//!
//! Pure. English is a part of this crate; other languages come with the configuration, into which `signupctl`
//! puts those it ships or reads from the operator's files. Which one a request gets is said by [`choose`].

mod catalogue;
mod choose;
mod fill;
mod form;
mod lang_of;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use catalogue::{Confirm, Errors, FormPage, Mails, Pages, Sent, Unsubscribe, Words};
pub use choose::{choose, find};
pub use fill::{fill, placeholders};
pub use form::{ConsentWords, FieldWords, FormWords, SuccessWords, Told};
pub use lang_of::LangOf;

/// One language as a service speaks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// BCP 47, such as `fr` or `pt-BR`.
    pub code: String,
    /// As its speakers write it, such as `Français`.
    pub name: String,
    #[serde(default)]
    pub dir: Direction,
    pub words: Words,
    /// Names of countries by their ISO 3166-1 code; what is absent has its English name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub countries: BTreeMap<String, String>,
    /// The operator's own texts in this language; what is absent stays as the form declares it.
    #[serde(default, skip_serializing_if = "FormWords::is_empty")]
    pub form: FormWords,
}

/// The direction a script is read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    #[default]
    Ltr,
    Rtl,
}

impl Direction {
    /// The value of HTML's attribute `dir`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

/// The language that is always there.
pub fn english() -> &'static Language {
    static ENGLISH: OnceLock<Language> = OnceLock::new();
    ENGLISH.get_or_init(|| {
        serde_json::from_slice(include_bytes!("../../languages/en.json")).expect("the tests read this very file")
    })
}

#[cfg(test)]
mod tests;
