//! A service with admins: the people in it, the users it holds, and all of what is kept, to see whether it changed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use signup_service::address::Address;
use signup_service::admin::{Action, Actor, AdminStore, Admins, Entry, Invited, ListEntries, Role, Session, Start};
use signup_service::census::Delta;
use signup_service::clock::{Clock, Entropy};
use signup_service::config::ServiceConfig;
use signup_service::gateway::FILE;
use signup_service::keys::{AdminKey, Key};
use signup_service::ledger::Ledger;
use signup_service::store::{MemoryStore, Saved, Store, StoreError};
use signup_service::tombstone::Tombstones;
use signup_service::user::{User, UserId};
use signup_service::web::admin::{Desk, DeskState, admin_router};

pub use super::app::{code, secret};
use super::browser::Browser;
pub use super::person::user;
use crate::support::service::{Answer, Service};
use crate::support::{BASE_URL, SetClock, config};

pub const OWNER: &str = "grace@example.com";
pub const VIEWER: &str = "vera@example.com";
pub const PASSWORD: &str = "nine blue dahlias at dusk";
pub const HOME: &str = "192.0.2.7";
pub const ELSEWHERE: &str = "198.51.100.9";

/// The service, its admins' side, and what both keep.
pub struct House {
    pub service: Service,
    pub store: Arc<MemoryStore>,
    pub desk: DeskState,
    pub router: Router,
}

/// An admin with an app, recovery codes and a browser.
#[derive(Clone)]
pub struct Person {
    pub email: String,
    pub secret: Vec<u8>,
    pub codes: Vec<String>,
    /// The answer that showed them.
    pub shown: Answer,
    pub browser: Browser,
}

/// Where erasures are noted.
#[derive(Debug, Default)]
pub struct Graveyard(Mutex<Vec<String>>);

#[async_trait]
impl Tombstones for Graveyard {
    async fn put(&self, tombstone: &str) -> Result<(), StoreError> {
        self.0.lock().expect("no panic while held").push(tombstone.to_owned());
        Ok(())
    }
}

/// An admins' side over any stores.
pub fn desk(
    config: ServiceConfig,
    ledger: Ledger,
    admins: Arc<dyn AdminStore>,
    journal: Arc<dyn signup_service::journal::Journal>,
) -> DeskState {
    let (clock, entropy) = (ledger.clock.clone(), Arc::new(Rising));
    let ledger = Ledger { entropy: entropy.clone(), ..ledger };
    let key = AdminKey(Key::new([5; 32]));
    let admins = Admins::new(admins, clock, entropy, key, config.brand(), config.service.clone());
    let admins = admins.telling(journal.clone());
    Arc::new(Desk {
        config,
        ledger,
        admins,
        journal,
        tombstones: Arc::new(Graveyard::default()),
        base_url: BASE_URL.into(),
        release: "0123456789ab".into(),
        file: Some(FILE),
    })
}

impl House {
    pub fn new() -> Self {
        let mut config = config();
        let name = config.form.fields.iter_mut().find(|field| field.name == "full_name").expect("a name");
        name.autocomplete = Some("name".into());
        Self::of(config)
    }

    pub fn of(config: ServiceConfig) -> Self {
        let name_field = config.form.name_field().map(str::to_owned);
        let store = Arc::new(MemoryStore::naming(name_field.as_deref()));
        let service = Service::over(config, store.clone());
        let (worker, config) = (&service.worker, (*service.worker.config).clone());
        let desk = desk(config, worker.ledger.clone(), store.clone(), worker.journal.clone());
        Self { router: admin_router(desk.clone()), desk, service, store }
    }

    /// The same with one owner.
    pub async fn with_owner() -> (Self, Person) {
        let house = Self::new();
        let owner = house.add(OWNER, Role::Owner).await;
        (house, owner)
    }

    /// The same with an owner and a viewer.
    pub async fn with_both() -> (Self, Person, Person) {
        let (house, owner) = Self::with_owner().await;
        let viewer = house.add(VIEWER, Role::Viewer).await;
        (house, owner, viewer)
    }

    /// The admins' side over other stores, which hold what this one does.
    pub fn router_over(&self, store: Arc<dyn Store>, admins: Arc<dyn AdminStore>) -> Router {
        let worker = &self.service.worker;
        let ledger = Ledger { store, ..worker.ledger.clone() };
        admin_router(desk((*worker.config).clone(), ledger, admins, worker.journal.clone()))
    }

    /// Another house with the same users, admins and sessions, so that each of many tries begins alike.
    pub async fn copy(&self) -> Self {
        let copy = Self::of((*self.service.worker.config).clone());
        let beyond = self.clock().now().duration_since(copy.clock().now());
        copy.clock().forward(u32::try_from(beyond.as_secs()).expect("later"));
        for user in self.store.users() {
            copy.keep(user).await;
        }
        for admin in self.store.list_admins().await.expect("works") {
            copy.store.save_admin(&admin, None, None).await.expect("works");
            for session in self.store.list_sessions(admin.id).await.expect("works") {
                copy.store.save_session(&session).await.expect("works");
            }
        }
        for entry in self.entries().await {
            copy.store.append_entry(&entry).await.expect("works");
        }
        copy
    }

