//! What the operator declared: the part of the spec that the service itself needs.
//!
//! `signupctl` reads it from YAML, checks it, and puts it into the bundle as `service.json`; the
//! function reads it once, at init. It holds no secret and no AWS name: those come from the
//! environment (`crate::env`). Parsing here accepts the shape; `signupctl`'s spec checks judge the sense.

use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Everything the service shows, checks and says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Name of the service: lower-case letters, digits and hyphens, at most 32 characters.
    pub service: String,
    pub email: Email,
    pub form: Form,
    #[serde(default)]
    pub branding: Branding,
    #[serde(default)]
    pub confirmation: Confirmation,
    #[serde(default)]
    pub security: Security,
    /// How long a sign-up that nobody confirmed is kept.
    pub retention: Duration,
}

impl ServiceConfig {
    /// The name a person knows the operator by: as declared, or the sender's, or the service's in words.
    pub fn brand(&self) -> String {
        let declared = self.branding.name.as_ref().or(self.email.from_name.as_ref());
        declared.cloned().unwrap_or_else(|| {
            let word = |word: &str| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
            };
            self.service.split('-').filter(|part| !part.is_empty()).map(word).collect::<Vec<_>>().join(" ")
        })
    }

    /// What a person reads in the end. The words that stand for none speak of a confirmation only where
    /// there was one.
    pub fn success_message(&self) -> &str {
        let message = self.form.success.message.as_str();
        match self.confirmation.mode {
            ConfirmationMode::None if message == CONFIRMED => "Thank you for signing up.",
            _ => message,
        }
    }
}

/// Who the mail comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The sender's address. Its identity must be verified in SES before mail is delivered.
    pub from: String,
    /// The name shown beside the address; when absent, the one that pages and mails show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// Where answers go; the sender when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// The form, from which the page, the checks, the stored attributes and the mail all follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    pub title: String,
    /// A sentence or two below the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<String>,
    /// The button's label.
    #[serde(default = "default_submit")]
    pub submit: String,
    pub fields: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    #[serde(default)]
    pub success: Success,
}

fn default_submit() -> String {
    "Sign up".into()
}

impl Form {
    /// The one field of type `email`, which every checked form has.
    pub fn email_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind == FieldType::Email)
    }
}

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

/// What a person reads once they have confirmed, or signed up where nothing is to be confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    #[serde(default = "default_success_title")]
    pub title: String,
    #[serde(default = "default_success_message")]
    pub message: String,
}

impl Default for Success {
    fn default() -> Self {
        Self { title: default_success_title(), message: default_success_message() }
    }
}

fn default_success_title() -> String {
    "Welcome".into()
}

/// What stands for a message that is not declared; see [`ServiceConfig::success_message`].
const CONFIRMED: &str = "Your address is confirmed. Thank you for signing up.";

