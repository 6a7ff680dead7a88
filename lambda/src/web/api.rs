//! The API: JSON in, JSON out.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::actions::{Claim, Granted, Received, proven_key};
use super::answer::measured;
use super::body::{self, JSON};
use super::problem::{self, Problem};
use super::visit::Visit;
use super::{App, AppState};
use crate::address::Address;
use crate::clock::after;
use crate::form::{self, Expected, FieldError};
use crate::guard::{Difficulty, proof};
use crate::store::Claimed;
use crate::user::{ConfirmOutcome, hour};
use crate::words::Words;

/// The header by which a caller names a request, so that repeating it counts once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `POST /api/v1/sign-ups`: the fields of the form, `consent` where the form asks for it, and a proof of work.
pub(super) async fn sign_up(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&app, &request);
    let key = idempotency_key(request.headers())?;
    let body = body::read(request, JSON).await?;
    let mut object = object(&body)?;
    let words = &visit.language.words;
    let payload = match object.remove(proof::FIELD) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(payload)) if payload.len() <= proof::LIMIT => payload,
        Some(Value::String(_)) => return Err(wrong(proof::FIELD, &form::Problem::Format, words)),
        Some(_) => return Err(wrong(proof::FIELD, &form::Problem::WrongType(Expected::Text), words)),
    };
    let submission = app.checker.check_json(&object, visit.language).map_err(problem::invalid)?;
    let claim = key.map(|key| claim_of(&app, &visit, &key, &body));
    // Repeating a request that was answered costs nothing of a budget.
    if let Some(Claim { key, request }) = &claim {
        match app.ledger.store.claimed(key, request, app.ledger.clock.now()).await? {
            Claimed::Taken => return Err(problem::key_taken()),
            Claimed::Answered => return Ok(signed_up(&app)),
            Claimed::Open => {}
        }
    }
    match app.sign_up(submission, visit.visitor(&payload), claim.as_ref()).await? {
        Granted::Yes(Received { name, .. }) => match name {
            Claimed::Open => Ok(measured("SignUps", "accepted", signed_up(&app))),
            Claimed::Answered => Ok(signed_up(&app)),
            Claimed::Taken => Err(problem::key_taken()),
        },
        Granted::TooMany { retry_after } | Granted::Full { retry_after } => Err(problem::too_many(retry_after)),
    }
}

/// The one answer to new and known addresses: who has signed up is nobody else's business.
fn signed_up(app: &App) -> Response {
    let status = if app.confirms() { "confirmation_sent" } else { "signed_up" };
    answer(StatusCode::ACCEPTED, &json!({ "status": status }))
}

/// The key that a caller chose, if any.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let good =
        key.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_graphic()));
    good.filter(|_| keys.next().is_none()).map(|key| Some(key.to_owned())).ok_or_else(problem::bad_key)
}

/// The names of a key and of its request, which tell nothing of either. Two clients may choose the same key.
fn claim_of(app: &App, visit: &Visit<'_>, key: &str, body: &Bytes) -> Claim {
    let hide = |purpose, text: &[u8]| app.parts.address_key.name(purpose, text);
    let key = hide("idempotency", format!("{}\0{key}", visit.client()).as_bytes());
    Claim { key, request: hide("request", body) }
}

/// `POST /api/v1/confirmations`: the token from the mail's link, or address and code.
pub(super) async fn confirm(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&app, &request);
    let words = &visit.language.words;
    let object = object(&body::read(request, JSON).await?)?;
    let has = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let by_code = has("code") && !has("token");
    let outcome = if by_code {
        let (email, code) = (address(&object, words)?, text(&object, "code", words)?);
        match app.confirm_by_code(app.root(&email), &code, &visit.visitor("")).await? {
            // Whether a code is old or nobody's is not told: who has signed up is nobody else's business.
            Granted::Yes(ConfirmOutcome::Expired) => ConfirmOutcome::Unknown,
            Granted::Yes(outcome) => outcome,
            Granted::TooMany { retry_after } | Granted::Full { retry_after } => {
                return Err(problem::too_many(retry_after));
            }
        }
    } else {
        app.confirm(&text(&object, "token", words)?).await?
    };
    let confirmed = || answer(StatusCode::OK, &json!({ "status": "confirmed" }));
    match outcome {
        ConfirmOutcome::Confirmed => Ok(measured("Confirmations", if by_code { "code" } else { "link" }, confirmed())),
        ConfirmOutcome::AlreadyConfirmed => Ok(confirmed()),
        ConfirmOutcome::Expired => Err(problem::expired()),
        ConfirmOutcome::Unknown => Err(problem::unknown_token(if by_code { "code" } else { "token" })),
    }
}

/// `POST /api/v1/resends`: the mail once more, if there is one to send.
pub(super) async fn resend(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&app, &request);
    let object = object(&body::read(request, JSON).await?)?;
    let email = address(&object, &visit.language.words)?;
    match app.resend(app.root(&email), &visit.visitor("")).await? {
        Granted::Yes(()) => Ok(answer(StatusCode::ACCEPTED, &json!({ "status": "confirmation_sent" }))),
        Granted::TooMany { retry_after } | Granted::Full { retry_after } => Err(problem::too_many(retry_after)),
    }
}

/// `GET /api/v1/challenges`: work to be proven, the more the oftener the client comes and the busier the day.
pub(super) async fn challenge(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&app, &request);
    let now = app.ledger.clock.now();
    let budgets = &app.config.security.budgets;
    // Of the hour in which the proof will count.
    let hour = hour(after(now, proof::LIFE));
    let spent = app.ledger.store.spent(&proven_key(visit.client()), hour).await?;
    let load = app.load(now).await?;
    let difficulty = Difficulty::of(spent, budgets.ip_per_hour, load);
    let random = app.ledger.entropy.bytes();
    Ok(answer(StatusCode::OK, &proof::challenge(&app.parts.token_key, &visit.scope(), difficulty, now, random)))
}

/// `GET /healthz`: that the function runs, and which version. It asks nothing of the table.
pub(super) async fn health(State(app): State<AppState>) -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok", "version": app.parts.release }))
}

/// `GET /openapi.json`
pub(super) async fn document(State(app): State<AppState>) -> Response {
    answer(StatusCode::OK, &crate::openapi::document(&app.config, &app.parts.release, &app.parts.base_url))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(problem::not_json()),
    }
}

/// A text that must be there.
fn text(object: &Map<String, Value>, name: &str, words: &Words) -> Result<String, Problem> {
    match object.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(wrong(name, &form::Problem::Required, words)),
        Some(_) => Err(wrong(name, &form::Problem::WrongType(Expected::Text), words)),
    }
}

fn address(object: &Map<String, Value>, words: &Words) -> Result<Address, Problem> {
    Address::parse(text(object, "email", words)?.trim()).map_err(|_| wrong("email", &form::Problem::Format, words))
}

fn wrong(name: &str, problem: &form::Problem, words: &Words) -> Problem {
    problem::invalid(vec![FieldError::named(name, problem, words)])
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, JSON)], body.to_string()).into_response()
}
