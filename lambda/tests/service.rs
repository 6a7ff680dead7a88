//! The service as a whole, in memory: the Router, the worker and the mailbox, from form to welcome.

mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use signup_service::config::ServiceConfig;
use signup_service::mailer::{MemoryMailer, SendError};
use signup_service::sign_up::{State, User};
use signup_service::store::{ListUsers, MailEnd, MemoryStore, Store, Tally};
use signup_service::web::{App, ClientAddress, Parts, router};
use signup_service::worker::Worker;
use support::{BASE_URL, Counting, SetClock, address_key, config, small_config, token_key};
use tower::ServiceExt;

/// The service and everything around it.
struct Service {
    router: Router,
    store: Arc<MemoryStore>,
    mailer: Arc<MemoryMailer>,
    clock: Arc<SetClock>,
    worker: Worker,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

impl Service {
    fn new(config: ServiceConfig) -> Self {
        let store = Arc::new(MemoryStore::default());
        let mailer = Arc::new(MemoryMailer::default());
        let clock = Arc::new(SetClock::at("2026-11-22T10:00:00Z"));
        let entropy = Arc::new(Counting::from(1));
        let worker = Worker {
            config: Arc::new(config.clone()),
            store: store.clone(),
            mailer: mailer.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            token_key: token_key(),
        };
        let parts = Parts {
            store: store.clone(),
            clock: clock.clone(),
            entropy,
            address_key: address_key(),
            token_key: token_key(),
            base_url: BASE_URL.into(),
            release: "0123456789ab".into(),
        };
        let router = router(App::new(config, parts).expect("patterns compile"));
        Self { router, store, mailer, clock, worker }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.into()).expect("text");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header("content-type", content_type)
            .extension(ClientAddress("192.0.2.7".parse().expect("an address")))
            .body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    async fn form(&self, path: &str, body: &str) -> Answer {
        self.post(path, "application/x-www-form-urlencoded", body).await
    }

    async fn api(&self, path: &str, body: Value) -> Answer {
        self.post(path, "application/json; charset=utf-8", &body.to_string()).await
    }

    /// Lets the worker see all that has changed, again from the beginning: everything it does may be repeated.
    async fn work(&self) {
        assert_eq!(self.worker.batch(&self.store.changes()).await, Vec::<String>::new());
    }

    async fn users(&self) -> Vec<User> {
        let query = ListUsers { limit: 100, cursor: None, now: self.clock.forward(0) };
        let mut users = Vec::new();
        for listed in self.store.list_users(&query).await.expect("the store works").users {
            users.extend(self.store.get_user(listed.id).await.expect("the store works"));
        }
        users
    }

    /// The token in the link of the newest mail.
    fn token(&self) -> String {
        let sent = self.mailer.sent();
        let text = &sent.last().expect("a mail").text;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/confirm?t=")).expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}

const ADA: &str =
    "full_name=Ada+Lovelace&email=Ada%40Example.com&age=36&nationality=GB&marital_status=single&consent=true";

#[tokio::test]
async fn a_person_signs_up_by_form_and_confirms_by_mail() {
    let service = Service::new(config());
    let answer = service.form("/sign-up", ADA).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "sent"));
    assert!(service.get("/sent").await.body.contains("Check your mail"));
    service.work().await;
    service.work().await;
    let sent = service.mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.as_str(), sent[0].from.as_str()), ("Ada@example.com", "hello@example.com"));
    for typed in ["Ada", "Lovelace", "single"] {
        assert!(!sent[0].text.contains(typed) && !sent[0].html.contains(typed) && !sent[0].subject.contains(typed));
    }
    let token = service.token();
    let page = service.get(&format!("/confirm?t={token}")).await;
    assert!(page.status == StatusCode::OK && page.body.contains(&token));
    assert_eq!(service.users().await[0].state, State::Pending, "reading the page changes nothing");
    let answer = service.form("/confirm", &format!("t={token}")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "welcome"));
    assert!(service.get("/welcome").await.body.contains("You are in"));
    let again = service.form("/confirm", &format!("t={token}")).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "welcome"));
    let users = service.users().await;
    assert_eq!((users.len(), users[0].state, users[0].email.as_str()), (1, State::Confirmed, "Ada@Example.com"));
    assert_eq!(users[0].consent.as_ref().expect("kept").version, "2");
    service.work().await;
    let counters = service.store.counters().await.expect("the store works");
    let one = Tally { received: 1, confirmed: 1 };
    assert_eq!((counters.total, counters.countries["GB"], counters.days["2026-11-22"]), (one, one, one));
    assert_eq!(service.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_program_signs_up_and_confirms_by_api() {
    let service = Service::new(small_config());
    let answer = service.api("/api/v1/sign-ups", json!({ "email": "ada@example.com", "age": 36 })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "status": "confirmation_sent" })));
    service.work().await;
    let answer = service.api("/api/v1/confirmations", json!({ "token": service.token() })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "confirmed" })));
    let unknown = service.api("/api/v1/confirmations", json!({ "token": "nonsense" })).await;
    assert_eq!((unknown.status, unknown.header("content-type")), (StatusCode::NOT_FOUND, "application/problem+json"));
}

