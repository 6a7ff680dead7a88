//! The service as a whole, in memory: the Router, the worker and the mailbox around one store, and a store that
//! fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use signup_service::clock::{Clock, after};
use signup_service::config::ServiceConfig;
use signup_service::mailer::MemoryMailer;
use signup_service::sign_up::{MailId, NewSignUp, User, UserId};
use signup_service::store::{
    ConfirmOutcome, Counters, Event, LeasedMail, ListUsers, MailEnd, MemoryStore, SignUpOutcome, Store, StoreError,
    UserPage,
};
use signup_service::web::{App, ClientAddress, Parts, router};
use signup_service::worker::Worker;
use tower::ServiceExt;

use super::{BASE_URL, Counting, SetClock, address_key, token_key};

/// The service and everything around it.
pub struct Service {
    pub router: Router,
    pub store: Arc<MemoryStore>,
    pub mailer: Arc<MemoryMailer>,
    pub clock: Arc<SetClock>,
    pub worker: Worker,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

impl Service {
    pub fn new(config: ServiceConfig) -> Self {
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
    pub fn router_over(&self, store: Failing) -> Router {
        routes(&self.worker, Arc::new(store))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.into()).expect("text");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header("content-type", content_type)
            .extension(ClientAddress("192.0.2.7".parse().expect("an address")))
            .body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    pub async fn form(&self, path: &str, body: &str) -> Answer {
        self.post(path, "application/x-www-form-urlencoded", body).await
    }

    pub async fn api(&self, path: &str, body: Value) -> Answer {
        self.post(path, "application/json; charset=utf-8", &body.to_string()).await
    }

    /// Lets the worker see all that has changed, again from the beginning: everything it does may be repeated.
    pub async fn work(&self) {
        assert_eq!(self.worker.batch(&self.store.changes(), self.until()).await, Vec::<String>::new());
    }

    pub async fn sweep(&self) -> usize {
        self.worker.sweep(self.until()).await.expect("the store works")
    }

    /// The end of an invocation that begins now.
    pub fn until(&self) -> Timestamp {
        after(self.clock.now(), 25)
    }

    pub async fn users(&self) -> Vec<User> {
        let query = ListUsers { limit: 100, cursor: None };
        let mut users = Vec::new();
        for listed in self.store.list_users(&query).await.expect("the store works").users {
            users.extend(self.store.get_user(listed.id).await.expect("the store works"));
        }
        users
    }

    /// The token in the link of the newest mail.
    pub fn token(&self) -> String {
        let sent = self.mailer.sent();
        let text = &sent.last().expect("a mail").text;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/confirm?t=")).expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}

pub const ADA: &str =
    "full_name=Ada+Lovelace&email=Ada%40Example.com&age=36&nationality=GB&marital_status=single&consent=true";

pub fn routes(worker: &Worker, store: Arc<dyn Store>) -> Router {
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

/// A store that fails: always where nothing else is said, and so often where a number is left.
#[derive(Debug)]
pub struct Failing {
    pub inner: Arc<MemoryStore>,
    pub error: StoreError,
    pub lease: AtomicU32,
    pub due: AtomicU32,
    pub finish: AtomicU32,
    /// The shards that were asked for due mails.
    pub asked: Arc<Mutex<Vec<u8>>>,
}

impl Failing {
    pub fn of(service: &Service, error: StoreError) -> Self {
        let (inner, asked) = (service.store.clone(), Arc::default());
        Self { inner, error, lease: 0.into(), due: 0.into(), finish: 0.into(), asked }
    }

    pub fn fail(&self) -> StoreError {
        match &self.error {
            StoreError::Busy { operation, source } => StoreError::busy(operation, source.to_string()),
            StoreError::Failed { operation, source } => StoreError::new(operation, source.to_string()),
        }
    }

    pub fn maybe(&self, left: &AtomicU32) -> Result<(), StoreError> {
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
