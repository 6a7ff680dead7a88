//! The form's pages: the form itself, what it does, and what follows.

use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::actions::Granted;
use super::answer::{Failure, html, later, measured, see_other};
use super::body::{self, FORM};
use super::visit::{Visit, value};
use super::{App, AppState, BUSY};
use crate::address::Address;
use crate::form::FieldError;
use crate::guard::proof;
use crate::page::{self, Notice, Refusal, Sent, SentProblem};
use crate::store::StoreError;
use crate::user::ConfirmOutcome;

/// `GET /` and `GET /embed`: the form, empty.
pub(super) async fn form(State(app): State<AppState>, request: Request) -> Response {
    html(StatusCode::OK, show(&app, &Visit::of(&app, &request), &[], &[], None))
}

/// `GET` of where a form is sent: typed in or loaded anew, it leads back to the form.
pub(super) async fn to_form(State(app): State<AppState>, request: Request) -> Response {
    see_other(&Visit::of(&app, &request).site().home())
}

/// `POST /sign-up`: to the next page, or back to the form with everything that was typed.
pub(super) async fn sign_up(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    try_sign_up(&app, &visit, request).await.unwrap_or_else(|failure| failure.page(&visit.site()))
}

async fn try_sign_up(app: &App, visit: &Visit<'_>, request: Request) -> Result<Response, Failure> {
    let typed = body::pairs(&body::read(request, FORM).await?);
    let submission = match app.checker.check_html(&typed, visit.language) {
        Ok(submission) => submission,
        Err(errors) => {
            let page = show(app, visit, &typed, &errors, None);
            return Ok(measured("Refusals", "invalid", html(StatusCode::UNPROCESSABLE_ENTITY, page)));
        }
    };
    if visit.is_suspect(&typed) {
        // A person whose browser filled the trap, or was quick, sends it again; nothing is lost.
        let page = show(app, visit, &typed, &[], Some(Notice::SendAgain));
        return Ok(measured("Refusals", "suspect", html(StatusCode::UNPROCESSABLE_ENTITY, page)));
    }
    let outcome = match app.sign_up(submission, visit.visitor(value(&typed, proof::FIELD))).await {
        // What was typed is kept: sending it again is all there is to do.
        Err(error @ StoreError::Busy { .. }) => {
            error.log();
            let page = show(app, visit, &typed, &[], Some(Notice::Busy));
            return Ok(later(BUSY, html(StatusCode::SERVICE_UNAVAILABLE, page)));
        }
        outcome => outcome?,
    };
    Ok(match outcome {
        Granted::Yes(()) => {
            let next = if app.confirms() { "sent" } else { "welcome" };
            measured("SignUps", "accepted", see_other(&visit.site().link(next)))
        }
        Granted::TooMany { retry_after } => {
            let notice = Notice::RateLimited { minutes: retry_after.div_ceil(60) };
            let page = html(StatusCode::TOO_MANY_REQUESTS, show(app, visit, &typed, &[], Some(notice)));
            measured("Refusals", "rate_limited", later(retry_after, page))
        }
    })
}

fn show(
    app: &App,
    visit: &Visit<'_>,
    typed: &[(String, String)],
    errors: &[FieldError],
    notice: Option<Notice>,
) -> String {
    page::form(&visit.site(), &app.config.form, typed, errors, notice, Some(&visit.hidden(typed)))
}

/// `GET /sent`: look into your mailbox, or enter the code.
pub(super) async fn sent(State(app): State<AppState>, request: Request) -> Response {
    html(StatusCode::OK, page::sent(&Visit::of(&app, &request).site(), &Sent::default()))
}

/// What the form of `/sent` does: the code is the right one, or the page comes back.
pub(super) async fn confirm_by_code(
    app: &App,
    visit: &Visit<'_>,
    typed: &[(String, String)],
) -> Result<Response, StoreError> {
    let email = value(typed, "email").trim();
    let Ok(address) = Address::parse(email) else {
        return Ok(ask_again(visit, email, SentProblem::AddressNeeded, StatusCode::UNPROCESSABLE_ENTITY));
    };
    Ok(match app.confirm_by_code(&address, value(typed, "code"), &visit.visitor("")).await? {
        Granted::Yes(ConfirmOutcome::Confirmed) => {
            measured("Confirmations", "code", see_other(&visit.site().link("welcome")))
        }
        // A code that did its work is gone with it: who has signed up is nobody else's business.
        Granted::Yes(_) => ask_again(visit, email, SentProblem::WrongCode, StatusCode::UNPROCESSABLE_ENTITY),
        Granted::TooMany { retry_after } => {
            later(retry_after, ask_again(visit, email, SentProblem::TooMany, StatusCode::TOO_MANY_REQUESTS))
        }
    })
}

fn ask_again(visit: &Visit<'_>, email: &str, problem: SentProblem, status: StatusCode) -> Response {
    let page = page::sent(&visit.site(), &Sent { email, problem: Some(problem), again: false });
    measured("Refusals", "code", html(status, page))
}

/// `POST /resend`: the same page, which says that the message was sent again, whatever was done.
pub(super) async fn resend(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    try_resend(&app, &visit, request).await.unwrap_or_else(|failure| failure.page(&visit.site()))
}

async fn try_resend(app: &App, visit: &Visit<'_>, request: Request) -> Result<Response, Failure> {
    let typed = body::pairs(&body::read(request, FORM).await?);
    let email = value(&typed, "email").trim();
    let Ok(address) = Address::parse(email) else {
        return Ok(ask_again(visit, email, SentProblem::AddressNeeded, StatusCode::UNPROCESSABLE_ENTITY));
    };
    Ok(match app.resend(&address, &visit.visitor("")).await? {
        Granted::Yes(()) => {
            html(StatusCode::OK, page::sent(&visit.site(), &Sent { email, problem: None, again: true }))
        }
        Granted::TooMany { retry_after } => {
            later(retry_after, ask_again(visit, email, SentProblem::TooMany, StatusCode::TOO_MANY_REQUESTS))
        }
    })
}

/// `GET /welcome`: the operator's words.
pub(super) async fn welcome(State(app): State<AppState>, request: Request) -> Response {
    html(StatusCode::OK, page::welcome(&Visit::of(&app, &request).site(), &app.config))
}

/// No such page, whatever was asked for.
pub(super) fn not_found(app: &App, path: &str) -> Response {
    html(StatusCode::NOT_FOUND, page::not_found(&app.site().at(path)))
}

/// A method that the page does not know.
pub(super) fn wrong_method(app: &App, path: &str) -> Response {
    let page = page::refused(&app.site().at(path), Refusal::WrongMethod);
    let mut response = html(StatusCode::METHOD_NOT_ALLOWED, page);
    let allowed = match path {
        "/sign-up" | "/confirm" | "/resend" | "/unsubscribe" => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
