//! What surrounds every handler: who called, which headers go out, what is logged.
//!
//! A log line holds the route's pattern and never the path or query as sent: those can hold a token.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, ORIGIN,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::{Measured, REFUSALS};
use super::is_api;
use crate::clock::{Clock, day};
use crate::config::Security;
use crate::journal::{Journal, Line, Unit};
use crate::keys::AddressKey;

/// The client's address as the front states it: no header is believed but of a proxy that the front trusts.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// The request's name in the front's own log.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// What a page may load and do; where it may be shown is added.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors";

const HEADERS: [(HeaderName, &str); 5] = [
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("permissions-policy"),
        "browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where a browser says a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The methods that a line of the log names.
const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"];

/// What is known where a request comes in and an answer goes out.
#[derive(Debug)]
pub(super) struct Edge {
    /// Of pages, and of those that may be shown in a frame.
    policy: HeaderValue,
    embed_policy: HeaderValue,
    transport: Transport,
    /// Whose pages may call the API, and show the form in a frame.
    origins: Vec<String>,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal>,
    /// Names refused clients in the log; the admins' side has none.
    client_key: Option<AddressKey>,
}

impl Edge {
    pub(super) fn new(
        origins: &[String],
        transport: Transport,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
        client_key: Option<AddressKey>,
    ) -> Arc<Self> {
        let (policy, embed_policy) = (policy(&[]), policy(origins));
        Arc::new(Self { policy, embed_policy, transport, origins: origins.to_vec(), clock, journal, client_key })
    }
}

/// For which names browsers are to ask by HTTPS alone, for two years. What is below the service's own name is the
/// operator's to decide: it may be the apex of a domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transport {
    subdomains: bool,
}

impl Transport {
    pub fn of(security: &Security) -> Self {
        Self { subdomains: security.hsts_subdomains.unwrap_or_default() }
    }

    /// `Strict-Transport-Security`, which a load balancer says as well of what it answers itself. Without a space, as it is
    /// known to take it.
    pub fn header(self) -> &'static str {
        if self.subdomains { "max-age=63072000;includeSubDomains" } else { "max-age=63072000" }
    }
}

/// Where the request comes from.
pub(super) fn client(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ClientAddress>().map(|address| address.0)
}

/// Whether a page is meant for an iframe: the form, and what follows it. What a mail leads to never is.
pub(super) fn is_embedded(request: &Request) -> bool {
    match request.uri().path() {
        "/embed" => true,
        "/sign-up" | "/sent" | "/resend" | "/welcome" => query(request.uri(), "embed").is_some(),
        // The six digits, which are entered in the frame.
        "/confirm" => request.method() == Method::POST && query(request.uri(), "embed").is_some(),
        _ => false,
    }
}

/// Whether a page of another site, or of another host, sent this, as far as the browser says. Programs say nothing.
/// `base_url` is where our own pages are.
pub(super) fn is_foreign(headers: &HeaderMap, base_url: &str) -> bool {
    match headers.get(FETCH_SITE) {
        Some(site) => site != "same-origin" && site != "none",
        // Browsers that do not say so tell where a form was, unless a page tells them not to, as ours do.
        None => {
            let is_ours = |origin: &str| origin == "null" || is_at(base_url, origin);
            headers.get(ORIGIN).is_some_and(|origin| !origin.to_str().is_ok_and(is_ours))
        }
    }
}

/// Whether an address is at an origin.
fn is_at(url: &str, origin: &str) -> bool {
    let rest = url.strip_prefix(origin).filter(|_| origin.contains("://"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds what every answer carries to one that comes from in front of the Router.
pub fn secure(headers: &mut HeaderMap, transport: Transport) {
    constant(headers, transport);
    headers.insert(CONTENT_SECURITY_POLICY, policy(&[]));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

fn constant(headers: &mut HeaderMap, transport: Transport) {
    headers.reserve(HEADERS.len() + 4);
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(transport.header()));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The first value of a name in the query.
pub(super) fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// What the line of a request says of it.
struct Asked {
    method: &'static str,
    route: Option<MatchedPath>,
    id: Option<RequestId>,
    client: Option<IpAddr>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        // A method can be any text a caller likes.
        let method = METHODS.into_iter().find(|known| *known == request.method().as_str()).unwrap_or("other");
        let extensions = request.extensions();
        Self { method, route: extensions.get().cloned(), id: extensions.get().cloned(), client: client(request) }
    }
}

/// Surrounds every handler of a Router. One layer and not three: for each, axum copies all that is inside of it with every
/// request.
pub(super) async fn around(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let (start, embedded) = (Instant::now(), is_embedded(&request));
    let asked = Asked::of(&request);
    let mut response = edge.answer(request, next).await;
    edge.add_headers(embedded, response.headers_mut());
    edge.log(asked, &response, start);
    response
}

impl Edge {
    /// Lets the pages of allowed origins call the API, and answers their browsers' questions.
    async fn answer(&self, request: Request, next: Next) -> Response {
        if !is_api(&request) {
            return next.run(request).await;
        }
        let is_allowed = |origin: &&HeaderValue| self.origins.iter().any(|it| it.as_bytes() == origin.as_bytes());
        let origin = request.headers().get(ORIGIN).filter(is_allowed).cloned();
        let mut response = if request.method() == Method::OPTIONS {
            StatusCode::NO_CONTENT.into_response()
        } else {
            next.run(request).await
        };
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type, Idempotency-Key"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date, Retry-After"));
            // Ten minutes: long enough to save the question, short enough for a changed list.
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        response
    }

    /// Adds the headers that every answer carries; a handler's own `Cache-Control` stays.
    fn add_headers(&self, embedded: bool, headers: &mut HeaderMap) {
        constant(headers, self.transport);
        headers.insert(CONTENT_SECURITY_POLICY, if embedded { &self.embed_policy } else { &self.policy }.clone());
        if !embedded {
            // Of the two that say so, the one that old browsers know.
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
    }

    /// Writes the line of a request, which is also where the metrics of requests come from.
    fn log(&self, asked: Asked, response: &Response, start: Instant) {
        let latency = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = self.clock.now();
        let line = Line::new("request", now)
            .with("method", asked.method)
            .with("route", asked.route.as_ref().map_or("none", MatchedPath::as_str).to_owned())
            .with("status", response.status().as_u16())
            .with("request_id", asked.id.map_or_else(String::new, |id| id.0))
            .metric("Latency", Unit::Milliseconds, latency);
        let measured = response.extensions().get::<Measured>();
        let refused = measured.is_some_and(|measured| measured.metric == REFUSALS);
        let line = match measured {
            Some(measured) => line.with("reason", measured.reason).metric(measured.metric, Unit::Count, 1),
            None => line,
        };
        let line = match (asked.client.filter(|_| refused), &self.client_key) {
            (Some(client), Some(key)) => line.with("client", key.client_on(client, &day(now))),
            _ => line,
        };
        self.journal.write(&line);
    }
}

/// The policy for pages that these origins alone may show in a frame; nobody when there is none.
fn policy(ancestors: &[String]) -> HeaderValue {
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    HeaderValue::try_from(format!("{POLICY} {ancestors}"))
        // An origin that no header can hold is refused by the spec's checks; nobody is then the safe choice.
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}
