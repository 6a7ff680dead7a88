//! What can be wrong with a field, as a code for programs and as a sentence for people.
//!
//! A sentence says what would be right, in the words of the page's language; it never repeats what was typed.

use std::fmt;

use serde::Serialize;

use super::CONSENT;
use crate::config::{Field, FieldType};
use crate::words::{Words, fill};

/// What JSON should have held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Text,
    Texts,
    Number,
    Integer,
    Flag,
}

impl Expected {
    fn message(self, words: &Words) -> &str {
        let words = &words.errors;
        match self {
            Self::Text => &words.must_be_text,
            Self::Texts => &words.must_be_texts,
            Self::Number => &words.must_be_number,
            Self::Integer => &words.must_be_integer,
            Self::Flag => &words.must_be_flag,
        }
    }
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    Required,
    Unknown,
    /// The JSON type is another.
    WrongType(Expected),
    /// A key was sent more than once.
    Repeated,
    ControlCharacter,
    TooShort(u32),
    TooLong(u32),
    TooLow(String),
    TooHigh(String),
    Pattern,
    NotAnOption,
    /// Not in the form that the field's type asks for.
    Format,
}

impl Problem {
    /// The name in the API's answers, which stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Unknown => "unknown_field",
            Self::WrongType(_) => "wrong_type",
            Self::Repeated => "repeated",
            Self::ControlCharacter => "control_character",
            Self::TooShort(_) => "too_short",
            Self::TooLong(_) => "too_long",
            Self::TooLow(_) => "too_low",
            Self::TooHigh(_) => "too_high",
            Self::Pattern => "pattern",
            Self::NotAnOption => "not_an_option",
            Self::Format => "format",
        }
    }

    /// What would be right, as a sentence that stands below the field's label.
    fn message(&self, field: &Field, words: &Words) -> String {
        let date = field.kind == FieldType::Date;
        let errors = &words.errors;
        let least = |text: &str, least: &str| fill(text, &[("least", least)]);
        let most = |text: &str, most: &str| fill(text, &[("most", most)]);
        match self {
            Self::Required => match field.kind {
                FieldType::Choice | FieldType::MultiChoice | FieldType::Country => errors.required_choice.clone(),
                FieldType::Checkbox => errors.required_box.clone(),
                FieldType::Date => errors.required_date.clone(),
                FieldType::Email => errors.required_email.clone(),
                _ => errors.required.clone(),
            },
            Self::Unknown => errors.unknown.clone(),
            Self::WrongType(expected) => expected.message(words).to_owned(),
            Self::Repeated => errors.repeated.clone(),
            Self::ControlCharacter => errors.invisible.clone(),
            Self::TooShort(length) => least(&errors.too_short, &length.to_string()),
            Self::TooLong(length) => most(&errors.too_long, &length.to_string()),
            Self::TooLow(bound) => least(if date { &errors.too_early } else { &errors.too_low }, bound),
            Self::TooHigh(bound) => most(if date { &errors.too_late } else { &errors.too_high }, bound),
            Self::Pattern => errors.pattern.clone(),
            Self::NotAnOption => errors.not_an_option.clone(),
            Self::Format => match field.kind {
                FieldType::Email => errors.email.clone(),
                FieldType::Integer => errors.integer.clone(),
                FieldType::Number => errors.number.clone(),
                FieldType::Date => errors.date.clone(),
                FieldType::Phone => errors.phone.clone(),
                FieldType::Url => errors.url.clone(),
                _ => errors.pattern.clone(),
            },
        }
    }
}

/// A problem as told to the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub field: String,
    pub code: &'static str,
    pub message: String,
}

impl FieldError {
    pub(super) fn new(field: &Field, problem: &Problem, words: &Words) -> Self {
        Self { field: field.name.clone(), code: problem.code(), message: problem.message(field, words) }
    }

    pub(super) fn consent(problem: &Problem, words: &Words) -> Self {
        let message = match problem {
            Problem::Required => &words.errors.consent,
            _ => Expected::Flag.message(words),
        };
        Self { field: CONSENT.into(), code: problem.code(), message: message.to_owned() }
    }

    /// A field that the API alone has, such as the token of a confirmation.
    pub(crate) fn named(name: &str, problem: &Problem, words: &Words) -> Self {
        let words_of = &words.errors;
        let message = match (name, problem) {
            (_, Problem::WrongType(expected)) => expected.message(words),
            ("token", Problem::Required) => &words_of.token,
            ("email", Problem::Required) => &words_of.required_email,
            ("email", _) => &words_of.email,
            (_, Problem::Required) => &words_of.required,
            _ => &words_of.pattern,
        };
        Self { field: name.to_owned(), code: problem.code(), message: message.to_owned() }
    }

    /// A key that no field has. What is repeated of it is short.
    pub(super) fn unknown(name: &str, words: &Words) -> Self {
        let name: String = name.chars().take(64).collect();
        Self { message: words.errors.unknown.clone(), code: Problem::Unknown.code(), field: name }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
