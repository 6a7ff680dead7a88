//! A file as a front without a bound sends it: one, a page at a time, whole or broken off for everybody to see.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use serde_json::Value;
use signup_service::ledger::Ledger;
use signup_service::store::StoreError;
use signup_service::user::State;
use signup_service::web::admin::admin_router;

use super::browser::Browser;
use super::house::{House, desk, user};
use crate::support::service::Failing;

/// More than any file of a bounded front holds.
const USERS: u64 = 20_000;

/// Users of one page, see `web/admin/file.rs`.
const READ: u64 = 500;

/// A house with a crowd, an owner before a front that sends while it reads, and the store that this front asks.
async fn open_front() -> (House, Browser, Arc<Failing>) {
    let (house, owner) = House::with_owner().await;
    for number in 0..USERS {
        let at = format!("2026-11-{:02}T{:02}:00:00Z", 1 + number % 20, number % 24);
        let email = format!("ada{number:05}@example.com");
        house.keep(user(number, &email, "Ada", "FR", State::Confirmed, &at)).await;
    }
    let failing = Failing::of(&house.service, StoreError::new("list users", "no reason"), []);
    let store = Arc::new(Failing { inner: house.store.clone(), ..failing });
    let worker = &house.service.worker;
    let ledger = Ledger { store: store.clone(), ..worker.ledger.clone() };
    let mut desk = desk((*worker.config).clone(), ledger, house.store.clone(), worker.journal.clone());
    Arc::get_mut(&mut desk).expect("nobody else has it").file = None;
    let browser = owner.browser.before(admin_router(desk));
    (house, browser, store)
}

/// What a browser is sent, as it comes.
async fn sent(browser: &Browser, path: &str) -> BodyDataStream {
    let answer = browser.unread(Request::get(path), Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.into_body().into_data_stream()
}

/// How often the store was asked for a page of users.
fn asked(store: &Failing) -> usize {
    store.calls.lock().expect("no panic while held").iter().filter(|call| **call == "list_users").count()
}

#[tokio::test]
async fn a_file_is_sent_in_pages_that_are_read_when_the_one_before_was_taken() {
    let (_house, browser, store) = open_front().await;
    let mut body = sent(&browser, "/admin/export.json").await;
    let (mut file, mut taken) = (Vec::new(), 0);
    assert_eq!(asked(&store), 1, "a page is there before the answer is");
    while let Some(part) = body.next().await {
        let part = part.expect("a part");
        assert!(part.len() < 600_000, "{} bytes are no page", part.len());
        file.extend(part);
        taken += 1;
        assert!(asked(&store) <= taken + 1, "{} pages are read while {taken} are taken", asked(&store));
    }
    assert!(taken as u64 >= USERS / READ, "{taken} parts");
    let users: Vec<Value> = serde_json::from_slice(&file).expect("JSON");
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    users.iter().for_each(|user| *found.entry(user["id"].as_str().expect("an id")).or_default() += 1);
    assert_eq!((users.len() as u64, found.len() as u64), (USERS, USERS), "everybody once");
}

#[tokio::test]
async fn the_page_offers_one_file_and_says_how_large_it_will_be() {
    let (_house, mut browser, _store) = open_front().await;
    let page = browser.get("/admin/export").await.body;
    assert_eq!(["export.csv", "export.json"].map(|file| page.matches(file).count()), [1, 1], "one file of each format");
    assert!(page.contains("20,000 users") && page.contains("about 10 MB"), "{page}");
    let page = browser.get("/admin/export?by=day&value=2026-11-01").await.body;
    assert!(page.contains("1,000 users") && !page.contains("MB"));
    let search = browser.search("/admin/export", "ada").await;
    let csv = browser.get(&search.replace("/export", "/export.csv")).await.body;
    assert_eq!(csv.lines().count() as u64, 1 + USERS, "by name and by address, and nobody twice");
}

#[tokio::test]
async fn a_file_that_breaks_off_ends_with_an_error_and_is_never_short() {
    let (_house, mut browser, store) = open_front().await;
    let mut body = sent(&browser, "/admin/export.csv").await;
    for _ in 0..3 {
        assert!(body.next().await.expect("a part").is_ok());
    }
    let fail = || store.fails.lock().expect("no panic while held").insert("list_users", 1);
    fail();
    assert!(body.next().await.expect("an end").is_err());
    assert!(body.next().await.is_none());
    // What is wrong from the beginning is an answer of its own.
    fail();
    assert_eq!(browser.get("/admin/export.csv").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
