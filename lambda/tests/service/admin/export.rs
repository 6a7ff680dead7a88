//! Users as files: everybody of a filter once, in as many parts as the page offers, and nothing that a spreadsheet runs.

use std::collections::BTreeMap;

use axum::http::{Request, StatusCode};
use serde_json::Value;
use signup_service::user::{FieldValue, State, User};

use super::browser::{Browser, attribute, tags};
use super::house::{House, PASSWORD, user};

/// The files that the page of a filter offers.
async fn offered(browser: &mut Browser, filter: &str, kind: &str) -> Vec<String> {
    let answer = browser.get(&format!("/admin/export{filter}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{filter}");
    let links = tags(&answer.body, "a")
        .into_iter()
        .filter(|tag| ["export.csv", "export.json"].iter().any(|file| tag.contains(file)));
    let links = links.filter_map(|tag| attribute(tag, "href"));
    links.filter(|link| link.contains(kind)).map(|link| link.replacen("../admin/", "/admin/", 1)).collect()
}

/// Everybody in the files of a filter, by ID, and in how many rows.
async fn everybody(browser: &mut Browser, filter: &str) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for link in offered(browser, filter, "export.json").await {
        let answer = browser.get(&link).await;
        assert_eq!(answer.status, StatusCode::OK, "{link}");
        assert!(answer.body.len() < 6_000_000, "{link} fits into an answer of Lambda");
        let users: Value = serde_json::from_str(&answer.body).expect("JSON");
        for user in users.as_array().expect("a list") {
            *found.entry(user["id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
    }
    found
}

/// More than 5,000 in one month, of these more than 5,000 on one day, and some in the month before.
async fn crowd() -> (House, Browser) {
    let (house, owner) = House::with_owner().await;
    for number in 0..6_200_u64 {
        let state = State::ALL[usize::try_from(number % 4).expect("small")];
        let at = match number {
            ..300 => format!("2026-10-{:02}T23:59:59.999Z", 1 + number % 31),
            300..1_000 => format!("2026-11-{:02}T00:00:00Z", 1 + number % 20),
            _ => format!("2026-11-21T{:02}:00:{:02}Z", number % 24, number % 60),
        };
        let name = if number % 2 == 0 { "Ada" } else { "Bob" };
        house.keep(user(number, &format!("ada{number:04}@example.com"), name, "FR", state, &at)).await;
    }
    (house, owner.browser)
}

#[tokio::test]
async fn the_parts_of_every_filter_hold_everybody_of_it_once() {
    let (house, mut browser) = crowd().await;
    let expected = |is_meant: &dyn Fn(&User) -> bool| {
        let users = house.store.users().into_iter().filter(is_meant);
        users.map(|user| (user.id.to_string(), 1)).collect::<BTreeMap<String, u32>>()
    };
    let on = |user: &User, on: &str| user.created_at.to_string().starts_with(on);
    assert_eq!(everybody(&mut browser, "").await, expected(&|_| true));
    let parts = offered(&mut browser, "", "export.csv").await;
    assert_eq!(parts.len(), 24 + 20 + 1, "an hour each of the day, the other days, and the month before");
    assert_eq!(everybody(&mut browser, "?by=country&value=FR").await, expected(&|_| true));
    for state in State::ALL {
        let found = everybody(&mut browser, &format!("?by=state&value={}", state.name())).await;
        assert_eq!(found, expected(&|user| user.state == state), "{state:?}");
    }
    for day in ["2026-11-21", "2026-11-20", "2026-10-31"] {
        let found = everybody(&mut browser, &format!("?by=day&value={day}")).await;
        assert_eq!(found, expected(&|user| on(user, day)), "{day}");
    }
    let search = browser.search("/admin/export", "ada").await;
    let found = everybody(&mut browser, search.trim_start_matches("/admin/export")).await;
    assert_eq!(found, expected(&|_| true), "by name and by address, and nobody twice");
    let search = browser.search("/admin/export", "ada00@1").await;
    let found = everybody(&mut browser, search.trim_start_matches("/admin/export")).await;
    assert_eq!(found, BTreeMap::new());
    assert!(offered(&mut browser, "?by=country&value=AQ", "export").await.is_empty());
    // A part of a filter is of that filter: a country's month is not everybody's.
    let part = browser.get("/admin/export.json?by=state&value=pending&on=2026-10").await.body;
    assert_eq!(part.matches("\"id\"").count(), 75);
}

#[tokio::test]
async fn a_file_that_would_not_hold_everybody_is_refused_and_never_cut() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    for number in 0..10_101_u64 {
        let at = format!("2026-11-{:02}T10:00:00Z", 1 + number % 20);
        house.keep(user(number, &format!("ada{number:05}@example.com"), "X", "FR", State::Confirmed, &at)).await;
    }
    let search = browser.search("/admin/export", "ada").await;
    let answer = browser.get(&search.replace("/export", "/export.csv")).await;
    assert_eq!((answer.status, answer.header("content-disposition")), (StatusCode::UNPROCESSABLE_ENTITY, ""));
    assert!(answer.body.contains("Too many for one file") && answer.body.contains("Sign out"));
    assert_eq!(everybody(&mut browser, "").await.len(), 10_101);
}

#[tokio::test]
async fn whoever_has_to_show_who_they_are_does_so_before_the_files_and_comes_back_to_them() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    house.keep(user(1, "ada@example.com", "Ada", "FR", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let filter = "?by=country&value=FR";
    let [file] = &offered(&mut browser, filter, "export.csv").await[..] else { panic!("one file") };
    house.clock().forward(301);
    assert_eq!(offered(&mut browser, filter, "export").await, Vec::<String>::new());
    let page = browser.get(&format!("/admin/export{filter}")).await.body;
    let ask = tags(&page, "a").into_iter().filter_map(|tag| attribute(tag, "href")).find(|link| link.contains("prove"));
    // A page that was left open still offers the file: a browser that follows its link sees the same question.
    let left_open = browser.get(file).await.header("location").to_owned();
    assert_eq!(ask.map(|link| link.replace("&amp;", "&")), Some(left_open.clone()));
    let answer = browser.get(&left_open.replacen("../admin", "/admin", 1)).await;
    assert!(answer.body.contains("<h1>Is it you?</h1>"));
    let code = house.code(&owner);
    let answer = browser.submit("prove", &[("password", PASSWORD), ("code", &code)]).await;
    assert!(browser.follow(answer).await.body.contains("export.csv?by=country&#38;value=FR"));
    assert_eq!(browser.get(file).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_time_that_no_page_links_to_is_none() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let before = house.held().await;
    for wrong in ["x", "2026", "2026-1", "2026-11-22T1", "----------", "2026-11-22T10:00", "%00", "20261122"] {
        let answer = browser.get(&format!("/admin/export.csv?on={wrong}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let other_day = browser.get("/admin/export.csv?by=day&value=2026-11-01&on=2026-11-02").await;
    assert_eq!(other_day.status, StatusCode::NOT_FOUND);
    for wrong in ["by=color", "by=country&value=fr", "by=state&value=x"] {
        assert_eq!(browser.get(&format!("/admin/export.json?{wrong}")).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(house.held().await, before, "what is refused is not in the log");
}

#[tokio::test]
async fn no_file_is_begun_by_another_page_than_ours() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let before = house.held_but_log().await;
    for site in ["same-site", "cross-site"] {
        for path in ["/admin/export.csv", "/admin/export.json"] {
            let count = house.entries().await.len();
            let answer = browser.send(Request::get(path).header("sec-fetch-site", site), "").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {site}");
            let done: Vec<_> = house.done_since(count).await;
            assert!(!format!("{done:?}").contains("Exported"), "{done:?}");
        }
    }
    assert_eq!(house.held_but_log().await, before);
    for site in ["same-origin", "none"] {
        let answer = browser.send(Request::get("/admin/export.csv").header("sec-fetch-site", site), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{site}");
    }
}

#[tokio::test]
async fn no_cell_is_a_formula_and_the_log_holds_what_was_exported() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "  =1", "a;=cmd|' /C calc'!A0", "\"=1"];
    for (number, formula) in (0..).zip(formulas) {
        let mut user = user(number, "ada@example.com", formula, "FR", State::Confirmed, "2026-11-01T10:00:00Z");
        user.answers.fields.insert("about".into(), FieldValue::Text(formula.into()));
        user.answers.fields.insert(formula.into(), FieldValue::Text(formula.into()));
        house.keep(user).await;
    }
    let count = house.entries().await.len();
    let answer = browser.get("/admin/export.csv?by=country&value=FR").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"every-field-2026-11-22.csv\"");
    let mut rows = csv::Reader::from_reader(answer.body.trim_start_matches('\u{FEFF}').as_bytes());
    let mut cells = 0;
    for row in rows.records() {
        for cell in row.expect("RFC 4180").iter() {
            // As a spreadsheet splits it, at semicolons too.
            for part in cell.split([';', '\t', '\r', '\n']) {
                let part = part.trim_start_matches(|it: char| it.is_whitespace() || it == '"');
                assert!(!part.starts_with(['=', '+', '-', '@', '＝']), "{cell:?}");
                cells += 1;
            }
        }
    }
    assert!(cells > 100);
    let entries = house.entries().await;
    let json = serde_json::to_value(&entries[count]).expect("JSON");
    assert_eq!((&json["action"], &json["format"]), (&"exported".into(), &"csv".into()));
    assert_eq!((json["admin"].as_str(), json["filter"].as_str()), (Some(&*owner.email), Some("by=country&value=FR")));
}