    pub fn clock(&self) -> &SetClock {
        &self.service.clock
    }

    pub fn browser(&self, client: &str) -> Browser {
        Browser::new(self.router.clone(), client)
    }

    /// Adds an admin as `signupctl` does: the path that the link leads to.
    pub async fn invite(&self, email: &str, role: Role) -> String {
        let address = Address::parse(email).expect("an address");
        let invited = self.desk.admins.invite(&Actor::Operator("signupctl"), &address, role).await.expect("works");
        let Invited::Link(link) = invited else { panic!("{invited:?}") };
        format!("/admin/set-up#{}", link.token)
    }

    /// Adds an admin, who follows the link to its end and is signed in then.
    pub async fn add(&self, email: &str, role: Role) -> Person {
        let link = self.invite(email, role).await;
        self.set_up(email, &link, self.browser(HOME)).await
    }

    pub async fn set_up(&self, email: &str, link: &str, mut browser: Browser) -> Person {
        assert_eq!(browser.open_link(link).await.status, StatusCode::OK);
        let answer = browser.submit("set-up", &[("password", PASSWORD), ("again", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let secret = secret(&browser.page);
        let answer = browser.submit("set-up", &[("code", &code(&secret, self.clock().now()))]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let list = answer.body.split("<li><code>").skip(1).filter_map(|rest| rest.split_once('<'));
        let codes: Vec<String> = list.map(|(code, _)| code.to_owned()).collect();
        Person { email: email.into(), secret, codes, shown: answer, browser }
    }

    /// What the person's app shows, which was not shown before.
    pub fn code(&self, person: &Person) -> String {
        code(&person.secret, self.clock().forward(30))
    }

    /// Signs in from a browser, where it is let.
    pub async fn sign_in(&self, person: &Person, mut browser: Browser) -> Browser {
        browser.get("/admin/sign-in").await;
        let code = self.code(person);
        let typed = [("email", person.email.as_str()), ("password", PASSWORD), ("code", &code)];
        let answer = browser.submit("sign-in", &typed).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }

    /// Keeps a user and counts it.
    pub async fn keep(&self, user: User) -> UserId {
        let mut delta = Delta::default();
        delta.replace(None, user.counted.as_ref());
        self.store.adjust(&delta).await.expect("works");
        assert_eq!(self.store.save(&user, None).await.expect("works"), Saved::Done);
        user.id
    }

    /// The audit log, oldest first.
    pub async fn entries(&self) -> Vec<Entry> {
        let query = ListEntries { limit: 10_000, from: Start::Newest };
        let mut entries = AdminStore::list_entries(&*self.store, &query).await.expect("works").entries;
        entries.reverse();
        entries
    }

    /// What was done since so many entries.
    pub async fn done_since(&self, count: usize) -> Vec<Action> {
        self.entries().await.into_iter().skip(count).map(|it| it.action).collect()
    }

    /// Who did what to whom since so many entries.
    pub async fn log_since(&self, count: usize) -> Vec<(String, &'static str, Option<String>)> {
        let entries = self.entries().await.into_iter().skip(count);
        entries.map(|it| (it.admin.clone(), it.action.name(), it.subject)).collect()
    }

    pub async fn sessions(&self, email: &str) -> Vec<Session> {
        let address = Address::parse(email).expect("an address");
        self.store.list_sessions(self.desk.admins.id(&address)).await.expect("works")
    }

    /// All that is kept, but for when a session was last used.
    pub async fn held(&self) -> String {
        format!("{}\n{:?}", self.held_but_log().await, self.entries().await)
    }

    /// The same without the audit log.
    pub async fn held_but_log(&self) -> String {
        let admins = self.store.list_admins().await.expect("works");
        let mut sessions = BTreeMap::new();
        for admin in &admins {
            for session in self.store.list_sessions(admin.id).await.expect("works") {
                sessions.insert(session.hash, (session.created_at, session.proven_at));
            }
        }
        let census = self.store.counters(None).await.expect("works");
        format!("{:?}\n{admins:?}\n{sessions:?}\n{census:?}", self.store.users())
    }
}

/// Bits that rise from draw to draw, whoever draws, so that entries of one moment are in the order in which they were
/// written.
#[derive(Debug)]
struct Rising;

static DRAWN: AtomicU32 = AtomicU32::new(1);

impl Entropy for Rising {
    fn bytes(&self) -> [u8; 16] {
        let number = u128::from(DRAWN.fetch_add(1, Ordering::Relaxed));
        (number << 96 | number).to_be_bytes()
    }
}
