//! From what was sent to a typed [`Submission`], or to every reason why not.
//!
//! Pure. A [`Checker`] is made once from the declared form; the page's form and the API share every rule
//! and differ only in how a value is read: a form sends text under repeated keys, JSON sends types.

mod country;
mod pattern;
mod problem;
mod read;
mod rules;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

pub use country::{Country, countries, countries_in, is_country};
pub use pattern::{PatternError, compile_pattern};
pub use problem::{Expected, FieldError, Problem};
pub use rules::date;
pub(crate) use rules::{date_bounds, number_bounds};

use crate::address::Address;
use crate::config::{Field, FieldType, Form};
use crate::user::{ConsentGiven, FieldValue, Fields};
use crate::words::Language;
use read::Raw;

/// The key of the consent box in the form and in the API. No field can be named so when consent is declared.
pub const CONSENT: &str = "consent";

/// Unknown keys that are told at most: an answer need not be as long as whatever was sent.
const UNKNOWN: usize = 20;

/// What a person sent, once every rule holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    pub email: Address,
    /// The other fields by name; those left empty are absent.
    pub fields: Fields,
    /// Present when the form declares consent.
    pub consent: Option<ConsentGiven>,
}

/// A form whose patterns are compiled.
#[derive(Clone, Debug)]
pub struct Checker {
    form: Form,
    patterns: BTreeMap<String, Regex>,
}

impl Checker {
    /// Fails when a pattern is no regular expression, or too large a one.
    pub fn new(form: &Form) -> Result<Self, PatternError> {
        let patterns = form
            .fields
            .iter()
            .filter_map(|field| Some((field, field.pattern.as_deref()?)))
            .map(|(field, pattern)| Ok((field.name.clone(), compile_pattern(pattern)?)))
            .collect::<Result<_, PatternError>>()?;
        Ok(Self { form: form.clone(), patterns })
    }

    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Checks the decoded pairs of an HTML form. Keys the form does not declare are ignored: browsers and
    /// their extensions add some. `language` is the one the form was read in: the mistakes are told in it,
    /// and the consent that is kept is worded in it.
    pub fn check_html(&self, pairs: &[(String, String)], language: &Language) -> Result<Submission, Vec<FieldError>> {
        let values = |name: &str| -> Vec<&str> {
            pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
        };
        let consent = values(CONSENT).iter().any(|value| !value.is_empty());
        self.check(|field| read::html(field, &values(&field.name)), Ok(consent), Vec::new(), language)
    }

    /// Checks a JSON object. Every key must be declared and every value of its field's type; `null` is absent.
    pub fn check_json(&self, object: &Map<String, Value>, language: &Language) -> Result<Submission, Vec<FieldError>> {
        let declared = |name: &str| self.form.fields.iter().any(|field| field.name == name);
        let unknown = object
            .keys()
            .filter(|name| !declared(name) && (self.form.consent.is_none() || *name != CONSENT))
            .map(|name| FieldError::unknown(name, &language.words))
            .take(UNKNOWN)
            .collect();
        let consent = match object.get(CONSENT) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(given)) => Ok(*given),
            Some(_) => Err(Problem::WrongType(Expected::Flag)),
        };
        let nothing = Value::Null;
        self.check(|field| read::json(field, object.get(&field.name).unwrap_or(&nothing)), consent, unknown, language)
    }

    fn check(
        &self,
        read: impl Fn(&Field) -> Result<Raw, Problem>,
        consent: Result<bool, Problem>,
        mut errors: Vec<FieldError>,
        language: &Language,
    ) -> Result<Submission, Vec<FieldError>> {
        let words = &language.words;
        let mut email = None;
        let mut fields = Fields::new();
        for field in &self.form.fields {
            let pattern = self.patterns.get(&field.name);
            match read(field).and_then(|raw| rules::check(field, pattern, raw)) {
                Ok(Some(FieldValue::Text(address))) if field.kind == FieldType::Email => {
                    email = Address::parse(&address).ok();
                }
                Ok(Some(value)) => drop(fields.insert(field.name.clone(), value)),
                Ok(None) => {}
                Err(problem) => errors.push(FieldError::new(field, &problem, words)),
            }
        }
        let consent = match (&self.form.consent, consent) {
            (None, _) => None,
            (Some(consent), Ok(true)) => {
                let own = language.form.consent.as_ref().and_then(|consent| consent.text.as_ref());
                let text = own.unwrap_or(&consent.text).clone();
                Some(ConsentGiven { text, version: consent.version.clone() })
            }
            (Some(_), Ok(false)) => {
                errors.push(FieldError::consent(&Problem::Required, words));
                None
            }
            (Some(_), Err(problem)) => {
                errors.push(FieldError::consent(&problem, words));
                None
            }
        };
        match email {
            Some(email) if errors.is_empty() => Ok(Submission { email, fields, consent }),
            // A form without a field of type `email` is refused by the spec's checks, and here for good measure.
            None if errors.is_empty() => Err(vec![FieldError::unknown("email", words)]),
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests;
