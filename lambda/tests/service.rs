//! The service as a whole, in memory: the Router, the worker and the mailbox, from form to welcome.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use signup_service::clock::{Clock, after};
use signup_service::config::{ConfirmationMode, ServiceConfig};
use signup_service::mailer::{MemoryMailer, SendError};
use signup_service::sign_up::{MailId, NewSignUp, State, User, UserId};
use signup_service::store::{
    ConfirmOutcome, Counters, Event, LeasedMail, ListUsers, MailEnd, MemoryStore, SignUpOutcome, Store, StoreError,
    Tally, UserPage, What,
};
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
        let router = routes(&worker, store.clone());
        Self { router, store, mailer, clock, worker }
    }

    /// The same service over another store.
    fn router_over(&self, store: Failing) -> Router {
        routes(&self.worker, Arc::new(store))
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
        assert_eq!(self.worker.batch(&self.store.changes(), self.until()).await, Vec::<String>::new());
    }

    async fn sweep(&self) -> usize {
        self.worker.sweep(self.until()).await.expect("the store works")
    }

    /// The end of an invocation that begins now.
    fn until(&self) -> Timestamp {
        after(self.clock.now(), 25)
    }

    async fn users(&self) -> Vec<User> {
        let query = ListUsers { limit: 100, cursor: None };
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

fn routes(worker: &Worker, store: Arc<dyn Store>) -> Router {
    let parts = Parts {
        store,
        clock: worker.clock.clone(),
        entropy: worker.entropy.clone(),
        address_key: address_key(),
        token_key: token_key(),
        base_url: BASE_URL.into(),
        release: "0123456789ab".into(),
    };
    router(App::new((*worker.config).clone(), parts).expect("patterns compile"))
}

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
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(300_000));
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
    assert!(page.body.contains("<title>Error: ") && page.body.contains("role=\"alert\" tabindex=\"-1\" autofocus"));
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
    assert_eq!(service.get("/confirm?t=AAAA").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn addresses_of_forms_lead_to_the_form() {
    let service = Service::new(small_config());
    for path in ["/sign-up", "/confirm", "/confirm?t=", "/confirm?x=1"] {
        let answer = service.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "./"), "{path}");
    }
}

#[tokio::test]
async fn a_confirmation_without_a_token_names_the_field() {
    let service = Service::new(small_config());
    for (body, code) in
        [(json!({}), "required"), (json!({ "token": null }), "required"), (json!({ "token": 5 }), "wrong_type")]
    {
        let answer = service.api("/api/v1/confirmations", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("token"), &json!(code)));
    }
}

#[tokio::test]
async fn whoever_meets_a_busy_table_is_told_to_come_back() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.work().await;
    let token = service.token();
    let busy = Service { router: service.router_over(Failing::of(&service, StoreError::busy("x", "y"))), ..service };
    let form = busy.form("/sign-up", "email=bob%40example.com").await;
    assert_eq!((form.status, form.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert!(form.body.contains("value=\"bob@example.com\""), "what was typed is kept");
    let page = busy.form("/confirm", &format!("t={token}")).await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    for (path, body) in [
        ("/api/v1/sign-ups", json!({ "email": "bob@example.com" })),
        ("/api/v1/confirmations", json!({ "token": token })),
    ] {
        let api = busy.api(path, body).await;
        assert_eq!((api.status, api.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert_eq!(api.header("content-type"), "application/problem+json");
    }
    let broken = Service { router: busy.router_over(Failing::of(&busy, StoreError::new("x", "y"))), ..busy };
    let form = broken.form("/sign-up", "email=bob%40example.com").await;
    assert_eq!((form.status, form.header("retry-after")), (StatusCode::INTERNAL_SERVER_ERROR, ""));
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
    let put = Request::put("/sign-up").body(Body::empty()).expect("a request");
    let wrong = service.send(put).await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST"));
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
    assert_eq!(service.sweep().await, 0, "not due yet");
    service.clock.forward(31);
    assert_eq!(service.sweep().await, 1);
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
    assert_eq!(service.sweep().await, 0);
    service.clock.forward(150);
    assert_eq!(service.sweep().await, 1);
    service.work().await;
    assert_eq!(service.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_mail_without_an_answer_goes_out_at_most_twice_and_far_apart() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.mailer.fail_next(SendError::Unknown("timed out".into()));
    service.work().await;
    service.clock.forward(590);
    assert_eq!(service.sweep().await, 0, "not within ten minutes");
    service.clock.forward(20);
    service.mailer.fail_next(SendError::Unknown("timed out".into()));
    assert_eq!(service.sweep().await, 1);
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Dead("no answer: timed out".into())));
    service.clock.forward(86_400);
    assert_eq!((service.sweep().await, service.mailer.sent().len()), (0, 0));
}

#[tokio::test]
async fn a_link_that_is_about_to_die_is_not_mailed() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.clock.forward(86_400 - 500);
    assert_eq!(service.sweep().await, 1);
    assert!(service.mailer.sent().is_empty());
    let end = service.store.mails()[0].end.clone();
    assert!(matches!(&end, Some(MailEnd::Dead(reason)) if reason.contains("link")), "{end:?}");
}

#[tokio::test]
async fn a_mail_that_was_sent_is_marked_even_if_the_table_fails_at_first() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let failing = Failing { finish: 2.into(), ..Failing::of(&service, StoreError::new("x", "y")) };
    let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
    assert_eq!(worker.batch(&service.store.changes(), service.until()).await, Vec::<String>::new());
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Sent));
}

