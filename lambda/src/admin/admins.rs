//! The admins' part put together: the store, the time, the random bits, the key and the names it knows.
//!
//! The use cases are beside it, each in a file of its own (`set_up`, `sign_in`, `secure`, `manage`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::audit::{Action, Entry, EntryPage, ListEntries, Whom};
use super::password::{HashError, Password};
use super::role::{Denied, Right};
use super::session::agent;
use super::sign_in::SignedIn;
use super::store::AdminStore;
use super::{Admin, AdminId};
use crate::clock::{Clock, Entropy};
use crate::journal::Journal;
use crate::keys::AdminKey;
use crate::store::{Saved, StoreError};
use crate::user::Nonce;

/// How often a change is tried while others change the same.
pub(super) const TRIES: u32 = 8;

/// Passwords that are hashed at once: each takes 19 MiB and a core.
const HASHED_AT_ONCE: usize = 2;

/// Strangers who may be looked at, or wait for that, at once, in one process: at sign-in, and with a set-up link. Whoever has
/// signed in from the network or with the browser before, or has a session, is counted by that, and waits behind these at
/// most.
const STRANGERS_AT_ONCE: usize = 32;

/// Everything that is done with admins.
#[derive(Debug)]
pub struct Admins {
    pub(super) store: Arc<dyn AdminStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) key: AdminKey,
    /// What authenticator apps show.
    pub(super) brand: String,
    service: String,
    pub(super) hashing: Arc<Semaphore>,
    pub(super) strangers: Semaphore,
    /// Where each entry of the audit log is told a second time; nowhere by a command, whose output is for a person.
    journal: Option<Arc<dyn Journal>>,
}

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// The keyed hash of the client's network; empty where the front does not state one.
    pub network: String,
    /// What the browser calls itself, cut.
    pub agent: String,
    /// The value of the cookie [`super::DEVICE_COOKIE`].
    pub device: Option<String>,
}

/// Who does something to admins.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Whoever has the AWS account's rights and uses `signupctl`, by a name for the audit log.
    Operator(&'a str),
    Admin(&'a SignedIn, &'a Visit),
}

/// Ours to mend; nothing that a caller did wrong.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl Actor<'_> {
    /// Whether they may do something now; an operator may whatever the AWS account lets them.
    pub(super) fn may(&self, right: Right, now: Timestamp) -> Result<(), Denied> {
        match self {
            Self::Operator(_) => Ok(()),
            Self::Admin(signed_in, _) => signed_in.may(right, now),
        }
    }

    /// What the audit log calls them.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Operator(name) => name,
            Self::Admin(signed_in, _) => &signed_in.admin.email,
        }
    }

    fn network(&self) -> Option<&str> {
        match self {
            Self::Operator(_) => None,
            Self::Admin(_, visit) => Some(&visit.network),
        }
    }

    fn id(&self) -> Option<AdminId> {
        match self {
            Self::Operator(_) => None,
            Self::Admin(signed_in, _) => Some(signed_in.admin.id),
        }
    }
}

impl Admins {
    /// `brand` is what people know the operator by, `service` the service's name.
    pub fn new(
        store: Arc<dyn AdminStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        key: AdminKey,
        brand: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let (brand, service) = (brand.into(), service.into());
        let (hashing, strangers) = (Arc::new(Semaphore::new(HASHED_AT_ONCE)), Semaphore::new(STRANGERS_AT_ONCE));
        Self { store, clock, entropy, key, brand, service, hashing, strangers, journal: None }
    }

