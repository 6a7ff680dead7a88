//! What an owner does to users, and what is kept, counted, mailed and logged afterwards.

use axum::http::StatusCode;
use signup_service::user::{State, User};

use super::house::{House, Person, user};
use crate::support::BASE_URL;

const ADA: &str = "ada@example.com";

/// A house where Ada has signed up, and was mailed.
async fn with_ada() -> (House, Person, String) {
    let (house, owner) = House::with_owner().await;
    house.service.form("/sign-up", &form()).await;
    work(&house).await;
    let id = ada(&house).expect("a user").id.to_string();
    (house, owner, id)
}

fn form() -> String {
    "full_name=Ada+Lovelace&email=ada%40example.com&age=36&nationality=GB&marital_status=single&consent=true".into()
}

async fn work(house: &House) {
    let service = &house.service;
    assert_eq!(service.worker.batch(&house.store.changes(), service.until()).await, Vec::<String>::new());
}

fn ada(house: &House) -> Option<User> {
    house.store.users().into_iter().find(|user| user.answers.email == ADA)
}

#[tokio::test]
async fn a_mail_is_sent_again_after_a_pause_and_once() {
    let (house, mut owner, id) = with_ada().await;
    let count = house.entries().await.len();
    let sent = || house.service.mailer.sent().len();
    owner.browser.get(&format!("/admin/users/{id}")).await;
    let csrf = owner.browser.csrf();
    let path = format!("/admin/users/{id}/resend");
    // Too soon: nothing is done, and nothing is in the log as if it had been.
    let before = ada(&house);
    assert_eq!(owner.browser.post(&path, &[("csrf", &csrf)]).await.status, StatusCode::OK);
    work(&house).await;
    assert_eq!((sent(), ada(&house)), (1, before));
    house.clock().forward(1_200);
    for _ in 0..2 {
        assert_eq!(owner.browser.post(&path, &[("csrf", &csrf)]).await.status, StatusCode::OK);
        work(&house).await;
    }
    assert_eq!(sent(), 2, "the second click came too soon after the first");
    let log: Vec<&str> = house.log_since(count).await.into_iter().map(|it| it.1).collect();
    assert_eq!(log, ["user_viewed", "resent"]);
    let mail = house.service.mailer.sent().remove(1);
    assert!(mail.to == ADA && mail.text.contains(BASE_URL), "the link leads to the service");
}

#[tokio::test]
async fn who_is_unsubscribed_gets_no_mail_and_is_counted_so() {
    let (house, mut owner, id) = with_ada().await;
    let token = {
        let sent = house.service.mailer.sent();
        let (_, rest) = sent[0].text.split_once("/confirm?t=").expect("a link");
        rest.split(|letter: char| letter.is_whitespace() || letter == '&').next().expect("a token").to_owned()
    };
    house.service.api("/api/v1/confirmations", serde_json::json!({ "token": token })).await;
    work(&house).await;
    let count = house.entries().await.len();
    owner.browser.get(&format!("/admin/users/{id}")).await;
    let answer = owner.browser.submit("unsubscribe", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    work(&house).await;
    let user = ada(&house).expect("a user");
    assert_eq!(user.state, State::Unsubscribed);
    assert!(user.ended_at.is_some());
    assert_eq!(house.service.census().await.states.get(&State::Unsubscribed), Some(&1));
    // Once more changes nothing, and is not said to.
    let csrf = owner.browser.csrf();
    owner.browser.post(&format!("/admin/users/{id}/unsubscribe"), &[("csrf", &csrf)]).await;
    assert_eq!(ada(&house), Some(user));
    let log: Vec<_> = house.log_since(count).await.into_iter().map(|it| (it.1, it.2)).collect();
    assert_eq!(log, [("user_viewed", Some(id.clone())), ("unsubscribed", Some(id))]);
}

#[tokio::test]
async fn who_is_erased_leaves_nothing_but_a_line_in_the_log() {
    let (house, mut owner, id) = with_ada().await;
    let count = house.entries().await.len();
    let path = format!("/admin/users/{id}/erase");
    owner.browser.get(&path).await;
    for wrong in ["", "erase", "ada", "grace@example.com"] {
        let answer = owner.browser.submit("erase", &[("confirm", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert!(ada(&house).is_some() && house.entries().await.len() == count);
    let answer = owner.browser.submit("erase", &[("confirm", "Ada@Example.com")]).await;
    assert_eq!(answer.header("location"), "../../../admin/users?erased=1");
    assert!(owner.browser.follow(answer).await.body.contains("Nobody has signed up yet"));
    assert!(house.store.users().is_empty());
    assert_eq!(house.service.census().await.received(), 0);
    assert_eq!(house.log_since(count).await, [(owner.email.clone(), "erased", Some(id.clone()))]);
    assert!(!house.held().await.contains("ada@") && !house.held().await.contains("Lovelace"));
    // What is gone cannot be erased, mailed or looked at.
    let csrf = owner.browser.csrf();
    for action in ["erase", "resend", "unsubscribe"] {
        let pairs = [("csrf", csrf.as_str()), ("confirm", "ERASE")];
        let answer = owner.browser.post(&format!("/admin/users/{id}/{action}"), &pairs).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{action}");
    }
    assert_eq!(house.entries().await.len(), count + 1);
    // The address may come back, as somebody new.
    house.clock().forward(7_200);
    house.service.form("/sign-up", &form()).await;
    assert_eq!(ada(&house).map(|user| user.state), Some(State::Pending));
}

#[tokio::test]
async fn an_erasure_without_a_fresh_proof_asks_for_it_and_goes_on_from_there() {
    let (house, mut owner) = House::with_owner().await;
    let id = house.keep(user(1, ADA, "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    house.clock().forward(301);
    let answer = owner.browser.get(&format!("/admin/users/{id}/erase")).await;
    let page = owner.browser.follow(answer).await.body;
    assert!(page.contains("Is it you?"));
    let code = house.code(&owner);
    let answer = owner.browser.submit("prove", &[("password", super::house::PASSWORD), ("code", &code)]).await;
    assert!(owner.browser.follow(answer).await.body.contains("Erase this user?"));
    owner.browser.submit("erase", &[("confirm", "ERASE")]).await;
    assert!(house.store.users().is_empty());
}
