//! What subscribers are told, by the worker and the sweeper: every change once or more, late rather than never, and at
//! nobody's cost but theirs; over memory, and over DynamoDB.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::service::{Failing, Service, listed};
use crate::support::{address_key, small_config, table};
use serde_json::{Value, json};
use signup_service::address::Address;
use signup_service::clock::Clock;
use signup_service::config::{EventType, ServiceConfig};
use signup_service::event::{Event, EventId, TELL_GRACE};
use signup_service::mailer::SendError;
use signup_service::publisher::PublishError;
use signup_service::store::{DynamoStore, StoreError};
use signup_service::stream::{Change, What};
use signup_service::user::{LOOK_AFTER, State, User};

const ADA: &str = "ada@example.com";

fn config(fields: &[&str]) -> ServiceConfig {
    let mut config = small_config();
    config.notifications.events = EventType::ALL.to_vec();
    config.notifications.fields = fields.iter().map(|name| (*name).to_owned()).collect();
    config
}

fn down() -> PublishError {
    PublishError::Later("no connection".into())
}

/// The names of what was told so far, without repeats, in order.
fn told(service: &Service) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    service.publisher.events().iter().filter(|event| seen.insert(event.id)).map(|event| event.kind.name()).collect()
}

async fn sign_up(service: &Service, address: &str) {
    let answer = service.api("/api/v1/sign-ups", json!({ "email": address, "country": "FR", "age": 36 })).await;
    assert_eq!(answer.status, 202);
}

async fn confirm(service: &Service) {
    let answer = service.api("/api/v1/confirmations", json!({ "token": service.token() })).await;
    assert_eq!(answer.status, 200);
}

async fn user(service: &Service) -> User {
    let id = address_key().root(&Address::parse(ADA).expect("an address"));
    service.worker.ledger.store.load(id).await.expect("the store works").expect("a user")
}

async fn erase(service: &Service) {
    let user = user(service).await;
    let farewell = service.worker.ledger.wanted.farewell(&user, service.clock.now());
    service.worker.ledger.store.erase(&user, farewell.as_ref()).await.expect("the store works");
}

/// Brings the worker whoever wakes it, until nobody does.
async fn settle(service: &Service) {
    loop {
        let changes = listed(&*service.worker.ledger.store).await;
        if changes.is_empty() {
            return;
        }
        assert_eq!(service.worker.batch(&changes, service.until()).await, Vec::<String>::new());
    }
}

async fn tells_a_whole_life(service: &Service) {
    sign_up(service, ADA).await;
    settle(service).await;
    confirm(service).await;
    settle(service).await;
    service.form("/unsubscribe", &format!("t={}", service.unsubscribe_token())).await;
    settle(service).await;
    erase(service).await;
    service.clock.forward(TELL_GRACE);
    service.sweep().await;
    let expected = ["sign_up.received", "mail.sent", "sign_up.confirmed", "sign_up.unsubscribed", "sign_up.erased"];
    assert_eq!(told(service), expected);
    let states: Vec<State> = service.publisher.events().iter().map(|event| event.state).collect();
    use State::{Confirmed, Pending, Unsubscribed};
    assert_eq!(states, [Pending, Pending, Confirmed, Unsubscribed, Unsubscribed]);
    assert!(service.publisher.events().iter().all(|event| event.data.is_empty()));
    let gone = service.worker.ledger.store.farewells(service.clock.forward(86_400), 10).await;
    assert_eq!(gone.expect("the store works"), []);
    assert_eq!(service.census().await.received(), 0);
}

#[tokio::test]
async fn a_whole_life_is_told() {
    tells_a_whole_life(&Service::new(config(&[]))).await;
}

#[tokio::test]
async fn a_whole_life_is_told_over_dynamodb() {
    let client = table::client();
    let name = table::create(&client).await;
    tells_a_whole_life(&Service::over(config(&[]), Arc::new(DynamoStore::new(client, name, None)))).await;
}

