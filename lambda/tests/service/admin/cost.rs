//! What a page costs: the same number of calls, queries and items read, however many users there are.

use std::sync::{Arc, Mutex};

use signup_service::census::Delta;
use signup_service::ledger::Ledger;
use signup_service::store::{DynamoStore, Saved, Store, StoreError};
use signup_service::user::State;
use signup_service::web::admin::admin_router;

use super::browser::Browser;
use super::house::{House, desk, user};
use super::tried::Tried;
use crate::support::meter::Meter;
use crate::support::service::Failing;
use crate::support::table;

/// The pages that show users, for which there are enough in any case, and what is searched for.
const PAGES: [&str; 9] = [
    "/admin/dashboard",
    "/admin/dashboard?days=365",
    "/admin/users",
    "/admin/users?by=state&value=confirmed",
    "/admin/users?by=country&value=FR",
    "/admin/users?by=day&value=2026-11-20",
    "search ada",
    "search uma 0",
    "/admin/export",
];

fn person(number: u64) -> signup_service::user::User {
    let email = format!("ada{number:06}@example.com");
    user(number, &email, &format!("Uma {number:06}"), "FR", State::Confirmed, "2026-11-20T10:00:00Z")
}

/// Where one of [`PAGES`] is.
async fn place(browser: &mut Browser, page: &str) -> String {
    match page.strip_prefix("search ") {
        Some(text) => browser.search("/admin/users", text).await,
        None => page.to_owned(),
    }
}

/// What each page asks of both stores with so many users, the page after it and the one before it too.
async fn asked(house: &House, owner: &Browser) -> Vec<(String, Vec<&'static str>)> {
    let failing = Failing::of(&house.service, StoreError::new("x", "y"), []);
    let calls: Arc<Mutex<Vec<&'static str>>> = failing.calls.clone();
    let tried = Tried::over(house.store.clone());
    let store = Arc::new(Failing { inner: house.store.clone(), ..failing });
    let mut browser = owner.before(house.router_over(store, tried.clone()));
    let mut asked = Vec::new();
    for path in PAGES {
        let first = path;
        let mut next = Some(place(&mut browser, path).await);
        for step in ["", "rel=\"next\"", "rel=\"prev\""] {
            let Some(path) = next.take() else { break };
            tried.take();
            calls.lock().expect("no panic while held").clear();
            let answer = browser.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            let mut both = calls.lock().expect("no panic while held").clone();
            both.extend(tried.take());
            both.sort_unstable();
            asked.push((format!("{step} of {first}"), both));
            let mark = if step.is_empty() { "rel=\"next\"" } else { "rel=\"prev\"" };
            next = browser.link(mark);
        }
    }
    asked
}

#[tokio::test]
async fn a_page_asks_the_store_as_often_with_a_hundred_users_as_with_a_hundred_thousand() {
    let (house, owner) = House::with_owner().await;
    let mut kept = 0;
    let mut few = None;
    for count in [100, 10_000, 100_000] {
        let mut delta = Delta::default();
        for number in kept..count {
            let user = person(number);
            delta.replace(None, user.counted.as_ref());
            assert_eq!(house.store.save(&user, None).await.expect("works"), Saved::Done);
        }
        house.store.adjust(&delta).await.expect("works");
        kept = count;
        let asked = asked(&house, &owner.browser).await;
        assert!(asked.len() > 20 && asked.iter().all(|(_, calls)| calls.len() <= 8), "{asked:?}");
        match &few {
            None => few = Some(asked),
            Some(few) => assert_eq!(*few, asked, "with {count}"),
        }
    }
}

/// Queries of the table, and items that it read for a page.
type Cost = (usize, u64);

