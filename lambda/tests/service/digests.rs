//! The daily digest: composed from the counters, sent by the worker that a sweep wakes, once a day whatever fails.

use std::sync::{Arc, Mutex};

use crate::support::service::{Failing, Service};
use crate::support::{small_config, table};
use signup_service::clock::Clock;
use signup_service::digest::{DIGEST_LEASE, DIGEST_PAUSE, DigestMail, Missed};
use signup_service::notice::Notice;
use signup_service::publisher::PublishError;
use signup_service::store::{DynamoStore, MemoryStore, Saved, Store, StoreError};
use signup_service::stream::{Change, What};
use signup_service::user::{End, State};
use signup_service::worker::{Sending, Worker};

const ADA: &str = "ada@example.com";

fn with_a_digest_at(hour: u8) -> Service {
    let mut config = small_config();
    config.notifications.digest = true;
    config.notifications.digest_hour = Some(hour);
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
    fresh(service).sweep(service.until()).await.expect("the store works");
    assert_eq!(worker.batch(&service.store.changes_from(seen), service.until()).await, Vec::<String>::new());
    service.clock.forward(60);
    service.publisher.digests().len()
}

fn is_digest(change: &&Change) -> bool {
    matches!(change.what, What::Digest(_))
}

fn unknown() -> PublishError {
    PublishError::Unknown("timed out".into())
}

#[tokio::test]
async fn the_digest_is_sent_once_a_day_by_the_worker_whoever_wakes_it() {
    let service = with_a_digest_at(6);
    service.bring(ADA, Some(State::Confirmed)).await;
    service.work().await;
    service.sweep().await;
    assert_eq!(service.publisher.digests().len(), 0, "the sweeper sends none");
    let mut days = 0;
    for _ in 0..28 {
        days = days.max(minute(&service, &fresh(&service)).await);
        service.clock.forward(3_600);
    }
    // From ten in the morning until two in the afternoon of the day after: of the first day, and of no other yet.
    let digests = service.publisher.digests();
    assert_eq!((digests.len(), days), (2, 2));
    assert_eq!(digests[0].subject, "small 2026-11-21: 0 sign-ups, 0 confirmed");
    assert_eq!(digests[1].subject, "small 2026-11-22: 1 sign-up, 1 confirmed");
    assert!(digests.iter().all(|it| !it.text.contains('@')));
    // Nobody is woken any more, and whatever the stream brings again is not sent again.
    let all = service.store.changes();
    service.sweep().await;
    assert!(
        all.iter().any(|it| is_digest(&it)) && !service.store.changes_from(all.len()).iter().any(|it| is_digest(&it))
    );
    fresh(&service).batch(&all, service.until()).await;
    assert_eq!(service.publisher.digests().len(), 2);
    assert_eq!(service.measured("EventsGivenUp"), 0);
}

#[tokio::test]
async fn a_digest_that_sns_refuses_is_tried_each_minute_for_a_day_past_midnight_too() {
    let service = with_a_digest_at(23);
    service.clock.forward(13 * 3_600 + 1_800);
    for tried in 1..=45 {
        service.publisher.fail_next(PublishError::Later("no connection".into()));
        assert_eq!(minute(&service, &fresh(&service)).await, 0);
        assert!(service.measured("EventsOverdue") >= tried, "each minute says so");
    }
    // It is a quarter past midnight.
    assert_eq!(minute(&service, &fresh(&service)).await, 1);
    assert_eq!(service.publisher.digests()[0].subject, "small 2026-11-21: 0 sign-ups, 0 confirmed");
}

