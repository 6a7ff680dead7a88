//! Bounces and complaints as SES reports them: the mail ends, the counts hold, and nothing of an address is logged; over
//! memory, and over DynamoDB.

use std::sync::Arc;

use crate::support::service::{Failing, Service, listed};
use crate::support::{address_key, small_config, table};
use serde_json::{Value, json};
use signup_service::address::Address;
use signup_service::census::{Sums, Tally, country_field};
use signup_service::feedback::{Report, What};
use signup_service::store::{DynamoStore, ListUsers, StoreError};
use signup_service::user::{Answers, EndedBy, STREAM_GRACE, State, Undeliverable, User, UserId};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

fn id(address: &str) -> UserId {
    address_key().root(&Address::parse(address).expect("an address"))
}

fn bounced(service: &Service, kind: &str) -> Value {
    json!({ "bounce": { "bounceType": kind, "bounceSubType": "General", "timestamp": service.clock.forward(1) } })
}

async fn user(service: &Service, address: &str) -> User {
    service.worker.ledger.store.load(id(address)).await.expect("the store works").expect("a user")
}

/// Lets the worker see whoever wakes it, and compares the counters with the people.
async fn settle(service: &Service) {
    let store = &service.worker.ledger.store;
    let changes = listed(&**store).await;
    assert_eq!(service.worker.batch(&changes, service.until()).await, Vec::<String>::new());
    let mut sums = Sums::default();
    let all = ListUsers::newest(100);
    let users = store.list_users(&all).await.expect("the store works").users;
    users.iter().for_each(|user| sums.add_tally(&Tally::of(user, country_field(&service.worker.config))));
    assert_eq!(store.counters(None).await.expect("the store works"), sums);
}

async fn ends_all_mail(service: &Service) {
    service.bring(ADA, Some(State::Confirmed)).await;
    service.bring(BOB, Some(State::Pending)).await;
    service.clock.forward(10);
    let before = user(service, ADA).await;
    for _ in 0..2 {
        service.complain(ADA).await;
        service.hear(BOB, "Bounce", bounced(service, "Permanent")).await;
        settle(service).await;
    }
    let (ada, bob) = (user(service, ADA).await, user(service, BOB).await);
    assert_eq!((ada.state, ada.ended_by, &ada.answers), (State::Suppressed, Some(EndedBy::Complaint), &before.answers));
    assert_eq!(
        (bob.state, bob.ended_by, &bob.answers),
        (State::Suppressed, Some(EndedBy::Bounce), &Answers::default())
    );
    let census = service.census().await;
    assert_eq!((census.received(), census.confirmed(), census.states[&State::Suppressed]), (2, 0, 2));
    assert_eq!((census.bounced, census.complained), (1, 1));
    // Whatever is asked for either of them, and however long after, brings no mail.
    let mails = service.mailer.sent().len();
    for days in 0..3 {
        for address in [ADA, BOB] {
            service.api("/api/v1/sign-ups", json!({ "email": address, "age": 40 + days })).await;
            service.api("/api/v1/resends", json!({ "email": address })).await;
            settle(service).await;
        }
        service.clock.forward(2 * 86_400 + STREAM_GRACE);
        service.sweep().await;
    }
    assert_eq!(service.mailer.sent().len(), mails);
    assert_eq!(user(service, ADA).await.answers, before.answers);
    let lines = service.journal.lines();
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.to_string().contains('@')), "{lines:?}");
}

#[tokio::test]
async fn a_bounce_or_a_complaint_ends_all_mail() {
    ends_all_mail(&Service::new(small_config())).await;
}

#[tokio::test]
async fn a_bounce_or_a_complaint_ends_all_mail_over_dynamodb() {
    let client = table::client();
    let name = table::create(&client).await;
    ends_all_mail(&Service::over(small_config(), Arc::new(DynamoStore::new(client, name, None)))).await;
}

#[tokio::test]
async fn what_says_nothing_of_the_address_is_counted_alone() {
    let service = Service::new(small_config());
    service.bring(ADA, Some(State::Confirmed)).await;
    let before = service.users();
    for kind in ["Transient", "Undetermined"] {
        service.hear(ADA, "Bounce", bounced(&service, kind)).await;
    }
    service.hear(ADA, "Reject", json!({ "reject": { "reason": "Bad content" } })).await;
    service.hear(ADA, "DeliveryDelay", json!({ "deliveryDelay": { "delayType": "MailboxFull" } })).await;
    service.complain(ADA).await;
    service.hear(ADA, "Open", json!({})).await;
    let lines = service.journal.lines();
    let measured = |metric: &str| lines.iter().filter(|line| line[metric] == 1).count();
    let metrics = ["MailsBounced", "MailsRejected", "MailsDelayedByReceiver", "MailsComplained"];
    assert_eq!(metrics.map(measured), [2, 1, 1, 1]);
    let after = service.users();
    assert_eq!((before[0].state, after[0].state), (State::Confirmed, State::Suppressed), "the complaint alone counts");
    assert_eq!(after[0].version, before[0].version + 1);
}

#[tokio::test]
async fn a_report_of_somebody_who_is_gone_changes_nothing() {
    let service = Service::new(small_config());
    service.complain(ADA).await;
    service.hear(BOB, "Bounce", bounced(&service, "Permanent")).await;
    assert_eq!(service.users(), []);
}

#[tokio::test]
async fn a_report_that_fails_does_not_keep_the_others_and_is_heard_again() {
    let service = Service::new(small_config());
    for address in [ADA, BOB] {
        service.bring(address, Some(State::Confirmed)).await;
    }
    let at = service.clock.forward(10);
    let complaint = Undeliverable { by: EndedBy::Complaint, at, since: at };
    let reports = [ADA, BOB]
        .map(|to| Report { to: Address::parse(to).expect("an address"), what: What::Undeliverable(complaint) });
    let mut listener = service.listener();
    listener.ledger.store = Arc::new(Failing::of(&service, StoreError::new("first", "y"), [("load", 1)]));
    assert!(listener.hear(&reports).await.is_err());
    let suppressed = || service.users().iter().filter(|user| user.state == State::Suppressed).count();
    assert_eq!(suppressed(), 1);
    assert!(listener.hear(&reports).await.is_ok());
    assert_eq!(suppressed(), 2);
}
