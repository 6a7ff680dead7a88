//! The operations of the API, and the bodies they take and give.
//!
//! Paths and statuses are those of `web`; `tests/schemathesis` compares them with a running service.

use serde_json::{Map, Value, json};

use super::responses::SHARED;
use super::schema::{address_schema, sign_up_schema};
use crate::config::Form;

const JSON: &str = "application/json";

/// What every route below `/api/` can answer.
const ALWAYS: [u16; 4] = [405, 429, 500, 503];

/// What every operation with a body can answer besides.
const WITH_BODY: [u16; 4] = [400, 413, 415, 422];

/// The paths, each with its one operation.
pub(super) fn paths() -> Value {
    json!({
        "/api/v1/sign-ups": { "post": {
            "operationId": "signUp",
            "summary": "Sign up",
            "description": "New and known addresses get the same answer. With the same `Idempotency-Key` the same \
                request counts once, however often it is sent.",
            "parameters": [{ "$ref": "#/components/parameters/IdempotencyKey" }],
            "requestBody": body("SignUp"),
            "responses": answers("202", "The sign-up is accepted", "SignUpAccepted", &[&ALWAYS[..], &WITH_BODY]),
        }},
        "/api/v1/confirmations": { "post": {
            "operationId": "confirm",
            "summary": "Confirm a sign-up",
            "description": "Takes the token from the mail's link, or the address and the code from the mail.",
            "requestBody": body("Confirmation"),
            "responses": answers("200", "The address is confirmed", "Confirmed", &[&ALWAYS[..], &WITH_BODY, &[404, 410]]),
        }},
        "/api/v1/resends": { "post": {
            "operationId": "resend",
            "summary": "Send the confirmation again",
            "description": "The answer is the same whether or not the address waits for a confirmation.",
            "requestBody": body("Resend"),
            "responses": answers("202", "The request is accepted", "ResendAccepted", &[&ALWAYS[..], &WITH_BODY]),
        }},
        "/api/v1/challenges": { "get": {
            "operationId": "challenge",
            "summary": "Get a challenge",
            "description": "A proof of work for `altcha` in the body of a sign-up, as base64 of \
                `{\"challenge\": …, \"solution\": {\"counter\": …, \"derivedKey\": …}}`: ALTCHA's protocol, version 2, which its own \
                widget and libraries solve. It counts once, and for twenty minutes; without one, or with one that does \
                not count, a sign-up is paid from the smaller budget of its client.",
            "responses": answers("200", "A challenge", "Challenge", &[&ALWAYS[..]]),
        }},
        "/healthz": { "get": {
            "operationId": "health",
            "summary": "Whether the service runs",
            "responses": answers("200", "The service runs", "Health", &[]),
        }},
        "/openapi.json": { "get": {
            "operationId": "document",
            "summary": "This document",
            "responses": answers("200", "An OpenAPI document", "Document", &[]),
        }},
    })
}

fn body(schema: &str) -> Value {
    json!({ "required": true, "content": { JSON: { "schema": reference(schema) } } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// One answer when all is well, and the shared ones of the statuses given.
fn answers(status: &str, description: &str, schema: &str, problems: &[&[u16]]) -> Value {
    let mut answers = Map::new();
    answers.insert(
        status.into(),
        json!({ "description": description, "content": { JSON: { "schema": reference(schema) } } }),
    );
    for problem in SHARED.iter().filter(|problem| problems.concat().contains(&problem.status)) {
        let reference = format!("#/components/responses/{}", problem.name);
        answers.insert(problem.status.to_string(), json!({ "$ref": reference }));
    }
    Value::Object(answers)
}

pub(super) fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "A text of your choice, new for each sign-up and the same when you repeat one.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
    })
}

/// The schemas that the operations refer to.
pub(super) fn schemas(form: &Form) -> Value {
    json!({
        "SignUp": sign_up_schema(form),
        "SignUpAccepted": status(&["confirmation_sent", "signed_up"]),
        "Confirmation": confirmation(),
        "Confirmed": status(&["confirmed"]),
        "Resend": object(json!({ "email": address_schema() }), &["email"]),
        "ResendAccepted": status(&["confirmation_sent"]),
        "Challenge": object(json!({ "parameters": { "type": "object" }, "signature": { "type": "string" } }),
            &["parameters", "signature"]),
        "Health": object(json!({ "status": { "type": "string", "const": "ok" }, "version": { "type": "string" } }),
            &["status", "version"]),
        "Document": object(json!({ "openapi": { "type": "string" } }), &["openapi"]),
        "Problem": problem(),
        "FieldError": field_error(),
    })
}

/// An object with at least these properties: new ones may come.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn status(values: &[&str]) -> Value {
    object(json!({ "status": { "type": "string", "enum": values } }), &["status"])
}

fn confirmation() -> Value {
    let token = json!({ "type": "string", "minLength": 1, "description": "What follows `t=` in the mail's link." });
    let code =
        json!({ "type": "string", "pattern": "^[0-9]{3} ?[0-9]{3}$", "description": "The six digits in the mail." });
    let by_token = object(json!({ "token": token }), &["token"]);
    let by_code = object(json!({ "email": address_schema(), "code": code }), &["email", "code"]);
    json!({ "anyOf": [by_token, by_code] })
}

/// RFC 9457.
fn problem() -> Value {
    object(
        json!({
            "type": { "type": "string", "description": "`about:blank`: the status says what kind of problem it is." },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "errors": { "type": "array", "minItems": 1, "items": reference("FieldError") },
        }),
        &["type", "title", "status"],
    )
}

fn field_error() -> Value {
    object(
        json!({
            "field": { "type": "string", "description": "The property of the body." },
            "code": { "type": "string", "description": "For programs; new codes may come.", "examples": ["required"] },
            "message": { "type": "string", "description": "For people." },
        }),
        &["field", "code", "message"],
    )
}
