//! The service as a whole, in memory: the Router, the worker and the mailbox around one store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use signup_service::address::Address;
use signup_service::census::Census;
use signup_service::clock::{Clock, after, before};
use signup_service::config::ServiceConfig;
use signup_service::event::Wanted;
use signup_service::feedback::{Listener, reports};
use signup_service::guard::stamp;
use signup_service::journal::Kept;
use signup_service::keys::AddressKey;
use signup_service::ledger::{self, Ledger};
use signup_service::mailer::MemoryMailer;
use signup_service::publisher::MemoryPublisher;
use signup_service::store::{ListUsers, MemoryStore, Store, StoreError};
use signup_service::stream::{Change, What};
use signup_service::user::{End, State, User};
use signup_service::web::{App, ClientAddress, PATIENCE, Parts, router};
use signup_service::worker::{Sending, Worker};
use tower::ServiceExt;

pub use super::failing::Failing;
use super::{BASE_URL, Counting, SetClock, address_key, token_key};

/// The service and everything around it.
pub struct Service {
    pub router: Router,
    pub store: Arc<MemoryStore>,
    pub mailer: Arc<MemoryMailer>,
    pub publisher: Arc<MemoryPublisher>,
    pub clock: Arc<SetClock>,
    pub journal: Arc<Kept>,
    pub worker: Worker,
    pub address_key: AddressKey,
}

#[derive(Clone, Debug)]
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
        Self { store: store.clone(), ..Self::over(config, store) }
    }

    /// The service over another store; that in memory stays empty.
    pub fn over(config: ServiceConfig, store: Arc<dyn Store>) -> Self {
        let mailer = Arc::new(MemoryMailer::default());
        let clock = Arc::new(SetClock::at("2026-11-22T10:00:00Z"));
        let entropy = Arc::new(Counting::from(1));
        let journal = Arc::new(Kept::default());
        let publisher = Arc::new(MemoryPublisher::default());
        let worker = Worker {
            sending: Arc::new(Mutex::new(Sending::new(clock.now()))),
            ledger: Ledger { store: store.clone(), clock: clock.clone(), entropy, wanted: Wanted::of(&config) },
            config: Arc::new(config),
            mailer: mailer.clone(),
            publisher: publisher.clone(),
            journal: journal.clone(),
            token_key: token_key(),
        };
        let address_key = address_key();
        let router = routes(&worker, store, address_key.clone(), PATIENCE);
        Self { router, store: Arc::default(), mailer, publisher, clock, journal, worker, address_key }
    }

    /// The same service by another key of addresses.
    pub fn with_key(self, address_key: AddressKey) -> Self {
        let router = routes(&self.worker, self.worker.ledger.store.clone(), address_key.clone(), PATIENCE);
        Self { router, address_key, ..self }
    }

    /// The same worker over another store.
    pub fn worker_over(&self, store: Failing) -> Worker {
        let ledger = Ledger { store: Arc::new(store), ..self.worker.ledger.clone() };
        Worker { ledger, ..self.worker.clone() }
    }

    /// The same service over another store.
    pub fn router_over(&self, store: Failing) -> Router {
        routes(&self.worker, Arc::new(store), self.address_key.clone(), PATIENCE)
    }

    /// The same service over a store that answers nobody.
    pub fn router_over_silence(&self) -> Router {
        let hour = Duration::from_secs(3_600);
        let silent = Failing { after: hour, ..Failing::of(self, StoreError::new("x", "y"), []) };
        routes(&self.worker, Arc::new(silent), self.address_key.clone(), Duration::from_millis(10))
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

    /// Sends a form as a browser does, some seconds after its page was made.
    pub async fn form(&self, path: &str, body: &str) -> Answer {
        let body = format!("{body}&stamp={}", self.stamp(5));
        self.post(path, "application/x-www-form-urlencoded", &body).await
    }

    /// What a page that was made so many seconds ago sends along.
    pub fn stamp(&self, seconds: u32) -> String {
        stamp::issue(&token_key(), before(self.clock.now(), seconds))
    }

    pub async fn api(&self, path: &str, body: Value) -> Answer {
        self.post(path, "application/json; charset=utf-8", &body.to_string()).await
    }

    /// Lets the worker see all that has changed, again from the beginning: everything it does may be repeated.
    pub async fn work(&self) {
        assert_eq!(self.worker.batch(&self.store.changes(), self.until()).await, Vec::<String>::new());
    }

    /// Brings an address that nobody signed up with into a state, in whatever store there is.
    pub async fn bring(&self, address: &str, state: Option<State>) {
        let work = async || {
            let changes = listed(&*self.worker.ledger.store).await;
            assert_eq!(self.worker.batch(&changes, self.until()).await, Vec::<String>::new());
        };
        if state.is_some() {
            self.api("/api/v1/sign-ups", serde_json::json!({ "email": address, "age": 36 })).await;
            work().await;
        }
        if matches!(state, Some(State::Confirmed | State::Unsubscribed)) {
            self.api("/api/v1/confirmations", serde_json::json!({ "token": self.token() })).await;
        }
        if matches!(state, Some(State::Unsubscribed | State::Suppressed)) {
            self.form("/unsubscribe", &format!("t={}", self.unsubscribe_token())).await;
        }
        assert_eq!(self.user(address).await.map(|user| user.state), state);
    }

    /// Whoever has an address.
    pub async fn user(&self, address: &str) -> Option<User> {
        let names = self.address_key.whose(&Address::parse(address).expect("an address"));
        ledger::find(&*self.worker.ledger.store, &names).await.expect("the store works")
    }

    /// Hands the feedback function what SES publishes of a mail that left now to this address.
    pub async fn hear(&self, address: &str, kind: &str, detail: Value) {
        let mut published = serde_json::json!({
            "eventType": kind, "mail": { "timestamp": self.clock.now(), "destination": [address] },
        });
        published.as_object_mut().expect("an object").extend(detail.as_object().expect("an object").clone());
        let event = serde_json::json!({ "Records": [{ "Sns": { "Message": published.to_string() } }] });
        self.listener().hear(&reports(&event)).await.expect("the store works");
    }

    pub fn listener(&self) -> Listener {
        let (ledger, journal) = (self.worker.ledger.clone(), self.journal.clone());
        Listener { ledger, journal, address_key: self.address_key.clone() }
    }

    /// Has the person report the newest mail as spam.
    pub async fn complain(&self, address: &str) {
        let complaint = serde_json::json!({ "complaint": { "timestamp": self.clock.now() } });
        self.hear(address, "Complaint", complaint).await;
    }

    pub async fn sweep(&self) -> usize {
        self.worker.sweep(self.until()).await.expect("the store works")
    }

    /// The end of an invocation that begins now.
    pub fn until(&self) -> Timestamp {
        after(self.clock.now(), 25)
    }

    /// How much of a metric there was.
    pub fn measured(&self, metric: &str) -> u64 {
        self.journal.lines().iter().filter_map(|line| line[metric].as_u64()).sum()
    }

    pub fn users(&self) -> Vec<User> {
        self.store.users()
    }

    /// How the mail of each user ended, by the order of their IDs; `None` while it waits.
    pub fn ends(&self) -> Vec<Option<End>> {
        self.users().into_iter().filter_map(|user| Some(user.mail?.end)).collect()
    }

    pub async fn census(&self) -> Census {
        self.worker.ledger.store.counters(None).await.expect("the store works").census()
    }

    /// The token in the link of the newest mail.
    pub fn token(&self) -> String {
        let sent = self.mailer.sent();
        let text = &sent.last().expect("a mail").text;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/confirm?t=")).expect("a link");
        rest.split(|letter: char| letter.is_whitespace() || letter == '&').next().expect("a token").to_owned()
    }
}

