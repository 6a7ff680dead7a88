//! What can be wrong with a field, as a code for programs and as a sentence for people.
//!
//! A sentence says what would be right; it never repeats what was typed.

use std::fmt;

use serde::Serialize;

use super::CONSENT;
use crate::config::{Field, FieldType};

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    Required,
    Unknown,
    /// The JSON type is another; holds what was expected.
    WrongType(&'static str),
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
    fn message(&self, field: &Field) -> String {
        let date = field.kind == FieldType::Date;
        match self {
            Self::Required => match field.kind {
                FieldType::Choice | FieldType::MultiChoice | FieldType::Country => "Choose an option".into(),
                FieldType::Checkbox => "Tick this box to go on".into(),
                FieldType::Date => "Enter a date".into(),
                FieldType::Email => "Enter your address".into(),
                _ => "Fill in this field".into(),
            },
            Self::Unknown => "The form has no such field".into(),
            Self::WrongType(expected) => format!("This must be {expected}"),
            Self::Repeated => "Only one answer is possible".into(),
            Self::ControlCharacter => "Remove the characters that cannot be seen".into(),
            Self::TooShort(1) => "Enter at least 1 character".into(),
            Self::TooShort(least) => format!("Enter at least {least} characters"),
            Self::TooLong(most) => format!("Enter at most {most} characters"),
            Self::TooLow(least) if date => format!("Enter a date of {least} or later"),
            Self::TooHigh(most) if date => format!("Enter a date of {most} or earlier"),
            Self::TooLow(least) => format!("Enter {least} or more"),
            Self::TooHigh(most) => format!("Enter {most} or less"),
            Self::Pattern => "This is not in the expected form".into(),
            Self::NotAnOption => "Choose one of the options".into(),
            Self::Format => match field.kind {
                FieldType::Email => "Enter an address like name@example.com".into(),
                FieldType::Integer => "Enter a whole number".into(),
                FieldType::Number => "Enter a number, such as 1.5".into(),
                FieldType::Date => "Enter a date like 2000-12-31".into(),
                FieldType::Phone => "Enter a phone number like +44 20 7946 0000".into(),
                FieldType::Url => "Enter a web address like https://example.com".into(),
                _ => "This is not in the expected form".into(),
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
    pub(super) fn new(field: &Field, problem: &Problem) -> Self {
        Self { field: field.name.clone(), code: problem.code(), message: problem.message(field) }
    }

    pub(super) fn consent(problem: &Problem) -> Self {
        let message = match problem {
            Problem::Required => "Agree to the terms to go on".to_owned(),
            _ => "Consent must be true or false".to_owned(),
        };
        Self { field: CONSENT.into(), code: problem.code(), message }
    }

    /// The token of a confirmation, which is a field of the API alone.
    pub(crate) fn token(problem: &Problem) -> Self {
        let message = match problem {
            Problem::Required => "Send the token from the mail's link".to_owned(),
            _ => "The token must be text".to_owned(),
        };
        Self { field: "token".into(), code: problem.code(), message }
    }

    /// A key that no field has. What is repeated of it is short.
    pub(super) fn unknown(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self { message: "The form has no such field".into(), code: Problem::Unknown.code(), field: name }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
