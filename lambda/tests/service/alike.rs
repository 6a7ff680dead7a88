//! An answer, and the calls behind it, tell nothing of the address that was asked about: over memory, and over
//! DynamoDB.

use std::sync::Arc;

use crate::support::meter::Meter;
use crate::support::service::{Answer, Failing, Service, routes};
use crate::support::{replaced_key, small_config, table};
use aws_sdk_dynamodb::Client;
use axum::http::StatusCode;
use serde_json::{Value, json};
use signup_service::store::{DynamoStore, StoreError};
use signup_service::user::State;
use signup_service::web::PATIENCE;

const ADA: &str = "ada@example.com";

/// How an address is known, and whether its owner complained of a mail since.
type Known = (Option<State>, bool);

const KNOWN: [Known; 8] = [
    (None, false),
    (Some(State::Pending), false),
    (Some(State::Pending), true),
    (Some(State::Confirmed), false),
    (Some(State::Confirmed), true),
    (Some(State::Unsubscribed), false),
    (Some(State::Unsubscribed), true),
    (Some(State::Suppressed), false),
];

async fn bring(service: &Service, (state, complained): Known) {
    service.bring(ADA, state).await;
    if complained {
        service.complain(ADA).await;
    }
}

/// What somebody sees who asks: the answer, and the calls that it took.
type Seen = (StatusCode, String, String, Vec<String>);

/// Each question that can be asked about an address.
fn questions() -> [(&'static str, Value, StatusCode); 7] {
    [
        ("/sign-up", json!({ "email": "ada%40example.com", "age": "37" }), StatusCode::SEE_OTHER),
        ("/api/v1/sign-ups", json!({ "email": "ada@example.com", "age": 37 }), StatusCode::ACCEPTED),
        ("/api/v1/sign-ups", json!({ "email": "ada@example.com", "age": 36 }), StatusCode::ACCEPTED),
        ("/resend", json!({ "email": "ada%40example.com" }), StatusCode::OK),
        ("/api/v1/resends", json!({ "email": "ada@example.com" }), StatusCode::ACCEPTED),
        ("/confirm", json!({ "email": "ada%40example.com", "code": "000000" }), StatusCode::UNPROCESSABLE_ENTITY),
        ("/api/v1/confirmations", json!({ "email": "ada@example.com", "code": "000000" }), StatusCode::NOT_FOUND),
    ]
}

async fn ask(service: &Service, path: &str, body: Value) -> (StatusCode, String, String) {
    let Answer { status, headers, body } = if path.starts_with("/api/") {
        service.api(path, body).await
    } else {
        let pairs = body.as_object().expect("pairs");
        let pairs = pairs.iter().map(|(key, value)| format!("{key}={}", value.as_str().expect("text")));
        service.form(path, &pairs.collect::<Vec<_>>().join("&")).await
    };
    (status, format!("{headers:?}"), body)
}

/// By which key an address was named, and by which the service names whoever is new.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Keys {
    Never,
    /// Another key is known, and names nobody yet.
    Halfway,
    Former,
    New,
}

impl Keys {
    /// Brings somebody who is named so.
    async fn bring(self, service: Service, known: Known) -> Service {
        let service = match self {
            Self::New => service.with_key(replaced_key(false)),
            _ => service,
        };
        bring(&service, known).await;
        match self {
            Self::Never => service,
            Self::Halfway => service.with_key(replaced_key(true)),
            Self::Former | Self::New => service.with_key(replaced_key(false)),
        }
    }
}

/// How somebody may be named where a key was replaced, behind whoever is new there.
fn replaced() -> [(Keys, Vec<Keys>); 2] {
    [(Keys::Halfway, vec![Keys::Halfway]), (Keys::New, vec![Keys::Former, Keys::New])]
}

async fn seen_over_memory(known: Known, keys: Keys, path: &str, body: Value) -> Seen {
    let service = keys.bring(Service::new(small_config()), known).await;
    // In another hour, so that the budgets are the same.
    service.clock.forward(7_200);
    let failing = Failing::of(&service, StoreError::new("x", "y"), []);
    let calls = Arc::clone(&failing.calls);
    let service = Service { router: service.router_over(failing), ..service };
    let (status, headers, body) = ask(&service, path, body).await;
    let calls = calls.lock().expect("no panic while held").iter().map(|name| (*name).to_owned()).collect();
    (status, headers, body, calls)
}

async fn seen_over_dynamodb(client: &Client, known: Known, keys: Keys, path: &str, body: Value) -> Seen {
    let name = table::create(client).await;
    let service = Service::over(small_config(), Arc::new(DynamoStore::new(client.clone(), &name, None)));
    let service = keys.bring(service, known).await;
    service.clock.forward(7_200);
    // Another process, which has noted no day yet.
    let meter = Meter::new();
    let store = Arc::new(DynamoStore::new(meter.client(client), name, None));
    let service = Service { router: routes(&service.worker, store, service.address_key.clone(), PATIENCE), ..service };
    let (status, headers, body) = ask(&service, path, body).await;
    (status, headers, body, meter.take().calls)
}

#[tokio::test]
async fn an_answer_and_its_calls_tell_nothing_of_the_address() {
    for (path, body, status) in questions() {
        let new = seen_over_memory((None, false), Keys::Never, path, body.clone()).await;
        assert_eq!(new.0, status, "{path}");
        assert!(new.3.ends_with(&["load".into(), "save".into()]), "{path}: {:?}", new.3);
        for known in KNOWN {
            let seen = seen_over_memory(known, Keys::Never, path, body.clone()).await;
            assert_eq!(seen, new, "{path} of {known:?}");
        }
    }
}

#[tokio::test]
async fn nor_by_which_key_it_was_named() {
    for (path, body, _) in questions() {
        for (keys, all) in replaced() {
            let new = seen_over_memory((None, false), keys, path, body.clone()).await;
            assert!(new.3.ends_with(&["load".into(), "load".into(), "save".into()]), "{path}: {:?}", new.3);
            for (keys, known) in all.iter().flat_map(|keys| KNOWN.map(|known| (*keys, known))) {
                let seen = seen_over_memory(known, keys, path, body.clone()).await;
                assert_eq!(seen, new, "{path} of {known:?} by {keys:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_and_its_calls_of_dynamodb_tell_nothing_of_the_address() {
    let client = table::client();
    for (path, body, status) in questions() {
        let new = seen_over_dynamodb(&client, (None, false), Keys::Never, path, body.clone()).await;
        assert_eq!(new.0, status, "{path}");
        assert!(new.3.ends_with(&["GetItem".into(), "PutItem".into()]), "{path}: {:?}", new.3);
        for known in KNOWN {
            let seen = seen_over_dynamodb(&client, known, Keys::Never, path, body.clone()).await;
            assert_eq!(seen, new, "{path} of {known:?}");
        }
        let calls = ["GetItem", "GetItem", "TransactWriteItems"].map(str::to_owned);
        for (keys, all) in replaced() {
            let new = seen_over_dynamodb(&client, (None, false), keys, path, body.clone()).await;
            assert!(new.3.ends_with(&calls), "{path}: {:?}", new.3);
            for (keys, known) in all.iter().flat_map(|keys| KNOWN.map(|known| (*keys, known))) {
                let seen = seen_over_dynamodb(&client, known, keys, path, body.clone()).await;
                assert_eq!(seen, new, "{path} of {known:?} by {keys:?}");
            }
        }
    }
}
