//! What API Gateway sends the web function, made safe for the library that builds a request from it.
//!
//! Pure. The library takes for granted that path, query and headers add up to a URI, and ends the process
//! when they do not; a caller can write all three. What a URI cannot hold is percent-encoded here, and the
//! headers that would become a part of it are dropped unless they can.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use url::Url;

/// What a path may hold as it is: RFC 3986, and `%`, since much is encoded already.
const PATH: &[u8] = b"-._~!$&'()*+,;=:@/%";

/// What a query may hold as it is.
const QUERY: &[u8] = b"-._~!$&'()*+,;=:@/%?";

/// Bytes of path and query once they are encoded: a URI of the library has at most 65,534 in all.
const LIMIT: usize = 60_000;

/// The same request, of which a URI can be made.
pub fn clean(request: LambdaRequest) -> LambdaRequest {
    match request {
        LambdaRequest::ApiGatewayV2(event) => LambdaRequest::ApiGatewayV2(clean_http(event)),
        // The other kinds are not compiled in.
        other => other,
    }
}

fn clean_http(mut event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    let path = event.raw_path.unwrap_or_default();
    let mut path = encode(&path, PATH);
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let mut query = event.raw_query_string.map(|query| encode(&query, QUERY));
    if path.len() + query.as_ref().map_or(0, String::len) > LIMIT {
        // No page is there, and that is the answer.
        path = "/too-long".to_owned();
        query = None;
    }
    event.raw_path = Some(path);
    event.raw_query_string = query;
    let keep_if = |headers: &mut HeaderMap, name: &str, good: fn(&str) -> bool| {
        if !headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(good)) {
            headers.remove(name);
        }
    };
    keep_if(&mut event.headers, "x-forwarded-proto", |scheme| matches!(scheme, "http" | "https"));
    keep_if(&mut event.headers, HOST.as_str(), is_host);
    event.request_context.domain_name = event.request_context.domain_name.filter(|name| is_host(name));
    let is_stage = |stage: &String| stage.bytes().all(|it| it.is_ascii_alphanumeric() || b"$-_".contains(&it));
    event.request_context.stage = event.request_context.stage.filter(is_stage);
    if event.is_base64_encoded && event.body.as_ref().is_some_and(|body| STANDARD.decode(body).is_err()) {
        event.body = None;
    }
    event
}

/// The text with everything encoded but ASCII letters, digits and what is allowed besides.
fn encode(text: &str, allowed: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || allowed.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing into memory does not fail");
        }
    }
    encoded
}

/// A host name with at most a port, and nothing else that a URI's authority may hold.
fn is_host(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte));
    plain && text.len() <= 255 && Url::parse(&format!("https://{text}/")).is_ok()
}

#[cfg(test)]
mod tests {
    use lambda_http::Request;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The request that the library builds; `None` when the event is none that it reads.
    fn build(path: &str, query: &str, headers: Value, domain: &str, body: &str) -> Option<Request> {
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": domain, "stage": "$default", "requestId": "r",
                "time": "22/Nov/2026:10:00:00 +0000", "timeEpoch": 1,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "x" },
            },
            "body": body, "isBase64Encoded": true,
        });
        let request: LambdaRequest = serde_json::from_str(&event.to_string()).ok()?;
        Some(clean(request).into())
    }

    fn uri(path: &str, query: &str, headers: Value) -> String {
        build(path, query, headers, "join.example.com", "").expect("an event").uri().to_string()
    }

    #[test]
    fn what_a_uri_cannot_hold_is_encoded() {
        assert_eq!(uri("/", "a=<b>", json!({})), "https://join.example.com/?a=%3Cb%3E");
        assert_eq!(uri("/", "a=\"x\"", json!({})), "https://join.example.com/?a=%22x%22");
        assert_eq!(uri("/a b?#[é", "", json!({})), "https://join.example.com/a%20b%3F%23%5B%C3%A9");
        assert_eq!(uri("no-slash", "", json!({})), "https://join.example.com/no-slash");
    }

    #[test]
    fn what_is_valid_stays_as_it_is() {
        assert_eq!(uri("/confirm", "t=Ab-_9&x=%20+y", json!({})), "https://join.example.com/confirm?t=Ab-_9&x=%20+y");
        let headers = json!({ "host": "localhost:4566", "x-forwarded-proto": "http" });
        assert_eq!(uri("/", "", headers), "http://localhost:4566/");
    }

    #[test]
    fn headers_that_make_no_uri_are_dropped() {
        for scheme in ["java script", "://", "", "h\ttp", "ftp"] {
            assert_eq!(uri("/", "", json!({ "X-Forwarded-Proto": scheme })), "https://join.example.com/", "{scheme}");
        }
        for host in ["[", "a b", "a/b", "1.2.3.4.5", "x:99999", "user@host", "%"] {
            assert_eq!(uri("/", "", json!({ "host": host })), "https://join.example.com/", "{host}");
        }
    }

    #[test]
    fn a_path_beyond_every_limit_leads_nowhere() {
        assert_eq!(uri(&"é".repeat(30_000), "", json!({})), "https://join.example.com/too-long");
        assert_eq!(uri("/", &"<".repeat(30_000), json!({})), "https://join.example.com/too-long");
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_empty() {
        let body = |body: &str| build("/", "", json!({}), "h", body).expect("an event").into_body().to_vec();
        assert_eq!((body("!"), body("YQ==")), (vec![], b"a".to_vec()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_event_ends_the_process(
            path in "\\PC{0,20}|/[\\x00-\\x7f]{0,20}|(/\\.\\.|//|/%|/:){0,4}",
            query in "\\PC{0,20}|[\\x00-\\x7f]{0,20}",
            host in "[\\x20-\\x7e]{0,20}|[0-9a-fx.:]{0,12}",
            scheme in "[\\x20-\\x7e]{0,12}",
            domain in "\\PC{0,12}",
            others in prop::collection::btree_map("[a-zA-Z-]{1,12}", "[\\x20-\\x7e]{0,20}", 0..4),
            body in "\\PC{0,8}",
        ) {
            let mut headers = serde_json::to_value(others).expect("JSON");
            headers["host"] = host.into();
            headers["x-forwarded-proto"] = scheme.into();
            let request = build(&path, &query, headers, &domain, &body);
            prop_assert!(request.is_some_and(|request| request.uri().path().starts_with('/')));
        }
    }
}
