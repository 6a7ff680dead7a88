//! The body of a request, of the type and size the service takes.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;

/// Bytes of a body: the 20,000 characters that signupctl lets all texts of a form have together, at up to nine
/// bytes each in a browser's encoding.
pub const LIMIT: usize = 256 * 1024;

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const JSON: &str = "application/json";

/// Why a body is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Another content type, or none.
    Type,
    TooLarge,
}

/// The body, when it is of the type expected.
pub(super) async fn read(request: Request, expected: &str) -> Result<Bytes, BodyError> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Parameters such as `; charset=utf-8` follow the type.
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(expected) {
        return Err(BodyError::Type);
    }
    read_any(request).await
}

/// The body, of whatever type: a mail program that unsubscribes need not be a browser.
pub(super) async fn read_any(request: Request) -> Result<Bytes, BodyError> {
    to_bytes(request.into_body(), LIMIT).await.map_err(|_| BodyError::TooLarge)
}

/// The pairs of a form, in their order, keys repeated as sent.
pub(super) fn pairs(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}
