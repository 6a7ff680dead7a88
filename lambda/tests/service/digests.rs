//! The daily digest: composed from the counters, sent by the worker that a sweep wakes, once a day whatever fails.

use std::sync::{Arc, Mutex};

use crate::support::service::{Failing, Service};
use crate::support::small_config;
use signup_service::clock::Clock;
use signup_service::publisher::PublishError;
use signup_service::store::{Store, StoreError};
use signup_service::stream::{Change, What};
use signup_service::user::State;
use signup_service::worker::{Sending, Worker};

const ADA: &str = "ada@example.com";

fn with_a_digest() -> Service {
    let mut config = small_config();
    config.notifications.digest_hour = Some(6);
    Service::new(config)
}

/// A worker that remembers nothing.
fn fresh(service: &Service) -> Worker {
    let sending = Arc::new(Mutex::new(Sending::new(service.clock.now())));
    Worker { sending, ..service.worker.clone() }
}

/// A minute's sweep, and what the stream then brings the worker. Returns how many digests were sent so far.
async fn minute(service: &Service, worker: &Worker) -> usize {
    let seen = service.store.changes().len();
    // The sweeper is another function, and starts anew.
    fresh(service).sweep(service.until()).await.expect("the store works");
    assert_eq!(worker.batch(&service.store.changes_from(seen), service.until()).await, Vec::<String>::new());
    service.clock.forward(60);
    service.publisher.digests().len()
}

#[tokio::test]
async fn the_digest_is_sent_once_a_day_by_the_worker_whoever_wakes_it() {
    let service = with_a_digest();
    service.bring(ADA, Some(State::Confirmed)).await;
    service.work().await;
    service.sweep().await;
    assert_eq!(service.publisher.digests().len(), 0, "the sweeper sends none");
    minute(&service, &service.worker).await;
    let mut days = 0;
    for _ in 0..28 {
        service.clock.forward(3_600);
        days = days.max(minute(&service, &service.worker).await);
    }
    // From ten in the morning until two in the afternoon of the day after: of the first day, and of no other yet.
    let digests = service.publisher.digests();
    assert_eq!((digests.len(), days), (2, 2));
    assert_eq!(digests[0].subject, "small 2026-11-21: 0 sign-ups, 0 confirmed");
    assert_eq!(digests[1].subject, "small 2026-11-22: 1 sign-up, 1 confirmed");
    assert!(digests.iter().all(|it| !it.text.contains('@')));
    // Once it is sent nobody is woken, and whatever the stream brings again wakes nobody who would send it again.
    let woken = |changes: &[Change]| changes.iter().filter(|it| matches!(it.what, What::Mail(_))).count();
    let (all, seen) = (service.store.changes(), service.store.changes().len());
    service.sweep().await;
    assert_eq!((woken(&all) > 0, woken(&service.store.changes_from(seen))), (true, 0));
    let (one, other) = (fresh(&service), fresh(&service));
    tokio::join!(one.batch(&all, service.until()), other.batch(&all, service.until()));
    assert_eq!(service.publisher.digests().len(), 2);
}

#[tokio::test]
async fn two_workers_that_are_woken_at_once_send_one_digest() {
    let service = with_a_digest();
    service.sweep().await;
    let (all, one, other) = (service.store.changes(), fresh(&service), fresh(&service));
    tokio::join!(one.batch(&all, service.until()), other.batch(&all, service.until()));
    assert_eq!(service.publisher.digests().len(), 1);
}

#[tokio::test]
async fn a_digest_that_sns_refused_is_tried_again_at_once_and_one_without_an_answer_hours_later() {
    let service = with_a_digest();
    service.publisher.fail_next(PublishError::Later("no connection".into()));
    assert_eq!(minute(&service, &service.worker).await, 0);
    assert_eq!(minute(&service, &service.worker).await, 1);
    service.clock.forward(86_400);
    service.publisher.fail_next(PublishError::Never("no answer".into()));
    for _ in 0..3 {
        assert_eq!(minute(&service, &service.worker).await, 1, "perhaps it was sent");
    }
    service.clock.forward(4 * 3_600);
    for _ in 0..3 {
        assert_eq!(minute(&service, &service.worker).await, 2);
    }
    assert_eq!((service.measured("EventsOverdue"), service.measured("EventsGivenUp")), (1, 1));
}

#[tokio::test]
async fn a_digest_whose_sender_is_lost_is_sent_by_another() {
    let service = with_a_digest();
    // It has claimed its part of the day, and ends.
    let failing = Failing::of(&service, StoreError::new("x", "y"), [("counters", 1)]);
    assert_eq!(minute(&service, &service.worker_over(failing)).await, 0);
    let other = fresh(&service);
    for sent in [0, 0, 1, 1] {
        assert_eq!(minute(&service, &other).await, sent);
        service.clock.forward(if sent == 0 { 3_600 } else { 0 });
    }
}

#[tokio::test]
async fn a_digest_whose_end_cannot_be_noted_is_sent_once_all_the_same() {
    let service = with_a_digest();
    let worker = service.worker_over(Failing::of(&service, StoreError::new("x", "y"), [("fulfil", 3)]));
    let is_noted = async || {
        let seen = service.store.changes().len();
        service.sweep().await;
        !service.store.changes_from(seen).iter().any(|it| matches!(it.what, What::Mail(_)))
    };
    for noted in [false, false, false, true, true] {
        assert_eq!(minute(&service, &worker).await, 1);
        assert_eq!(is_noted().await, noted, "it is tried until it is noted");
    }
    // Whoever comes later, and remembers nothing, knows.
    service.clock.forward(4 * 3_600);
    assert_eq!(minute(&service, &fresh(&service)).await, 1);
}

#[tokio::test]
async fn a_sweep_that_cannot_ask_for_the_digest_does_all_else_and_says_so() {
    let service = with_a_digest();
    let sweeper = service.worker_over(Failing::of(&service, StoreError::new("x", "y"), [("claimed", 1)]));
    assert!(sweeper.sweep(service.until()).await.is_err());
    assert!(service.store.mail_health().await.expect("works").is_some_and(|health| !health.wakes));
    assert_eq!(minute(&service, &service.worker).await, 1);
}