impl Service {
    /// The six digits in the newest mail.
    pub fn code(&self) -> String {
        let sent = self.mailer.sent();
        let words: Vec<&str> = sent.last().expect("a mail").text.split_whitespace().collect();
        let three = |word: &str| word.len() == 3 && word.bytes().all(|it| it.is_ascii_digit());
        let pair = words.windows(2).find(|pair| three(pair[0]) && three(pair[1].trim_end_matches('.')));
        pair.expect("a code").concat().trim_end_matches('.').to_owned()
    }

    /// The token in the newest mail that stops all mail.
    pub fn unsubscribe_token(&self) -> String {
        let sent = self.mailer.sent();
        let text = &sent.last().expect("a mail").text;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/unsubscribe?t=")).expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    }
}

pub const ADA: &str =
    "full_name=Ada+Lovelace&email=Ada%40Example.com&age=36&nationality=GB&marital_status=single&consent=true";

/// What the stream would tell of the users as they are, for a store that has none here.
pub async fn listed(store: &dyn Store) -> Vec<Change> {
    let page = store.list_users(&ListUsers::newest(1_000)).await.expect("the store works");
    let change = |user: User| {
        let event = format!("{}-{}", user.id, user.version);
        Change { sequence: event.clone(), event, what: What::User(Box::new(user)) }
    };
    page.users.into_iter().filter(|user| user.wakes).map(change).collect()
}

pub fn routes(worker: &Worker, store: Arc<dyn Store>, address_key: AddressKey, patience: Duration) -> Router {
    let parts = Parts {
        store,
        clock: worker.ledger.clock.clone(),
        entropy: worker.ledger.entropy.clone(),
        journal: worker.journal.clone(),
        address_key,
        token_key: token_key(),
        base_url: BASE_URL.into(),
        release: "0123456789ab".into(),
        patience,
        logo: None,
    };
    router(App::new((*worker.config).clone(), parts).expect("patterns compile"))
}
