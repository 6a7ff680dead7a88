//! What the operator is written of what admins do: over memory, from the page to the topic of alarms.

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
async fn what_cannot_be_written_comes_again_for_five_minutes_and_then_raises_the_alarm_of_lost_mail() {
    let house = House::new();
    house.invite("new@example.com", Role::Viewer).await;
    house.service.publisher.fail_next(PublishError::Later("throttled".into()));
    assert_eq!(work(&house).await, 1);
    assert_eq!(house.service.publisher.alarms(), []);
    assert_eq!(work(&house).await, 0);
    assert_eq!(house.service.publisher.alarms().len(), 1);
    let lost = || house.service.journal.lines().iter().filter(|line| line["MailsGivenUp"] == 1).count();
    house.clock().forward(300);
    house.service.publisher.fail_next(PublishError::Later("throttled".into()));
    assert_eq!((work(&house).await, lost()), (0, 1));
    house.service.publisher.fail_next(PublishError::Never("no topic".into()));
    assert_eq!((work(&house).await, lost()), (0, 2));
}
