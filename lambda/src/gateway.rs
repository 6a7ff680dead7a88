//! API Gateway's HTTP API as the function meets it (payload format 2.0): an event becomes a request, and a
//! response becomes an answer.
//!
//! A caller can write path, query, headers and body, so that whatever they hold makes a request: what a URI
//! cannot hold is percent-encoded, and a header that is none is left out.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{COOKIE, HeaderName, SET_COOKIE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::web::{ClientAddress, RequestId};

/// What a path may hold as it is (RFC 3986). API Gateway has decoded it.
const PATH: &[u8] = b"-._~!$&'()*+,;=:@/";

/// What a query may hold as it is. It comes as the caller wrote it, encoded or not.
const QUERY: &[u8] = b"-._~!$&'()*+,;=:@/?%";

/// Users that one file is offered for: Lambda answers with six megabytes, and a registration takes some 500 bytes.
pub const FILE: u64 = 5_000;

/// An invocation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    raw_path: String,
    raw_query_string: Option<String>,
    /// What came in several lines is one here, with commas between.
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    request_context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Http,
    request_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

/// What API Gateway makes its response from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// The request, with the client's address and the request's id as API Gateway states them.
pub fn request(event: Event) -> Request {
    let Context { http, request_id } = event.request_context;
    let mut request = Request::new(Body::from(body(event.body.unwrap_or_default(), event.is_base64_encoded)));
    *request.uri_mut() = uri(&event.raw_path, event.raw_query_string.as_deref().unwrap_or_default());
    // What is no method is none that changes anything.
    *request.method_mut() = Method::from_bytes(http.method.as_bytes()).unwrap_or(Method::GET);
    for (name, value) in event.headers.unwrap_or_default() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers_mut().append(name, value);
        }
    }
    if let Some(cookies) = event.cookies
        && let Ok(cookies) = HeaderValue::try_from(cookies.join("; "))
    {
        request.headers_mut().insert(COOKIE, cookies);
    }
    if let Some(address) = http.source_ip.and_then(|address| address.parse::<IpAddr>().ok()) {
        request.extensions_mut().insert(ClientAddress(address));
    }
    if let Some(id) = request_id {
        request.extensions_mut().insert(RequestId(id));
    }
    request
}

/// The body's bytes; a body that is not what it says is empty.
fn body(body: String, is_base64_encoded: bool) -> Vec<u8> {
    if is_base64_encoded { STANDARD.decode(body).unwrap_or_default() } else { body.into_bytes() }
}

fn uri(path: &str, query: &str) -> Uri {
    let mut target = String::from(if path.starts_with('/') { "" } else { "/" });
    encode(&mut target, path, PATH);
    if !query.is_empty() {
        target.push('?');
        encode(&mut target, query, QUERY);
    }
    // A URI holds 65,534 bytes. Beyond that no page is there, and that is the answer.
    PathAndQuery::try_from(target).unwrap_or(PathAndQuery::from_static("/too-long")).into()
}

/// Appends the text with everything encoded but ASCII letters, digits and what is allowed besides.
fn encode(encoded: &mut String, text: &str, allowed: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || allowed.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing into memory does not fail");
        }
    }
}

