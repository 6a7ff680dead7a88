//! What the operator declared: the part of the spec that the service itself needs.
//!
//! `signupctl` reads it from YAML, checks it, and puts it into the bundle as `service.json`; the
//! function reads it once, at init. It holds no secret and no AWS name: those come from the
//! environment (`crate::env`). Parsing here accepts the shape; `signupctl`'s spec checks judge the sense.

mod duration;
mod form;
mod mail;
mod notifications;

use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

pub use duration::Duration;
pub use form::{Bound, Choice, Consent, Field, FieldType, Form, Rule, Success};
pub use mail::{MailKind, MailTemplate, TextTemplate};
pub use notifications::{EventType, Notifications};

use crate::words::{Language, english};

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
    /// What subscribers are told of; nobody where nothing is declared.
    #[serde(default, skip_serializing_if = "Notifications::is_empty")]
    pub notifications: Notifications,
    /// The languages on offer; the first is the default. English alone where nothing is declared.
    #[serde(default = "english_alone")]
    pub languages: Vec<Language>,
}

fn english_alone() -> Vec<Language> {
    vec![english().clone()]
}

impl ServiceConfig {
    /// The language of whoever asks for none.
    pub fn default_language(&self) -> &Language {
        self.languages.first().unwrap_or_else(|| english())
    }

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
    /// The operator's own wording of the mails; what is absent the service words itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<MailTemplate>,
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
    /// Drawn beside the name. The picture itself is the file `logo` beside `service.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
}

/// The operator's logo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// Media type, such as `image/svg+xml`.
    #[serde(rename = "type")]
    pub media_type: String,
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
    /// Whether browsers are to take every name below the service's own for HTTPS alone too, for two years. A bundle says
    /// so always; of a spec that does not, the domain decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts_subdomains: Option<bool>,
    #[serde(default)]
    pub budgets: Budgets,
}

/// Ceilings against floods. Only requests that are valid count; a typo corrected costs nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Sign-ups of one address in an hour.
    pub address_per_hour: u32,
    /// Sign-ups from one client address in an hour that come with a proof of work, as browsers send it.
    pub ip_per_hour: u32,
    /// The same without one: browsers without script, and programs.
    pub unproven_per_hour: u32,
    /// Addresses that the service takes in a day, in UTC.
    pub service_per_day: u32,
    /// Requests a second that the API takes in steady state, or a server of one client.
    pub requests_per_second: u32,
    /// Requests that it takes at once, above the steady rate.
    pub burst: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            address_per_hour: 5,
            ip_per_hour: 60,
            unproven_per_hour: 10,
            service_per_day: 20_000,
            requests_per_second: 50,
            burst: 100,
        }
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
    fn confirmation_is_a_word_or_a_map() {
        let read = |json: &str| serde_json::from_str::<Confirmation>(json).map_err(|error| error.to_string());
        assert_eq!(read(r#""none""#).expect("a word").mode, ConfirmationMode::None);
        assert_eq!(read(r#"{"expires":"2h"}"#).expect("a map").expires, Duration::hours(2));
        assert!(read(r#""maybe""#).expect_err("no mode").contains("double_opt_in"));
        assert!(read(r#"{"expire":"2h"}"#).expect_err("no key").contains("unknown field `expire`"));
    }
}