#[tokio::test]
async fn bounces_and_complaints_are_told() {
    let service = Service::new(config(&["email"]));
    service.bring(ADA, Some(State::Confirmed)).await;
    service.clock.forward(10);
    service.complain(ADA).await;
    service.work().await;
    service.bring("bob@example.com", Some(State::Pending)).await;
    service.clock.forward(10);
    let bounce = json!({ "bounce": { "bounceType": "Permanent", "timestamp": service.clock.now() } });
    service.hear("bob@example.com", "Bounce", bounce).await;
    service.work().await;
    let last: Vec<Event> = service.publisher.events().into_iter().filter(|it| it.state == State::Suppressed).collect();
    let kinds: BTreeSet<_> = last.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventType::Complained, EventType::Bounced].into());
    // Of whoever never confirmed nothing is kept, and so nothing is told.
    let named: BTreeMap<_, _> = last.iter().map(|event| (event.kind, event.data.get("email").cloned())).collect();
    assert_eq!((&named[&EventType::Complained], &named[&EventType::Bounced]), (&Some(Value::from(ADA)), &None));
}

#[tokio::test]
async fn a_mail_that_is_given_up_is_told_with_its_reason() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    service.mailer.fail_next(SendError::Never("SES answered `MessageRejected`".into()));
    settle(&service).await;
    let events = service.publisher.events();
    let failed = events.iter().find(|event| event.kind == EventType::Failed).expect("it is told");
    let mail = failed.mail.as_ref().expect("which");
    assert_eq!(mail.reason.as_deref(), Some("SES answered `MessageRejected`"));
    assert!(!failed.json().contains('@'));
}

#[tokio::test]
async fn while_sns_is_down_mail_and_counts_go_on_and_later_all_is_told() {
    let service = Service::new(config(&[]));
    for name in ["a", "b", "c"] {
        sign_up(&service, &format!("{name}@example.com")).await;
    }
    service.publisher.fail_next(down());
    settle(&service).await;
    assert_eq!((service.mailer.sent().len(), service.census().await.received()), (3, 3));
    assert_eq!((told(&service).len(), service.measured("EventsDelayed")), (0, 3), "it is asked once, and not for each");
    // The sweeper comes back to it; until it succeeds, each minute says so.
    service.clock.forward(TELL_GRACE);
    service.publisher.fail_next(down());
    service.sweep().await;
    assert_eq!((told(&service).len(), service.measured("EventsOverdue")), (0, 3));
    service.clock.forward(601);
    service.sweep().await;
    assert_eq!(told(&service).len(), 6);
    assert!(service.users().iter().all(|user| user.untold.is_none() && user.due().is_none()));
    let overdue = service.measured("EventsOverdue");
    service.clock.forward(60);
    assert_eq!((service.sweep().await, service.measured("EventsOverdue")), (0, overdue));
}

#[tokio::test]
async fn pauses_grow_while_sns_stays_down() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    let mut asked = 0;
    let mut minutes = Vec::new();
    settle_failing(&service).await;
    service.clock.forward(TELL_GRACE);
    for minute in 0..40 {
        service.publisher.fail_next(down());
        service.sweep().await;
        let now = service.measured("EventsDelayed");
        if now > asked {
            minutes.push(minute);
            asked = now;
        }
        service.clock.forward(60);
    }
    assert!(minutes.len() < 10 && minutes.windows(2).any(|pair| pair[1] - pair[0] >= 10), "{minutes:?}");
    assert!(service.measured("EventsOverdue") >= 40, "each minute says so, asked or not");
}

async fn settle_failing(service: &Service) {
    service.publisher.fail_next(down());
    settle(service).await;
}

#[tokio::test]
async fn what_sns_refuses_for_good_raises_an_alarm_and_does_not_keep_the_rest() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    service.publisher.fail_next(PublishError::Never("SNS answered `InvalidParameter`".into()));
    settle(&service).await;
    assert_eq!((told(&service), service.measured("EventsGivenUp")), (vec!["mail.sent"], 1));
    assert_eq!(user(&service).await.untold, None);
}

#[tokio::test]
async fn a_crash_after_telling_tells_again_under_the_same_id() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    // The table fails after SNS took it.
    let failing = Failing::of(&service, StoreError::new("x", "y"), [("take", 1)]);
    let failed = service.worker_over(failing).batch(&service.store.changes(), service.until()).await;
    assert_eq!(failed.len(), 1);
    service.work().await;
    let ids: Vec<EventId> =
        service.publisher.events().iter().filter(|it| it.kind == EventType::Received).map(|it| it.id).collect();
    assert!(ids.len() > 1 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn what_the_stream_lost_is_told_by_the_sweeper() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    service.clock.forward(LOOK_AFTER);
    service.sweep().await;
    assert_eq!(told(&service), ["sign_up.received"]);
    erase(&service).await;
    service.clock.forward(TELL_GRACE);
    service.sweep().await;
    assert_eq!(told(&service), ["sign_up.received", "mail.sent", "sign_up.erased"]);
    assert_eq!(service.store.farewells_left(), 0);
}

