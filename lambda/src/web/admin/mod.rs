//! The admins' side of the service: its pages and what their forms do, one Router, the same behind every front.
//!
//! A handler says who may, asks [`Admins`] or the store, and shows a page of [`crate::admin::page`]. Whatever is hard to
//! take back is written into the audit log before it is done.

mod act;
mod call;
mod door;
mod export;
mod file;
mod look;
mod password;
mod refused;
mod search;
mod security;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

use super::edge::{self, Edge, Transport};
use crate::admin::Admins;
use crate::admin::page;
use crate::clock::Clock;
use crate::config::ServiceConfig;
use crate::journal::{Journal, Line, Unit};
use crate::ledger::Ledger;
use crate::tombstone::Tombstones;
use call::{Call, Refusal};

/// What every handler shares.
pub type DeskState = Arc<Desk>;

/// What the admins' side is put together from.
#[derive(Debug)]
pub struct Desk {
    pub config: ServiceConfig,
    pub ledger: Ledger,
    pub admins: Admins,
    pub journal: Arc<dyn Journal>,
    /// Where erasures are noted.
    pub tombstones: Arc<dyn Tombstones>,
    /// Where the service is reached, without a slash at the end.
    pub base_url: String,
    /// The version that the style sheets' addresses hold.
    pub release: String,
    /// Users that one file is offered for, where the front gathers an answer before it sends it; `None` where it sends
    /// while it reads.
    pub file: Option<u64>,
}

impl Desk {
    /// Counts something that somebody is to hear of.
    fn measure(&self, metric: &'static str) {
        self.journal.write(&Line::new("admins", self.ledger.clock.now()).metric(metric, Unit::Count, 1));
    }

    fn clock(&self) -> &dyn Clock {
        &*self.ledger.clock
    }
}

/// The Router, with every answer's headers and one log line for each request.
pub fn admin_router(desk: DeskState) -> Router {
    let transport = Transport::of(&desk.config.security);
    let edge = Edge::new(&[], transport, desk.ledger.clock.clone(), desk.journal.clone(), None);
    Router::new()
        .route("/admin", get(door::to_dashboard))
        .route("/admin/", get(door::to_dashboard))
        .route("/admin/sign-in", get(door::sign_in_page).post(door::sign_in))
        .route("/admin/sign-out", post(door::sign_out))
        .route("/admin/set-up", get(door::set_up_page).post(door::set_up))
        .route("/admin/prove", get(door::prove_page).post(door::prove))
        .route("/admin/session", get(door::session))
        .route("/admin/dashboard", get(look::dashboard))
        .route("/admin/users", get(look::users))
        .route("/admin/users/{id}", get(look::user))
        .route("/admin/users/{id}/resend", post(act::resend))
        .route("/admin/users/{id}/unsubscribe", post(act::unsubscribe))
        .route("/admin/users/{id}/erase", get(act::erase_page).post(act::erase))
        .route("/admin/search", post(search::begin))
        .route("/admin/audit", get(look::audit))
        .route("/admin/export", get(export::page))
        .route("/admin/export.csv", get(export::csv))
        .route("/admin/export.json", get(export::json))
        .route("/admin/security", get(security::page))
        .route("/admin/security/password", get(password::page).post(password::change))
        .route("/admin/security/sessions/revoke", post(security::revoke))
        .route("/admin/security/recovery-codes", post(security::recovery_codes))
        .route("/admin/security/admins/add", post(security::add))
        .route("/admin/security/admins/role", post(security::role))
        .route("/admin/security/admins/remove", post(security::remove))
        .route("/admin/security/admins/reset", post(security::reset))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(desk.clone(), refused::note))
        .layer(from_fn_with_state(edge, edge::around))
        .with_state(desk)
}

async fn not_found(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    call.astray(Refusal::NotFound).await
}

async fn wrong_method(State(desk): State<DeskState>, request: Request) -> Response {
    let call = Call::of(&desk, &request);
    call.astray(Refusal::WrongMethod).await
}
