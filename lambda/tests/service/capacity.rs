//! What a sign-up costs in DynamoDB's units, from the form to the confirmation, as DynamoDB itself counts it.

use std::sync::{Arc, Mutex};

use crate::support::service::{Service, routes};
use crate::support::{small_config, table};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};
use signup_service::aws::http;
use signup_service::ledger::Ledger;
use signup_service::store::{DynamoStore, ListUsers, Store};
use signup_service::stream::{Change, What};
use signup_service::worker::Worker;

/// Units of writing and of reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Units {
    write: f64,
    read: f64,
}

/// Has every call tell what it consumed, and adds it up.
#[derive(Clone, Debug)]
struct Meter {
    inner: SharedHttpClient,
    units: Arc<Mutex<Units>>,
}

#[derive(Debug)]
struct Metered {
    inner: SharedHttpConnector,
    units: Arc<Mutex<Units>>,
}

impl HttpClient for Meter {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, parts);
        SharedHttpConnector::new(Metered { inner, units: self.units.clone() })
    }
}

impl HttpConnector for Metered {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let reads = ["GetItem", "Query", "BatchGetItem"].iter().any(|name| target.ends_with(&format!(".{name}")));
        let mut body: Value = serde_json::from_slice(request.body().bytes().expect("in memory")).expect("JSON");
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = body.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        let (answer, units) = (self.inner.call(request), self.units.clone());
        HttpConnectorFuture::new(async move {
            let mut response: HttpResponse = answer.await?;
            let status = response.status();
            let bytes = ByteStream::new(response.take_body()).collect().await.expect("a whole answer").into_bytes();
            let body: Value = serde_json::from_slice(&bytes).expect("JSON");
            let consumed = match &body["ConsumedCapacity"] {
                Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
                table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
            };
            let mut units = units.lock().expect("no panic while held");
            if reads {
                units.read += consumed;
            } else {
                units.write += consumed;
            }
            Ok(HttpResponse::new(status, SdkBody::from(bytes)))
        })
    }
}

/// A service over a table of its own, and the meter of its calls.
async fn metered() -> (Service, Worker, Arc<dyn Store>, Arc<Mutex<Units>>) {
    let plain = table::client();
    let name = table::create(&plain).await;
    let units = Arc::default();
    let meter = Meter { inner: http::client(http::Trust::Amazon).expect("a client"), units: Arc::clone(&units) };
    let client = Client::from_conf(plain.config().to_builder().http_client(meter).build());
    let store: Arc<dyn Store> = Arc::new(DynamoStore::new(client, name));
    let mut config = small_config();
    config.security.budgets.ip_per_hour = 1_000;
    config.security.budgets.unproven_per_hour = 1_000;
    let service = Service::new(config);
    let ledger = Ledger { store: store.clone(), ..service.worker.ledger.clone() };
    let worker = Worker { ledger, ..service.worker.clone() };
    (Service { router: routes(&worker, store.clone()), ..service }, worker, store, units)
}

/// What the units are after everybody signed up, was mailed and confirmed.
async fn cost(people: u32) -> Units {
    let (service, worker, store, units) = metered().await;
    for number in 0..people {
        let body =
            json!({ "email": format!("person-{number}@example.com"), "country": "FR", "age": 36, "tags": ["a"] });
        assert_eq!(service.api("/api/v1/sign-ups", body).await.status.as_u16(), 202);
    }
    work(&worker, &*store, &units).await;
    let sent = service.mailer.sent();
    assert_eq!(sent.len(), usize::try_from(people).expect("few"));
    for mail in &sent {
        let (_, rest) = mail.text.split_once("/confirm?t=").expect("a link");
        let token = rest.split_whitespace().next().expect("a token");
        assert_eq!(service.api("/api/v1/confirmations", json!({ "token": token })).await.status.as_u16(), 200);
    }
    work(&worker, &*store, &units).await;
    let spent = *units.lock().expect("no panic while held");
    assert_eq!(store.counters(None).await.expect("the store works").census().confirmed(), u64::from(people));
    spent
}

/// Lets the worker see what the stream would tell it; looking for it here is not the service's cost.
async fn work(worker: &Worker, store: &dyn Store, units: &Mutex<Units>) {
    let before = *units.lock().expect("no panic while held");
    let page = store.list_users(&ListUsers { limit: 1_000, cursor: None }).await.expect("the store works");
    *units.lock().expect("no panic while held") = before;
    let change = |user: signup_service::user::User| {
        let event = format!("{}-{}", user.id, user.version);
        Change { sequence: event.clone(), event, what: What::User(Box::new(user)) }
    };
    let changes: Vec<Change> = page.users.into_iter().filter(|user| user.wakes).map(change).collect();
    let until = "2030-01-01T00:00:00Z".parse().expect("a time");
    assert_eq!(worker.batch(&changes, until).await, Vec::<String>::new());
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are to be read")]
async fn a_sign_up_costs_at_most_15_units_of_writing_and_3_of_reading() {
    let (lone, hundred) = (cost(1).await, cost(100).await);
    let each = Units { write: hundred.write / 100.0, read: hundred.read / 100.0 };
    println!("one alone: {lone:?}; each of a hundred: {each:?}");
    assert!(each.write <= 15.0 && each.read <= 3.0, "each of a hundred: {each:?}");
    // One alone pays for the day's entry in the list of days and for counters that it shares with nobody.
    assert!(lone.write <= 16.0 && lone.read <= 3.0, "one alone: {lone:?}");
}
