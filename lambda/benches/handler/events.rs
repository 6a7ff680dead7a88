//! What API Gateway sends the web function, and what the service should say to it. All that the bench knows of the
//! service's pages is here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A kind of invocation that is measured.
pub struct Kind {
    pub name: &'static str,
    method: &'static str,
    path: &'static str,
    /// The status that shows that it worked.
    pub status: u64,
    /// The body, with a number that makes it like no other.
    body: Option<fn(u32) -> String>,
}

pub const KINDS: [Kind; 2] = [
    Kind { name: "GET /", method: "GET", path: "/", status: 200, body: None },
    // By the API, since a form has to be some seconds old; but for reading the body the work is the same.
    Kind { name: "sign-up", method: "POST", path: "/api/v1/sign-ups", status: 202, body: Some(sign_up) },
];

/// Valid for `tests/every_field.json`.
fn sign_up(number: u32) -> String {
    json!({
        "full_name": "Ada Lovelace", "email": format!("ada{number}@example.com"), "age": 36, "nationality": "GB",
        "marital_status": "single", "topics": ["science", "history"], "about": "I like engines.", "consent": true,
    })
    .to_string()
}

impl Kind {
    /// The invocation of that number, as API Gateway's HTTP API writes it (payload format 2.0).
    pub fn event(&self, number: u32) -> String {
        let Self { method, path, .. } = self;
        let body = self.body.map(|body| STANDARD.encode(body(number)));
        let mut headers = json!({
            "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "accept-encoding": "gzip, deflate, br, zstd",
            "accept-language": "en-GB,en;q=0.5",
            "host": "abc123.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        });
        if let Some(body) = &body {
            headers["content-type"] = "application/json".into();
            headers["content-length"] = body.len().to_string().into();
            headers["origin"] = "https://abc123.execute-api.eu-west-1.amazonaws.com".into();
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc123",
                "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
                "domainPrefix": "abc123",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.7",
                    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                },
                "requestId": format!("bench-{number}"),
                "routeKey": "$default",
                "stage": "$default",
                "time": "22/Nov/2026:10:00:00 +0000",
                "timeEpoch": 1_795_341_600_000_u64,
            },
            "isBase64Encoded": body.is_some(),
        });
        if let Some(body) = body {
            event["body"] = Value::String(body);
        }
        event.to_string()
    }
}
