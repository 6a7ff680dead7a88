//! The worker and the sweeper in memory: mail that is sent once, later or never, and counts that hold.

use std::sync::Arc;

use crate::support::service::{Failing, Service};
use crate::support::{small_config, table};
use aws_sdk_dynamodb::types::AttributeValue;
use signup_service::clock::Clock;
use signup_service::mailer::SendError;
use signup_service::pace::Quota;
use signup_service::store::{DynamoStore, ListUsers, Store, StoreError};
use signup_service::stream::What;
use signup_service::user::{End, LOOK_AFTER};

fn lost() -> StoreError {
    StoreError::new("first", "y")
}

#[tokio::test]
async fn a_mail_that_fails_is_sent_later_or_given_up() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.mailer.fail_next(SendError::Throttled("the sending rate is reached".into()));
    service.work().await;
    assert_eq!((service.mailer.sent().len(), service.ends()), (0, vec![None]));
    assert_eq!(service.sweep().await, 0, "not due yet");
    service.clock.forward(151);
    assert_eq!(service.sweep().await, 1);
    assert_eq!(service.ends(), [Some(End::Sent)]);
    service.form("/sign-up", "email=bob%40example.com").await;
    service.mailer.fail_next(SendError::Never("SES answered `MessageRejected`".into()));
    service.work().await;
    assert!(service.ends().contains(&Some(End::Dead("SES answered `MessageRejected`".into()))));
    let metrics = ["MailsSent", "MailsDelayed", "MailsGivenUp", "MailsOverQuota"];
    assert_eq!(metrics.map(|metric| service.measured(metric)), [1, 1, 1, 0]);
}

#[tokio::test]
async fn a_mail_that_the_stream_lost_is_found_and_its_user_counted() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    assert_eq!(service.sweep().await, 0);
    service.clock.forward(LOOK_AFTER);
    assert_eq!(service.sweep().await, 1);
    assert_eq!(service.census().await.received(), 1);
    service.work().await;
    assert_eq!((service.mailer.sent().len(), service.census().await.received()), (1, 1));
}

#[tokio::test]
async fn a_mail_without_an_answer_goes_out_at_most_twice_and_far_apart() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.mailer.fail_next(SendError::Unknown("timed out".into()));
    service.work().await;
    service.clock.forward(590);
    assert_eq!(service.sweep().await, 0, "not within ten minutes");
    service.clock.forward(20);
    service.mailer.fail_next(SendError::Unknown("timed out".into()));
    assert_eq!(service.sweep().await, 1);
    assert_eq!(service.ends(), [Some(End::Dead("no answer: timed out".into()))]);
    service.clock.forward(86_400);
    assert_eq!((service.sweep().await, service.mailer.sent().len()), (0, 0));
}

#[tokio::test]
async fn a_link_that_is_about_to_die_is_not_mailed() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.clock.forward(86_400 - 500);
    assert_eq!(service.sweep().await, 1);
    assert!(service.mailer.sent().is_empty());
    assert!(matches!(&service.ends()[..], [Some(End::Dead(reason))] if reason.contains("link")));
    assert_eq!(service.measured("MailsGivenUp"), 1);
}

#[tokio::test]
async fn a_mail_that_was_sent_is_marked_even_if_the_table_fails_at_first() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let worker = service.worker_over(Failing::of(&service, lost(), [("save", 2)]));
    assert_eq!(worker.batch(&service.store.changes(), service.until()).await, Vec::<String>::new());
    assert_eq!((service.ends(), service.mailer.sent().len()), (vec![Some(End::Sent)], 1));
}

#[tokio::test]
async fn a_days_quota_that_is_used_up_stops_the_mail_and_says_so() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.mailer.set_quota(Quota { per_second: 1.0, per_day: 200.0, sent: 199.0 });
    service.mailer.fail_next(SendError::QuotaUsedUp);
    service.work().await;
    // SES is not asked for each of the others only to refuse it.
    assert_eq!((service.mailer.sent().len(), service.measured("MailsOverQuota")), (0, 3));
    service.mailer.set_quota(Quota { per_second: 10.0, per_day: 50_000.0, sent: 199.0 });
    service.clock.forward(700);
    service.sweep().await;
    assert_eq!(service.mailer.sent().len(), 3, "it recovers by itself");
}

#[tokio::test]
async fn mail_leaves_at_four_fifths_of_the_accounts_rate() {
    let service = Service::new(small_config());
    service.mailer.set_quota(Quota { per_second: 5.0, per_day: 50_000.0, sent: 0.0 });
    for name in 0..10 {
        service.form("/sign-up", &format!("email=u{name}%40example.com")).await;
        service.clock.forward(600);
    }
    let start = service.clock.now();
    service.work().await;
    let passed = service.clock.now().duration_since(start).as_secs_f64();
    // A bucket of four, and four a second.
    assert_eq!(service.mailer.sent().len(), 10);
    assert!((1.5..2.5).contains(&passed), "{passed}");
}

#[tokio::test]
async fn what_the_table_refuses_comes_again_and_does_not_end_the_sweep() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c", "d", "e", "f"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    let changes = service.store.changes();
    let worker = service.worker_over(Failing::of(&service, lost(), [("count", 1)]));
    let failed = worker.batch(&changes, service.until()).await;
    let users = changes.iter().filter(|change| matches!(change.what, What::User(_))).count();
    assert_eq!((failed.len(), users), (6, 6), "they were taken at once");
    for _ in 0..6 {
        service.mailer.fail_next(SendError::Later("no answer".into()));
    }
    service.work().await;
    service.clock.forward(LOOK_AFTER);
    let worker = service.worker_over(Failing::of(&service, lost(), [("load", 1), ("due", 1)]));
    let error = worker.sweep(service.until()).await.expect_err("told in the end");
    assert_eq!(error.to_string(), "the table could not `first`");
    // One shard could not be read, and one user of the others.
    let sent = service.mailer.sent().len();
    assert!(sent < 6, "{sent}");
    assert_eq!(service.sweep().await + sent, 6, "the rest is still due");
}

