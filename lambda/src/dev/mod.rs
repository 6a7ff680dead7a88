//! The service in one process, to try it and to design its form: Router, worker and admins over memory.
//!
//! ```text
//! design (declaration, logo) -> Stage (Router, worker) -> shown | the next design, to the same users
//! store's changes -> worker -> mailbox -> /_mail
//! ```
//!
//! Nothing is kept and no mail leaves, and every page says so. What answers is what answers in AWS.

mod banner;
mod mailbox;
mod stage;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use tower::ServiceExt;

use crate::address::Address;
use crate::admin::{Actor, Invited, Role};
use crate::clock::{Clock, Entropy, System};
use crate::config::ServiceConfig;
use crate::form::PatternError;
use crate::journal::Journal;
use crate::keys::{AddressKey, AdminKey, Key};
use crate::mailer::MemoryMailer;
use crate::store::{MemoryStore, Store, StoreError};
use crate::token::TokenKey;
use stage::Stage;

/// Between two looks at what changed.
const TICK: Duration = Duration::from_millis(50);

/// Ticks between two sweeps: a second, since who tries something does not wait for a minute.
const SWEEP: u32 = 20;

/// Changes that the worker is given at once, as the stream gives them.
const BATCH: usize = 100;

/// Who is invited to the dashboard.
pub const OWNER: &str = "owner@example.com";

/// What is tried: the service's declaration, and the picture beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    pub config: ServiceConfig,
    pub logo: Option<Vec<u8>>,
}

/// What came of a look at the design.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a, E> {
    /// It was another, and is shown.
    Shown,
    /// It cannot be shown, for this reason; what was shown before stays.
    Wrong(&'a E),
    /// It could not be shown, and is now what is shown.
    RightAgain,
}

/// The service over memory. It forgets everybody when it goes.
#[derive(Debug)]
pub struct Dev {
    memory: Memory,
    stage: RwLock<Arc<Stage>>,
    shown: AtomicU32,
}

/// What all designs share.
#[derive(Debug)]
struct Memory {
    store: Arc<MemoryStore>,
    mailer: Arc<MemoryMailer>,
    journal: Arc<dyn Journal>,
    address_key: AddressKey,
    token_key: TokenKey,
    admin_key: AdminKey,
    /// Where the service is reached, without a slash at the end.
    base_url: String,
}

impl Dev {
    /// Fails when a pattern of the form does not compile.
    pub fn new(design: Design, base_url: &str, journal: Arc<dyn Journal>) -> Result<Arc<Self>, PatternError> {
        let memory = Memory {
            store: Arc::new(MemoryStore::naming(design.config.form.name_field())),
            mailer: Arc::default(),
            journal,
            address_key: AddressKey::new(key()),
            token_key: TokenKey::new(key()),
            admin_key: AdminKey(key()),
            base_url: base_url.trim_end_matches('/').to_owned(),
        };
        let stage = Stage::of(design, 1, &memory)?;
        Ok(Arc::new(Self { memory, stage: RwLock::new(Arc::new(stage)), shown: AtomicU32::new(1) }))
    }

    /// Shows another design to the same users. The field by which they are searched for stays that of the first.
    pub fn show(&self, design: Design) -> Result<(), PatternError> {
        let number = self.shown.fetch_add(1, Ordering::Relaxed) + 1;
        let stage = Stage::of(design, number, &self.memory)?;
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(stage);
        Ok(())
    }

    /// Looks at the design again and again, for ever, and shows it whenever it is another; `read` reads it, and `tell`
    /// hears what came of it. A mistake is told once, and what was shown before stays.
    pub async fn follow<E: PartialEq>(
        &self,
        pause: Duration,
        mut current: Design,
        read: impl Fn() -> Result<Design, E>,
        unfit: impl Fn(PatternError) -> E,
        tell: impl Fn(Seen<'_, E>),
    ) {
        let mut told = None;
        loop {
            tokio::time::sleep(pause).await;
            let seen = match read() {
                Ok(next) if next == current => Ok(()),
                Ok(next) => self.show(next.clone()).map_err(&unfit).map(|()| {
                    current = next;
                    tell(Seen::Shown);
                }),
                Err(error) => Err(error),
            };
            let wrong = seen.err();
            if told != wrong {
                tell(wrong.as_ref().map_or(Seen::RightAgain, Seen::Wrong));
                told = wrong;
            }
        }
    }

    /// Where the first admin sets an account up: it works once, and for an hour. `None` when there is one already.
    pub async fn invite(&self) -> Result<Option<String>, StoreError> {
        let Ok(address) = Address::parse(OWNER) else { return Ok(None) };
        let admins = &self.stage().desk.admins;
        match admins.invite(&Actor::Operator("dev"), &address, Role::Owner).await? {
            Invited::Link(link) => Ok(Some(link.url(&format!("{}/admin", self.memory.base_url)))),
            Invited::Known | Invited::Denied(_) => Ok(None),
        }
    }

    /// Every page of the service, and the mails at `/_mail`.
    pub fn router(self: &Arc<Self>) -> Router {
        let dev = Arc::clone(self);
        Router::new()
            .route("/_mail", get(mailbox::list))
            .route("/_mail.json", get(mailbox::json))
            .route("/_mail/{number}", get(mailbox::mail))
            .route("/_dev.css", get(banner::style))
            .with_state(Arc::clone(self))
            .fallback(move |request: Request| Arc::clone(&dev).answer(request))
    }

    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let root = "../".repeat(request.uri().path().trim_start_matches('/').matches('/').count());
        let Ok(response) = self.stage().app.clone().oneshot(request).await;
        banner::on(response, &root).await
    }

    /// The store, whose answer tells that the service is ready.
    pub fn store(&self) -> Arc<dyn Store> {
        self.memory.store.clone()
    }

    /// Sends and counts what changes, for ever.
    pub async fn work(&self) {
        let mut seen = 0;
        for tick in 0_u32.. {
            let changes = self.memory.store.changes_from(seen);
            seen += changes.len();
            let stage = self.stage();
            // What is in memory does not fail, and what a mail's lease keeps is swept.
            for changes in changes.chunks(BATCH) {
                stage.worker.batch(changes, Timestamp::MAX).await;
            }
            if tick % SWEEP == 0 {
                self.memory.store.expire(System.now());
                if let Err(error) = stage.worker.sweep(Timestamp::MAX).await {
                    error.log();
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A key that nobody else has, for as long as the process lives.
fn key() -> Key {
    let mut bytes = [0; 32];
    for half in bytes.chunks_exact_mut(16) {
        half.copy_from_slice(&System.bytes());
    }
    Key::new(bytes)
}