#[tokio::test]
async fn one_failing_mail_does_not_end_the_sweep() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c", "d", "e", "f"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.clock.forward(150);
    let failing = Failing { lease: 1.into(), due: 1.into(), ..Failing::of(&service, StoreError::new("first", "y")) };
    let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
    let error = worker.sweep(service.until()).await.expect_err("told in the end");
    assert_eq!(error.to_string(), "the table could not `first`");
    // One shard could not be read, and one mail of the others not be leased.
    let sent = service.mailer.sent().len();
    assert!((2..6).contains(&sent), "{sent}");
    assert_eq!(service.sweep().await + sent, 6, "the rest is still due");
}

#[tokio::test]
async fn every_shard_is_the_first_in_some_minute() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.clock.forward(150);
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let failing = Failing::of(&service, StoreError::new("x", "y"));
        let asked = failing.asked.clone();
        let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
        worker.sweep(service.clock.now()).await.expect("no time, no failure");
        first.extend(asked.lock().expect("no panic while held").first().copied());
        service.clock.forward(60);
    }
    assert_eq!(first.len(), 4);
}

#[tokio::test]
async fn what_was_not_counted_in_time_comes_again() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let changes = service.store.changes();
    let failed = service.worker.batch(&changes, service.clock.now()).await;
    let users: Vec<String> = changes
        .iter()
        .filter(|change| matches!(change.what, What::User { .. }))
        .map(|change| change.sequence.clone())
        .collect();
    // The mail is the sweeper's now; the user can be counted by nobody else.
    assert_eq!((failed, users.len()), (users.clone(), 1));
    service.work().await;
    assert_eq!(service.store.counters().await.expect("the store works").total.received, 1);
}

#[tokio::test]
async fn without_confirmation_nobody_reads_of_one_and_the_brand_is_not_the_forms_title() {
    let mut config = small_config();
    config.confirmation.mode = ConfirmationMode::None;
    let service = Service::new(config);
    let answer = service.form("/sign-up", "email=ada%40example.com").await;
    assert_eq!(answer.header("location"), "welcome");
    let page = service.get("/welcome").await.body;
    assert!(page.contains("Thank you for signing up.") && !page.contains("confirmed"), "{page}");
    service.work().await;
    let mail = &service.mailer.sent()[0];
    assert!(!mail.text.contains("confirmed") && mail.subject == "Welcome to Small", "{mail:?}");
}

/// A store that fails: always where nothing else is said, and so often where a number is left.
#[derive(Debug)]
struct Failing {
    inner: Arc<MemoryStore>,
    error: StoreError,
    lease: AtomicU32,
    due: AtomicU32,
    finish: AtomicU32,
    /// The shards that were asked for due mails.
    asked: Arc<Mutex<Vec<u8>>>,
}

impl Failing {
    fn of(service: &Service, error: StoreError) -> Self {
        let (inner, asked) = (service.store.clone(), Arc::default());
        Self { inner, error, lease: 0.into(), due: 0.into(), finish: 0.into(), asked }
    }

    fn fail(&self) -> StoreError {
        match &self.error {
            StoreError::Busy { operation, source } => StoreError::busy(operation, source.to_string()),
            StoreError::Failed { operation, source } => StoreError::new(operation, source.to_string()),
        }
    }

    fn maybe(&self, left: &AtomicU32) -> Result<(), StoreError> {
        let failed = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if failed { Err(self.fail()) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Failing {
    async fn sign_up(&self, _: &NewSignUp) -> Result<SignUpOutcome, StoreError> {
        Err(self.fail())
    }

    async fn confirm(&self, _: UserId, _: Timestamp) -> Result<ConfirmOutcome, StoreError> {
        Err(self.fail())
    }

    async fn get_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.inner.get_user(id).await
    }

    async fn list_users(&self, query: &ListUsers) -> Result<UserPage, StoreError> {
        self.inner.list_users(query).await
    }

    async fn lease_mail(&self, id: MailId, now: Timestamp) -> Result<Option<LeasedMail>, StoreError> {
        self.maybe(&self.lease)?;
        self.inner.lease_mail(id, now).await
    }

    async fn finish_mail(&self, mail: &LeasedMail, end: &MailEnd, now: Timestamp) -> Result<bool, StoreError> {
        self.maybe(&self.finish)?;
        self.inner.finish_mail(mail, end, now).await
    }

    async fn due_mails(&self, shard: u8, now: Timestamp, limit: u16) -> Result<Vec<MailId>, StoreError> {
        self.asked.lock().expect("no panic while held").push(shard);
        self.maybe(&self.due)?;
        self.inner.due_mails(shard, now, limit).await
    }

    async fn record_events(&self, events: &[Event], now: Timestamp) -> Result<usize, StoreError> {
        self.inner.record_events(events, now).await
    }

    async fn counters(&self) -> Result<Counters, StoreError> {
        self.inner.counters().await
    }
}
