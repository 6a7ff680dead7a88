//! The worker and the sweeper in memory: mail that is sent once, later or never, and counts that hold.

mod support;

use std::sync::Arc;

use signup_service::clock::Clock;
use signup_service::mailer::SendError;
use signup_service::store::{MailEnd, Store, StoreError, What};
use signup_service::worker::Worker;
use support::service::{Failing, Service};
use support::small_config;

#[tokio::test]
async fn a_mail_that_fails_is_sent_later_or_given_up() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.mailer.fail_next(SendError::Throttled("the sending rate is reached".into()));
    service.work().await;
    assert_eq!((service.mailer.sent().len(), service.store.mails()[0].end.clone()), (0, None));
    assert_eq!(service.sweep().await, 0, "not due yet");
    service.clock.forward(31);
    assert_eq!(service.sweep().await, 1);
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Sent));
    service.form("/sign-up", "email=bob%40example.com").await;
    service.mailer.fail_next(SendError::Never("SES answered `MessageRejected`".into()));
    service.work().await;
    let ends: Vec<_> = service.store.mails().into_iter().map(|mail| mail.end).collect();
    assert_eq!(ends, [Some(MailEnd::Sent), Some(MailEnd::Dead("SES answered `MessageRejected`".into()))]);
}

#[tokio::test]
async fn a_mail_that_the_stream_lost_is_found() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    assert_eq!(service.sweep().await, 0);
    service.clock.forward(150);
    assert_eq!(service.sweep().await, 1);
    service.work().await;
    assert_eq!(service.mailer.sent().len(), 1);
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
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Dead("no answer: timed out".into())));
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
    let end = service.store.mails()[0].end.clone();
    assert!(matches!(&end, Some(MailEnd::Dead(reason)) if reason.contains("link")), "{end:?}");
}

#[tokio::test]
async fn a_mail_that_was_sent_is_marked_even_if_the_table_fails_at_first() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let failing = Failing { finish: 2.into(), ..Failing::of(&service, StoreError::new("x", "y")) };
    let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
    assert_eq!(worker.batch(&service.store.changes(), service.until()).await, Vec::<String>::new());
    assert_eq!(service.store.mails()[0].end, Some(MailEnd::Sent));
}

#[tokio::test]
async fn one_failing_mail_does_not_end_the_sweep() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c", "d", "e", "f"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.clock.forward(150);
    let failing = Failing { lease: 1.into(), due: 1.into(), ..Failing::of(&service, StoreError::new("first", "y")) };
    let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
    let error = worker.sweep(service.until()).await.expect_err("told in the end");
    assert_eq!(error.to_string(), "the table could not `first`");
    // One shard could not be read, and one mail of the others not be leased.
    let sent = service.mailer.sent().len();
    assert!((2..6).contains(&sent), "{sent}");
    assert_eq!(service.sweep().await + sent, 6, "the rest is still due");
}

#[tokio::test]
async fn every_shard_is_the_first_in_some_minute() {
    let service = Service::new(small_config());
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        service.form("/sign-up", &format!("email={name}%40example.com")).await;
    }
    service.clock.forward(150);
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let failing = Failing::of(&service, StoreError::new("x", "y"));
        let asked = failing.asked.clone();
        let worker = Worker { store: Arc::new(failing), ..service.worker.clone() };
        worker.sweep(service.clock.now()).await.expect("no time, no failure");
        first.extend(asked.lock().expect("no panic while held").first().copied());
        service.clock.forward(60);
    }
    assert_eq!(first.len(), 4);
}

#[tokio::test]
async fn what_was_not_counted_in_time_comes_again() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    let changes = service.store.changes();
    let failed = service.worker.batch(&changes, service.clock.now()).await;
    let users: Vec<String> = changes
        .iter()
        .filter(|change| matches!(change.what, What::User { .. }))
        .map(|change| change.sequence.clone())
        .collect();
    // The mail is the sweeper's now; the user can be counted by nobody else.
    assert_eq!((failed, users.len()), (users.clone(), 1));
    service.work().await;
    assert_eq!(service.store.counters().await.expect("the store works").total.received, 1);
}
