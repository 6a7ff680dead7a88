//! The service's HTTP side: one Router, the same behind every front.
//!
//! Handlers read like recipes: read the body, check it, ask the store, answer. A caller's mistake names the
//! field and the reason; our own failure is a plain 500 whose cause goes to the log and nowhere else.

mod api;
mod body;
mod edge;
mod pages;
mod problem;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use edge::ClientAddress;

use crate::clock::{Clock, Entropy};
use crate::config::{ConfirmationMode, ServiceConfig};
use crate::form::{Checker, PatternError, Submission};
use crate::keys::AddressKey;
use crate::page::{Accent, Site, stylesheet};
use crate::sign_up::{MailId, NewIds, UserId, plan};
use crate::store::{ConfirmOutcome, SignUpOutcome, Store, StoreError};
use crate::token::{Purpose, TokenKey};

/// What every handler shares.
pub type AppState = Arc<App>;

/// The service, ready to answer.
#[derive(Debug)]
pub struct App {
    config: ServiceConfig,
    checker: Checker,
    accent: Accent,
    style: String,
    parts: Parts,
}

/// What the service is put together from.
#[derive(Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub address_key: AddressKey,
    pub token_key: TokenKey,
    /// Where the links in mails lead, without a slash at the end.
    pub base_url: String,
    /// The version told by `/healthz`.
    pub release: String,
}

impl App {
    /// Fails when a pattern of the form does not compile.
    pub fn new(config: ServiceConfig, parts: Parts) -> Result<AppState, PatternError> {
        let accent = Accent::new(config.branding.color.as_deref());
        let checker = Checker::new(&config.form)?;
        Ok(Arc::new(Self { checker, style: stylesheet(&accent), accent, config, parts }))
    }

    fn site(&self) -> Site<'_> {
        Site::new(&self.config, &self.parts.release)
    }

    /// Whether a person must confirm before the sign-up counts.
    fn confirms(&self) -> bool {
        self.config.confirmation.mode == ConfirmationMode::DoubleOptIn
    }

    async fn sign_up(&self, submission: Submission, client: Option<IpAddr>) -> Result<SignUpOutcome, StoreError> {
        let Parts { store, clock, entropy, address_key, base_url, .. } = &self.parts;
        let ids = NewIds { user: UserId(entropy.bytes()), mail: MailId(entropy.bytes()) };
        let new = plan(&self.config, address_key, submission, client, base_url, ids, clock.now());
        store.sign_up(&new).await
    }

    /// The user a token was issued for, if this service issued it to confirm.
    fn token_user(&self, token: &str) -> Option<UserId> {
        self.parts.token_key.check(Purpose::Confirm, token)
    }

    async fn confirm(&self, token: &str) -> Result<ConfirmOutcome, StoreError> {
        match self.token_user(token) {
            Some(id) => self.parts.store.confirm(id, self.parts.clock.now()).await,
            None => Ok(ConfirmOutcome::Unknown),
        }
    }
}

/// The Router, with every answer's headers and one log line for each request.
pub fn router(app: AppState) -> Router {
    Router::new()
        .route("/", get(pages::form))
        .route("/sign-up", get(pages::to_form).post(pages::sign_up))
        .route("/sent", get(pages::sent))
        .route("/confirm", get(pages::confirm_page).post(pages::confirm))
        .route("/welcome", get(pages::welcome))
        .route("/style.css", get(pages::style))
        .route("/icon.svg", get(pages::icon))
        .route("/healthz", get(api::health))
        .route("/api/v1/sign-ups", post(api::sign_up))
        .route("/api/v1/confirmations", post(api::confirm))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), edge::cors))
        .layer(from_fn(edge::headers))
        .layer(from_fn(edge::log))
        .with_state(app)
}

async fn not_found(state: axum::extract::State<AppState>, request: Request) -> Response {
    if is_api(&request) { problem::not_found().into_response() } else { pages::not_found(&state, request.uri().path()) }
}

async fn wrong_method(state: axum::extract::State<AppState>, request: Request) -> Response {
    if is_api(&request) {
        problem::wrong_method().into_response()
    } else {
        pages::wrong_method(&state, request.uri().path())
    }
}

fn is_api(request: &Request) -> bool {
    request.uri().path().starts_with("/api/")
}

/// How soon a caller may come back when the table was busy, in seconds.
const BUSY: u32 = 1;
