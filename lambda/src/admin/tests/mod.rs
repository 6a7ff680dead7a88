//! What the tests of the admins' part share: a clock that is set, a store that notes what it is asked, and an app that
//! shows codes.

mod lock_out;
mod manage;
mod noting;
mod session;
mod set_up;
mod sign_in;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::totp::Totp;
use super::*;
use crate::address::Address;
use crate::clock::{Clock, System, after, later};
use crate::keys::{AdminKey, Key};
use noting::Noting;

pub(super) const ADA: &str = "ada@example.com";
pub(super) const PASSWORD: &str = "nine blue dahlias at dusk";
pub(super) const OPERATOR: Actor<'static> = Actor::Operator("signupctl");

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(super) struct SetClock(Mutex<Timestamp>);

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic while held")
    }

    async fn sleep(&self, pause: Duration) {
        let mut now = self.0.lock().expect("no panic while held");
        *now = later(*now, pause);
    }
}

/// A service with admins, seen from outside.
#[derive(Debug)]
pub(super) struct House {
    pub(super) admins: Admins,
    pub(super) store: Arc<Noting>,
    clock: Arc<SetClock>,
}

impl House {
    pub(super) fn new() -> Self {
        let store = Arc::new(Noting::default());
        let clock = Arc::new(SetClock(Mutex::new("2026-11-22T10:00:00Z".parse().expect("a time"))));
        let key = AdminKey(Key::new([5; 32]));
        let admins =
            Admins::new(store.clone(), clock.clone(), Arc::new(System), key, "The Garden Club", "registration");
        Self { admins, store, clock }
    }

    /// A house with one owner, who has set up from home.
    pub(super) async fn with_ada() -> (Self, Welcome) {
        let house = Self::new();
        let welcome = house.add(ADA, Role::Owner).await;
        (house, welcome)
    }

    pub(super) fn forward(&self, seconds: u32) {
        let mut now = self.clock.0.lock().expect("no panic while held");
        *now = after(*now, seconds);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn id(&self, email: &str) -> AdminId {
        self.admins.id(&address(email))
    }

    pub(super) async fn admin(&self, email: &str) -> Admin {
        self.store.load_admin(self.id(email)).await.expect("the store works").expect("an admin")
    }

    /// Invites somebody and follows the link to its end.
    pub(super) async fn add(&self, email: &str, role: Role) -> Welcome {
        let Invited::Link(link) = self.admins.invite(&OPERATOR, &address(email), role).await.expect("works") else {
            panic!("known")
        };
        self.follow(email, &link.token).await.0
    }

    /// Follows a link to its end: the first session and the recovery codes.
    pub(super) async fn follow(&self, email: &str, token: &str) -> (Welcome, Vec<String>) {
        let chosen = self.admins.set_up_password(token, PASSWORD).await.expect("works");
        assert!(matches!(chosen, SetUpPassword::Chosen(_)), "{chosen:?}");
        let code = self.app(email).await;
        match self.admins.set_up_code(token, &code, &home(), None).await.expect("works") {
            SetUpCode::Welcome { welcome, recovery_codes } => (*welcome, recovery_codes),
            other => panic!("{other:?}"),
        }
    }

    /// What somebody's app shows now.
    pub(super) async fn app(&self, email: &str) -> String {
        let admin = self.admin(email).await;
        let enrolled = admin.setup.as_ref().and_then(|it| it.enrolment.as_ref()).map(|it| it.totp_nonce);
        let nonce = enrolled.or(admin.credentials.as_ref().map(|it| it.totp_nonce)).expect("a secret");
        let totp = Totp::new(self.admins.key.totp_secret(admin.id, nonce));
        format!("{:06}", totp.code(self.now().as_second().div_euclid(30)))
    }

    pub(super) async fn try_in(&self, email: &str, password: &str, code: &str, visit: &Visit) -> SignIn {
        self.admins.sign_in(&SignInForm { email, password, code }, visit, None).await.expect("works")
    }

    /// Signs in with a code that was not used before.
    pub(super) async fn sign_in(&self, email: &str, visit: &Visit) -> Welcome {
        self.forward(30);
        let code = self.app(email).await;
        match self.try_in(email, PASSWORD, &code, visit).await {
            SignIn::Welcome(welcome) => *welcome,
            other => panic!("{other:?}"),
        }
    }

    /// Signs Ada in, and tells whether the log calls that a new place.
    pub(super) async fn is_new_place(&self, visit: &Visit) -> bool {
        self.sign_in(ADA, visit).await;
        self.was_new_place().await
    }

    /// What the log says of the last who signed in.
    pub(super) async fn was_new_place(&self) -> bool {
        let signed_in = |entry: Entry| match entry.action {
            Action::SignedIn { new_place } => Some((entry.at, new_place)),
            _ => None,
        };
        let (_, new_place) = self.entries().await.into_iter().filter_map(signed_in).max().expect("somebody signed in");
        new_place
    }

    pub(super) async fn is_in(&self, cookie: &str) -> bool {
        self.admins.authenticate(cookie).await.expect("works").is_some()
    }

    async fn entries(&self) -> Vec<Entry> {
        let query = ListEntries { limit: 100, from: Start::Newest };
        self.admins.audit(query).await.expect("works").entries
    }

    /// The names of what was done, newest first.
    pub(super) async fn log(&self) -> Vec<String> {
        let mut entries = self.entries().await;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let line = |entry: &Entry| {
            let on = entry.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
            format!("{} {}{on}", entry.admin, entry.action.name())
        };
        entries.iter().map(line).collect()
    }
}

pub(super) fn address(email: &str) -> Address {
    Address::parse(email).expect("an address")
}

pub(super) fn home() -> Visit {
    from("home")
}

pub(super) fn from(network: &str) -> Visit {
    Visit { network: network.into(), agent: "Firefox".into(), device: None }
}
