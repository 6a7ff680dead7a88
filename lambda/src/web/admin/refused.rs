//! What an admin who is signed in was refused: in the audit log, from wherever the refusal comes.
//!
//! One entry for a request, and never what was typed: the route is its pattern.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::DeskState;
use crate::admin::{Action, Actor, Cause, SignedIn, Visit};

/// What an answer that refuses something tells of it on its way out.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) signed_in: SignedIn,
    pub(super) visit: Visit,
    pub(super) cause: Cause,
}

/// Writes an entry for an answer that says so. Where that fails the refusal stands, since nothing was done.
pub(super) async fn note(State(desk): State<DeskState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let mut response = next.run(request).await;
    let Some(Refused { signed_in, visit, cause }) = response.extensions_mut().remove() else { return response };
    let action = Action::Refused { route, cause };
    if let Err(error) = desk.admins.record(&Actor::Admin(&signed_in, &visit), action, None).await {
        error.log();
    }
    response
}
