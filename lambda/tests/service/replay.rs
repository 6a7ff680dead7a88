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
use signup_service::counting::{Note, Ticket, Verdict};
use signup_service::event::Told;
use signup_service::store::{DynamoStore, Saved, Store, StoreError};
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

/// No item.
fn none() -> (u16, Value) {
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

/// Ada as she is and as she is when counted.
fn counted() -> (User, User) {
    let ada = ada();
    let taken = ada.clone().take(&Told::nothing(), 1, Some("country"), ada.created_at).expect("something to do").user;
    (ada, taken)
}

fn note() -> Note {
    let (before, after) = counted();
    Note::of(&before, &after, before.created_at).expect("a change")
}

impl Replay {
    /// What the n-th call asked.
    fn asked(&self, n: usize) -> Value {
        self.asked.lock().expect("no panic while held")[n].1.clone()
    }

    /// The item that the n-th call put.
    fn put(&self, n: usize) -> Value {
        self.asked(n)["Item"].clone()
    }

    /// The version of the counters that the n-th call put, and how many they say are pending.
    fn counters(&self, n: usize) -> [Value; 2] {
        ["version", "2026-11.s.pending"].map(|name| self.put(n)[name]["N"].clone())
    }

    /// The expression of the n-th call that changes counters, with its names and values put in.
    fn update(&self, n: usize) -> String {
        let asked = self.asked(n);
        let mut words = Vec::new();
        for word in asked["UpdateExpression"].as_str().expect("an update").split_whitespace() {
            let (word, comma) = word.strip_suffix(',').map_or((word, ""), |word| (word, ","));
            let value = &asked["ExpressionAttributeValues"][word];
            let name = asked["ExpressionAttributeNames"][word].as_str();
            let known = name.or(value["N"].as_str()).or(value["S"].as_str());
            words.push(format!("{}{comma}", known.unwrap_or(word)));
        }
        words.join(" ")
    }
}

/// The attribute of Ada's note under a ticket, and what it says.
fn noted(kind: char, by: u32) -> (String, Value) {
    let Note { user, ticket, at, delta, .. } = note();
    let name = format!("{kind}{user}.{}.{by}", ticket.over);
    (name, json!({ "S": format!("{} {delta}", at.as_millisecond()) }))
}

fn there(pending: &str, notes: impl IntoIterator<Item = (String, Value)>) -> (u16, Value) {
    let mut item = json!({ "pk": { "S": "COUNT" }, "sk": { "S": "RECENT.0" }, "version": { "N": "5" },
                           "2026-11.s.pending": { "N": pending } });
    item.as_object_mut().expect("an item").extend(notes);
    (200, json!({ "Item": item }))
}

#[tokio::test]
async fn counting_reads_nothing_and_drops_what_is_known_to_hold() {
    let (replay, store) = Replay::store([done(), done(), done()]);
    let next = Note { ticket: Ticket { by: 2, ..note().ticket }, former: Some(note().ticket), ..note() };
    store.count(&[note()]).await.expect("counted");
    store.count(std::slice::from_ref(&next)).await.expect("counted on top");
    store.drop_later(&[next.name()]);
    let last = Note { ticket: Ticket { by: 3, ..note().ticket }, ..note() };
    store.count(&[last]).await.expect("counted on top");
    assert_eq!(replay.operations(), ["UpdateItem", "UpdateItem", "UpdateItem"]);
    let adds = "ADD version 1, 2026-11.cFR.r 1, 2026-11.d22.r 1, 2026-11.s.pending 1";
    for (n, dropped) in [(0, None), (1, Some(1)), (2, Some(2))] {
        let ((name, text), by) = (noted('~', 0), u32::try_from(n).expect("few") + 1);
        let name = name.trim_end_matches('0');
        let removes = dropped.map(|by| format!(" REMOVE {name}{by}")).unwrap_or_default();
        let says = text["S"].as_str().expect("text").split_whitespace().collect::<Vec<_>>().join(" ");
        let asked = replay.update(n).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(asked, format!("{adds} SET {name}{by} = {says}{removes}"));
    }
    let asked = replay.asked(0);
    let absent = |name: &str| {
        let attribute = asked["ExpressionAttributeNames"][name].as_str().expect("a name");
        attribute.trim_end_matches(char::is_numeric).to_owned()
    };
    let condition = asked["ConditionExpression"].as_str().expect("a condition");
    let absent: Vec<String> = condition
        .split(" AND ")
        .map(|part| absent(part.trim_start_matches("attribute_not_exists(").trim_end_matches(')')))
        .collect();
    let never = ['~', '!', '?'].map(|kind| noted(kind, 1).0.trim_end_matches('1').to_owned());
    assert_eq!(absent, never, "neither noted nor taken back, nor counted before");
}

#[tokio::test]
async fn a_count_whose_answer_was_lost_is_not_counted_again() {
    let lost = (500, json!({ "__type": "InternalServerError" }));
    let (replay, store) = Replay::store([lost.clone(), refused(json!({})), there("1", [noted('~', 1)]), done()]);
    store.count(&[note()]).await.expect("it was counted");
    assert_eq!(replay.operations(), ["UpdateItem", "UpdateItem", "GetItem", "PutItem"]);
    let doubt = noted('?', 1).0;
    assert_eq!((json!(replay.counters(3)), replay.put(3)[&doubt].is_object()), (json!(["6", "1"]), true));
    // Or the first try is on its way yet: the second tells it that it came too late.
    let (replay, store) = Replay::store([lost.clone(), done()]);
    store.count(&[note()]).await.expect("counted");
    let doubted = [0, 1].map(|n| replay.update(n).contains(&format!("{doubt} = ")));
    assert_eq!(doubted, [false, true]);
    let (replay, store) = Replay::store([lost.clone(), lost.clone(), lost]);
    assert!(matches!(store.count(&[note()]).await, Err(StoreError::Silent { .. })));
    assert_eq!(replay.operations().len(), 3);
}

/// What was taken back and held after all is counted once more with what comes after it.
#[tokio::test]
async fn where_a_former_note_was_taken_back_what_is_there_decides() {
    let next = Note { ticket: Ticket { by: 2, ..note().ticket }, former: Some(note().ticket), ..note() };
    let newer = (
        400,
        json!({ "__type": "ConditionalCheckFailedException", "message": "no",
                              "Item": there("7", [noted('!', 1)]).1["Item"] }),
    );
    let (replay, store) = Replay::store([refused(json!({})), there("3", [noted('!', 1)]), newer, done()]);
    store.count(&[next]).await.expect("counted");
    assert_eq!(replay.operations(), ["UpdateItem", "GetItem", "PutItem", "PutItem"]);
    assert_eq!(json!([replay.counters(2), replay.counters(3)]), json!([["6", "5"], ["6", "9"]]));
    let notes = |n: usize| replay.put(n).as_object().expect("an item").keys().filter(|it| it.contains('~')).count();
    assert_eq!((notes(3), replay.put(3).get(noted('!', 1).0)), (1, None));
}

#[tokio::test]
async fn counters_that_others_keep_for_too_long_are_busy() {
    let (replay, store) = Replay::store((0..8).map(|_| failed("TransactionConflictException")));
    let error = store.count(&[note()]).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(replay.operations().len(), 8);
    let conflict = || [there("3", [noted('~', 1)]), failed("TransactionConflictException")];
    let (replay, store) = Replay::store((0..8).flat_map(|_| conflict()));
    let error = store.close(&[(note().user, note().ticket, Verdict::Void)]).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(replay.operations().len(), 16);
}

#[tokio::test]
async fn a_conflict_passes_or_is_busy_and_another_reason_is_a_failure() {
    let (_, ada) = counted();
    // Something was taken back of the user: the next try looks at the counters. Or another changes them.
    for code in ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let looks = (code == "ConditionalCheckFailed").then(none);
        let answers = [cancelled(&["None", code])].into_iter().chain(looks).chain([done()]);
        let (replay, store) = Replay::store(answers);
        assert_eq!(store.erase(&ada, None).await.expect("the second try works"), Saved::Done, "{code}");
        let tokens = replay.tokens();
        assert_ne!(tokens[0], tokens[1], "what was cancelled is over, and the next is another request");
    }
    let (replay, store) = Replay::store((0..6).map(|_| cancelled(&["TransactionConflict", "None"])));
    let error = store.erase(&ada, None).await.expect_err("it lasts");
    assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 6);
    let (replay, store) = Replay::store([cancelled(&["None", "ValidationError"])]);
    let error = store.erase(&ada, None).await.expect_err("for good");
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn a_condition_decides_even_where_other_items_were_busy() {
    let (replay, store) = Replay::store([cancelled(&["ConditionalCheckFailed", "TransactionConflict"])]);
    assert_eq!(store.erase(&counted().1, None).await.expect("an outcome"), Saved::Changed);
    assert_eq!(replay.tokens().len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_with_the_same_token() {
    for lost in [failed("TransactionInProgressException"), (500, json!({ "__type": "InternalServerError" }))] {
        let (replay, store) = Replay::store([lost, done()]);
        assert_eq!(store.erase(&counted().1, None).await.expect("the repeat works"), Saved::Done);
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
