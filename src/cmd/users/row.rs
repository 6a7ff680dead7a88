//! A user as the list and the export show one. Pure.

use jiff::Timestamp;
use serde::Serialize;
use signup_service::clock::rfc3339;
use signup_service::user::{ConsentGiven, EndedBy, Fields, State, User, UserId};

/// The JSON of a user. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    id: UserId,
    state: State,
    /// As typed; empty of an address that is suppressed and never was confirmed.
    email: &'a str,
    fields: &'a Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<&'a ConsentGiven>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    created_at: String,
    confirmed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// What ended the mail, unless the person asked for no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<EndedBy>,
}

impl<'a> Row<'a> {
    pub fn of(user: &'a User) -> Self {
        Self {
            id: user.id,
            state: user.state,
            email: &user.answers.email,
            fields: &user.answers.fields,
            consent: user.answers.consent.as_ref(),
            language: user.answers.language.as_deref(),
            created_at: rfc3339(user.created_at),
            confirmed_at: user.confirmed_at.map(rfc3339),
            ended_at: user.ended_at.map(rfc3339),
            ended_by: user.ended_by,
        }
    }
}

/// Whether a user is shown: not one who counts as gone, and of the state asked for.
pub fn is_shown(user: &User, state: Option<State>, now: Timestamp) -> bool {
    !user.is_forgotten(now) && state.is_none_or(|state| user.state == state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sample;

    #[test]
    fn a_row_holds_what_a_script_relies_on() {
        let json = serde_json::to_string(&Row::of(&sample::confirmed())).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"id":"02020202020202020202020202020202","state":"confirmed","email":"bob@example.com","fields":{"age":36,"nationality":"GB","tags":["web","data"]},"consent":{"text":"I agree.","version":"2026-06"},"language":"en","created_at":"2026-11-22T10:00:02.000Z","confirmed_at":"2026-11-22T10:01:00.000Z"}"#);
        let json = serde_json::to_value(Row::of(&sample::pending())).expect("JSON");
        assert_eq!(json["confirmed_at"], serde_json::Value::Null);
        assert_eq!((json.get("ended_at"), json.get("ended_by")), (None, None));
        let json = serde_json::to_value(Row::of(&sample::complained())).expect("JSON");
        assert_eq!((&json["state"], &json["ended_by"]), (&"suppressed".into(), &"complaint".into()));
    }

    #[test]
    fn whoever_is_forgotten_is_not_shown() {
        let user = sample::pending();
        assert!(is_shown(&user, None, sample::at(60)) && is_shown(&user, Some(State::Pending), sample::at(60)));
        assert!(!is_shown(&user, Some(State::Confirmed), sample::at(60)));
        assert!(!is_shown(&user, None, user.keep_until.expect("while pending")));
    }
}