#[tokio::test]
async fn a_digest_without_an_answer_is_sent_once_more_four_hours_later_and_no_third_time() {
    let service = with_a_digest_at(6);
    for attempt in 1..=2 {
        service.publisher.fail_next(unknown());
        for _ in 0..DIGEST_PAUSE / 60 {
            assert_eq!(minute(&service, &fresh(&service)).await, 0, "perhaps it was sent");
        }
        assert_eq!(service.measured("EventsGivenUp"), attempt / 2);
    }
    for _ in 0..5 {
        assert_eq!(minute(&service, &fresh(&service)).await, 0);
    }
    assert_eq!(service.measured("EventsGivenUp"), 1, "it is told once");
    service.clock.forward(86_400);
    assert_eq!(minute(&service, &fresh(&service)).await, 1, "and the next day's comes");
}

#[tokio::test]
async fn a_digest_whose_sender_is_lost_is_sent_by_another_hours_later() {
    let service = with_a_digest_at(6);
    service.sweep().await;
    // Somebody has taken it, and is gone.
    let store = &service.store;
    let found = store.digests().pop().expect("it is due");
    let taken = found.clone().take(7, service.clock.now()).expect("it is due");
    assert_eq!(store.save_digest(&taken, Some(found.version)).await.expect("works"), Saved::Done);
    for _ in 0..(DIGEST_LEASE + DIGEST_PAUSE) / 60 {
        assert_eq!(minute(&service, &fresh(&service)).await, 0);
    }
    assert_eq!(minute(&service, &fresh(&service)).await, 1);
    assert_eq!(service.measured("EventsGivenUp"), 0);
}

#[tokio::test]
async fn a_digest_that_was_sent_is_marked_again_and_again() {
    let service = with_a_digest_at(6);
    service.sweep().await;
    let worker = service.worker_over(Failing::of(&service, StoreError::new("x", "y"), [("digest", 1)]));
    worker.batch(&service.store.changes(), service.until()).await;
    assert_eq!(service.publisher.digests().len(), 0, "it could not be read, and nothing was begun");
    let failing = Failing::of(&service, StoreError::new("x", "y"), [("counters", 3)]);
    assert!(service.worker_over(failing).sweep(service.until()).await.is_err(), "what cannot be made is said");
    let worker = service.worker_over(Failing::of(&service, StoreError::new("x", "y"), [("save_digest", 3)]));
    worker.batch(&service.store.changes(), service.until()).await;
    assert_eq!(service.publisher.digests().len(), 1);
    assert_eq!(service.store.digests().pop().and_then(|it| it.end), Some(End::Sent));
}

/// What a digest is, in one store as in the other.
async fn keeps_a_digest_unless_somebody_was_faster(store: &dyn Store) {
    let now = "2026-11-22T06:00:00Z".parse().expect("a time");
    let notice = Notice { subject: "s".into(), text: "t".into() };
    let new = DigestMail::new("2026-11-21".into(), notice.clone(), now);
    assert_eq!(store.digest(&new.day).await.expect("works"), None);
    for _ in 0..2 {
        assert_eq!(store.save_digest(&new, None).await.expect("works"), Saved::Done, "it may be repeated");
    }
    assert_eq!(store.digest(&new.day).await.expect("works").as_ref(), Some(&new));
    let taken = new.clone().take(7, now).expect("it is due");
    assert_eq!(store.save_digest(&taken, Some(new.version)).await.expect("works"), Saved::Done);
    assert_eq!(store.save_digest(&new.clone().woken(notice), Some(new.version)).await.expect("works"), Saved::Changed);
    let missed = taken.clone().missed(Missed::Perhaps, "no answer", now);
    assert_eq!(store.save_digest(&missed, Some(taken.version)).await.expect("works"), Saved::Done);
    assert_eq!(store.digest(&new.day).await.expect("works"), Some(missed));
}

#[tokio::test]
async fn memory_keeps_a_digest() {
    keeps_a_digest_unless_somebody_was_faster(&MemoryStore::default()).await;
}

#[tokio::test]
async fn dynamodb_keeps_a_digest() {
    let client = table::client();
    let name = table::create(&client).await;
    keeps_a_digest_unless_somebody_was_faster(&DynamoStore::new(client, name, None)).await;
}
