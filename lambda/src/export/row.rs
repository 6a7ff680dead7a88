//! A user as the list and the export show one. Pure.

use crate::clock::rfc3339;
use crate::user::{ConsentGiven, EndedBy, Fields, State, User, UserId};
use jiff::Timestamp;
use serde::Serialize;

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
