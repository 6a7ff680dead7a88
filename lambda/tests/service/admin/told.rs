//! What the operator is written of what admins do: over memory, from the page to the topic of alarms.

use axum::http::StatusCode;
use jiff::Timestamp;
use signup_service::admin::Role;
use signup_service::publisher::PublishError;

use super::house::{ELSEWHERE, House};

/// Works everything off that changed since the beginning, and gives how many records must come again.
async fn work(house: &House) -> usize {
    house.service.worker.batch(&house.store.changes_from(0), Timestamp::MAX).await.len()
}

#[tokio::test]
async fn the_operator_hears_who_may_come_in_and_who_came_in_from_elsewhere() {
    let (house, owner) = House::with_owner().await;
    house.sign_in(&owner, owner.browser.clone()).await;
    house.sign_in(&owner, house.browser(ELSEWHERE)).await;
    assert_eq!(work(&house).await, 0);
    let written = house.service.publisher.alarms();
    let subjects: Vec<_> = written.iter().map(|notice| notice.subject.as_str()).collect();
    let expected = ["an admin was added", "an admin set up their account", "an admin signed in from a new place"]
        .map(|what| format!("every-field: {what}"));
    assert_eq!(subjects, expected, "a known place is not worth a mail");
    assert!(written.iter().all(|notice| notice.text.contains(&owner.email) && !notice.text.contains(ELSEWHERE)));
}

#[tokio::test]
async fn the_same_is_written_once_however_often_its_record_comes_and_it_is_done() {
    let (house, owner) = House::with_owner().await;
    assert_eq!((work(&house).await, work(&house).await), (0, 0));
    assert_eq!(house.service.publisher.alarms().len(), 2);
    let mut browser = owner.browser.clone();
    for _ in 0..3 {
        browser.get("/admin/security").await;
        assert_eq!(browser.submit("recovery-codes", &[]).await.status, StatusCode::OK);
    }
    work(&house).await;
    assert_eq!(house.service.publisher.alarms().len(), 3);
    // What was done ten minutes later is news.
    house.clock().forward(600);
    let mut browser = house.sign_in(&owner, browser).await;
    browser.get("/admin/security").await;
    assert_eq!(browser.submit("recovery-codes", &[]).await.status, StatusCode::OK);
    work(&house).await;
    assert_eq!(house.service.publisher.alarms().len(), 4);
}

#[tokio::test]
async fn what_cannot_be_written_comes_again_for_five_minutes_and_then_raises_the_alarm_of_lost_mail() {
    let house = House::new();
    let later = || house.service.publisher.fail_next(PublishError::Later("throttled".into()));
    let written = || house.service.publisher.alarms().len();
    let lost = || house.service.journal.lines().iter().filter(|line| line["MailsGivenUp"] == 1).count();
    house.invite("one@example.com", Role::Viewer).await;
    house.invite("two@example.com", Role::Viewer).await;
    later();
    assert_eq!((work(&house).await, written()), (2, 0), "the second is not begun");
    assert_eq!((work(&house).await, written()), (0, 2));
    house.invite("three@example.com", Role::Viewer).await;
    later();
    assert_eq!((work(&house).await, lost()), (1, 0));
    house.clock().forward(300);
    later();
    assert_eq!((work(&house).await, lost()), (0, 1));
    house.invite("four@example.com", Role::Viewer).await;
    house.service.publisher.fail_next(PublishError::Never("no topic".into()));
    assert_eq!((work(&house).await, lost()), (0, 2));
    assert_eq!((work(&house).await, written()), (0, 2), "what was given up is not begun again");
}
