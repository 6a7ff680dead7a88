//! The store against answers of DynamoDB that the emulator never gives: conflicts, throttling, lost answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Counting, new_user};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use signup_service::census::Delta;
use signup_service::event::Told;
use signup_service::store::{DynamoStore, Saved, Settled, Store, StoreError};
use signup_service::user::User;

/// Gives the answers in their order and keeps what was asked.
#[derive(Clone, Debug, Default)]
struct Replay {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().expect("in memory")).expect("JSON");
        self.asked.lock().expect("no panic while held").push((operation, body));
        let answer = self.answers.lock().expect("no panic while held").pop_front();
        let (status, body) = answer.expect("no more is asked than was foreseen");
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Replay {
    fn store(answers: impl IntoIterator<Item = (u16, Value)>) -> (Self, DynamoStore) {
        let replay = Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(replay.clone())
            .build();
        (replay, DynamoStore::new(Client::from_conf(config), "table", None))
    }

    fn operations(&self) -> Vec<String> {
        self.asked.lock().expect("no panic while held").iter().map(|(operation, _)| operation.clone()).collect()
    }

    /// The request tokens of the transactions.
    fn tokens(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no panic while held");
        let token = |(_, body): &(String, Value)| body["ClientRequestToken"].as_str().map(str::to_owned);
        asked.iter().filter_map(token).collect()
    }
}

fn done() -> (u16, Value) {
    (200, json!({}))
}

fn failed(code: &str) -> (u16, Value) {
    (400, json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "not now" }))
}

/// A cancelled transaction, with a reason for each of its items.
fn cancelled(reasons: &[&str]) -> (u16, Value) {
    let reasons: Vec<Value> = reasons.iter().map(|code| json!({ "Code": code })).collect();
    let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({ "__type": code, "Message": "Transaction cancelled", "CancellationReasons": reasons }))
}

/// A refused put, with the item as the table holds it.
fn refused(item: Value) -> (u16, Value) {
    let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    (400, json!({ "__type": code, "message": "The conditional request failed", "Item": item }))
}

fn ada() -> User {
    new_user(&Counting::from(1), "ada@example.com", 36, "2026-11-22T10:59:00Z".parse().expect("a time"))
}

/// Ada as she is counted, over whom, and by how much the counters change.
fn counted() -> (Vec<(User, u64)>, Delta) {
    let ada = ada();
    let taken = ada.clone().take(&Told::nothing(), 1, Some("country"), ada.created_at).expect("something to do").user;
    let mut delta = Delta::default();
    delta.replace(None, taken.counted.as_ref());
    (vec![(taken, ada.version)], delta)
}

impl Replay {
    /// The item that the n-th call put.
    fn put(&self, n: usize) -> Value {
        self.asked.lock().expect("no panic while held")[n].1["Item"].clone()
    }

    /// Where the n-th call's counters are.
    fn counters(&self, n: usize) -> Value {
        let asked = self.asked.lock().expect("no panic while held");
        asked[n].1["TransactItems"][1]["Update"]["Key"]["sk"]["S"].clone()
    }
}

#[tokio::test]
async fn counters_that_another_holds_are_counted_elsewhere() {
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (replay, store) = Replay::store([cancelled(&["None", code]), done()]);
        let (users, delta) = counted();
        assert_eq!(store.settle(&users, &delta).await.expect("the second try works"), Settled::Done, "{code}");
        assert_eq!(replay.operations(), ["TransactWriteItems", "TransactWriteItems"], "{code}");
        assert_eq!((replay.counters(0), replay.counters(1)), (json!("2026-11#0"), json!("2026-11#1")));
        let tokens = replay.tokens();
        assert_ne!(tokens[0], tokens[1], "what was cancelled is over, and the next is another request");
    }
}

#[tokio::test]
async fn a_conflict_that_lasts_is_busy_and_another_reason_a_failure() {
    let (users, delta) = counted();
    let (replay, store) = Replay::store([(); 6].map(|()| cancelled(&["TransactionConflict", "None"])));
    let error = store.settle(&users, &delta).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 6);
    let (replay, store) = Replay::store([cancelled(&["None", "ValidationError"])]);
    let error = store.settle(&users, &delta).await.expect_err("for good");
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn a_condition_decides_even_where_other_items_were_busy() {
    let (users, delta) = counted();
    let (replay, store) = Replay::store([cancelled(&["ConditionalCheckFailed", "TransactionConflict"])]);
    let outcome = store.settle(&users, &delta).await.expect("an outcome");
    assert_eq!(outcome, Settled::Changed(vec![ada().id]));
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_with_the_same_token() {
    let (users, delta) = counted();
    for lost in [failed("TransactionInProgressException"), (500, json!({ "__type": "InternalServerError" }))] {
        let (replay, store) = Replay::store([lost, done()]);
        assert_eq!(store.settle(&users, &delta).await.expect("the repeat works"), Settled::Done);
        let tokens = replay.tokens();
        assert_eq!((tokens.len(), &tokens[0]), (2, &tokens[1]));
    }
}

/// The first put was done and its answer lost; the SDK's own repeat is refused by what the first one wrote.
#[tokio::test]
async fn a_user_who_is_there_exactly_so_was_kept() {
    let (replay, store) = Replay::store([done()]);
    assert_eq!(store.save(&ada(), None).await.expect("kept"), Saved::Done);
    let item = replay.put(0);
    let lost = (500, json!({ "__type": "InternalServerError" }));
    let (_, store) = Replay::store([lost, refused(item.clone())]);
    assert_eq!(store.save(&ada(), None).await.expect("kept"), Saved::Done);
    let mut other = item;
    other["email"] = json!({ "S": "bob@example.com" });
    for there in [other, json!({}), Value::Null] {
        let (_, store) = Replay::store([refused(there)]);
        assert_eq!(store.save(&ada(), None).await.expect("an outcome"), Saved::Changed);
    }
}

/// What callers are told to try again is for the alarms a failure still.
#[tokio::test]
async fn a_fault_of_the_tables_own_may_pass_and_is_no_matter_of_too_many() {
    let faults = (0..4).map(|_| (500, json!({ "__type": "InternalServerError" })));
    let (_, store) = Replay::store(faults);
    let error = store.save(&ada(), None).await.expect_err("it lasts");
    assert!(error.is_passing() && matches!(error, StoreError::Silent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_throttled_table_is_busy() {
    let throttled = (0..4).map(|_| failed("ThrottlingException"));
    let (_, store) = Replay::store(throttled);
    let error = store.save(&ada(), None).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
}
