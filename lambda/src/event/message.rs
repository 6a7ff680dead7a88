//! An event as subscribers get it.
//!
//! Its JSON is a promise: `docs/events.schema.json` states it, and a test holds both together.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{AboutMail, EventId, EventType, Tell};
use crate::clock::rfc3339;
use crate::config::ServiceConfig;
use crate::user::{Answers, State, UserId};

/// The version of the shape: raised when a subscriber that knows the one before could misread it.
const VERSION: &str = "1";

/// What one subscriber is told once.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub kind: EventType,
    pub at: Timestamp,
    pub service: String,
    pub user: UserId,
    pub state: State,
    pub mail: Option<AboutMail>,
    /// Answers by the names of their fields, as they are at the time of telling.
    pub data: Map<String, Value>,
}

/// The events of what is to be told of one user. `answers` are those that are in force, of whoever is still there; the
/// declared fields of them are in each event.
pub fn events(config: &ServiceConfig, user: UserId, answers: Option<&Answers>, tells: &[Tell]) -> Vec<Event> {
    let data: Map<String, Value> = answers.map(|answers| data(config, answers)).unwrap_or_default();
    let event = |tell: &Tell| Event {
        id: tell.id(user),
        kind: tell.kind,
        at: tell.at,
        service: config.service.clone(),
        user,
        state: tell.state,
        mail: tell.mail.clone(),
        data: if tell.kind == EventType::Erased { Map::new() } else { data.clone() },
    };
    tells.iter().map(event).collect()
}

fn data(config: &ServiceConfig, answers: &Answers) -> Map<String, Value> {
    let email = config.form.email_field().map(|field| field.name.as_str());
    let of = |name: &String| {
        let value = if email == Some(name) {
            (!answers.email.is_empty()).then(|| answers.email.as_str().into())
        } else {
            answers.fields.get(name).and_then(|value| serde_json::to_value(value).ok())
        };
        Some((name.clone(), value?))
    };
    config.notifications.fields.iter().filter_map(of).collect()
}

impl Event {
    /// The message's text. SNS takes all characters but two, which are escaped.
    pub fn json(&self) -> String {
        let mut event = json!({
            "specversion": VERSION,
            "id": self.id,
            "type": self.kind,
            "time": rfc3339(self.at),
            "service": self.service,
            "user": self.user,
            "state": self.state,
            "data": self.data,
        });
        if let Some(mail) = &self.mail {
            event["mail"] = json!(mail);
        }
        event.to_string().replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    }
}