fn default_success_message() -> String {
    CONFIRMED.into()
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

/// How the page and the mail look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branding {
    /// The name a person knows you by; when absent, the sender's name or the service's in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Accent colour as `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// What must happen before a sign-up counts: `confirmation: none`, or `{mode: double_opt_in, expires: 24h}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confirmation {
    pub mode: ConfirmationMode,
    /// How long the link in the mail works.
    pub expires: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationMode {
    /// The person confirms from the mail they receive.
    #[default]
    DoubleOptIn,
    /// Signed up at once; a welcome mail is sent instead.
    None,
}

impl Default for Confirmation {
    fn default() -> Self {
        Self { mode: ConfirmationMode::default(), expires: Duration::hours(24) }
    }
}

impl<'de> Deserialize<'de> for Confirmation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            #[serde(default)]
            mode: ConfirmationMode,
            expires: Option<Duration>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Confirmation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, `double_opt_in`, or `mode` and `expires`")
            }

            fn visit_str<E: de::Error>(self, mode: &str) -> Result<Confirmation, E> {
                let mode = ConfirmationMode::deserialize(de::value::StrDeserializer::<E>::new(mode))?;
                Ok(Confirmation { mode, ..Confirmation::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Confirmation, A::Error> {
                let full = Full::deserialize(MapAccessDeserializer::new(map))?;
                let expires = full.expires.unwrap_or(Confirmation::default().expires);
                Ok(Confirmation { mode: full.mode, expires })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Who may call, and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Origins of other sites whose pages may post to the API, such as `https://www.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    #[serde(default)]
    pub budgets: Budgets,
}

/// Ceilings against floods. Only accepted sign-ups count; a typo corrected costs nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Sign-ups of one address in an hour.
    pub address_per_hour: u32,
    /// Sign-ups from one client address in an hour.
    pub ip_per_hour: u32,
    /// Requests a second that the API takes in steady state.
    pub requests_per_second: u32,
    /// Requests that the API takes at once, above the steady rate.
    pub burst: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { address_per_hour: 5, ip_per_hour: 60, requests_per_second: 50, burst: 100 }
    }
}

/// A length of time in whole seconds, written `30m`, `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    pub seconds: u32,
}

impl Duration {
    /// As a count of seconds, minutes, hours and days, largest unit that divides it.
    const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    pub const fn hours(hours: u32) -> Self {
        Self { seconds: hours * 3_600 }
    }

    pub const fn days(days: u32) -> Self {
        Self { seconds: days * 86_400 }
    }

    /// Reads `30m`, `24h`, `7d` or `90s`; `None` for anything else, zero or more than 136 years.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, length) = Self::UNITS.into_iter().find(|(letter, _)| *letter == unit)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = digits.parse::<u32>().ok()?.checked_mul(length)?;
        (seconds > 0).then_some(Self { seconds })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) =
            Self::UNITS.into_iter().find(|(_, length)| self.seconds.is_multiple_of(*length)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.seconds / length)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!("`{text}` is no length of time such as `30m`, `24h` or `7d`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_written() {
        for text in ["90s", "30m", "24h", "7d"] {
            let written = Duration::parse(text).map(|duration| duration.to_string());
            let whole_days = if text == "24h" { "1d" } else { text };
            assert_eq!(written.as_deref(), Some(whole_days));
        }
        for text in ["", "h", "0h", "-1h", "1.5h", "24", "24 h", "99999d", "1w", "١h"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_label_is_derived_from_the_name() {
        let field: Field = serde_json::from_str(r#"{"name":"full_name","type":"text"}"#).expect("a field");
        assert_eq!(field.label(), "Full name");
    }

    #[test]
    fn a_brand_is_declared_or_the_senders_or_the_services_but_never_the_forms_title() {
        let mut config: ServiceConfig = serde_json::from_value(serde_json::json!({
            "service": "garden-club-2", "email": { "from": "a@example.com", "from_name": "Ada" }, "retention": "7d",
            "branding": { "name": "The Garden Club" }, "form": { "title": "Join us", "fields": [] },
        }))
        .expect("a configuration");
        assert_eq!(config.brand(), "The Garden Club");
        config.branding.name = None;
        assert_eq!(config.brand(), "Ada");
        config.email.from_name = None;
        assert_eq!(config.brand(), "Garden Club 2");
    }

    #[test]
    fn nobody_is_told_of_a_confirmation_that_was_not_asked_for() {
        let mut config: ServiceConfig = serde_json::from_value(serde_json::json!({
            "service": "x", "email": { "from": "a@example.com" }, "retention": "7d",
            "form": { "title": "Join us", "fields": [] },
        }))
        .expect("a configuration");
        assert!(config.success_message().contains("confirmed"));
        config.confirmation.mode = ConfirmationMode::None;
        assert_eq!(config.success_message(), "Thank you for signing up.");
        config.form.success.message = "You are in.".into();
        assert_eq!(config.success_message(), "You are in.");
    }

    #[test]
    fn confirmation_is_a_word_or_a_map() {
        let read = |json: &str| serde_json::from_str::<Confirmation>(json).map_err(|error| error.to_string());
        assert_eq!(read(r#""none""#).expect("a word").mode, ConfirmationMode::None);
        assert_eq!(read(r#"{"expires":"2h"}"#).expect("a map").expires, Duration::hours(2));
        assert!(read(r#""maybe""#).expect_err("no mode").contains("double_opt_in"));
        assert!(read(r#"{"expire":"2h"}"#).expect_err("no key").contains("unknown field `expire`"));
    }
}
