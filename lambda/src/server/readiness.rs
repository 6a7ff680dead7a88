//! Whether requests should come here: while the store answers, and until the server is told to stop.
//!
//! Whether the process lives is another question, which `/healthz` answers without asking the store: a table that is
//! away takes a server out of its load balancer, and must not have all of them replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;

use crate::aws::chain;
use crate::store::Store;
use crate::user::UserId;

/// How long the store has to answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How long an answer of the store's is believed, however many ask.
const AGE: Duration = Duration::from_secs(1);

/// What a load balancer asks.
#[derive(Debug)]
pub struct Readiness {
    store: Arc<dyn Store>,
    stopping: AtomicBool,
    last: Mutex<Option<(Instant, bool)>>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Yes,
    /// No request should come any more.
    Stopping,
    /// The store does not answer.
    NoStore,
}

impl Readiness {
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store, stopping: AtomicBool::new(false), last: Mutex::new(None) }
    }

    /// From now on no request should come.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub async fn ask(&self) -> Ready {
        if self.is_stopping() {
            return Ready::Stopping;
        }
        // Whoever else asks meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        let answers = match last.filter(|(at, _)| at.elapsed() < AGE) {
            Some((_, answers)) => answers,
            None => {
                let answers = self.look(last.map(|(_, answered)| answered)).await;
                *last = Some((Instant::now(), answers));
                answers
            }
        };
        if answers { Ready::Yes } else { Ready::NoStore }
    }

    /// Reads a user that cannot exist, as every request reads one that may.
    async fn look(&self, before: Option<bool>) -> bool {
        let cause = match tokio::time::timeout(PATIENCE, self.store.load(UserId([0; 16]))).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(_) => Some(format!("nothing came within {PATIENCE:?}")),
        };
        match (before, &cause) {
            (Some(true) | None, Some(cause)) => {
                tracing::warn!(cause, "the table does not answer; no request should come here");
            }
            (Some(false), None) => tracing::info!("the table answers again"),
            _ => {}
        }
        cause.is_none()
    }
}

impl IntoResponse for Ready {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Yes => (StatusCode::OK, r#"{"status":"ready"}"#),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#),
            Self::NoStore => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"store_unreachable"}"#),
        };
        let headers = [(axum::http::header::CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (status, headers, text).into_response()
    }
}
