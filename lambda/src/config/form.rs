//! The form as it was declared, from which the page, the checks, the stored attributes and the mail follow.

use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// The form, from which the page, the checks, the stored attributes and the mail all follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    pub title: String,
    /// A sentence or two below the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    /// The button's label; when absent, what the page's language says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submit: Option<String>,
    pub fields: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    #[serde(default)]
    pub success: Success,
}

impl Form {
    /// The one field of type `email`, which every checked form has.
    pub fn email_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind == FieldType::Email)
    }

    /// The field that holds what a person is called, by what browsers fill it in with.
    pub fn name_field(&self) -> Option<&str> {
        let filled_with = |token: &&str| self.fields.iter().find(|field| field.autocomplete.as_deref() == Some(token));
        NAMES.iter().find_map(filled_with).map(|field| field.name.as_str())
    }
}

/// HTML's `autocomplete` tokens for what a person is called, the fullest first.
const NAMES: [&str; 4] = ["name", "family-name", "given-name", "nickname"];

/// A box that must be ticked, with the wording that is stored beside each sign-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    pub text: String,
    /// Raise it when the wording changes; it is stored with each sign-up.
    #[serde(default = "default_consent_version")]
    pub version: String,
    /// A page that says more, such as the privacy notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

fn default_consent_version() -> String {
    "1".into()
}

/// What a person reads once they have confirmed, or signed up where nothing is to be confirmed. What is absent
/// the page's language says, see [`crate::words::Language::success`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One field of the form. Which rules a type takes is said by [`FieldType::rules`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Key in the API, the table and the export: lower-case letters, digits and underscores.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What the person reads; derived from the name when absent (see [`Field::label`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The field of type `email` is always required, whatever is said here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Least value: a number for `integer` and `number`, `YYYY-MM-DD` for `date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Bound>,
    /// Greatest value, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Bound>,
    /// Least number of Unicode scalar values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Greatest number of Unicode scalar values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression that the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The choices of `choice` and `multi_choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A token of HTML's `autocomplete`, such as `name` or `bday`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<String>,
}

impl Field {
    /// The label, or the name with spaces and a capital: `full_name` reads `Full name`.
    pub fn label(&self) -> String {
        self.label.clone().unwrap_or_else(|| {
            let words = self.name.replace('_', " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
    }

    /// Whether a sign-up without this field is refused.
    pub fn is_required(&self) -> bool {
        self.required || self.kind == FieldType::Email
    }

    /// Greatest length in Unicode scalar values, declared or the type's own ceiling.
    pub fn length_limit(&self) -> u32 {
        self.max_length.unwrap_or(match self.kind {
            FieldType::Email => 254,
            FieldType::Textarea | FieldType::Url => 2_000,
            _ => 200,
        })
    }
}

/// The types of field, each with its own input, check and JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Text,
    Textarea,
    Email,
    Integer,
    Number,
    Date,
    Choice,
    MultiChoice,
    /// ISO 3166-1 alpha-2, chosen from the list of countries.
    Country,
    Phone,
    Url,
    Checkbox,
}

/// The rules that only some types of field take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    MinMax,
    Length,
    Pattern,
    Options,
    Placeholder,
}

impl FieldType {
    /// The rules that make sense for this type; any other is refused by the spec's checks.
    pub fn rules(self) -> &'static [Rule] {
        match self {
            Self::Text | Self::Textarea | Self::Phone | Self::Url => &[Rule::Length, Rule::Pattern, Rule::Placeholder],
            Self::Email => &[Rule::Placeholder],
            Self::Integer | Self::Number => &[Rule::MinMax, Rule::Placeholder],
            Self::Date => &[Rule::MinMax],
            Self::Choice | Self::MultiChoice => &[Rule::Options],
            Self::Country | Self::Checkbox => &[],
        }
    }

    /// The name as written in the spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Textarea => "textarea",
            Self::Email => "email",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Date => "date",
            Self::Choice => "choice",
            Self::MultiChoice => "multi_choice",
            Self::Country => "country",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Checkbox => "checkbox",
        }
    }
}

/// A limit of `min` or `max`: a number, or a date as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a date as `YYYY-MM-DD`")]
pub enum Bound {
    Number(f64),
    Date(String),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Date(date) => f.write_str(date),
        }
    }
}

/// One choice: written as `married`, or as `{value: married, label: Married}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            value: String,
            label: Option<String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Choice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value as text, or `value` and `label`")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Choice, E> {
                Ok(Choice { value: value.into(), label: value.into() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
                let Full { value, label } = Full::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Choice { label: label.unwrap_or_else(|| value.clone()), value })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