#[tokio::test]
async fn mistakes_come_back_with_the_form_as_typed() {
    let service = Service::new(config());
    let answer = service.form("/sign-up", "full_name=%3Cb%3EAda&email=nobody&age=7&nationality=FR").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in
        ["role=\"alert\"", "href=\"#field-email\"", "&#60;b&#62;Ada", "value=\"nobody\"", "value=\"FR\" selected"]
    {
        assert!(answer.body.contains(part), "{part}");
    }
    assert!(service.users().await.is_empty());
    let answer = service.api("/api/v1/sign-ups", json!({ "email": "nobody", "age": 7, "x": 1 })).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let errors = answer.json()["errors"].as_array().expect("errors").clone();
    assert!(
        errors.contains(&json!({ "field": "age", "code": "too_low", "message": "Enter 18 or more" })),
        "{errors:?}"
    );
    assert!(errors.iter().any(|error| error["code"] == "unknown_field"));
}

#[tokio::test]
async fn a_body_is_of_the_right_type_and_size() {
    let service = Service::new(small_config());
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(70_000));
    let cases = [
        ("/sign-up", "application/json", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/sign-up", "multipart/form-data", "", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/sign-up", "application/x-www-form-urlencoded", large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        ("/api/v1/sign-ups", "text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/api/v1/sign-ups", "application/json", "{", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", "[]", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", "\u{1}", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (path, content_type, body, status) in cases {
        let answer = service.post(path, content_type, body).await;
        assert_eq!(answer.status, status, "{path} {content_type}");
        let problem = answer.header("content-type") == "application/problem+json";
        assert_eq!(problem, path.starts_with("/api/"));
    }
}

#[tokio::test]
async fn known_and_new_addresses_get_the_same_answer() {
    let service = Service::new(small_config());
    let sign_up = async || service.api("/api/v1/sign-ups", json!({ "email": "ada@example.com" })).await;
    let same = |a: &Answer, b: &Answer| a.status == b.status && a.body == b.body && a.headers == b.headers;
    let new = sign_up().await;
    assert!(same(&sign_up().await, &new), "pending");
    service.work().await;
    assert_eq!(service.mailer.sent().len(), 1);
    service.clock.forward(600);
    assert!(same(&sign_up().await, &new), "mailed again");
    service.work().await;
    assert_eq!(service.mailer.sent().len(), 2);
    service.api("/api/v1/confirmations", json!({ "token": service.token() })).await;
    assert!(same(&sign_up().await, &new), "confirmed");
    service.work().await;
    assert_eq!((service.mailer.sent().len(), service.users().await.len()), (2, 1));
}

#[tokio::test]
async fn floods_are_turned_away_and_told_when_to_come_back() {
    let mut config = small_config();
    config.security.budgets.ip_per_hour = 2;
    let service = Service::new(config);
    for name in ["a", "b"] {
        service.form("/sign-up", "email=not+an+address").await;
        let answer = service.form("/sign-up", &format!("email={name}%40example.com")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "mistakes cost nothing");
    }
    let page = service.form("/sign-up", "email=c%40example.com").await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "3600"));
    assert!(page.body.contains("value=\"c@example.com\"") && page.body.contains("in 60 minutes"));
    let api = service.api("/api/v1/sign-ups", json!({ "email": "c@example.com" })).await;
    assert_eq!((api.status, api.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "3600"));
    service.clock.forward(3_600);
    assert_eq!(service.form("/sign-up", "email=c%40example.com").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_that_expired_says_so() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.work().await;
    service.clock.forward(90_000);
    let token = service.token();
    let page = service.form("/confirm", &format!("t={token}")).await;
    assert!(page.status == StatusCode::GONE && page.body.contains("expired"));
    assert_eq!(service.api("/api/v1/confirmations", json!({ "token": token })).await.status, StatusCode::GONE);
    for wrong in ["", "?t=", "?t=AAAA", "?x=1"] {
        assert_eq!(service.get(&format!("/confirm{wrong}")).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_only_files_are_cached() {
    let service = Service::new(config());
    for path in
        ["/", "/sent", "/welcome", "/healthz", "/style.css", "/icon.svg", "/nothing", "/api/v1/nothing", "/sign-up"]
    {
        let answer = service.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let cached = answer.header("cache-control") != "no-store";
        assert_eq!(cached, ["/style.css", "/icon.svg"].contains(&path), "{path}");
    }
    assert!(service.get("/style.css").await.body.starts_with(":root { --accent: #0a7f5b; --on-accent: #ffffff;"));
    assert_eq!(service.get("/healthz").await.json(), json!({ "status": "ok", "version": "0123456789ab" }));
    let wrong = service.get("/sign-up").await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(service.get("/api/v1/sign-ups").await.header("content-type"), "application/problem+json");
    assert!(service.get("/a/b/nothing").await.body.contains("href=\"../../style.css"));
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_call_the_api() {
    let mut config = small_config();
    config.security.allowed_origins = vec!["https://www.example.com".into()];
    let service = Service::new(config);
    let ask = async |origin: &str, method: &str| {
        let request = Request::builder().method(method).uri("/api/v1/sign-ups").header("origin", origin);
        service.send(request.body(Body::empty()).expect("a request")).await
    };
    let allowed = ask("https://www.example.com", "OPTIONS").await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://www.example.com");
    assert_eq!(allowed.header("vary"), "Origin");
    let other = ask("https://www.example.org", "OPTIONS").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, ""));
    assert_eq!(
        ask("https://www.example.com", "POST").await.header("access-control-allow-origin"),
        "https://www.example.com"
    );
}

#[tokio::test]
async fn a_mail_that_fails_is_sent_later_or_given_up() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.mailer.fail_next(SendError::Throttled("the sending rate is reached".into()));
    service.work().await;
    assert_eq!((service.mailer.sent().len(), service.store.mails()[0].end.clone()), (0, None));
    assert_eq!(service.worker.sweep().await.expect("the store works"), 0, "not due yet");
    service.clock.forward(31);
    assert_eq!(service.worker.sweep().await.expect("the store works"), 1);
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Sent));
    service.form("/sign-up", "email=bob%40example.com").await;
    service.mailer.fail_next(SendError::Never("SES answered `MessageRejected`".into()));
    service.work().await;
    let ends: Vec<_> = service.store.mails().into_iter().map(|mail| mail.end).collect();
    assert_eq!(ends, [Some(MailEnd::Sent), Some(MailEnd::Dead("SES answered `MessageRejected`".into()))]);
}

#[tokio::test]
async fn a_mail_that_the_stream_lost_is_found() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    assert_eq!(service.worker.sweep().await.expect("the store works"), 0);
    service.clock.forward(150);
    assert_eq!(service.worker.sweep().await.expect("the store works"), 1);
    service.work().await;
    assert_eq!(service.mailer.sent().len(), 1);
}
