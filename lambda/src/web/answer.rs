//! Answers that pages share, and what of an answer is measured.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::BUSY;
use super::body::BodyError;
use crate::page::{self, Refusal, Site};
use crate::store::StoreError;

/// Why a form got no answer of its own.
pub(super) enum Failure {
    /// The caller's: no browser sends this from our pages.
    Body(BodyError),
    /// Ours.
    Store(StoreError),
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    pub(super) fn page(self, site: &Site<'_>) -> Response {
        match self {
            Self::Body(BodyError::Type) => {
                let page = page::refused(site, Refusal::Unreadable);
                refused("unreadable", html(StatusCode::UNSUPPORTED_MEDIA_TYPE, page))
            }
            Self::Body(BodyError::TooLarge) => {
                refused("unreadable", html(StatusCode::PAYLOAD_TOO_LARGE, page::refused(site, Refusal::TooLarge)))
            }
            Self::Store(error) => {
                error.log();
                if error.is_passing() {
                    return later(BUSY, html(StatusCode::SERVICE_UNAVAILABLE, page::busy(site)));
                }
                html(StatusCode::INTERNAL_SERVER_ERROR, page::failed(site))
            }
        }
    }
}

/// What the log line of the request counts besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) metric: &'static str,
    pub(super) reason: &'static str,
}

/// The metric of what was refused.
pub(super) const REFUSALS: &str = "Refusals";

/// The same answer, counted as refused for a reason.
pub(super) fn refused(reason: &'static str, response: Response) -> Response {
    measured(REFUSALS, reason, response)
}

/// The same answer, counted.
pub(super) fn measured(metric: &'static str, reason: &'static str, mut response: Response) -> Response {
    response.extensions_mut().insert(Measured { metric, reason });
    response
}

/// The same answer, with the time after which to come back.
pub(super) fn later(seconds: u32, mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(super) fn html(status: StatusCode, page: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page.into()).into_response()
}

/// To another page; relative, since the service may live below a path.
pub(super) fn see_other(target: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, target.to_owned())]).into_response()
}
