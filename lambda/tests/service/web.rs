//! The web app in memory, from form to welcome, and all that it refuses.

use crate::support::service::{ADA, Failing, Service};
use crate::support::{config, small_config};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use signup_service::census::Pair;
use signup_service::config::ConfirmationMode;
use signup_service::store::StoreError;
use signup_service::user::State;

#[tokio::test]
async fn a_person_signs_up_by_form_and_confirms_by_mail() {
    let service = Service::new(config());
    let answer = service.form("/sign-up", ADA).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").starts_with("sent?u="));
    let page = service.get(&format!("/{}", answer.header("location"))).await.body;
    assert!(page.contains("Check your mail") && !page.contains("type=\"email\""), "nobody types an address twice");
    service.work().await;
    service.work().await;
    let sent = service.mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.as_str(), sent[0].from.as_str()), ("Ada@example.com", "hello@example.com"));
    for typed in ["Ada", "Lovelace", "single"] {
        assert!(!sent[0].text.contains(typed) && !sent[0].html.contains(typed) && !sent[0].subject.contains(typed));
    }
    let token = service.token();
    let page = service.get(&format!("/confirm?t={token}")).await;
    assert!(page.status == StatusCode::OK && page.body.contains(&token));
    assert_eq!(service.users()[0].state, State::Pending, "reading the page changes nothing");
    let answer = service.form("/confirm", &format!("t={token}")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "welcome"));
    assert!(service.get("/welcome").await.body.contains("You are in"));
    let again = service.form("/confirm", &format!("t={token}")).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "welcome"));
    let users = service.users();
    let answers = &users[0].answers;
    assert_eq!((users.len(), users[0].state, answers.email.as_str()), (1, State::Confirmed, "Ada@Example.com"));
    assert_eq!(answers.consent.as_ref().expect("kept").version, "2");
    service.work().await;
    let census = service.census().await;
    let one = Pair { received: 1, confirmed: 1 };
    assert_eq!((census.confirmed(), census.countries["GB"], census.days["2026-11-22"]), (1, one, one));
    assert_eq!(service.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_program_signs_up_and_confirms_by_api() {
    let service = Service::new(small_config());
    let answer = service.api("/api/v1/sign-ups", json!({ "email": "ada@example.com", "age": 36 })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "status": "confirmation_sent" })));
    service.work().await;
    let answer = service.api("/api/v1/confirmations", json!({ "token": service.token() })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "confirmed" })));
    let unknown = service.api("/api/v1/confirmations", json!({ "token": "nonsense" })).await;
    assert_eq!((unknown.status, unknown.header("content-type")), (StatusCode::NOT_FOUND, "application/problem+json"));
}

#[tokio::test]
async fn mistakes_come_back_with_the_form_as_typed() {
    let service = Service::new(config());
    let answer = service.form("/sign-up", "full_name=%3Cb%3EAda&email=nobody&age=7&nationality=FR").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in
        ["role=\"alert\"", "href=\"#field-email\"", "&#60;b&#62;Ada", "value=\"nobody\"", "value=\"FR\" selected"]
    {
        assert!(answer.body.contains(part), "{part}");
    }
    assert!(service.users().is_empty());
    let answer = service.api("/api/v1/sign-ups", json!({ "email": "nobody", "age": 7, "x": 1 })).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let errors = answer.json()["errors"].as_array().expect("errors").clone();
    assert!(
        errors.contains(&json!({ "field": "age", "code": "too_low", "message": "Enter 18 or more" })),
        "{errors:?}"
    );
    assert!(errors.iter().any(|error| error["code"] == "unknown_field"));
}

