//! One design put together over the memory that all designs share.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{Design, Memory};
use crate::admin::Admins;
use crate::clock::{Clock, System};
use crate::config::Notifications;
use crate::event::Wanted;
use crate::form::PatternError;
use crate::ledger::Ledger;
use crate::publisher::MemoryPublisher;
use crate::store::StoreError;
use crate::tombstone::Tombstones;
use crate::web::admin::{Desk, DeskState, admin_router};
use crate::web::{App, Both, PATIENCE, Parts, router};
use crate::worker::{Sending, Worker};

/// A design, ready to answer.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) app: Both,
    pub(super) worker: Worker,
    pub(super) desk: DeskState,
}

/// No backup brings anybody back, so nobody has to be remembered as erased.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Tombstones for Forgetful {
    async fn put(&self, _tombstone: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Stage {
    /// `number` tells a design from those before it, so that browsers load its colours anew.
    pub(super) fn of(design: Design, number: u32, memory: &Memory) -> Result<Self, PatternError> {
        let Design { mut config, logo } = design;
        // Here nobody is told anything, whoever subscribes to the service.
        config.notifications = Notifications::default();
        let (clock, entropy) = (Arc::new(System), Arc::new(System));
        let ledger = Ledger {
            store: memory.store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            wanted: Wanted::default(),
        };
        let release = format!("dev-{number}");
        let admins = Admins::new(
            memory.store.clone(),
            clock.clone(),
            entropy.clone(),
            memory.admin_key.clone(),
            config.brand(),
            config.service.clone(),
        );
        let desk = Arc::new(Desk {
            config: config.clone(),
            ledger: ledger.clone(),
            admins,
            journal: memory.journal.clone(),
            tombstones: Arc::new(Forgetful),
            base_url: memory.base_url.clone(),
            release: release.clone(),
            file: None,
        });
        let worker = Worker {
            config: Arc::new(config.clone()),
            ledger,
            mailer: memory.mailer.clone(),
            publisher: Arc::new(MemoryPublisher::default()),
            journal: memory.journal.clone(),
            token_key: memory.token_key.clone(),
            sending: Arc::new(Mutex::new(Sending::new(System.now()))),
        };
        let parts = Parts {
            store: memory.store.clone(),
            clock,
            entropy,
            journal: memory.journal.clone(),
            address_key: memory.address_key.clone(),
            token_key: memory.token_key.clone(),
            base_url: memory.base_url.clone(),
            release,
            patience: PATIENCE,
            logo: logo.map(Into::into),
        };
        let app = Both { web: router(App::new(config, parts)?), admin: admin_router(desk.clone()) };
        Ok(Self { app, worker, desk })
    }
}