#[tokio::test]
async fn a_page_of_the_table_takes_four_queries_and_a_hundred_items_at_most() {
    let client = table::client();
    let name = table::create(&client).await;
    let (house, owner) = House::with_owner().await;
    let plain = Arc::new(DynamoStore::new(client.clone(), &name, Some("full_name")));
    let meter = Meter::new();
    let metered = Arc::new(DynamoStore::new(meter.client(&client), &name, Some("full_name")));
    // Who is signed in is kept in the table as well.
    copy_admins(&house, &plain).await;
    let worker = &house.service.worker;
    let ledger = Ledger { store: metered.clone(), ..worker.ledger.clone() };
    let router = admin_router(desk((*worker.config).clone(), ledger, metered, worker.journal.clone()));
    let mut browser = owner.browser.before(router);
    let mut costs: Vec<Vec<(String, Cost)>> = Vec::new();
    let mut kept = 0;
    for count in [150, 500] {
        let mut delta = Delta::default();
        for number in kept..count {
            let user = person(number);
            delta.replace(None, user.counted.as_ref());
            assert_eq!(plain.save(&user, None).await.expect("works"), Saved::Done);
        }
        plain.adjust(&delta).await.expect("works");
        kept = count;
        let mut cost = Vec::new();
        for path in PAGES {
            let first = path;
            let mut next = Some(place(&mut browser, path).await);
            for mark in ["rel=\"next\"", "rel=\"prev\""] {
                let Some(path) = next.take() else { break };
                meter.take();
                assert_eq!(browser.get(&path).await.status, 200, "{path}");
                let spent = meter.take();
                assert!(spent.calls.iter().all(|call| call != "Scan"), "{path}: {:?}", spent.calls);
                let queries = spent.calls.iter().filter(|call| *call == "Query").count();
                assert!(queries <= 4 && spent.items <= 100, "{path}: {queries} queries, {} items", spent.items);
                cost.push((format!("{first} before {mark}"), (queries, spent.items)));
                next = browser.link(mark);
            }
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
}

async fn copy_admins(house: &House, to: &DynamoStore) {
    use signup_service::admin::AdminStore;
    for admin in house.store.list_admins().await.expect("works") {
        to.save_admin(&admin, None, None).await.expect("works");
        for session in house.store.list_sessions(admin.id).await.expect("works") {
            to.save_session(&session).await.expect("works");
        }
    }
}

/// The way back from the addresses to the last of the names, with neighbours of the names behind them.
#[tokio::test]
async fn a_search_of_the_table_pages_back_from_addresses_to_names() {
    let client = table::client();
    let name = table::create(&client).await;
    let (house, owner) = House::with_owner().await;
    let store = Arc::new(DynamoStore::new(client.clone(), &name, Some("full_name")));
    copy_admins(&house, &store).await;
    let at = "2026-11-20T10:00:00Z";
    for number in 0..30_u64 {
        let other =
            user(100 + number, &format!("z{number}@example.com"), &format!("Adz {number}"), "FR", State::Confirmed, at);
        assert_eq!(store.save(&other, None).await.expect("works"), Saved::Done);
    }
    for (number, email, called) in [(1, "n@example.com", "Ada Name"), (2, "ada@example.com", "Zoe")] {
        let user = user(number, email, called, "FR", State::Confirmed, at);
        assert_eq!(store.save(&user, None).await.expect("works"), Saved::Done);
    }
    let mut delta = Delta::default();
    delta.replace(None, person(1).counted.as_ref());
    store.adjust(&delta).await.expect("works");
    let worker = &house.service.worker;
    let ledger = Ledger { store: store.clone(), ..worker.ledger.clone() };
    let router = admin_router(desk((*worker.config).clone(), ledger, store, worker.journal.clone()));
    let mut browser = owner.browser.before(router);
    let search = browser.search("/admin/users", "ada").await;
    assert!(browser.get(&search).await.body.contains("n@example.com"));
    let older = browser.link("rel=\"next\"").expect("the addresses");
    assert!(browser.get(&older).await.body.contains(">ada@example.com"));
    let newer = browser.link("rel=\"prev\"").expect("the names");
    assert!(browser.get(&newer).await.body.contains("n@example.com"), "{newer}");
}
