//! The store against answers of DynamoDB that the emulator never gives: conflicts, throttling, lost answers.

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use signup_service::sign_up::NewSignUp;
use signup_service::store::{DynamoStore, SignUpOutcome, Store, StoreError};
use support::{Counting, sign_up};

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
    /// A store that is given these answers after the one to its note of the day.
    fn store(answers: impl IntoIterator<Item = (u16, Value)>) -> (Self, DynamoStore) {
        Self::store_from([done()].into_iter().chain(answers))
    }

    fn store_from(answers: impl IntoIterator<Item = (u16, Value)>) -> (Self, DynamoStore) {
        let replay = Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(replay.clone())
            .build();
        (replay, DynamoStore::new(Client::from_conf(config), "table"))
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

/// A cancelled sign-up, with a reason each for lock, user, mail and the two budgets.
fn cancelled(reasons: [&str; 5]) -> (u16, Value) {
    let reasons = reasons.map(|code| json!({ "Code": code }));
    let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({ "__type": code, "Message": "Transaction cancelled", "CancellationReasons": reasons }))
}

fn ada() -> NewSignUp {
    sign_up(&Counting::from(1), "ada@example.com", 36, "2026-11-22T10:59:00Z".parse().expect("a time"))
}

const CONFLICT: [&str; 5] = ["None", "None", "None", "None", "TransactionConflict"];

#[tokio::test]
async fn a_conflict_and_a_throttled_table_are_tried_again() {
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (replay, store) = Replay::store([cancelled(["None", "None", "None", code, code]), done()]);
        let outcome = store.sign_up(&ada()).await.expect("the second try works");
        assert_eq!(outcome, SignUpOutcome::Accepted(ada().id), "{code}");
        assert_eq!(replay.operations(), ["PutItem", "TransactWriteItems", "TransactWriteItems"], "{code}");
        let tokens = replay.tokens();
        assert_ne!(tokens[0], tokens[1], "what was cancelled is over, and the next is another request");
    }
}

#[tokio::test]
async fn a_conflict_that_lasts_is_busy_and_another_reason_a_failure() {
    let (replay, store) = Replay::store([(); 6].map(|()| cancelled(CONFLICT)));
    let error = store.sign_up(&ada()).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 6);
    let (replay, store) = Replay::store([cancelled(["None", "ValidationError", "None", "None", "None"])]);
    let error = store.sign_up(&ada()).await.expect_err("for good");
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn a_condition_decides_even_where_other_items_were_busy() {
    let (replay, store) =
        Replay::store([cancelled(["TransactionConflict", "None", "None", "None", "ConditionalCheckFailed"])]);
    let outcome = store.sign_up(&ada()).await.expect("an outcome");
    assert_eq!(outcome, SignUpOutcome::RateLimited { retry_after: 60 });
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn a_lock_that_came_without_its_item_is_read() {
    let gone = cancelled(["ConditionalCheckFailed", "None", "None", "None", "None"]);
    let (replay, store) = Replay::store([gone, done(), done()]);
    let outcome = store.sign_up(&ada()).await.expect("the lock was gone by then");
    assert_eq!(outcome, SignUpOutcome::Accepted(ada().id));
    assert_eq!(replay.operations(), ["PutItem", "TransactWriteItems", "GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_with_the_same_token() {
    for lost in [failed("TransactionInProgressException"), (500, json!({ "__type": "InternalServerError" }))] {
        let (replay, store) = Replay::store([lost, done()]);
        let outcome = store.sign_up(&ada()).await.expect("the repeat works");
        assert_eq!(outcome, SignUpOutcome::Accepted(ada().id));
        let tokens = replay.tokens();
        assert_eq!((tokens.len(), &tokens[0]), (2, &tokens[1]));
    }
}

#[tokio::test]
async fn a_day_is_noted_before_its_first_sign_up_and_then_no_more() {
    let (replay, store) = Replay::store([done(), done()]);
    store.sign_up(&ada()).await.expect("accepted");
    store.sign_up(&ada()).await.expect("accepted");
    assert_eq!(replay.operations(), ["PutItem", "TransactWriteItems", "TransactWriteItems"]);
    let noted = replay.asked.lock().expect("no panic while held")[0].1["Item"].clone();
    assert_eq!(noted, json!({ "pk": { "S": "DAYS" }, "sk": { "S": "2026-11-22" } }));
    // A day that could not be noted stops the sign-up, and is noted by the next.
    let refused = (0..3).map(|_| failed("ThrottlingException"));
    let (replay, store) = Replay::store_from(refused.chain([done(), done()]));
    let error = store.sign_up(&ada()).await.expect_err("not noted");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    store.sign_up(&ada()).await.expect("accepted");
    assert_eq!(replay.operations().last().map(String::as_str), Some("TransactWriteItems"));
}
