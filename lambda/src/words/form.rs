//! The operator's own texts in another language, laid over the form as it was declared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Language;
use crate::config::{ConfirmationMode, Field, Form, ServiceConfig};

/// The form's texts in one language; each that is absent stays as declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FormWords {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentWords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<SuccessWords>,
    /// By the field's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldWords>,
}

/// The consent box; the text that a person agreed to is the one that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentWords {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The page that says more, in this language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a person reads in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessWords {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The texts of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldWords {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Labels by the option's value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A text for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub text: String,
    /// Whether it is in the language that was asked for, and not in the one that the form is declared in.
    pub translated: bool,
}

impl FormWords {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Language {
    /// The form as a person who reads this language sees it. Names, rules and values are the same in every one.
    pub fn translate(&self, form: &Form) -> Form {
        let mut form = form.clone();
        let words = &self.form;
        lay(&mut form.title, words.title.as_ref());
        form.intro = words.intro.clone().or(form.intro);
        form.submit = words.submit.clone().or(form.submit);
        if let (Some(consent), Some(words)) = (&mut form.consent, &words.consent) {
            lay(&mut consent.text, words.text.as_ref());
            consent.link = words.link.clone().or_else(|| consent.link.take());
        }
        if let Some(words) = &words.success {
            form.success.title = words.title.clone().or(form.success.title);
            form.success.message = words.message.clone().or(form.success.message);
        }
        for field in &mut form.fields {
            if let Some(words) = words.fields.get(&field.name) {
                translate_field(field, words);
            }
        }
        form
    }

    /// Title and message of what a person reads in the end: the operator's, or that the address is confirmed,
    /// where it had to be.
    pub fn success(&self, config: &ServiceConfig) -> (Told, Told) {
        let declared = &config.form.success;
        let own = self.form.success.as_ref();
        let pages = &self.words.pages;
        let otherwise = match config.confirmation.mode {
            ConfirmationMode::DoubleOptIn => &pages.confirmed,
            ConfirmationMode::None => &pages.signed_up,
        };
        let told = |own: Option<&String>, declared: Option<&String>, otherwise: &String| Told {
            text: own.or(declared).unwrap_or(otherwise).clone(),
            translated: own.is_some() || declared.is_none(),
        };
        (
            told(own.and_then(|words| words.title.as_ref()), declared.title.as_ref(), &pages.success_title),
            told(own.and_then(|words| words.message.as_ref()), declared.message.as_ref(), otherwise),
        )
    }
}

fn translate_field(field: &mut Field, words: &FieldWords) {
    field.label = words.label.clone().or_else(|| field.label.take());
    field.help = words.help.clone().or_else(|| field.help.take());
    field.placeholder = words.placeholder.clone().or_else(|| field.placeholder.take());
    for option in &mut field.options {
        lay(&mut option.label, words.options.get(&option.value));
    }
}

fn lay(text: &mut String, other: Option<&String>) {
    if let Some(other) = other {
        text.clone_from(other);
    }
}
