//! Looking at users: the dashboard, filters, search, pages both ways, one user.

use axum::http::StatusCode;
use signup_service::user::{State, User};

use super::browser::{Browser, attribute, tags, unescaped};
use super::house::{House, user};

/// The addresses in the table of a page.
fn listed(page: &str) -> Vec<String> {
    let rows = page.split("<tr role=\"row\"><th scope=\"row\"").skip(1);
    let address = |row: &str| {
        let (_, rest) = row.split_once("<bdi dir=\"ltr\">")?;
        rest.split_once("</bdi></a></th>").map(|(text, _)| unescaped(text))
    };
    rows.filter_map(address).collect()
}

/// Everybody from here on, page by page, and back again to where it began.
async fn both_ways(browser: &mut Browser, path: &str) -> Vec<String> {
    let mut pages = vec![listed(&browser.get(path).await.body)];
    while let Some(older) = browser.link("rel=\"next\"") {
        pages.push(listed(&browser.get(&older).await.body));
        assert!(pages.len() < 50, "{path}");
    }
    let mut back = vec![pages.last().cloned().unwrap_or_default()];
    while let Some(newer) = browser.link("rel=\"prev\"") {
        back.push(listed(&browser.get(&newer).await.body));
        assert!(back.len() < 50, "{path}");
    }
    let forth: Vec<String> = pages.concat();
    back.reverse();
    assert_eq!(back.concat(), forth, "the same on the way back through {path}");
    forth
}

/// The same of whom a search finds.
async fn searched(browser: &mut Browser, text: &str) -> Vec<String> {
    let path = browser.search("/admin/users", text).await;
    both_ways(browser, &path).await
}

#[tokio::test]
async fn the_dashboard_counts_what_is_kept() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    assert!(browser.get("/admin/dashboard").await.body.contains("Nobody has signed up yet"));
    for number in 0..1_234 {
        let (country, state) = if number % 2 == 0 { ("FR", State::Confirmed) } else { ("GB", State::Pending) };
        let email = format!("u{number}@example.com");
        house.keep(user(number, &email, "U", country, state, "2026-11-20T10:00:00Z")).await;
    }
    let page = browser.get("/admin/dashboard").await.body;
    for text in ["1,234", "France", "United Kingdom", "617", "20 Nov"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(browser.get("/admin/dashboard?days=365").await.body.contains("Sign-ups per week"));
    assert_eq!(browser.get("/admin/dashboard?days=nonsense").await.status, StatusCode::OK);
}

async fn peopled() -> (House, Browser) {
    let (house, owner) = House::with_owner().await;
    for number in 0..90 {
        let state = State::ALL[usize::try_from(number % 4).expect("small")];
        let country = ["FR", "GB", "DE"][usize::try_from(number % 3).expect("small")];
        let at = format!("2026-11-{:02}T10:{:02}:00Z", 1 + number / 30, number % 60);
        house.keep(user(number, &format!("u{number:02}@example.com"), "Uma", country, state, &at)).await;
    }
    (house, owner.browser)
}

#[tokio::test]
async fn each_filter_shows_whom_it_means_newest_first_and_pages_both_ways() {
    let (house, mut browser) = peopled().await;
    let expected = |is_meant: &dyn Fn(&User) -> bool| {
        let mut users: Vec<User> = house.store.users().into_iter().filter(is_meant).collect();
        users.sort_by_key(|user| std::cmp::Reverse(user.created_at));
        users.into_iter().map(|user| user.answers.email).collect::<Vec<_>>()
    };
    let country = |user: &User| user.answers.fields["nationality"].as_text().map(str::to_owned);
    assert_eq!(both_ways(&mut browser, "/admin/users").await, expected(&|_| true));
    for state in State::ALL {
        let found = both_ways(&mut browser, &format!("/admin/users?by=state&value={}", state.name())).await;
        assert_eq!(found, expected(&|user| user.state == state), "{state:?}");
    }
    for code in ["FR", "GB", "DE", "IT"] {
        let found = both_ways(&mut browser, &format!("/admin/users?by=country&value={code}")).await;
        assert_eq!(found, expected(&|user| country(user).as_deref() == Some(code)), "{code}");
    }
    for day in ["2026-11-01", "2026-11-03", "2026-11-04"] {
        let found = both_ways(&mut browser, &format!("/admin/users?by=day&value={day}")).await;
        assert_eq!(found, expected(&|user| user.created_at.to_string().starts_with(day)), "{day}");
    }
    // Chosen columns stay on the way.
    browser.get("/admin/users?col=age&col=nationality").await;
    let older = browser.link("rel=\"next\"").expect("more");
    assert!(older.contains("col=age&col=nationality"), "{older}");
}