/// Nobody is looked after twice, and nobody is passed over because the table failed.
#[tokio::test]
async fn a_look_begins_where_the_last_one_came_to() {
    let service = Service::new(small_config());
    let sign_up = async |name: &str| drop(service.form("/sign-up", &format!("email={name}%40example.com")).await);
    let looked = async || service.store.mail_health().await.expect("the store works").and_then(|health| health.looked);
    sign_up("a").await;
    service.clock.forward(LOOK_AFTER - 1);
    assert_eq!((service.sweep().await, looked().await.as_deref()), (0, Some("0")), "the stream has its chance first");
    sign_up("b").await;
    service.clock.forward(1);
    let worker = service.worker_over(Failing::of(&service, lost(), [("count", 1)]));
    assert!(worker.sweep(service.until()).await.is_err());
    assert_eq!(looked().await.as_deref(), Some("0"));
    assert_eq!((service.sweep().await, service.mailer.sent().len()), (1, 1));
    let place = looked().await.expect("a place");
    let user = service.users().into_iter().find(|user| user.answers.email.starts_with('a')).expect("a user");
    assert!(place.ends_with(&user.id.to_string()), "{place}");
    service.clock.forward(LOOK_AFTER);
    assert_eq!((service.sweep().await, service.sweep().await, service.mailer.sent().len()), (1, 0, 2));
    assert!(looked().await.is_some_and(|next| next > place));
}

/// Somebody's item was spoilt, by whatever. The others hear of their sign-up, and the operator of this one, until it is mended.
#[tokio::test]
async fn one_who_cannot_be_read_keeps_nobody_else_waiting() {
    let (client, config) = (table::client(), small_config());
    let name = table::create(&client).await;
    let service = Service::over(config, Arc::new(DynamoStore::new(client.clone(), &name, None)));
    for name in ["a", "b", "c"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
        service.clock.forward(1);
    }
    let store = &*service.worker.ledger.store;
    let users = store.list_users(&ListUsers::newest(3)).await.expect("the store works").users;
    let set_version = |version| {
        let update = client.update_item().table_name(&name).update_expression("SET version = :version");
        let update = update.key("pk", AttributeValue::S(format!("USER#{}", users[1].id)));
        update.key("sk", AttributeValue::S("USER".into())).expression_attribute_values(":version", version).send()
    };
    set_version(AttributeValue::Bool(true)).await.expect("the table works");
    service.clock.forward(LOOK_AFTER);
    for _ in 0..2 {
        let error = service.worker.sweep(service.until()).await.expect_err("one cannot be read");
        assert!(format!("{error:?}").contains(&users[1].id.to_string()), "{error:?}");
        assert_eq!(service.mailer.sent().len(), 2);
    }
    set_version(AttributeValue::N(users[1].version.to_string())).await.expect("the table works");
    assert_eq!((service.sweep().await, service.mailer.sent().len()), (1, 3));
}

/// Whoever kept every mail in the index need not have everybody looked after who ever signed up.
#[tokio::test]
async fn the_first_look_after_an_upgrade_goes_back_as_far_as_mails_live() {
    let service = Service::new(small_config());
    service.sweep().await;
    let mut health = service.store.mail_health().await.expect("the store works").expect("noted");
    health.looked = None;
    service.store.note_mail(&health).await.expect("the store works");
    service.form("/sign-up", "email=old%40example.com").await;
    service.clock.forward(36 * 3_600);
    service.form("/sign-up", "email=new%40example.com").await;
    service.clock.forward(LOOK_AFTER);
    assert_eq!(service.sweep().await, 1);
    assert!(service.mailer.sent()[0].to.starts_with("new"), "{:?}", service.mailer.sent()[0].to);
}

#[tokio::test]
async fn a_sweep_tells_how_the_mail_stands() {
    let service = Service::new(small_config());
    for name in ["a", "b"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.clock.forward(LOOK_AFTER);
    for waiting in [2, 0] {
        service.sweep().await;
        let health = service.store.mail_health().await.expect("the store works").expect("noted");
        assert_eq!((health.waiting, health.at), (waiting, service.clock.now()));
        assert!(health.quota.is_some_and(|quota| quota.per_day > 0.0), "{health:?}");
    }
}

#[tokio::test]
async fn every_shard_is_the_first_in_some_minute() {
    let service = Service::new(small_config());
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let failing = Failing::of(&service, lost(), []);
        let asked = failing.asked.clone();
        service.worker_over(failing).sweep(service.until()).await.expect("nobody is due");
        first.extend(asked.lock().expect("no panic while held").first().copied());
        service.clock.forward(60);
    }
    assert_eq!(first.len(), 4);
}

#[tokio::test]
async fn what_there_was_no_time_for_comes_again() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let changes = service.store.changes();
    let failed = service.worker.batch(&changes, service.clock.now()).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(service.users()[0].counted, None);
    service.work().await;
    assert_eq!((service.census().await.received(), service.mailer.sent().len()), (1, 1));
}

#[tokio::test]
async fn whoever_was_forgotten_is_no_longer_counted() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com&country=FR").await;
    service.work().await;
    assert_eq!(service.census().await.countries["FR"].received, 1);
    service.clock.forward(8 * 86_400);
    service.store.expire(service.clock.now());
    service.work().await;
    service.work().await;
    assert_eq!((service.census().await, service.users()), (Default::default(), vec![]));
}