    /// The same, which also tells a journal of each entry of the audit log.
    #[must_use]
    pub fn telling(self, journal: Arc<dyn Journal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// A request's origin, as far as it is kept.
    pub fn visit(&self, client: Option<IpAddr>, user_agent: Option<&str>, device: Option<&str>) -> Visit {
        Visit {
            network: client.map(|client| self.key.network(client)).unwrap_or_default(),
            agent: user_agent.map(agent).unwrap_or_default(),
            device: device.map(str::to_owned),
        }
    }

    /// The token that every form of a session carries.
    pub fn csrf(&self, signed_in: &SignedIn) -> String {
        self.key.csrf(&signed_in.session.hash.0)
    }

    /// Whether a form that was sent is this session's.
    pub fn check_csrf(&self, signed_in: &SignedIn, token: &str) -> bool {
        self.key.check_csrf(&signed_in.session.hash.0, token)
    }

    /// A text as a page's address holds it: this admin's pages read it back, and nobody reads it there.
    pub fn seal(&self, signed_in: &SignedIn, purpose: &str, text: &str) -> String {
        self.key.seal(signed_in.admin.id, purpose, text, Nonce(self.entropy.bytes()))
    }

    /// What was sealed for this admin; `None` of anything else.
    pub fn unseal(&self, signed_in: &SignedIn, purpose: &str, sealed: &str) -> Option<String> {
        self.key.unseal(signed_in.admin.id, purpose, sealed)
    }

    /// Writes into the audit log what was done, and to whom: before it is done, where it cannot be taken back.
    pub async fn record(&self, by: &Actor<'_>, action: Action, whom: Option<Whom<'_>>) -> Result<(), StoreError> {
        let entry = self.entry(by.name(), by.network(), action).on(whom);
        self.store.append_entry(&entry).await?;
        self.tell(&entry, by.id(), whom);
        Ok(())
    }

    pub(super) fn tell(&self, entry: &Entry, by: Option<AdminId>, whom: Option<Whom<'_>>) {
        if let Some(journal) = &self.journal {
            journal.write(&entry.line(by, whom));
        }
    }

    /// A page of the audit log, newest first.
    pub async fn audit(&self, query: ListEntries) -> Result<EntryPage, StoreError> {
        self.store.list_entries(&ListEntries { from: query.from.checked(), ..query }).await
    }

    pub(super) fn entry(&self, admin: &str, network: Option<&str>, action: Action) -> Entry {
        Entry::new(admin, network.filter(|it| !it.is_empty()), action, self.entropy.number(), self.clock.now())
    }

    /// Changes an admin as `decide` says, which gets the admin as it is and the time, and gives the admin as it is to
    /// be, if it is to change, and what came of it. `found` is what was loaded a moment ago.
    pub(super) async fn change<T>(
        &self,
        operation: &'static str,
        id: AdminId,
        mut found: Option<Admin>,
        mut decide: impl FnMut(Option<Admin>, Timestamp) -> (Option<Admin>, T),
    ) -> Result<T, StoreError> {
        for tried in 0..TRIES {
            let over = found.as_ref().map(|admin| admin.version);
            let (next, outcome) = decide(found, self.clock.now());
            let Some(admin) = next else { return Ok(outcome) };
            if self.store.save_admin(&admin, over, None).await? == Saved::Done {
                return Ok(outcome);
            }
            self.pause(tried).await;
            found = self.store.load_admin(id).await?;
        }
        Err(StoreError::busy(operation, "the admin kept changing"))
    }

    /// 10, 20, 40 .. 160 ms, and up to as much again, so that two that met do not meet again.
    pub(super) async fn pause(&self, tried: u32) {
        let base = Duration::from_millis(10 << tried.min(4));
        self.clock.sleep(base + base.mul_f64(self.entropy.fraction())).await;
    }

    /// What a guesser would try for this admin.
    pub(super) fn names<'a>(&'a self, admin: &'a Admin) -> Vec<&'a str> {
        let (local, domain) = admin.email.rsplit_once('@').unwrap_or((&admin.email, ""));
        vec![&self.service, &self.brand, local, domain]
    }

    /// A password's hash with a salt of its own.
    pub(super) async fn hash(&self, password: Password) -> Result<String, HashError> {
        let salt = self.entropy.bytes();
        self.aside(move |key| password.hash(key, salt)).await
    }

    /// Whether a password is the one behind a hash; takes as long where there is none.
    pub(super) async fn verify(&self, typed: &str, hash: Option<String>) -> Result<bool, HashError> {
        let password = Password::new(typed);
        self.aside(move |key| password.verify(key, hash.as_deref())).await
    }

    /// Hashes on another thread, so that nobody else's request stands still.
    async fn aside<T: Send + 'static>(
        &self,
        hash: impl FnOnce(&AdminKey) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.hashing).acquire_owned().await.map_err(HashError::lost)?;
        let key = self.key.clone();
        let work = move || {
            let hashed = hash(&key);
            // Not before: it goes on when nobody waits for it any more.
            drop(place);
            hashed
        };
        tokio::task::spawn_blocking(work).await.map_err(HashError::lost)?
    }
}
