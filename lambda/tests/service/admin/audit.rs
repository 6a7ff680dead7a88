//! What the audit log says of what was refused and of what was searched for, and what the function's log repeats of it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use signup_service::admin::{Action, Cause, Role};
use signup_service::user::State;

use super::house::{HOME, House, OWNER, VIEWER, user};
use super::tried::Tried;

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn what_a_viewer_is_refused_is_one_entry_with_its_route_and_nothing_that_was_typed() {
    let (house, owner, viewer) = House::with_both().await;
    let id = house.keep(user(1, ADA, "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut vera = viewer.browser;
    vera.get("/admin/dashboard").await;
    let csrf = vera.csrf();
    let count = house.entries().await.len();
    vera.get("/admin/export?by=search&value=somebody").await;
    vera.get(&format!("/admin/users/{id}/erase?x=somebody")).await;
    let pairs = [("csrf", csrf.as_str()), ("email", "somebody@example.com"), ("role", "owner")];
    vera.post("/admin/security/admins/add?x=somebody", &pairs).await;
    vera.post("/admin/security/admins/add", &[("csrf", "somebody")]).await;
    let refused = |route: &str, cause| Action::Refused { route: route.into(), cause };
    let expected = [
        refused("/admin/export", Cause::Role),
        refused("/admin/users/{id}/erase", Cause::Role),
        refused("/admin/security/admins/add", Cause::Role),
        refused("/admin/security/admins/add", Cause::Form),
    ];
    assert_eq!(house.done_since(count).await, expected);
    let entries = house.entries().await;
    let log = format!("{:?}{:?}", &entries[count..], house.service.journal.lines());
    assert!(!log.contains("somebody") && entries[count..].iter().all(|entry| entry.admin == VIEWER));
    // An owner sees on the page who was refused what.
    let mut grace = owner.browser;
    let page = grace.get("/admin/audit").await.body;
    for told in ["Was not allowed", "Sent a form of another page", "/admin/users/{id}/erase", VIEWER] {
        assert!(page.contains(told), "{told}");
    }
}

#[tokio::test]
async fn a_refusal_stands_when_it_cannot_be_logged() {
    let (house, _, viewer) = House::with_both().await;
    let tried = Tried::over(house.store.clone());
    *tried.fails.lock().expect("no panic while held") = Some("entry");
    let mut vera = viewer.browser.before(house.router_over(house.store.clone(), tried.clone()));
    tried.take();
    assert_eq!(vera.get("/admin/export.csv").await.status, StatusCode::FORBIDDEN);
    assert_eq!(tried.take().iter().filter(|call| **call == "entry").count(), 1, "it costs one write");
}

#[tokio::test]
async fn of_a_search_that_was_exported_the_log_holds_that_it_was_one() {
    let (house, owner) = House::with_owner().await;
    house.keep(user(1, ADA, "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut grace = owner.browser;
    let search = grace.search("/admin/export", ADA).await;
    let search = format!("{}&on=2026-11&x=ada%40example.com", search.trim_start_matches("/admin/export?"));
    let count = house.entries().await.len();
    for query in [
        &search,
        "by=day&value=2026-11-01&on=2026-11-01T10",
        "by=country&value=GB",
        "by=state&value=confirmed&on=2026-11",
        "x=ada%40example.com",
    ] {
        assert_eq!(grace.get(&format!("/admin/export.csv?{query}")).await.status, StatusCode::OK, "{query}");
    }
    let filters = house.done_since(count).await.into_iter().map(|action| match action {
        Action::Exported { filter, .. } => filter,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        filters.collect::<Vec<String>>(),
        [
            "by=search&on=2026-11",
            "by=day&value=2026-11-01&on=2026-11-01T10",
            "by=country&value=GB",
            "by=state&value=confirmed&on=2026-11",
            ""
        ]
    );
    let page = grace.get("/admin/audit").await.body;
    let words = [
        ", search 2026-11",
        ", day 2026-11-01 2026-11-01T10",
        ", country GB",
        ", state confirmed 2026-11",
        ", everybody",
    ];
    for words in words {
        assert!(page.contains(&format!("Exported users: CSV{words}<")), "{words}");
    }
}

/// The lines of the function's log that repeat the audit log, without their times.
fn told(house: &House) -> Vec<Value> {
    let lines = house.service.journal.lines().into_iter().filter(|line| line["message"] == "audit");
    let bare = |mut line: Value| {
        assert!(line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
        line.as_object_mut()
            .expect("an object")
            .retain(|name, _| !["timestamp", "level", "message"].contains(&&**name));
        line
    };
    lines.map(bare).collect()
}

#[tokio::test]
async fn each_entry_is_a_line_of_the_functions_log_too_without_any_address() {
    let (house, owner) = House::with_owner().await;
    let id = house.keep(user(1, ADA, "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let mut grace = owner.browser.clone();
    let (count, before) = (house.entries().await.len(), told(&house).len());
    assert_eq!(count, before, "also of the set-up");
    grace.get(&format!("/admin/users/{id}")).await;
    grace.get("/admin/export.json?by=country&value=GB").await;
    grace.get("/admin/security").await;
    grace.submit("admins/add", &[("email", VIEWER), ("role", "viewer")]).await;
    house.sign_in(&owner, house.browser(HOME)).await;
    let nobody = [("email", "nobody@example.com"), ("password", "x"), ("code", "1")];
    let mut stranger = house.browser(HOME);
    stranger.get("/admin/sign-in").await;
    stranger.submit("sign-in", &nobody).await;
    let ids = |email: &str| {
        let address = signup_service::address::Address::parse(email).expect("an address");
        house.desk.admins.id(&address).to_string()
    };
    let (admin, network) = (ids(OWNER), house.entries().await[count].network.clone().expect("a network"));
    let (vera, lines) = (ids(VIEWER), told(&house));
    let line = |mut line: Value, with: Value| {
        let line = line.as_object_mut().expect("an object");
        line.extend(with.as_object().expect("an object").clone());
        line.insert("network".into(), network.clone().into());
        Value::Object(line.clone())
    };
    let by_grace = json!({ "admin": admin });
    let expected = [
        line(by_grace.clone(), json!({ "action": "user_viewed", "user": id.to_string() })),
        line(by_grace.clone(), json!({ "action": "exported", "format": "json" })),
        line(by_grace.clone(), json!({ "action": "admin_added", "role": "viewer", "subject_admin": vera })),
        line(by_grace, json!({ "action": "signed_in", "new_place": false })),
        // Of a stranger's name nothing is kept but that it was tried.
        line(json!({}), json!({ "action": "sign_in_refused" })),
    ];
    assert_eq!(lines[before..], expected);
    assert_eq!(house.entries().await.len(), count + 4);
    let log = format!("{:?}", house.service.journal.lines());
    assert!(!log.contains("example.com") && !log.contains("by=country"), "{log}");
}

/// Nothing is told of what was not kept, and so was not done.
#[tokio::test]
async fn what_cannot_be_kept_is_not_told_either() {
    let (house, owner) = House::with_owner().await;
    house.add(VIEWER, Role::Viewer).await;
    let tried = Tried::over(house.store.clone());
    *tried.fails.lock().expect("no panic while held") = Some("entry");
    let mut grace = owner.browser.before(house.router_over(house.store.clone(), tried));
    let before = told(&house);
    assert_eq!(grace.get("/admin/export.csv").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(told(&house), before);
}
