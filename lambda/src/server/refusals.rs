//! What the server refuses before the service sees it, in its log: counted, since it may be a flood.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;

/// What was refused and not told yet, by status.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<u16, u64>>);

impl Refusals {
    pub(super) fn note(&self, status: StatusCode) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(status.as_u16()).or_default() += 1;
    }

    pub(super) fn tell(&self) {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (status, requests) in counts {
            tracing::warn!(status, requests, cause = cause(status), "the server refused requests");
        }
    }
}

fn cause(status: u16) -> &'static str {
    match status {
        400 => "what came was no HTTP, or broke off",
        408 => "a body came too slowly",
        426 => "HTTP/1.0 cannot tell where this answer ends",
        429 => {
            "a client asked more often than `requests_per_second` and `burst` of `security.budgets`, or had a hundred \
             requests at work"
        }
        500 => "a handler panicked, which has a line of its own",
        503 => "all places were taken, or an answer took too long",
        _ => "see the status",
    }
}
