//! The pages: what a person sees and what the two forms do.

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body::{self, BodyError, FORM};
use super::{App, AppState, BUSY, edge};
use crate::page;
use crate::store::{ConfirmOutcome, SignUpOutcome, StoreError};

/// The style sheet's address changes with every release.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const FOR_A_DAY: &str = "public, max-age=86400";

/// Why a form got no answer of its own.
enum Failure {
    /// The caller's: no browser sends this from our pages.
    Body(BodyError),
    /// Ours.
    Store(StoreError),
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    fn page(self, app: &App) -> Response {
        let site = app.site();
        match self {
            Self::Body(BodyError::Type) => {
                let page = page::refused(&site, "This cannot be read", "Use the form to sign up.");
                html(StatusCode::UNSUPPORTED_MEDIA_TYPE, page)
            }
            Self::Body(BodyError::TooLarge) => {
                let page = page::refused(&site, "That is too much", "The answers are longer than the form allows.");
                html(StatusCode::PAYLOAD_TOO_LARGE, page)
            }
            Self::Store(error) => {
                error.log();
                match error {
                    StoreError::Busy { .. } => later(BUSY, html(StatusCode::SERVICE_UNAVAILABLE, page::busy(&site))),
                    StoreError::Failed { .. } => html(StatusCode::INTERNAL_SERVER_ERROR, page::failed(&site)),
                }
            }
        }
    }
}

/// `GET /`: the form, empty.
pub(super) async fn form(State(app): State<AppState>) -> Response {
    html(StatusCode::OK, page::form(&app.site(), &app.config.form, &[], &[], None))
}

/// `GET /sign-up`: the address of a form that was sent, typed in or loaded anew, leads back to the form.
pub(super) async fn to_form() -> Response {
    see_other("./")
}

/// `POST /sign-up`: to the next page, or back to the form with everything that was typed.
pub(super) async fn sign_up(State(app): State<AppState>, request: Request) -> Response {
    try_sign_up(&app, request).await.unwrap_or_else(|failure| failure.page(&app))
}

async fn try_sign_up(app: &App, request: Request) -> Result<Response, Failure> {
    let client = edge::client(&request);
    let typed = body::pairs(&body::read(request, FORM).await?);
    let form = &app.config.form;
    let submission = match app.checker.check_html(&typed) {
        Ok(submission) => submission,
        Err(errors) => {
            return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, page::form(&app.site(), form, &typed, &errors, None)));
        }
    };
    let outcome = match app.sign_up(submission, client).await {
        // What was typed is kept: sending it again is all there is to do.
        Err(error @ StoreError::Busy { .. }) => {
            error.log();
            let notice = "Many people are signing up right now. Please send the form once more in a moment.";
            let page = page::form(&app.site(), form, &typed, &[], Some(notice));
            return Ok(later(BUSY, html(StatusCode::SERVICE_UNAVAILABLE, page)));
        }
        outcome => outcome?,
    };
    match outcome {
        // The same answer for new and known addresses: who has signed up is nobody else's business.
        SignUpOutcome::Accepted(_) | SignUpOutcome::Known(_) => {
            Ok(see_other(if app.confirms() { "sent" } else { "welcome" }))
        }
        SignUpOutcome::RateLimited { retry_after } => {
            let minutes = retry_after.div_ceil(60);
            let notice = format!(
                "There were too many sign-ups from here in a short time. Please try again in {minutes} {}.",
                if minutes == 1 { "minute" } else { "minutes" }
            );
            let page = page::form(&app.site(), form, &typed, &[], Some(&notice));
            Ok(later(retry_after, html(StatusCode::TOO_MANY_REQUESTS, page)))
        }
    }
}

/// `GET /sent`: look into your mailbox.
pub(super) async fn sent(State(app): State<AppState>) -> Response {
    html(StatusCode::OK, page::sent(&app.site()))
}

/// `GET /confirm?t=`: a page with a button. It changes nothing and does not even ask the store. Without a
/// token it leads to the form.
pub(super) async fn confirm_page(State(app): State<AppState>, request: Request) -> Response {
    let pairs = body::pairs(request.uri().query().unwrap_or_default().as_bytes());
    let token = pairs.iter().find(|(key, _)| key == "t").map_or("", |(_, token)| token.trim());
    match token {
        "" => see_other("./"),
        token if app.token_user(token).is_some() => html(StatusCode::OK, page::confirm(&app.site(), token)),
        _ => html(StatusCode::NOT_FOUND, page::unknown_link(&app.site())),
    }
}

/// `POST /confirm`: what the button does.
pub(super) async fn confirm(State(app): State<AppState>, request: Request) -> Response {
    try_confirm(&app, request).await.unwrap_or_else(|failure| failure.page(&app))
}

async fn try_confirm(app: &App, request: Request) -> Result<Response, Failure> {
    let pairs = body::pairs(&body::read(request, FORM).await?);
    let token = pairs.iter().find(|(key, _)| key == "t").map_or("", |(_, token)| token);
    match app.confirm(token).await? {
        ConfirmOutcome::Confirmed | ConfirmOutcome::AlreadyConfirmed => Ok(see_other("welcome")),
        ConfirmOutcome::Expired => Ok(html(StatusCode::GONE, page::expired(&app.site()))),
        ConfirmOutcome::Unknown => Ok(html(StatusCode::NOT_FOUND, page::unknown_link(&app.site()))),
    }
}

/// `GET /welcome`: the operator's words.
pub(super) async fn welcome(State(app): State<AppState>) -> Response {
    html(StatusCode::OK, page::welcome(&app.site(), &app.config))
}

/// `GET /style.css`
pub(super) async fn style(State(app): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, FOR_GOOD)], app.style.clone()).into_response()
}

/// `GET /icon.svg`
pub(super) async fn icon(State(app): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, FOR_A_DAY)], page::icon(&app.accent)).into_response()
}

pub(super) fn not_found(app: &App, path: &str) -> Response {
    html(StatusCode::NOT_FOUND, page::not_found(&app.site().at(path)))
}

pub(super) fn wrong_method(app: &App, path: &str) -> Response {
    let page = page::refused(&app.site().at(path), "That does not work here", "Use the form to sign up.");
    let mut response = html(StatusCode::METHOD_NOT_ALLOWED, page);
    let allowed = match path {
        "/sign-up" | "/confirm" => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The same answer, with the time after which to come back.
fn later(seconds: u32, mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn html(status: StatusCode, page: String) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// To a page beside this one; relative, since the service may live below a path.
fn see_other(page: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, page)]).into_response()
}
