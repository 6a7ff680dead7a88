//! The pages behind the links in mails. Opening one changes nothing and does not even ask the store, since
//! programs that scan mail follow links; the button on it does.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{Failure, html, measured, refused, see_other};
use super::body::{self, FORM};
use super::visit::{Visit, value};
use super::{App, AppState, edge, pages};
use crate::page;
use crate::user::ConfirmOutcome;

/// What a link in a mail carries its token under, and the page's form too.
const TOKEN: &str = "t";

/// `GET /confirm?t=`: a page with a button. Without a token it leads to the form.
pub(super) async fn confirm_page(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let token = edge::query(request.uri(), TOKEN).unwrap_or_default();
    let replaces = edge::query(request.uri(), "update").is_some();
    match token.trim() {
        "" => see_other(&visit.site().home()),
        token if app.read_token(token).is_none() => unknown(&visit),
        token if replaces => html(StatusCode::OK, page::replace(&visit.site(), token)),
        token => html(StatusCode::OK, page::confirm(&visit.site(), token)),
    }
}

/// `POST /confirm`: what the button does, and the six digits on the page after the form.
pub(super) async fn confirm(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    try_confirm(&app, &visit, request).await.unwrap_or_else(|failure| failure.page(&visit.site()))
}

async fn try_confirm(app: &App, visit: &Visit<'_>, request: Request) -> Result<Response, Failure> {
    let typed = body::pairs(&body::read(request, FORM).await?);
    if typed.iter().any(|(key, _)| key == "code") {
        return Ok(pages::confirm_by_code(app, visit, &typed).await?);
    }
    let welcome = || see_other(&visit.site().link("welcome"));
    Ok(match app.confirm(value(&typed, TOKEN)).await? {
        ConfirmOutcome::Confirmed => measured("Confirmations", "link", welcome()),
        ConfirmOutcome::AlreadyConfirmed => welcome(),
        ConfirmOutcome::Expired => html(StatusCode::GONE, page::expired(&visit.site())),
        ConfirmOutcome::Unknown => unknown(visit),
    })
}

/// `GET /unsubscribe?t=`: a page with a button.
pub(super) async fn unsubscribe_page(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let token = edge::query(request.uri(), TOKEN).unwrap_or_default();
    match token.trim() {
        token if app.parts.token_key.check_unsubscribe(token).is_some() => {
            html(StatusCode::OK, page::unsubscribe(&visit.site(), token))
        }
        _ => unknown(&visit),
    }
}

/// `POST /unsubscribe`: what the button does, and what a mail program does by itself (RFC 8058), which sends
/// the token in the address.
pub(super) async fn unsubscribe(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    try_unsubscribe(&app, &visit, request).await.unwrap_or_else(|failure| failure.page(&visit.site()))
}

async fn try_unsubscribe(app: &App, visit: &Visit<'_>, request: Request) -> Result<Response, Failure> {
    let mut token = edge::query(request.uri(), TOKEN).unwrap_or_default();
    let body = body::read_any(request).await?;
    if token.is_empty() {
        token = value(&body::pairs(&body), TOKEN).to_owned();
    }
    Ok(match app.unsubscribe(token.trim()).await? {
        true => measured("Unsubscribes", "link", html(StatusCode::OK, page::unsubscribed(&visit.site()))),
        false => unknown(visit),
    })
}

fn unknown(visit: &Visit<'_>) -> Response {
    refused("token", html(StatusCode::NOT_FOUND, page::unknown_link(&visit.site())))
}
