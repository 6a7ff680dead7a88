//! Known addresses, in memory: nothing of them is told, nothing of theirs is overwritten, nobody is mailed too often.

use crate::support::service::Service;
use crate::support::{config, small_config};
use axum::http::StatusCode;
use serde_json::{Value, json};
use signup_service::user::{RESEND_PAUSE, STREAM_GRACE, State};

const ADA: &str = "ada@example.com";

/// A service that knows Ada's address in this state.
async fn service_with(state: Option<State>) -> Service {
    let service = Service::new(small_config());
    service.bring(ADA, state).await;
    service
}

#[tokio::test]
async fn a_confirmed_user_is_changed_by_the_mailbox_alone_and_told_at_most_once_a_day() {
    let service = service_with(Some(State::Confirmed)).await;
    let age = || service.users()[0].answers.fields["age"].clone();
    let before = age();
    for hour in 0..48 {
        service.api("/api/v1/sign-ups", json!({ "email": ADA, "age": 40 + hour })).await;
        service.work().await;
        service.sweep().await;
        service.clock.forward(3_600);
    }
    assert_eq!(age(), before);
    // The confirmation, and a notice for each whole day since.
    assert_eq!(service.mailer.sent().len(), 2);
    service.clock.forward(STREAM_GRACE);
    service.sweep().await;
    assert_eq!(service.mailer.sent().len(), 3);
    assert!(service.mailer.sent()[2].text.contains("&update=1"), "{}", service.mailer.sent()[2].text);
    let answer = service.form("/confirm", &format!("t={}", service.token())).await;
    assert_eq!(answer.header("location"), "welcome");
    assert_eq!(age(), signup_service::user::FieldValue::Integer(87));
}

#[tokio::test]
async fn whoever_waits_is_mailed_again_on_request_but_not_at_once() {
    let service = service_with(Some(State::Pending)).await;
    for (seconds, mails) in [(10, 1), (RESEND_PAUSE, 2), (RESEND_PAUSE, 2), (3_600, 3), (3_600, 3)] {
        service.clock.forward(seconds);
        let page = service.form("/resend", "email=ADA%40example.com").await;
        assert!(page.status == StatusCode::OK && page.body.contains("value=\"ADA@example.com\""), "{}", page.body);
        service.work().await;
        assert_eq!(service.mailer.sent().len(), mails);
    }
    let page = service.form("/resend", "email=nobody").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(service.api("/api/v1/resends", json!({})).await.json()["errors"][0]["code"], "required");
}

#[tokio::test]
async fn six_digits_confirm_and_five_wrong_ones_end_them() {
    let service = service_with(Some(State::Pending)).await;
    let code = service.code();
    let spaced = format!("email=ada%40example.com&code={}+{}", &code[..3], &code[3..]);
    let answer = service.form("/confirm", &spaced).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "welcome"));
    assert_eq!(service.users()[0].state, State::Confirmed);
    assert_eq!(service.form("/confirm", &spaced).await.header("location"), "welcome", "a button is pressed twice");
    let answer = service.api("/api/v1/confirmations", json!({ "email": ADA, "code": code })).await;
    assert_eq!(answer.json(), json!({ "status": "confirmed" }));
    let service = service_with(Some(State::Pending)).await;
    let code = service.code();
    let wrong = if code == "123456" { "123457" } else { "123456" };
    for _ in 0..5 {
        let answer = service.api("/api/v1/confirmations", json!({ "email": ADA, "code": wrong })).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let answer = service.api("/api/v1/confirmations", json!({ "email": ADA, "code": code })).await;
    assert_eq!((answer.status, service.users()[0].state), (StatusCode::NOT_FOUND, State::Pending));
    let answer = service.api("/api/v1/confirmations", json!({ "token": service.token() })).await;
    assert_eq!(answer.status, StatusCode::OK, "the link still works");
}

#[tokio::test]
async fn nobody_types_an_address_twice() {
    let service = Service::new(small_config());
    let answer = service.form("/sign-up", "email=ada%40example.com").await;
    let (_, user) = answer.header("location").split_once("?u=").expect("whose it is");
    service.work().await;
    let wrong = service.form("/confirm", &format!("u={user}&code=000000")).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains(user), "{}", wrong.body);
    assert!(service.form("/resend", &format!("u={user}")).await.body.contains(user));
    let answer = service.form("/confirm", &format!("u={user}&code={}", service.code())).await;
    assert_eq!((answer.header("location"), service.users()[0].state), ("welcome", State::Confirmed));
}

