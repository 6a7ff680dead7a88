//! The service's HTTP side: one Router, the same behind every front.
//!
//! Handlers read like recipes: read the body, check it, ask the store, answer. A caller's mistake names the
//! field and the reason; our own failure is a plain 500 whose cause goes to the log and nowhere else.

mod actions;
pub mod admin;
mod answer;
mod api;
mod blank;
mod body;
mod edge;
mod files;
mod links;
mod pages;
mod problem;
mod visit;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use axum::routing::{get, post};
use tower::Service;

use blank::Blanks;
pub use body::LIMIT as BODY;
use edge::Edge;
pub use edge::{ClientAddress, RequestId, Transport, secure};
pub use problem::in_front;

use crate::clock::{Clock, Entropy};
use crate::config::{ConfirmationMode, ServiceConfig};
use crate::event::Wanted;
use crate::form::{Checker, PatternError};
use crate::guard::proof::FormVersion;
use crate::journal::Journal;
use crate::keys::AddressKey;
use crate::ledger::Ledger;
use crate::page::{Accent, Site, stylesheet};
use crate::store::Store;
use crate::token::TokenKey;
use crate::user::Rules;
use actions::DayCount;

/// What every handler shares.
pub type AppState = Arc<App>;

/// The service, ready to answer.
#[derive(Debug)]
pub struct App {
    config: ServiceConfig,
    checker: Checker,
    accent: Accent,
    style: String,
    form_version: FormVersion,
    rules: Rules,
    ledger: Ledger,
    /// Forms as they are shown first.
    blanks: Blanks,
    /// How many signed up today, as of a moment ago.
    today: Mutex<Option<DayCount>>,
    parts: Parts,
}

/// What the service is put together from.
#[derive(Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub journal: Arc<dyn Journal>,
    pub address_key: AddressKey,
    pub token_key: TokenKey,
    /// Where the links in mails lead, without a slash at the end.
    pub base_url: String,
    /// The version told by `/healthz`.
    pub release: String,
    /// How long the calls of the store that an action makes may take together.
    pub patience: Duration,
    /// The operator's picture.
    pub logo: Option<Bytes>,
}

impl App {
    /// Fails when a pattern of the form does not compile.
    pub fn new(config: ServiceConfig, parts: Parts) -> Result<AppState, PatternError> {
        let accent = Accent::new(config.branding.color.as_deref());
        let checker = Checker::new(&config.form)?;
        let Parts { store, clock, entropy, .. } = &parts;
        let ledger = Ledger {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            wanted: Wanted::of(&config),
        };
        Ok(Arc::new(Self {
            checker,
            style: stylesheet(&accent),
            accent,
            form_version: FormVersion::new(&config.service, &config.form),
            rules: Rules::of(&config),
            ledger,
            blanks: Blanks::default(),
            today: Mutex::default(),
            config,
            parts,
        }))
    }

    fn site(&self) -> Site<'_> {
        Site::new(&self.config, &self.parts.release)
    }

    /// Whether a person must confirm before the sign-up counts.
    fn confirms(&self) -> bool {
        self.config.confirmation.mode == ConfirmationMode::DoubleOptIn
    }
}

/// The Router, with every answer's headers and one log line for each request.
pub fn router(app: AppState) -> Router {
    let Parts { clock, journal, address_key, .. } = &app.parts;
    let security = &app.config.security;
    let transport = Transport::of(security);
    let edge =
        Edge::new(&security.allowed_origins, transport, clock.clone(), journal.clone(), Some(address_key.clone()));
    Router::new()
        .route("/", get(pages::form))
        .route("/embed", get(pages::form))
        .route("/sign-up", get(pages::to_form).post(pages::sign_up))
        .route("/sent", get(pages::sent))
        .route("/resend", get(pages::to_form).post(pages::resend))
        .route("/confirm", get(links::confirm_page).post(links::confirm))
        .route("/welcome", get(pages::welcome))
        .route("/unsubscribe", get(links::unsubscribe_page).post(links::unsubscribe))
        .route("/style.css", get(files::style))
        .route("/admin.css", get(files::admin_style))
        .route("/admin", get(pages::to_admin))
        .route("/admin/", get(pages::to_admin))
        .route("/form.js", get(files::form_script))
        .route("/confirm.js", get(files::confirm_script))
        .route("/set-up.js", get(files::set_up_script))
        .route("/session.js", get(files::session_script))
        .route("/icon.svg", get(files::icon))
        .route("/logo", get(files::logo))
        .route("/healthz", get(api::health))
        .route("/openapi.json", get(api::document))
        .route("/api/v1/sign-ups", post(api::sign_up))
        .route("/api/v1/confirmations", post(api::confirm))
        .route("/api/v1/resends", post(api::resend))
        .route("/api/v1/challenges", get(api::challenge))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(edge, edge::around))
        .with_state(app)
}

/// The form and the admins' pages as one, divided as API Gateway's routes divide them. No Router around the two: what is
/// found is called by the path that either finds, and its parts by their own names.
#[derive(Clone, Debug)]
pub struct Both {
    pub web: Router,
    pub admin: Router,
}

impl Service<Request> for Both {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let router = if request.uri().path().starts_with("/admin/") { &mut self.admin } else { &mut self.web };
        router.call(request)
    }
}

async fn not_found(state: axum::extract::State<AppState>, request: Request) -> Response {
    if is_api(&request) { problem::not_found().into_response() } else { pages::not_found(&state, request.uri().path()) }
}

async fn wrong_method(state: axum::extract::State<AppState>, request: Request) -> Response {
    if is_api(&request) {
        problem::wrong_method(request.uri().path()).into_response()
    } else {
        pages::wrong_method(&state, request.uri().path())
    }
}

fn is_api(request: &Request) -> bool {
    is_api_path(request.uri().path())
}

pub(crate) fn is_api_path(path: &str) -> bool {
    path.starts_with("/api/")
}

/// As long as an action may take when a person waits: well less than the ten seconds after which Lambda ends the
/// function, and the caller learns nothing.
pub const PATIENCE: Duration = Duration::from_secs(7);

/// How soon a caller may come back when the table was busy, in seconds.
const BUSY: u32 = 1;

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::{MatchedPath, Path};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn both_find_their_own_routes_and_what_is_named_in_them() {
        let told = async |path: MatchedPath, Path(id): Path<String>| format!("{} {id}", path.as_str());
        let both = Both {
            web: Router::new().route("/users/{id}", get(told)),
            admin: Router::new().route("/admin/users/{id}", get(told)),
        };
        for (path, expected) in [("/users/1", "/users/{id} 1"), ("/admin/users/2", "/admin/users/{id} 2")] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let answer = both.clone().oneshot(request).await.expect("it never fails");
            assert_eq!(to_bytes(answer.into_body(), 100).await.expect("a text"), expected);
        }
    }
}
