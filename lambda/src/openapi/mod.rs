//! The API as others read it: an OpenAPI 3.1 document of the declared form, and its JSON Schema.
//!
//! Pure. It tells what `form` checks and what `web` answers, and decides neither.

mod paths;
mod pattern;
mod responses;
mod schema;
mod shape;

use serde_json::{Value, json};

pub use schema::{PROOF, PROOF_LENGTH, is_exact, sign_up_schema};

use crate::config::ServiceConfig;

/// The OpenAPI 3.1.0 document of a service; `base_url` is where it answers, without a slash at the end.
pub fn document(config: &ServiceConfig, version: &str, base_url: &str) -> Value {
    let mut info = json!({ "title": config.brand(), "version": version });
    if let Some(intro) = &config.form.intro {
        info["description"] = intro.as_str().into();
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{ "url": base_url }],
        "security": [],
        "paths": paths::paths(),
        "components": {
            "schemas": paths::schemas(&config.form),
            "parameters": { "IdempotencyKey": paths::idempotency_key() },
            "headers": responses::headers(),
            "responses": responses::responses(),
        },
    })
}
