//! What the server refuses before the service sees it: what it answers, and its log, in which it is counted, since it may
//! be a flood.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::clock::{Clock, System, day};
use crate::keys::{AddressKey, network};
use crate::web::in_front;

/// Clients that are named at once at most: those who were refused most often.
const NAMED: usize = 10;

/// Clients that are counted in between at most.
const COUNTED: usize = 10_000;

/// Why the server answers in the place of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What came is no HTTP, or broke off.
    Broken,
    SlowBody,
    /// HTTP/1.0, which could not tell where the answer ends.
    OldHttp,
    /// The client may ask again after so many seconds.
    TooOften(u64),
    /// One address holds as many connections as it may. It hears nothing.
    Crowd,
    Panicked,
    /// All places are taken.
    Busy,
    /// What may still come of the request is not waited for.
    SlowAnswer,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::OldHttp => StatusCode::UPGRADE_REQUIRED,
            Self::TooOften(_) | Self::Crowd => StatusCode::TOO_MANY_REQUESTS,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::SlowAnswer => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the log.
    fn cause(self) -> &'static str {
        match self {
            Self::Broken => "what came was no HTTP, or broke off",
            Self::SlowBody => "a body came too slowly",
            Self::OldHttp => "HTTP/1.0 cannot tell where this answer ends",
            Self::TooOften(_) => {
                "a client asked more often than `requests_per_second` and `burst` of `security.budgets`, or had a hundred \
                 requests at work"
            }
            Self::Crowd => "one address held a quarter of all connections, and was hung up on",
            Self::Panicked => "a handler panicked, which has a line of its own",
            Self::Busy => "all places were taken",
            Self::SlowAnswer => "an answer took too long",
        }
    }

    /// For whoever asked.
    fn detail(self) -> &'static str {
        match self {
            Self::Broken => "The request broke off",
            Self::SlowBody | Self::SlowAnswer => "The request took too long",
            Self::OldHttp => "This takes HTTP/1.1",
            Self::TooOften(_) | Self::Crowd => "You ask too often; try again later",
            Self::Panicked => "Something went wrong here",
            Self::Busy => "Too many requests are at work; try again in a moment",
        }
    }

    fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooOften(seconds) => Some(seconds),
            Self::Busy => Some(1),
            _ => None,
        }
    }

    /// The answer, as the API gives its own where it was asked.
    pub(super) fn answer(self, is_api: bool) -> Response {
        let mut answer = in_front(is_api, self.status(), self.detail(), self.retry_after());
        let headers = answer.headers_mut();
        match self {
            Self::SlowBody | Self::SlowAnswer => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
            Self::OldHttp => drop(headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"))),
            _ => {}
        }
        answer
    }
}

/// What was refused and not told yet.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By status and cause.
    all: BTreeMap<(u16, &'static str), u64>,
    /// Of those who ask for too much, by client.
    greedy: BTreeMap<IpAddr, u64>,
}

impl Refusals {
    pub(super) fn note(&self, refusal: Refusal, client: IpAddr) {
        let mut counts = self.counts();
        *counts.all.entry((refusal.status().as_u16(), refusal.cause())).or_default() += 1;
        let (client, is_greedy) = (network(client), matches!(refusal, Refusal::TooOften(_) | Refusal::Crowd));
        if is_greedy && (counts.greedy.len() < COUNTED || counts.greedy.contains_key(&client)) {
            *counts.greedy.entry(client).or_default() += 1;
        }
    }

    /// Writes it into the log. With a key those who ask for too much are named, by names that are others tomorrow.
    pub(super) fn tell(&self, key: Option<&AddressKey>) {
        let counts = std::mem::take(&mut *self.counts());
        for ((status, cause), requests) in counts.all {
            tracing::warn!(status, requests, cause, "the server refused requests");
        }
        let Some(key) = key.filter(|_| !counts.greedy.is_empty()) else { return };
        let today = day(System.now());
        let mut greedy: Vec<_> = counts.greedy.into_iter().collect();
        greedy.sort_unstable_by_key(|(_, requests)| std::cmp::Reverse(*requests));
        for (client, requests) in greedy.into_iter().take(NAMED) {
            tracing::warn!(client = key.client_on(client, &today), requests, "a client asks for too much");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
