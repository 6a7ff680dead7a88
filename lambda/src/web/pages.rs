//! The form's pages: the form itself, what it does, and what follows.

use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::actions::{Granted, Received};
use super::answer::{Failure, html, later, measured, refused, see_other};
use super::body::{self, FORM};
use super::visit::{Visit, value};
use super::{App, AppState, BUSY, edge};
use crate::address::Address;
use crate::form::FieldError;
use crate::guard::proof;
use crate::page::{self, Notice, Refusal, Sent, SentProblem, Site};
use crate::store::StoreError;
use crate::user::{ConfirmOutcome, UserId};

/// `GET /` and `GET /embed`: the form, empty.
pub(super) async fn form(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let now = app.ledger.clock.now();
    let render = |stamp: &str| {
        let hidden = visit.stamped(stamp.to_owned());
        page::form(&visit.site(), &app.config.form, &[], &[], None, Some(&hidden))
    };
    html(StatusCode::OK, app.blanks.page(visit.way(), now, || visit.stamp(now), render))
}

/// `GET` of where a form is sent: typed in or loaded anew, it leads back to the form.
pub(super) async fn to_form(State(app): State<AppState>, request: Request) -> Response {
    see_other(&Visit::of(&app, &request).site().home())
}

/// `GET /admin` and `GET /admin/`, which the front may take for the public's: to the admins' own side.
pub(super) async fn to_admin(State(app): State<AppState>, request: Request) -> Response {
    see_other(&format!("{}admin/dashboard", Site::new(&app.config, &app.parts.release).at(request.uri().path()).root))
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
            return Ok(refused("invalid", html(StatusCode::UNPROCESSABLE_ENTITY, page)));
        }
    };
    if visit.is_suspect(&typed) {
        // A person whose browser filled the trap, or was quick, sends it again; nothing is lost.
        let page = show(app, visit, &typed, &[], Some(Notice::SendAgain));
        let reason = if visit.is_foreign { "foreign" } else { "suspect" };
        return Ok(refused(reason, html(StatusCode::UNPROCESSABLE_ENTITY, page)));
    }
    let outcome = match app.sign_up(submission, visit.visitor(value(&typed, proof::FIELD)), None).await {
        // What was typed is kept: sending it again is all there is to do.
        Err(error) if error.is_passing() => {
            error.log();
            let page = show(app, visit, &typed, &[], Some(Notice::Busy));
            return Ok(later(BUSY, html(StatusCode::SERVICE_UNAVAILABLE, page)));
        }
        outcome => outcome?,
    };
    Ok(match outcome {
        Granted::Yes(Received { root, .. }) => {
            let next = if app.confirms() {
                // Whoever it is: nobody has to type the address again.
                visit.site().link_with("sent", &[(USER, &app.parts.token_key.reference(root))])
            } else {
                visit.site().link("welcome")
            };
            measured("SignUps", "accepted", see_other(&next))
        }
        Granted::TooMany { retry_after } => {
            let notice = Notice::RateLimited { minutes: retry_after.div_ceil(60) };
            let page = html(StatusCode::TOO_MANY_REQUESTS, show(app, visit, &typed, &[], Some(notice)));
            refused("rate_limited", later(retry_after, page))
        }
        Granted::Full { retry_after } => {
            let page = html(StatusCode::TOO_MANY_REQUESTS, show(app, visit, &typed, &[], Some(Notice::Full)));
            refused("full", later(retry_after, page))
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

/// Under which the page after the form carries whose it is.
const USER: &str = "u";

/// `GET /sent`: look into your mailbox, or enter the code.
pub(super) async fn sent(State(app): State<AppState>, request: Request) -> Response {
    let token = edge::query(request.uri(), USER).filter(|token| app.parts.token_key.check_reference(token).is_some());
    let sent = Sent { user: token.as_deref(), ..Sent::default() };
    html(StatusCode::OK, page::sent(&Visit::of(&app, &request).site(), &sent))
}

/// What the forms of `/sent` hold: whose they are, by the page's own name or by an address that was typed, and what stands
/// for the address.
fn whose<'a>(app: &App, typed: &'a [(String, String)]) -> (Sent<'a>, Option<UserId>) {
    let (token, email) = (value(typed, USER), value(typed, "email").trim());
    match app.parts.token_key.check_reference(token) {
        Some(root) => (Sent { user: Some(token), ..Sent::default() }, Some(root)),
        None => (Sent { email, ..Sent::default() }, Address::parse(email).ok().map(|address| app.root(&address))),
    }
}

/// What the form of `/sent` does: the code is the right one, or the page comes back.
pub(super) async fn confirm_by_code(
    app: &App,
    visit: &Visit<'_>,
    typed: &[(String, String)],
) -> Result<Response, StoreError> {
    let (sent, root) = whose(app, typed);
    let Some(root) = root.filter(|_| !visit.is_foreign) else { return Ok(unasked(visit, sent)) };
    Ok(match app.confirm_by_code(root, value(typed, "code"), &visit.visitor("")).await? {
        Granted::Yes(ConfirmOutcome::Confirmed) => {
            measured("Confirmations", "code", see_other(&visit.site().link("welcome")))
        }
        Granted::Yes(ConfirmOutcome::AlreadyConfirmed) => see_other(&visit.site().link("welcome")),
        // Of nobody's code, and of one that is long used up: who has signed up is nobody else's business.
        Granted::Yes(ConfirmOutcome::Expired | ConfirmOutcome::Unknown) => {
            ask_again(visit, sent, SentProblem::WrongCode)
        }
        Granted::TooMany { retry_after } | Granted::Full { retry_after } => {
            later(retry_after, ask_again(visit, sent, SentProblem::TooMany))
        }
    })
}

/// The page of whoever is to be asked for an address, and of a form that the page of another site sent: nothing was done,
/// and a person presses again from here.
fn unasked(visit: &Visit<'_>, sent: Sent<'_>) -> Response {
    if visit.is_foreign {
        let page = page::sent(&visit.site(), &sent);
        return refused("foreign", html(StatusCode::UNPROCESSABLE_ENTITY, page));
    }
    ask_again(visit, sent, SentProblem::AddressNeeded)
}

fn ask_again(visit: &Visit<'_>, sent: Sent<'_>, problem: SentProblem) -> Response {
    let status = match problem {
        SentProblem::TooMany | SentProblem::TooManyAgain => StatusCode::TOO_MANY_REQUESTS,
        SentProblem::WrongCode | SentProblem::AddressNeeded => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = page::sent(&visit.site(), &Sent { problem: Some(problem), ..sent });
    refused("code", html(status, page))
}

/// `POST /resend`: the same page, which says that the message was sent again, whatever was done.
pub(super) async fn resend(State(app): State<AppState>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    try_resend(&app, &visit, request).await.unwrap_or_else(|failure| failure.page(&visit.site()))
}

async fn try_resend(app: &App, visit: &Visit<'_>, request: Request) -> Result<Response, Failure> {
    let typed = body::pairs(&body::read(request, FORM).await?);
    let (sent, root) = whose(app, &typed);
    let Some(root) = root.filter(|_| !visit.is_foreign) else { return Ok(unasked(visit, sent)) };
    Ok(match app.resend(root, &visit.visitor("")).await? {
        Granted::Yes(()) => html(StatusCode::OK, page::sent(&visit.site(), &Sent { again: true, ..sent })),
        Granted::TooMany { retry_after } | Granted::Full { retry_after } => {
            later(retry_after, ask_again(visit, sent, SentProblem::TooManyAgain))
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
