//! What a page costs: the same number of calls, queries and items read, however many users there are.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use signup_service::census::{Delta, Sums, Tally};
use signup_service::ledger::Ledger;
use signup_service::store::{DynamoStore, SHARDS, Saved, Store, StoreError};
use signup_service::user::State;
use signup_service::web::admin::admin_router;
use signup_service::worker::Worker;
use tokio::task::JoinSet;

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

/// Saves that are under way at once.
const AT_ONCE: usize = 32;

const COUNTRIES: [&str; 40] = [
    "AR", "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "CO", "CZ", "DE", "DK", "EG", "ES", "FI", "FR", "GB", "GR",
    "HU", "ID", "IE", "IL", "IN", "IT", "JP", "KE", "KR", "MX", "NG", "NL", "NO", "NZ", "PL", "PT", "SE", "TR", "UA",
    "US", "ZA",
];

/// A table that knows who is signed in.
async fn tabled(house: &House) -> (Client, String) {
    let client = table::client();
    let name = table::create(&client).await;
    copy_admins(house, &DynamoStore::new(client.clone(), &name, None)).await;
    (client, name)
}

/// A browser before a table, and the meter of what the table is asked.
fn metered(house: &House, browser: &Browser, client: &Client, name: &str) -> (Browser, Meter) {
    let meter = Meter::new();
    let store = Arc::new(DynamoStore::new(meter.client(client), name, Some("full_name")));
    (browser.before(house.router_over(store.clone(), store)), meter)
}

#[tokio::test]
async fn a_page_of_the_table_takes_four_queries_and_a_hundred_items_at_most() {
    let (house, owner) = House::with_owner().await;
    let (client, name) = tabled(&house).await;
    let plain = Arc::new(DynamoStore::new(client.clone(), &name, Some("full_name")));
    let (mut browser, meter) = metered(&house, &owner.browser, &client, &name);
    let mut costs = Vec::new();
    let mut kept = 0;
    for count in [100, 10_000] {
        let mut delta = Delta::default();
        let mut saves = JoinSet::new();
        for number in kept..count {
            let user = person(number);
            delta.replace(None, user.counted.as_ref());
            let store = plain.clone();
            saves.spawn(async move { store.save(&user, None).await.expect("works") });
            if saves.len() == AT_ONCE {
                assert_eq!(saves.join_next().await.expect("one is under way").expect("no panic"), Saved::Done);
            }
        }
        assert!(saves.join_all().await.into_iter().all(|saved| saved == Saved::Done));
        plain.adjust(&delta).await.expect("works");
        kept = count;
        costs.push(spent(&mut browser, &meter).await);
    }
    assert_eq!(costs[0], costs[1]);
}

/// What each page of the table costs, the page after it too. None costs more than is promised.
async fn spent(browser: &mut Browser, meter: &Meter) -> Vec<(String, Cost)> {
    let mut cost = Vec::new();
    for path in PAGES {
        let first = path;
        let mut next = Some(place(browser, path).await);
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
    cost
}

/// Every month of ten years was counted by four workers at once, in some forty countries; then the sweeper came by.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are to be read")]
async fn a_page_of_the_table_costs_no_more_after_ten_years() {
    let (house, owner) = House::with_owner().await;
    let (client, name) = tabled(&house).await;
    let plain = Arc::new(DynamoStore::new(client.clone(), &name, Some("full_name")));
    let worker = &house.service.worker;
    let sweeper = Worker { ledger: Ledger { store: plain.clone(), ..worker.ledger.clone() }, ..worker.clone() };
    for number in 0..100 {
        assert_eq!(plain.save(&person(number), None).await.expect("works"), Saved::Done);
    }
    let mut expected = Sums::default();
    let mut writes = JoinSet::new();
    let months: Vec<String> = (10..=130).map(|month| format!("{}-{:02}", 2016 + month / 12, month % 12 + 1)).collect();
    for (month, shard) in months.iter().flat_map(|month| (0..SHARDS).map(move |shard| (month, shard))) {
        let mut update = client
            .update_item()
            .table_name(&name)
            .key("pk", AttributeValue::S("COUNT".into()))
            .key("sk", AttributeValue::S(format!("{month}#{shard}")))
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        let names = ["s.confirmed".to_owned()].into_iter();
        let names = names.chain((1..=28).flat_map(|day| [format!("d{day:02}.r"), format!("d{day:02}.c")]));
        let names = names.chain(COUNTRIES.iter().map(|country| format!("c{country}.r")));
        let mut adds = Vec::new();
        for (at, name) in names.enumerate() {
            expected.add(month, &name, 1);
            adds.push(format!("#n{at} :one"));
            update = update.expression_attribute_names(format!("#n{at}"), name);
        }
        writes.spawn(update.update_expression(format!("ADD {}", adds.join(", "))).send());
        if writes.len() == AT_ONCE {
            writes.join_next().await.expect("one is under way").expect("no panic").expect("works");
        }
    }
    writes.join_all().await.into_iter().for_each(|written| drop(written.expect("works")));
    assert_eq!(plain.counters(None).await.expect("works"), expected);
    sweeper.sweep(house.service.until()).await.expect("works");
    assert_eq!(plain.counters(None).await.expect("works"), expected, "what is folded is counted still");
    // Somebody of old is erased now and then.
    let mut delta = Delta::default();
    for month in months.iter().step_by(13).take(8) {
        let received = format!("{month}-07");
        delta.replace(Some(&Tally { received, ..person(1).counted.expect("counted") }), None);
    }
    plain.adjust(&delta).await.expect("works");
    expected.apply(&delta);
    sweeper.sweep(house.service.until()).await.expect("works");
    assert_eq!(plain.counters(None).await.expect("works"), expected);
    let (mut browser, meter) = metered(&house, &owner.browser, &client, &name);
    let cost = spent(&mut browser, &meter).await;
    let of = |path: &str| cost.iter().find(|(name, _)| name.starts_with(path)).map(|(_, cost)| *cost);
    println!("after ten years: the dashboard {:?}, the users {:?}", of("/admin/dashboard"), of("/admin/users"));
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