#[tokio::test]
async fn a_search_shows_names_and_then_addresses_once_each_and_pages_both_ways() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let mut keep = Vec::new();
    for number in 0..40_u64 {
        // By name and by address; by name; by address; and neighbours of both that are not meant.
        for (kind, email, name) in [
            (0, format!("ada{number:02}@example.com"), format!("Ada Both {number:02}")),
            (1, format!("n{number:02}@example.com"), format!("Ada Name {number:02}")),
            (2, format!("adam{number:02}@example.com"), format!("Zoe {number:02}")),
            (3, format!("adz{number:02}@example.com"), format!("Adz {number:02}")),
        ] {
            let state = State::Confirmed;
            keep.push(user(kind * 100 + number, &email, &name, "GB", state, "2026-11-01T10:00:00Z"));
        }
    }
    for user in keep {
        house.keep(user).await;
    }
    let found = searched(&mut browser, "ada").await;
    let of = |prefix: &str| (0..40).map(|number| format!("{prefix}{number:02}@example.com")).collect::<Vec<_>>();
    assert_eq!(found, [of("ada"), of("n"), of("adam")].concat());
    assert_eq!(searched(&mut browser, "Ada NAME").await, of("n"));
    // Whoever is found by name and by address is no reason for another page.
    let path = browser.search("/admin/users", "ada both 07").await;
    assert_eq!(listed(&browser.get(&path).await.body), ["ada07@example.com"]);
    house.keep(user(900, "solo@example.com", "Solo", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let path = browser.search("/admin/users", "solo").await;
    assert_eq!(listed(&browser.get(&path).await.body), ["solo@example.com"]);
    assert_eq!(browser.link("rel=\"next\""), None);
    // What has an `@` is no name.
    let found = searched(&mut browser, " ada07@ex ").await;
    assert_eq!(found, ["ada07@example.com"]);
    assert_eq!(searched(&mut browser, "adam").await, of("adam"));
    for nobody in ["a", "zz", "%25", "'", "<script>"] {
        assert!(searched(&mut browser, nobody).await.is_empty(), "{nobody}");
    }
    assert_eq!(browser.search("/admin/users", " ").await, "/admin/users?");
}

#[tokio::test]
async fn what_is_searched_for_is_in_no_address() {
    let (house, owner, viewer) = House::with_both().await;
    for number in 0..60 {
        let (email, name) = (format!("ada{number:02}@example.com"), format!("Ada {number:02}"));
        house.keep(user(number, &email, &name, "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    }
    let mut browser = owner.browser.clone();
    let path = browser.search("/admin/users?col=age", "Ada").await;
    assert!(path.ends_with("&col=age"), "{path}");
    let (mut addresses, mut next) = (Vec::new(), Some(path.clone()));
    while let Some(path) = next {
        assert_eq!(browser.get(&path).await.status, StatusCode::OK);
        addresses.extend(tags(&browser.page, "a").into_iter().filter_map(|tag| attribute(tag, "href")));
        addresses.push(path);
        next = browser.link("rel=\"next\"");
    }
    let (_, code) = path.split_once("value=").expect("a value");
    let code = code.split('&').next().unwrap_or_default();
    assert!(addresses.iter().filter(|address| address.contains(code)).count() > 6, "{addresses:?}");
    for address in addresses {
        assert!(!address.to_lowercase().contains("ada"), "{address}");
    }
    // To another admin it says nothing, and nothing else is a search.
    assert_eq!(viewer.browser.clone().get(&path).await.status, StatusCode::NOT_FOUND);
    for open in ["ada", "ada%40example.com", "", &code[2..]] {
        let answer = browser.get(&format!("/admin/users?by=search&value={open}x")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{open}");
    }
    browser.get("/admin/users").await;
    let answer = browser.submit("admin/search", &[("value", &"x".repeat(255))]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_of_which_nobody_is_left_leads_on() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    // The newest have not confirmed in time, and are still there: the table forgets some days late.
    for number in 0..60 {
        let mut user =
            user(number, &format!("u{number:02}@example.com"), "Uma", "GB", State::Pending, "2026-11-10T10:00:00Z");
        user.keep_until = (number >= 30).then(|| "2026-11-17T10:00:00Z".parse().expect("a time"));
        house.keep(user).await;
    }
    assert!(listed(&browser.get("/admin/users").await.body).is_empty());
    assert_eq!(both_ways(&mut browser, "/admin/users").await.len(), 30);
}

#[tokio::test]
async fn a_cursor_or_a_filter_that_no_page_links_to_is_harmless() {
    let (_house, mut browser) = peopled().await;
    let search = browser.search("/admin/users", "uma").await;
    let search = format!("{}&", search.trim_start_matches("/admin/users?"));
    for filter in ["", "by=state&value=pending&", "by=country&value=FR&", &search] {
        for name in ["older", "newer"] {
            for cursor in ["x", "%00", "n%3A", "a%3A", "n%3A%00%FF", "..%2F..", "%F4%8F%BF%BF", "2026-11-02", "%27%22"]
            {
                let answer = browser.get(&format!("/admin/users?{filter}{name}={cursor}")).await;
                let is_known = [StatusCode::OK, StatusCode::NOT_FOUND].contains(&answer.status);
                assert!(is_known, "{filter}{name}={cursor}: {}", answer.status);
            }
            let answer = browser.get(&format!("/admin/users?{filter}{name}={}", "x".repeat(2_000))).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        }
    }
    for wrong in ["by=color&value=red", "by=day&value=tomorrow", "by=country&value=XX", "by=state&value=gone"] {
        assert_eq!(browser.get(&format!("/admin/users?{wrong}")).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(browser.get("/admin/users?col=nothing&col=age&by=&value=").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_users_page_shows_every_answer_and_is_in_the_log() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let ada = user(7, "ada@example.com", "Ada Lovelace", "GB", State::Confirmed, "2026-11-01T10:00:00Z");
    let id = house.keep(ada).await;
    let count = house.entries().await.len();
    let page = browser.get(&format!("/admin/users/{id}")).await.body;
    for text in ["Ada Lovelace", "ada@example.com", "United Kingdom", "36", "Confirmed"] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(house.log_since(count).await, [(owner.email.clone(), "user_viewed", Some(id.to_string()))]);
    // One who counts as gone is gone.
    let mut late = user(8, "late@example.com", "Late", "GB", State::Pending, "2026-11-01T10:00:00Z");
    late.keep_until = Some("2026-11-08T10:00:00Z".parse().expect("a time"));
    let id = house.keep(late).await;
    assert_eq!(browser.get(&format!("/admin/users/{id}")).await.status, StatusCode::NOT_FOUND);
}
