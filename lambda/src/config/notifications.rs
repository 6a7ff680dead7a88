//! What subscribers are told of: the types of events, and what of a form may be in one.

use serde::{Deserialize, Serialize};

/// What can happen to somebody, as subscribers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventType {
    /// An address that was not known signed up.
    #[serde(rename = "sign_up.received")]
    Received,
    /// Somebody confirmed, the first time or other answers later; or signed up where nothing is to be confirmed.
    #[serde(rename = "sign_up.confirmed")]
    Confirmed,
    /// Somebody asked for no more mail, or refused it before ever confirming.
    #[serde(rename = "sign_up.unsubscribed")]
    Unsubscribed,
    /// Nothing is kept of somebody any more: they were erased, or never confirmed in time.
    #[serde(rename = "sign_up.erased")]
    Erased,
    /// SES took a mail.
    #[serde(rename = "mail.sent")]
    Sent,
    /// A mail was given up.
    #[serde(rename = "mail.failed")]
    Failed,
    /// A mail bounced for good, and was the last one.
    #[serde(rename = "mail.bounced")]
    Bounced,
    /// A mail was reported as spam, and was the last one.
    #[serde(rename = "mail.complained")]
    Complained,
}

impl EventType {
    pub const ALL: [Self; 8] = [
        Self::Received,
        Self::Confirmed,
        Self::Unsubscribed,
        Self::Erased,
        Self::Sent,
        Self::Failed,
        Self::Bounced,
        Self::Complained,
    ];

    /// The name as it stands in events and in the spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "sign_up.received",
            Self::Confirmed => "sign_up.confirmed",
            Self::Unsubscribed => "sign_up.unsubscribed",
            Self::Erased => "sign_up.erased",
            Self::Sent => "mail.sent",
            Self::Failed => "mail.failed",
            Self::Bounced => "mail.bounced",
            Self::Complained => "mail.complained",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What the service tells. Whom, only the topics' subscriptions know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Fields of the form that may be in an event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The types that somebody subscribed to; no other is ever made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventType>,
    /// Whether somebody gets the daily digest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// The hour in UTC from which on it is sent, where the spec names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_hour: Option<u8>,
}

/// The hour in UTC from which on the digest is sent, unless another is named: every place on earth has ended the day before
/// by noon, and most people read their mail in the morning.
const DIGEST_HOUR: u8 = 6;

impl Notifications {
    /// The hour in UTC from which on the digest is sent; `None` where nobody gets one.
    pub fn digest_hour(&self) -> Option<u8> {
        self.digest.then(|| self.digest_hour.unwrap_or(DIGEST_HOUR))
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name_everywhere() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.name());
        }
    }
}