#[tokio::test]
async fn a_body_is_of_the_right_type_and_size() {
    let service = Service::new(small_config());
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(300_000));
    let (deep, deeper) = ("[".repeat(200_000), "{\"a\":".repeat(40_000));
    let cases = [
        ("/sign-up", "application/json", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/sign-up", "multipart/form-data", "", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/sign-up", "application/x-www-form-urlencoded", large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        ("/api/v1/sign-ups", "text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/api/v1/sign-ups", "application/json", "{", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", "[]", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", "\u{1}", StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        ("/api/v1/sign-ups", "application/json", deep.as_str(), StatusCode::BAD_REQUEST),
        ("/api/v1/sign-ups", "application/json", deeper.as_str(), StatusCode::BAD_REQUEST),
        // What a page of another site can send without asking first.
        ("/api/v1/confirmations", "text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("/api/v1/resends", "application/x-www-form-urlencoded", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ];
    for (path, content_type, body, status) in cases {
        let answer = service.post(path, content_type, body).await;
        assert_eq!(answer.status, status, "{path} {content_type}");
        let problem = answer.header("content-type") == "application/problem+json";
        assert_eq!(problem, path.starts_with("/api/"));
    }
}

#[tokio::test]
async fn floods_are_turned_away_and_told_when_to_come_back() {
    let mut config = small_config();
    config.security.budgets.unproven_per_hour = 2;
    let service = Service::new(config);
    for name in ["a", "b"] {
        service.form("/sign-up", "email=not+an+address").await;
        let answer = service.form("/sign-up", &format!("email={name}%40example.com")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "mistakes cost nothing");
    }
    let page = service.form("/sign-up", "email=c%40example.com").await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "3600"));
    assert!(page.body.contains("value=\"c@example.com\"") && page.body.contains("in 60 min"));
    assert!(page.body.contains("<title>Error: ") && page.body.contains("role=\"alert\" tabindex=\"-1\" autofocus"));
    let api = service.api("/api/v1/sign-ups", json!({ "email": "c@example.com" })).await;
    assert_eq!((api.status, api.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "3600"));
    service.clock.forward(3_600);
    assert_eq!(service.form("/sign-up", "email=c%40example.com").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_that_expired_says_so() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.work().await;
    service.clock.forward(90_000);
    let token = service.token();
    let page = service.form("/confirm", &format!("t={token}")).await;
    assert!(page.status == StatusCode::GONE && page.body.contains("expired"));
    assert_eq!(service.api("/api/v1/confirmations", json!({ "token": token })).await.status, StatusCode::GONE);
    assert_eq!(service.get("/confirm?t=AAAA").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn addresses_of_forms_lead_to_the_form() {
    let service = Service::new(small_config());
    for path in ["/sign-up", "/confirm", "/confirm?t=", "/confirm?x=1"] {
        let answer = service.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "./"), "{path}");
    }
}

#[tokio::test]
async fn a_confirmation_without_a_token_names_the_field() {
    let service = Service::new(small_config());
    for (body, code) in
        [(json!({}), "required"), (json!({ "token": null }), "required"), (json!({ "token": 5 }), "wrong_type")]
    {
        let answer = service.api("/api/v1/confirmations", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("token"), &json!(code)));
    }
}

#[tokio::test]
async fn whoever_meets_a_busy_table_is_told_to_come_back() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.work().await;
    let (token, stop) = (service.token(), service.unsubscribe_token());
    let busy = service.router_over(Failing::of(&service, StoreError::busy("x", "y"), [("load", 9)]));
    let silent = service.router_over_silence();
    let mut service = service;
    for router in [busy, silent] {
        service = Service { router, ..service };
        let form = service.form("/sign-up", "email=bob%40example.com").await;
        assert_eq!((form.status, form.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert!(form.body.contains("value=\"bob@example.com\""), "what was typed is kept");
        for (path, body) in [("/confirm", format!("t={token}")), ("/unsubscribe", format!("t={stop}"))] {
            let page = service.form(path, &body).await;
            assert_eq!((page.status, page.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{path}");
        }
        for (path, body) in [
            ("/api/v1/sign-ups", json!({ "email": "bob@example.com" })),
            ("/api/v1/confirmations", json!({ "token": token })),
            ("/api/v1/confirmations", json!({ "email": "ada@example.com", "code": "123456" })),
            ("/api/v1/resends", json!({ "email": "ada@example.com" })),
        ] {
            let api = service.api(path, body).await;
            assert_eq!((api.status, api.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{path}");
            assert_eq!(api.header("content-type"), "application/problem+json");
        }
    }
    let router = service.router_over(Failing::of(&service, StoreError::new("x", "y"), [("load", 9)]));
    let broken = Service { router, ..service };
    let form = broken.form("/sign-up", "email=bob%40example.com").await;
    assert_eq!((form.status, form.header("retry-after")), (StatusCode::INTERNAL_SERVER_ERROR, ""));
}

#[tokio::test]
async fn without_confirmation_nobody_reads_of_one_and_the_brand_is_not_the_forms_title() {
    let mut config = small_config();
    config.confirmation.mode = ConfirmationMode::None;
    let service = Service::new(config);
    let answer = service.form("/sign-up", "email=ada%40example.com").await;
    assert_eq!(answer.header("location"), "welcome");
    let page = service.get("/welcome").await.body;
    assert!(page.contains("Thank you for signing up.") && !page.contains("confirmed"), "{page}");
    service.work().await;
    let mail = &service.mailer.sent()[0];
    assert!(!mail.text.contains("confirmed") && mail.subject == "Welcome to Small", "{mail:?}");
}

#[tokio::test]
async fn pages_speak_the_language_that_is_asked_for() {
    let mut config = config();
    for code in ["de", "ar"] {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("languages/{code}.json"));
        let text = std::fs::read(file).expect("a language");
        config.languages.push(serde_json::from_slice(&text).expect("a language"));
    }
    let service = Service::new(config);
    let page = service.get("/?lang=ar").await.body;
    assert!(page.contains("<html lang=\"ar\" dir=\"rtl\">") && page.contains("action=\"sign-up?lang=ar\""), "{page}");
    let accepting = Request::get("/").header("accept-language", "de-CH, fr;q=0.9").body(Body::empty());
    let page = service.send(accepting.expect("a request")).await.body;
    assert!(page.contains("<html lang=\"de\" dir=\"ltr\">") && page.contains("action=\"sign-up\""), "{page}");
    assert!(service.get("/?lang=xx").await.body.contains("<html lang=\"en\""));
    let answer = service.form("/sign-up?lang=de", ADA).await;
    let location = answer.header("location");
    assert!(location.starts_with("sent?u=") && location.ends_with("&lang=de"), "{location}");
    service.work().await;
    let mail = &service.mailer.sent()[0];
    assert!(mail.html.contains("lang=\"de\""), "{}", mail.html);
    assert_eq!(service.users()[0].answers.language.as_deref(), Some("de"));
}

#[tokio::test]
async fn a_form_is_the_same_for_whoever_comes_first_and_for_all_others_but_for_its_stamp() {
    let fresh = || {
        let mut config = config();
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("languages/ar.json");
        config.languages.push(serde_json::from_slice(&std::fs::read(file).expect("a language")).expect("a language"));
        Service::new(config)
    };
    let paths = ["/", "/?lang=ar", "/?lang=en", "/embed", "/embed?lang=ar", "/?embed=1"];
    let used = fresh();
    used.clock.forward(60);
    for path in paths.iter().chain(&paths) {
        used.get(path).await;
    }
    used.clock.forward(60);
    for path in paths {
        let new = fresh();
        new.clock.forward(120);
        let (first, later) = (new.get(path).await.body, used.get(path).await.body);
        assert!(first.contains(&format!("value=\"{}\"", used.stamp(0))), "{first}");
        assert_eq!(first, later, "{path}");
    }
    // What somebody typed is on nobody else's.
    let typed = used.form("/sign-up", "full_name=Grace").await.body;
    assert!(typed.contains("Grace") && !used.get("/").await.body.contains("Grace"));
}

#[tokio::test]
async fn what_is_sent_by_openapi_is_what_the_router_knows() {
    let service = Service::new(config());
    let document = service.get("/openapi.json").await.json();
    assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.1.0"), &json!("0123456789ab")));
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(path.as_str());
            let answer = service.send(request.body(Body::empty()).expect("a request")).await;
            assert!(![404, 405].contains(&answer.status.as_u16()), "{method} {path}");
            assert!(
                !operations[method]["responses"][answer.status.as_str()].is_null(),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}
