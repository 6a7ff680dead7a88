//! Answers to a mistaken call of the API, as RFC 9457 problems.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::refused;
use super::body::BodyError;
use crate::form::FieldError;
use crate::store::StoreError;

/// A problem: its status says what kind it is, so `type` stays `about:blank`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Problem {
    r#type: &'static str,
    title: &'static str,
    #[serde(serialize_with = "status")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<u32>,
    /// The reason that the log gives, if it counts as a refusal.
    #[serde(skip)]
    reason: Option<&'static str>,
    /// The methods that would have been right.
    #[serde(skip)]
    allow: &'static str,
}

fn status<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: Option<&'static str>) -> Self {
        let reason = match status {
            StatusCode::TOO_MANY_REQUESTS => Some("rate_limited"),
            StatusCode::UNPROCESSABLE_ENTITY => Some("invalid"),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Some("unreadable")
            }
            _ => None,
        };
        Self { r#type: "about:blank", title, status, detail, errors: Vec::new(), retry_after: None, reason, allow: "" }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).expect("a problem is plain JSON");
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(self.allow));
        }
        match self.reason {
            Some(reason) => refused(reason, response),
            None => response,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Type => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
                Some("Send a JSON object as `application/json`"),
            ),
            BodyError::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", Some("A body is at most 256 KB"))
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        error.log();
        if error.is_passing() {
            let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Busy", Some("Try again in a moment"));
            return Self { retry_after: Some(super::BUSY), ..problem };
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", None)
    }
}

pub(super) fn not_json() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "Bad request", Some("The body is no JSON object"))
}

pub(super) fn invalid(errors: Vec<FieldError>) -> Problem {
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Some fields are not valid", None);
    Problem { errors, ..problem }
}

pub(super) fn too_many(retry_after: u32) -> Problem {
    let problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests",
        Some("Try again later; a sign-up with a proof of work has a higher limit"),
    );
    Problem { retry_after: Some(retry_after), ..problem }
}

/// What a server answers in front of the Router: to a call of the API as a problem, in plain words otherwise. It may be
/// asked again after so many seconds.
pub fn in_front(is_api: bool, status: StatusCode, detail: &'static str, retry_after: Option<u64>) -> Response {
    let mut response = if is_api {
        let title = status.canonical_reason().unwrap_or_default();
        Problem::new(status, title, Some(detail)).into_response()
    } else {
        (status, format!("{detail}.\n")).into_response()
    };
    let retry_after = retry_after.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
    response.headers_mut().extend(retry_after);
    response
}

pub(super) fn expired() -> Problem {
    Problem::new(StatusCode::GONE, "This token has expired", Some("Sign up again to be sent a new one"))
}

pub(super) fn unknown_token(reason: &'static str) -> Problem {
    let detail = "The token or the code is not, or no longer, one that this service sent";
    let problem = Problem::new(StatusCode::NOT_FOUND, "There is no such token or code", Some(detail));
    Problem { reason: Some(reason), ..problem }
}

pub(super) fn key_taken() -> Problem {
    let detail = "This `Idempotency-Key` was used for another request within the last 24 hours";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The key belongs to another request", Some(detail))
}

pub(super) fn bad_key() -> Problem {
    let detail = "Send one `Idempotency-Key` of 1 to 255 visible ASCII characters, or none";
    Problem::new(StatusCode::BAD_REQUEST, "Bad request", Some(detail))
}

pub(super) fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not found", None)
}

pub(super) fn wrong_method(path: &str) -> Problem {
    let allow = if path == "/api/v1/challenges" { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
    Problem { allow, ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", None) }
}
