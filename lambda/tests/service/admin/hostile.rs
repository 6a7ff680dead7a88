//! What nobody's browser sends: hostile values on every page, headers, bodies, methods and paths that are none, and a
//! store that fails.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use signup_service::admin::Role;
use signup_service::store::StoreError;
use signup_service::user::{ConsentGiven, FieldValue, State};

use super::browser::{FORM, encoded};
use super::house::{ELSEWHERE, House, OWNER, PASSWORD, user};
use super::tried::Tried;
use crate::support::service::Failing;

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' style='x'{{1234*3}}${1234*3}</title>";

#[tokio::test]
async fn nothing_that_somebody_typed_is_markup_on_any_page_of_an_admins() {
    let (house, owner) = House::with_owner().await;
    let text = || FieldValue::Text(HOSTILE.into());
    let mut eve = user(1, HOSTILE, HOSTILE, "GB", State::Confirmed, "2026-11-22T09:00:00Z");
    let names = house.service.worker.config.form.fields.iter().map(|field| field.name.clone());
    let names: Vec<String> = names.filter(|name| !["email", "nationality"].contains(&name.as_str())).collect();
    for name in &names {
        eve.answers.fields.insert(name.clone(), text());
    }
    eve.answers.fields.insert("topics".into(), FieldValue::Choices(vec![HOSTILE.into(), HOSTILE.into()]));
    eve.answers.fields.insert(HOSTILE.into(), text());
    eve.answers.consent = Some(ConsentGiven { text: HOSTILE.into(), version: HOSTILE.into() });
    eve.answers.language = Some(HOSTILE.into());
    let id = house.keep(eve).await;
    let mut browser = owner.browser.clone();
    browser.agent = HOSTILE.into();
    let mut browser = house.sign_in(&owner, browser).await;
    let columns: Vec<(&str, &str)> = names.iter().map(|name| ("col", name.as_str())).collect();
    let value = encoded(&[("value", HOSTILE), ("next", HOSTILE), ("older", HOSTILE)]);
    let search = encoded(&[("by", "search"), ("value", HOSTILE)]);
    let paths = [
        "/admin/dashboard".to_owned(),
        format!("/admin/users?{}&col=page-language&col=state-of-user", encoded(&columns)),
        format!("/admin/users?{search}"),
        format!("/admin/users?{value}&by={search}"),
        format!("/admin/users/{id}"),
        format!("/admin/users/{id}/erase"),
        format!("/admin/export?{search}"),
        format!("/admin/prove?{value}"),
        format!("/admin/sign-in?{value}"),
        format!("/admin/{}", encoded(&[(HOSTILE, HOSTILE)]).replace('=', "/")),
        "/admin/security".to_owned(),
        "/admin/audit".to_owned(),
    ];
    for path in paths {
        is_harmless(&browser.get(&path).await.body, &path);
    }
    browser.get("/admin/set-up").await;
    is_harmless(&browser.submit("set-up", &[("token", HOSTILE)]).await.body, "a set-up");
    // It was shown, in another form.
    assert!(browser.get(&format!("/admin/users/{id}")).await.body.matches("&#60;script&#62;").count() > 12);
    assert!(browser.get("/admin/security").await.body.contains("&#60;script&#62;"));
    browser.get("/admin/security").await;
    let answer = browser.submit("admins/add", &[("email", HOSTILE), ("role", "viewer")]).await;
    assert!(answer.body.contains("&#60;script&#62;"));
    is_harmless(&answer.body, "an address that is none");
    let mut door = house.browser(ELSEWHERE);
    door.get("/admin/sign-in").await;
    let answer = door.submit("sign-in", &[("email", HOSTILE), ("password", HOSTILE), ("code", HOSTILE)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    is_harmless(&answer.body, "a name that is none");
    browser.get("/admin/export.csv").await;
    is_harmless(&browser.get("/admin/audit").await.body, "the log of it");
}

fn is_harmless(page: &str, what: &str) {
    let ours = page.matches("session.js?v=0123456789ab\" defer></script>").count();
    assert!(ours <= 1 && page.matches("<script").count() == ours, "another script: {what}");
    for raw in [HOSTILE, "<img src=x", "onerror=alert(1)>", "style='x'"] {
        let found = page.find(raw).map(|at| page[at.saturating_sub(40)..].chars().take(120).collect::<String>());
        assert_eq!(found, None, "{raw} of {what}");
    }
    assert!(!page.contains("3702"), "a template was run: {what}");
}

#[tokio::test]
async fn no_value_makes_a_header() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let search = browser.search("/admin/users", "a\r\nSet-Cookie: a=b").await;
    let broken = "users?x=%0D%0ASet-Cookie:%20a=b";
    for path in [
        &search,
        &search.replace("/admin/users", "/admin/export.csv"),
        "/admin/users?by=search&value=a%0D%0ASet-Cookie:%20a=b",
        "/admin/users/%0D%0ASet-Cookie:%20a=b",
    ] {
        let answer = browser.get(path).await;
        assert!(!answer.headers.contains_key("set-cookie"), "{path}");
    }
    let mut nobody = house.browser(ELSEWHERE);
    let answer = nobody.get(&format!("/admin/{broken}")).await;
    let location = answer.header("location");
    assert!(!location.contains(['\r', '\n']) && location.starts_with("../admin/sign-in"), "{location}");
    nobody.follow(answer).await;
    let code = house.code(&owner);
    let answer = nobody.submit("sign-in", &[("email", OWNER), ("password", PASSWORD), ("code", &code)]).await;
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert!(!answer.header("location").contains(['\r', '\n']));
}

#[tokio::test]
async fn a_cookie_that_is_none_is_nobody() {
    let (house, owner) = House::with_owner().await;
    let good = owner.browser.jar["__Host-admin"].clone();
    let (id, secret) = good.split_once('.').expect("two parts");
    let zero = "0".repeat(32);
    for cookie in [
        String::new(),
        ".".into(),
        id.into(),
        format!("{id}."),
        format!("{zero}.{secret}"),
        format!("{id}.{}", "A".repeat(43)),
        format!("{id}.{secret}A"),
        format!("{}.{secret}", id.to_uppercase()),
        "x".repeat(5_000),
    ] {
        let mut browser = house.browser(ELSEWHERE);
        browser.jar.insert("__Host-admin".into(), cookie.clone());
        assert_eq!(browser.get("/admin/users").await.status, StatusCode::SEE_OTHER, "{cookie}");
    }
    // Without its prefix a cookie could come from a sister host.
    let mut browser = house.browser(ELSEWHERE);
    browser.jar.insert("admin".into(), good);
    assert_eq!(browser.get("/admin/users").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_long_is_refused_and_changes_nothing() {
    let (house, owner) = House::with_owner().await;
    let id = house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut browser = owner.browser.clone();
    browser.get("/admin/dashboard").await;
    let csrf = browser.csrf();
    let (before, count) = (house.held_but_log().await, house.entries().await.len());
    let form = encoded(&[("csrf", &csrf), ("confirm", "ERASE")]);
    let json = serde_json::json!({ "csrf": csrf, "confirm": "ERASE" }).to_string();
    for path in [format!("/admin/users/{id}/erase"), "/admin/sign-out".into(), "/admin/sign-in".into()] {
        for (kind, body) in [
            ("", form.as_str()),
            ("text/plain", form.as_str()),
            ("application/json", json.as_str()),
            ("multipart/form-data; boundary=x", form.as_str()),
        ] {
            let mut request = Request::post(&path).header("sec-fetch-site", "same-origin");
            if !kind.is_empty() {
                request = request.header("content-type", kind);
            }
            let answer = browser.send(request, body.to_owned()).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind} to {path}");
        }
        let long = format!("{form}&x={}", "x".repeat(300 * 1024));
        let answer = browser.send(Request::post(&path).header("content-type", FORM), long).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let bytes = Body::from(vec![0xff_u8; 64]);
        let answer = browser.send(Request::post(&path).header("content-type", FORM), bytes).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(house.held_but_log().await, before);
    // What cannot be read holds no token, and is refused as a form of another page: in the log, but for the door's.
    let log: Vec<&str> = house.log_since(count).await.iter().map(|it| it.1).collect();
    assert_eq!(log, ["refused", "refused"]);
}

#[tokio::test]
async fn a_very_long_password_costs_no_more_than_its_reading() {
    let house = House::new();
    let link = house.invite(OWNER, Role::Owner).await;
    let mut browser = house.browser(ELSEWHERE);
    browser.open_link(&link).await;
    let long = "x".repeat(80_000);
    let answer = browser.submit("set-up", &[("password", &long), ("again", &long)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Use a shorter password"));
    browser.get("/admin/sign-in").await;
    let answer = browser.submit("sign-in", &[("email", &long), ("password", &long), ("code", &long)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_method_is_told_which_there_are_and_changes_nothing() {
    let (house, owner) = House::with_owner().await;
    let id = house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut browser = owner.browser.clone();
    let before = house.held().await;
    let (resend, erase) = (format!("/admin/users/{id}/resend"), format!("/admin/users/{id}/erase"));
    for (method, path, allowed) in [
        ("GET", "/admin/sign-out", "POST"),
        ("HEAD", "/admin/sign-out", "POST"),
        ("GET", &resend, "POST"),
        ("GET", "/admin/security/admins/remove", "POST"),
        ("POST", "/admin/dashboard", "GET,HEAD"),
        ("POST", "/admin/export.csv", "GET,HEAD"),
        ("DELETE", &erase, "GET,HEAD,POST"),
        ("PUT", "/admin/sign-in", "GET,HEAD,POST"),
        ("OPTIONS", "/admin/users", "GET,HEAD"),
        ("TRACE", "/admin/users", "GET,HEAD"),
        ("BREW", "/admin/users", "GET,HEAD"),
    ] {
        let answer = browser.send(Request::builder().method(method).uri(path), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        assert!(method == "HEAD" || answer.body.contains("Sign out"), "{method} {path}");
    }
    // A header that would change the method changes nothing.
    for header in ["x-http-method-override", "x-method-override"] {
        let request = Request::get(&erase).header(header, "POST");
        assert_eq!(browser.send(request, Body::empty()).await.status, StatusCode::OK);
    }
    assert_eq!(house.held().await, before);
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let (house, owner) = House::with_owner().await;
    let (mut browser, mut nobody) = (owner.browser.clone(), house.browser(ELSEWHERE));
    for path in ["/admin/dashboard", "/admin/users", "/admin/security", "/admin/sign-in", "/admin/export.csv"] {
        let head = Request::builder().method("HEAD").uri(path);
        assert_eq!(browser.send(head, Body::empty()).await.status, StatusCode::OK, "{path}");
        let head = Request::builder().method("HEAD").uri(path);
        let expected = if path.ends_with("sign-in") { StatusCode::OK } else { StatusCode::SEE_OTHER };
        assert_eq!(nobody.send(head, Body::empty()).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_not_found_and_never_another_page() {
    let (house, owner) = House::with_owner().await;
    let id = house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut browser = owner.browser.clone();
    let before = house.held().await;
    let deep = "/x".repeat(2_000);
    for path in [
        "/admin/users/../dashboard".to_owned(),
        "/admin/users/%2e%2e/dashboard".into(),
        "/admin/users/..%2Fdashboard".into(),
        "/admin//dashboard".into(),
        "//admin/dashboard".into(),
        "/ADMIN/dashboard".into(),
        "/admin/dashboard/".into(),
        "/admin/dashboard%00".into(),
        "/admin/dashboard;x=1".into(),
        "/admin/users/".into(),
        "/admin/users/%00".into(),
        "/admin/users/%FF".into(),
        "/admin/users/%FF/erase".into(),
        "/admin/users/x%2Fy".into(),
        format!("/admin/users/{id}%2Ferase"),
        format!("/admin/users/{id}/"),
        format!("/admin/users/{id}%00"),
        format!("/admin/users/{}", id.to_string().to_uppercase().replace('0', "A")),
        format!("/admin/users/{}", "0".repeat(31)),
        format!("/admin/users/{}", "0".repeat(3_000)),
        format!("/admin{deep}"),
        "/admin/style.css".into(),
        "/etc/passwd".into(),
        "/.git/config".into(),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("Not found") && answer.body.contains("To the dashboard"), "{path}");
    }
    assert_eq!(house.held().await, before);
}

#[tokio::test]
async fn what_fails_is_said_to_an_admin_and_its_cause_to_nobody() {
    let (house, owner) = House::with_owner().await;
    let id = house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let failing = |error, call| {
        let failing = Failing::of(&house.service, error, [(call, 99)]);
        Arc::new(Failing { inner: house.store.clone(), ..failing })
    };
    for (call, path) in [
        ("counters", "/admin/dashboard".to_owned()),
        ("list_users", "/admin/users".into()),
        ("load", format!("/admin/users/{id}")),
        ("list_users", "/admin/export.csv".into()),
    ] {
        let broken = house.router_over(failing(StoreError::new("do this", "secret cause"), call), house.store.clone());
        let mut browser = owner.browser.before(broken);
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(answer.body.contains("Something went wrong") && answer.body.contains("Sign out"), "{path}");
        assert!(!answer.body.contains("secret cause") && !answer.body.contains("do this"), "{path}");
        let busy = house.router_over(failing(StoreError::busy("do this", "secret cause"), call), house.store.clone());
        let mut browser = owner.browser.before(busy);
        let answer = browser.get(&path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{path}");
        assert!(answer.body.contains("Sign out"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_logged_is_not_done() {
    let (house, owner, viewer) = House::with_both().await;
    let id = house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let other = house.desk.admins.id(&signup_service::address::Address::parse(&viewer.email).expect("an address"));
    let other = other.to_string();
    let tried = Tried::over(house.store.clone());
    *tried.fails.lock().expect("no panic while held") = Some("entry");
    let mut browser = owner.browser.before(house.router_over(house.store.clone(), tried));
    browser.get("/admin/dashboard").await;
    let csrf = browser.csrf();
    let before = house.held().await;
    for action in ["erase", "unsubscribe"] {
        let pairs = [("csrf", csrf.as_str()), ("confirm", "ERASE")];
        let answer = browser.post(&format!("/admin/users/{id}/{action}"), &pairs).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{action}");
    }
    let password =
        [("current", PASSWORD), ("password", "nine red dahlias at dawn"), ("again", "nine red dahlias at dawn")];
    let forms: [(&str, &[(&str, &str)]); 7] = [
        ("password", &password),
        ("recovery-codes", &[]),
        ("sessions/revoke", &[("session", "others")]),
        ("admins/add", &[("email", "new@example.com"), ("role", "owner")]),
        ("admins/role", &[("admin", &other), ("role", "owner")]),
        ("admins/reset", &[("admin", &other)]),
        ("admins/remove", &[("admin", &other)]),
    ];
    for (form, pairs) in forms {
        let pairs = [pairs, &[("csrf", csrf.as_str())]].concat();
        let answer = browser.post(&format!("/admin/security/{form}"), &pairs).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{form}");
    }
    for path in ["/admin/export.csv".to_owned(), "/admin/export.json".into(), format!("/admin/users/{id}")] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(!answer.body.contains("ada@example.com"), "{path}");
    }
    assert_eq!(house.held().await, before);
}

/// The session cannot be looked up: nobody is let in, and nobody is sent to sign in anew.
#[tokio::test]
async fn while_sessions_cannot_be_read_nobody_is_let_in() {
    let (house, owner) = House::with_owner().await;
    let tried = Tried::over(house.store.clone());
    *tried.fails.lock().expect("no panic while held") = Some("load_session");
    let mut browser = owner.browser.before(house.router_over(house.store.clone(), tried));
    for path in ["/admin/dashboard", "/admin/users", "/admin/export.csv", "/admin/audit"] {
        assert_eq!(browser.get(path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    assert_eq!(browser.get("/admin/nothing").await.status, StatusCode::NOT_FOUND);
}