/// The answer. Fails when the body does, which none of a page that is made in memory can.
pub async fn answer(response: Response) -> Result<Answer, axum::Error> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let mut answer = Answer {
        status_code: parts.status.as_u16(),
        headers: BTreeMap::new(),
        cookies: Vec::new(),
        is_base64_encoded: false,
        body: String::new(),
    };
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if name == SET_COOKIE {
            answer.cookies.push(value);
        } else {
            let line = answer.headers.entry(name.to_string());
            line.and_modify(|line| *line = format!("{line}, {value}")).or_insert(value);
        }
    }
    match String::from_utf8(body.into()) {
        Ok(text) => answer.body = text,
        Err(bytes) => {
            answer.body = STANDARD.encode(bytes.as_bytes());
            answer.is_base64_encoded = true;
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The request of an event that API Gateway would write.
    fn build(path: &str, query: &str, headers: &Value, body: &str) -> Request {
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "cookies": ["a=1", "b=2"],
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "h", "stage": "$default", "requestId": "r",
                "time": "22/Nov/2026:10:00:00 +0000", "timeEpoch": 1,
                "http": { "method": "PUT", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "x" },
            },
            "body": body, "isBase64Encoded": true,
        });
        request(serde_json::from_value(event).expect("an event"))
    }

    fn uri_of(path: &str, query: &str) -> String {
        build(path, query, &json!({}), "").uri().to_string()
    }

    #[test]
    fn what_a_uri_cannot_hold_is_encoded() {
        assert_eq!(uri_of("/", "a=<b>"), "/?a=%3Cb%3E");
        assert_eq!(uri_of("/", "a=\"x\""), "/?a=%22x%22");
        assert_eq!(uri_of("/a b?#[é%", ""), "/a%20b%3F%23%5B%C3%A9%25");
        assert_eq!(uri_of("no-slash", ""), "/no-slash");
        assert_eq!(uri_of("//host/path", ""), "//host/path");
        assert_eq!(build("//host/path", "", &json!({}), "").uri().path(), "//host/path");
    }

    #[test]
    fn what_is_valid_stays_as_it_is() {
        assert_eq!(uri_of("/confirm", "t=Ab-_9&x=%20+y"), "/confirm?t=Ab-_9&x=%20+y");
    }

    #[test]
    fn a_path_beyond_every_limit_leads_nowhere() {
        assert_eq!(uri_of(&"é".repeat(30_000), ""), "/too-long");
        assert_eq!(uri_of("/", &"<".repeat(30_000)), "/too-long");
    }

    #[tokio::test]
    async fn a_request_holds_what_api_gateway_says() {
        let headers = json!({ "X-Whole": "a, b", "not a name": "x", "x-broken": "a\nb" });
        let request = build("/", "", &headers, "YQ==");
        assert_eq!(request.method(), Method::PUT);
        let extensions = request.extensions();
        assert_eq!(extensions.get::<ClientAddress>().map(|it| it.0.to_string()).as_deref(), Some("192.0.2.7"));
        assert_eq!(extensions.get::<RequestId>().map(|it| it.0.as_str()), Some("r"));
        let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("x-whole", b"a, b".as_slice()), ("cookie", b"a=1; b=2")]);
        assert_eq!(to_bytes(request.into_body(), 9).await.expect("a body"), "a");
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_empty() {
        assert_eq!(
            (body("!".into(), true), body("YQ==".into(), true), body("a".into(), false)),
            (vec![], vec![b'a'], vec![b'a'])
        );
    }

    #[test]
    fn an_event_may_lack_what_is_empty() {
        let event = json!({ "rawPath": "/", "requestContext": { "http": { "method": "GET" } } });
        let request = request(serde_json::from_value(event).expect("an event"));
        assert_eq!((request.uri().to_string().as_str(), request.headers().len()), ("/", 0));
    }

    #[tokio::test]
    async fn an_answer_holds_what_the_service_says() {
        let headers = [("vary", "Origin"), ("vary", "Accept"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
        let mut response = "é".into_response();
        for (name, value) in headers {
            response.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let answer = serde_json::to_value(answer(response).await.expect("an answer")).expect("JSON");
        assert_eq!(
            answer,
            json!({
                "statusCode": 200, "cookies": ["a=1", "b=2"], "body": "é", "isBase64Encoded": false,
                "headers": { "content-type": "text/plain; charset=utf-8", "vary": "Origin, Accept" },
            })
        );
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_go_in_base64() {
        let answer = answer(Response::new(Body::from(vec![0x89, b'P']))).await.expect("an answer");
        assert_eq!((answer.body.as_str(), answer.is_base64_encoded), ("iVA=", true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn every_event_makes_its_request(
            path in "\\PC{0,20}|/[\\x00-\\x7f]{0,20}|(/\\.\\.|//|/%|/:){0,4}",
            query in "\\PC{0,20}|[\\x00-\\x7f]{0,20}",
            headers in prop::collection::btree_map("[a-z-]{1,12}|\\PC{0,4}", "[\\x20-\\x7e]{0,20}|\\PC{0,8}", 0..4),
            body in "\\PC{0,8}",
        ) {
            let request = build(&path, &query, &serde_json::to_value(&headers).expect("JSON"), &body);
            let uri = request.uri();
            let slash = if path.starts_with('/') { "" } else { "/" };
            prop_assert_eq!(percent_decode_str(uri.path()).decode_utf8(), Ok(format!("{slash}{path}").into()));
            let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
            prop_assert_eq!(pairs(uri.query().unwrap_or_default()), pairs(&query));
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    prop_assert!(name == COOKIE || request.headers().get_all(name).iter().any(|it| it == value));
                }
            }
        }
    }
}