#[tokio::test]
async fn codes_cannot_be_guessed_by_many_tries() {
    let budget = small_config().security.budgets.ip_per_hour;
    let service = service_with(Some(State::Pending)).await;
    for number in 0..=budget {
        let guess = format!("email=u{number}%40example.com&code=123456");
        let status = service.form("/confirm", &guess).await.status;
        let expected = if number < budget { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(status, expected, "try {number}");
    }
}

#[tokio::test]
async fn who_has_no_sign_ups_left_can_still_confirm() {
    let service = service_with(Some(State::Pending)).await;
    let mut last = StatusCode::OK;
    for number in 0..small_config().security.budgets.unproven_per_hour {
        last = service.api("/api/v1/sign-ups", json!({ "email": format!("u{number}@example.com") })).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let answer = service.api("/api/v1/confirmations", json!({ "email": ADA, "code": service.code() })).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn one_click_stops_all_mail() {
    let service = service_with(Some(State::Confirmed)).await;
    let mime = String::from_utf8(service.mailer.sent()[0].mime()).expect("ASCII");
    assert!(mime.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{mime}");
    let token = service.unsubscribe_token();
    let page = service.get(&format!("/unsubscribe?t={token}")).await;
    assert!(page.status == StatusCode::OK && page.body.contains(&token));
    assert_eq!(service.users()[0].state, State::Confirmed, "reading the page changes nothing");
    let answer = service.form(&format!("/unsubscribe?t={token}"), "List-Unsubscribe=One-Click").await;
    assert_eq!((answer.status, service.users()[0].state), (StatusCode::OK, State::Unsubscribed));
    assert_eq!(service.form("/unsubscribe", &format!("t={token}")).await.status, StatusCode::OK, "twice is once");
    for wrong in ["", "AAAA", service.token().as_str()] {
        assert_eq!(service.form("/unsubscribe", &format!("t={wrong}")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(service.get(&format!("/unsubscribe?t={wrong}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_refused_address_is_never_mailed_again_and_nothing_of_it_is_kept() {
    let service = service_with(Some(State::Suppressed)).await;
    for _ in 0..3 {
        service.api("/api/v1/sign-ups", json!({ "email": ADA, "country": "FR" })).await;
        service.form("/resend", "email=ada%40example.com").await;
        service.work().await;
        service.sweep().await;
        service.clock.forward(2 * 86_400);
    }
    assert_eq!(service.mailer.sent().len(), 1);
    let kept = serde_json::to_string(&service.users()).expect("JSON");
    assert!(!kept.contains("ada@") && !kept.contains("FR"), "{kept}");
}

#[tokio::test]
async fn a_request_with_a_key_counts_once() {
    let service = Service::new(config());
    let ada = json!({ "full_name": "Ada Lovelace", "email": ADA, "age": 36, "nationality": "GB",
        "marital_status": "single", "consent": true });
    let send = async |key: &str, body: &Value| {
        let request = axum::http::Request::post("/api/v1/sign-ups").header("content-type", "application/json");
        let request = request.header("idempotency-key", key).body(axum::body::Body::from(body.to_string()));
        service.send(request.expect("a request")).await
    };
    let first = send("one", &ada).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let spent = service.users()[0].spent.count;
    for _ in 0..20 {
        let again = send("one", &ada).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    assert_eq!(service.users()[0].spent.count, spent, "no budget is eaten");
    let mut other = ada.clone();
    other["age"] = json!(37);
    let taken = send("one", &other).await;
    assert_eq!(
        (taken.status, taken.header("content-type")),
        (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json")
    );
    assert_eq!(send("two", &other).await.status, StatusCode::ACCEPTED);
    // A mistake is not held against its key.
    let mut wrong = ada.clone();
    wrong["age"] = json!("old");
    assert_eq!(send("three", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send("three", &ada).await.status, StatusCode::ACCEPTED);
    for key in ["", "two words", &"x".repeat(256)] {
        assert_eq!(send(key, &ada).await.status, StatusCode::BAD_REQUEST, "{key}");
    }
    service.clock.forward(86_401);
    assert_eq!(send("one", &other).await.status, StatusCode::ACCEPTED, "a day later the key is free");
}
