//! Who is told what happens: `notifications:` of the spec, and what of it the function has to know.

use std::collections::BTreeSet;

use serde::Deserialize;
use signup_service::config::{self, EventType};

/// Subscribers that get events at most: the template has as many subscriptions, each with parameters of its own, since
/// CloudFormation repeats nothing by itself. Whoever has more subscribers gives them a queue or a topic of their own.
pub const SUBSCRIBERS: usize = 5;

/// The same of the daily digest.
pub const DIGESTS: usize = 2;

/// What is told, and whom. Nothing and nobody unless declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Fields of the form that may be in an event.
    pub fields: Vec<String>,
    pub subscribers: Vec<Subscriber>,
    /// The hour in UTC from which on the digest is sent, 0 to 23.
    pub digest_hour: Option<u32>,
}

/// One of `https`, `sqs` and `email`, which the checks see to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscriber {
    /// URL that gets each event by a POST, in SNS's envelope.
    pub https: Option<String>,
    /// ARN of a queue that gets each event as a message.
    pub sqs: Option<String>,
    /// Address that gets a digest a day.
    pub email: Option<String>,
    /// The types of events it gets; all when absent.
    pub events: Option<Vec<EventType>>,
}

impl Subscriber {
    /// SNS's name of the way to it, and where it is; `None` of whoever gets no events.
    pub fn endpoint(&self) -> Option<(&'static str, &str)> {
        let https = self.https.as_deref().map(|url| ("https", url));
        https.or(self.sqs.as_deref().map(|arn| ("sqs", arn)))
    }

    /// The types of events it gets.
    pub fn types(&self) -> Vec<EventType> {
        self.events.clone().unwrap_or_else(|| EventType::ALL.to_vec())
    }
}

impl Notifications {
    /// Those who get events.
    pub fn listeners(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.iter().filter(|subscriber| subscriber.endpoint().is_some())
    }

    /// Those who get the digest, by address.
    pub fn readers(&self) -> impl Iterator<Item = &str> {
        self.subscribers.iter().filter_map(|subscriber| subscriber.email.as_deref())
    }

    /// What the function needs to know. What nobody gets it does not even make.
    pub fn config(&self) -> config::Notifications {
        let events: BTreeSet<EventType> = self.listeners().flat_map(Subscriber::types).collect();
        config::Notifications {
            fields: if events.is_empty() { Vec::new() } else { self.fields.clone() },
            events: events.into_iter().collect(),
            digest: self.readers().next().is_some(),
            digest_hour: self.digest_hour.and_then(|hour| u8::try_from(hour).ok()),
        }
    }
}