#[tokio::test]
async fn whoever_never_confirmed_is_told_to_be_gone_once_the_table_forgets_them() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    service.work().await;
    service.clock.forward(8 * 86_400);
    service.store.expire(service.clock.now());
    // The worker hears of it twice, and of what it keeps for it once.
    service.work().await;
    service.work().await;
    assert_eq!(told(&service), ["sign_up.received", "mail.sent", "sign_up.erased"]);
    assert_eq!((service.store.farewells_left(), service.census().await.received()), (0, 0));
}

#[tokio::test]
async fn nobody_who_was_erased_is_named_by_a_late_record() {
    let service = Service::new(config(&["email", "country"]));
    sign_up(&service, ADA).await;
    let late: Vec<Change> = service.store.changes();
    assert!(late.iter().any(|change| matches!(&change.what, What::User(user) if user.answers.email == ADA)));
    erase(&service).await;
    // The stream brings the sign-up hours later, and only then the erasure.
    assert_eq!(service.worker.batch(&late, service.until()).await, Vec::<String>::new());
    service.work().await;
    assert_eq!(told(&service), ["sign_up.received", "sign_up.erased"]);
    assert!(service.publisher.events().iter().all(|event| event.data.is_empty()), "{:?}", service.publisher.events());
}

#[tokio::test]
async fn the_fields_of_the_spec_are_told_and_no_other() {
    let service = Service::new(config(&["email", "country"]));
    sign_up(&service, ADA).await;
    settle(&service).await;
    let data = serde_json::Value::Object(service.publisher.events()[0].data.clone());
    assert_eq!(data, json!({ "email": ADA, "country": "FR" }));
}

#[tokio::test]
async fn without_subscribers_nothing_is_made_and_what_was_kept_is_dropped() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    assert!(user(&service).await.untold.is_some());
    let quiet = Service::new(small_config());
    sign_up(&quiet, ADA).await;
    settle(&quiet).await;
    assert!(quiet.users().iter().all(|user| user.untold.is_none()) && quiet.publisher.events().is_empty());
    // The last subscriber leaves while something is untold.
    let mut worker = service.worker.clone();
    worker.ledger.wanted = quiet.worker.ledger.wanted.clone();
    worker.batch(&service.store.changes(), service.until()).await;
    assert!(service.users().iter().all(|user| user.untold.is_none()) && service.publisher.events().is_empty());
}

#[tokio::test]
async fn whoever_cannot_be_read_keeps_nobody_else_from_being_told() {
    let service = Service::new(config(&[]));
    for address in ["one@example.org", "two@example.org", "three@example.org"] {
        sign_up(&service, address).await;
    }
    // The mails are sent, and SNS takes nothing.
    settle_failing(&service).await;
    service.clock.forward(TELL_GRACE);
    let worker = service.worker_over(Failing::of(&service, StoreError::new("x", "y"), [("load", 1)]));
    assert!(worker.sweep(service.until()).await.is_err());
    // Nobody had to wait for another sweep.
    assert!(service.users().iter().all(|user| user.untold.is_none()), "{:?}", told(&service));
}

#[tokio::test]
async fn who_was_forgotten_and_comes_again_was_gone_before() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    service.work().await;
    service.clock.forward(8 * 86_400);
    // The table has not deleted the record yet: another takes its place.
    sign_up(&service, ADA).await;
    service.work().await;
    let events = service.publisher.events();
    let time = |kind: EventType| events.iter().rfind(|event| event.kind == kind).expect("it is told").at;
    assert!(time(EventType::Erased) < time(EventType::Received), "{events:?}");
}

#[tokio::test]
async fn what_is_left_when_the_last_subscriber_goes_is_swept_away_within_the_hour() {
    let service = Service::new(config(&[]));
    sign_up(&service, ADA).await;
    erase(&service).await;
    assert_eq!(service.store.farewells_left(), 1);
    let mut worker = service.worker.clone();
    worker.ledger.wanted = Service::new(small_config()).worker.ledger.wanted.clone();
    service.clock.forward(TELL_GRACE);
    for _ in 0..60 {
        service.clock.forward(60);
        assert!(worker.sweep(service.until()).await.is_ok());
    }
    assert_eq!((service.store.farewells_left(), service.publisher.events().len()), (0, 0));
}
