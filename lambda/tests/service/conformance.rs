//! The claims that every front must hold, for the Router itself: over the store in memory, and over DynamoDB.

#[path = "../../../tests/conformance/claims.rs"]
mod claims;

use std::sync::Arc;

use crate::support::service::{Service, listed};
use crate::support::{address_key, table};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use claims::{Answer, Front, SERVICE};
use serde_json::{Value, json};
use signup_service::config::ServiceConfig;
use signup_service::store::{DynamoStore, MemoryStore, Store};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// A Router, with the worker beside it.
struct InProcess {
    runtime: Runtime,
    service: Service,
}

fn config() -> ServiceConfig {
    let mut config: Value = serde_json::from_str(SERVICE).expect("JSON");
    config["retention"] = "30d".into();
    serde_json::from_value(config).expect("a configuration")
}

impl InProcess {
    fn over(runtime: Runtime, store: Arc<dyn Store>) -> Self {
        Self { runtime, service: Service::over(config(), store) }
    }

    /// Does what the stream would: tells the worker of whoever wakes it.
    fn work(&self) {
        self.runtime.block_on(async {
            let changes = listed(&*self.service.worker.ledger.store).await;
            assert_eq!(self.service.worker.batch(&changes, self.service.until()).await, Vec::<String>::new());
        });
    }
}

impl Front for InProcess {
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        self.runtime.block_on(async {
            let (parts, body) =
                self.service.router.clone().oneshot(request).await.expect("the router answers").into_parts();
            let header = |name: &str| parts.headers.get(name).map_or("", |it| it.to_str().expect("ASCII")).to_owned();
            let body = to_bytes(body, usize::MAX).await.expect("a body");
            Answer {
                status: parts.status.as_u16(),
                location: header("location"),
                content_type: header("content-type"),
                policy: header("content-security-policy"),
                body: String::from_utf8(body.into()).expect("text"),
            }
        })
    }

    fn mails(&self, address: &str) -> Vec<String> {
        self.work();
        self.service.mailer.sent().into_iter().filter(|mail| mail.to == address).map(|mail| mail.text).collect()
    }

    fn user(&self, address: &str) -> Option<Value> {
        let address = signup_service::address::Address::parse(address).expect("an address");
        let user = self
            .runtime
            .block_on(self.service.worker.ledger.store.load(address_key().root(&address)))
            .expect("the store works")?;
        let answers = user.answers;
        Some(
            json!({ "state": user.state, "email": answers.email, "fields": answers.fields, "consent": answers.consent }),
        )
    }

    fn counts(&self) -> (u64, u64) {
        self.work();
        let census = self.runtime.block_on(self.service.census());
        (census.received(), census.confirmed())
    }

    fn pause(&self, seconds: u32) {
        self.service.clock.forward(seconds);
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn the_router_over_memory_conforms() {
    claims::hold(&InProcess::over(runtime(), Arc::new(MemoryStore::default())));
}

#[test]
fn the_router_over_dynamodb_conforms() {
    let runtime = runtime();
    let store = runtime.block_on(async {
        let client = table::client();
        let name = table::create(&client).await;
        DynamoStore::new(client, name, None)
    });
    claims::hold(&InProcess::over(runtime, Arc::new(store)));
}
