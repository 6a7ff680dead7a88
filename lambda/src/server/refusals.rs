//! What the server refuses before the service sees it, in its log: counted, since it may be a flood.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

/// How often it is said at most.
const PAUSE: Duration = Duration::from_secs(1);

/// What was refused and not said yet. The first is said at once, and what follows it with the first after a pause.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Unsaid>);

#[derive(Debug, Default)]
struct Unsaid {
    said: Option<Instant>,
    counts: BTreeMap<u16, u64>,
}

impl Refusals {
    pub(super) fn note(&self, status: StatusCode, now: Instant) {
        let mut unsaid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *unsaid.counts.entry(status.as_u16()).or_default() += 1;
        if unsaid.said.is_some_and(|said| now.saturating_duration_since(said) < PAUSE) {
            return;
        }
        unsaid.said = Some(now);
        for (status, requests) in std::mem::take(&mut unsaid.counts) {
            tracing::warn!(status, requests, cause = cause(status), "the server refused requests");
        }
    }
}

fn cause(status: u16) -> &'static str {
    match status {
        400 => "what came was no HTTP, or broke off",
        408 => "a body came too slowly",
        426 => "HTTP/1.0 cannot tell where this answer ends",
        429 => "a client asked more often than `requests_per_second` and `burst` of `security.budgets`",
        500 => "a handler panicked, which has a line of its own",
        503 => "all places were taken, or an answer took too long",
        _ => "see the status",
    }
}
