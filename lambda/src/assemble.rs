//! The service put together from its environment, over the table: the same for the function and for the server.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use axum::Router;

use crate::admin::Admins;
use crate::aws;
use crate::clock::System;
use crate::config::ServiceConfig;
use crate::env::Environment;
use crate::event::Wanted;
use crate::journal::Stdout;
use crate::keys::AddressKey;
use crate::ledger::Ledger;
use crate::store::{DynamoStore, Store};
use crate::user::UserId;
use crate::web::admin::{Desk, admin_router};
use crate::web::{App, PATIENCE, Parts, router};

/// How long the connection to the table may be waited for at init. It only saves time.
const WARM_UP: Duration = Duration::from_millis(800);

/// Why the service cannot start.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The form and its API, and the key by which a server's log names callers.
pub async fn web(
    environment: &Environment,
    config: ServiceConfig,
    sdk: &SdkConfig,
    store: DynamoStore,
) -> Result<(Router, AddressKey), Failure> {
    // The read of a user that cannot exist opens the connection to the table while the keys are fetched;
    // its answer, and even its failure, mean nothing.
    let warm_up = tokio::time::timeout(WARM_UP, store.load(UserId([0; 16])));
    let (keys, _) = tokio::join!(aws::keys(sdk, environment), warm_up);
    let (address_key, token_key) = keys?;
    let parts = Parts {
        store: Arc::new(store),
        clock: Arc::new(System),
        entropy: Arc::new(System),
        journal: Arc::new(Stdout { service: config.service.clone() }),
        address_key: address_key.clone(),
        token_key,
        base_url: environment.base_url.clone().unwrap_or_default(),
        release: environment.release.clone().unwrap_or_default(),
        patience: PATIENCE,
        logo: environment.logo(&config)?.map(Into::into),
    };
    Ok((router(App::new(config, parts)?), address_key))
}

/// The admins' pages. `file` is what one answer may hold, as [`Desk::file`].
pub async fn admin(
    environment: &Environment,
    config: ServiceConfig,
    sdk: &SdkConfig,
    store: DynamoStore,
    file: Option<u64>,
) -> Result<Router, Failure> {
    let key = aws::admin_key(sdk, environment).await?;
    let (brand, service) = (config.brand(), config.service.clone());
    let store = Arc::new(store.sealing(key.clone()));
    let journal = Arc::new(Stdout { service: service.clone() });
    let admins = Admins::new(store.clone(), Arc::new(System), Arc::new(System), key, brand, service);
    let desk = Desk {
        ledger: Ledger { store, clock: Arc::new(System), entropy: Arc::new(System), wanted: Wanted::of(&config) },
        admins: admins.telling(journal.clone()),
        journal,
        tombstones: Arc::new(aws::bucket(sdk, environment)?),
        base_url: environment.base_url.clone().unwrap_or_default(),
        release: environment.release.clone().unwrap_or_default(),
        file,
        config,
    };
    Ok(admin_router(Arc::new(desk)))
}
