//! The answers that operations share: problems of RFC 9457, and the headers that come with them.

use serde_json::{Map, Value, json};

/// An answer to a request that fails.
pub(super) struct Shared {
    pub(super) status: u16,
    /// The name under `components.responses`.
    pub(super) name: &'static str,
    description: &'static str,
    header: Option<Header>,
}

#[derive(Clone, Copy)]
struct Header {
    name: &'static str,
    /// The name under `components.headers`.
    component: &'static str,
}

const RETRY_AFTER: Option<Header> = Some(Header { name: "Retry-After", component: "RetryAfter" });
const ALLOW: Option<Header> = Some(Header { name: "Allow", component: "Allow" });

const fn shared(status: u16, name: &'static str, description: &'static str, header: Option<Header>) -> Shared {
    Shared { status, name, description, header }
}

pub(super) const SHARED: [Shared; 10] = [
    shared(400, "BadRequest", "The body is no JSON object, or a header is malformed", None),
    shared(404, "NotFound", "There is no such token or code", None),
    shared(405, "MethodNotAllowed", "The path takes another method", ALLOW),
    shared(410, "Gone", "The token or code has expired", None),
    shared(413, "PayloadTooLarge", "The body is larger than 256 KB", None),
    shared(415, "UnsupportedMediaType", "The body is not sent as `application/json`", None),
    shared(
        422,
        "Invalid",
        "Some fields are not valid, and `errors` names each; or the `Idempotency-Key` was used for another request",
        None,
    ),
    shared(429, "TooManyRequests", "A budget is used up", RETRY_AFTER),
    shared(500, "InternalServerError", "The service failed", None),
    shared(503, "Busy", "The service is busy for a moment", RETRY_AFTER),
];

/// `components.responses`.
pub(super) fn responses() -> Value {
    let mut responses = Map::new();
    for Shared { name, description, header, .. } in &SHARED {
        let mut response = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
        if let Some(header) = header {
            let reference = format!("#/components/headers/{}", header.component);
            response["headers"] = json!({ header.name: { "$ref": reference } });
        }
        responses.insert((*name).into(), response);
    }
    Value::Object(responses)
}

/// `components.headers`.
pub(super) fn headers() -> Value {
    json!({
        "RetryAfter": {
            "description": "Seconds to wait before the next try.",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
        "Allow": {
            "description": "The methods that the path takes.",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}
