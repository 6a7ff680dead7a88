//! The API: JSON in, JSON out.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::body::{self, JSON};
use super::problem::{self, Problem};
use super::{AppState, edge};
use crate::form::{self, FieldError};
use crate::store::{ConfirmOutcome, SignUpOutcome};

/// `POST /api/v1/sign-ups`: the fields of the form, and `consent` where the form asks for it.
pub(super) async fn sign_up(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let client = edge::client(&request);
    let fields = read_object(request).await?;
    let submission = app.checker.check_json(&fields).map_err(problem::invalid)?;
    match app.sign_up(submission, client).await? {
        // The same answer for new and known addresses: who has signed up is nobody else's business.
        SignUpOutcome::Accepted(_) | SignUpOutcome::Known(_) => {
            let status = if app.confirms() { "confirmation_sent" } else { "signed_up" };
            Ok(answer(StatusCode::ACCEPTED, &json!({ "status": status })))
        }
        SignUpOutcome::RateLimited { retry_after } => Err(problem::too_many(retry_after)),
    }
}

/// `POST /api/v1/confirmations`: the token from the mail's link.
pub(super) async fn confirm(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let object = read_object(request).await?;
    let token = match object.get("token") {
        Some(Value::String(token)) => token,
        None | Some(Value::Null) => return Err(problem::invalid(vec![FieldError::token(&form::Problem::Required)])),
        Some(_) => return Err(problem::invalid(vec![FieldError::token(&form::Problem::WrongType("text"))])),
    };
    match app.confirm(token).await? {
        ConfirmOutcome::Confirmed | ConfirmOutcome::AlreadyConfirmed => {
            Ok(answer(StatusCode::OK, &json!({ "status": "confirmed" })))
        }
        ConfirmOutcome::Expired => Err(problem::expired()),
        ConfirmOutcome::Unknown => Err(problem::unknown_token()),
    }
}

/// `GET /healthz`: that the function runs, and which version. It asks nothing of the table.
pub(super) async fn health(State(app): State<AppState>) -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok", "version": app.parts.release }))
}

async fn read_object(request: Request) -> Result<Map<String, Value>, Problem> {
    let body = body::read(request, JSON).await?;
    match serde_json::from_slice(&body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(problem::not_json()),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, JSON)], body.to_string()).into_response()
}
