//! Who may do what: every route for everybody who can come, and every form that changes something as another site, an
//! older page or another admin's page would send it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use signup_service::admin::{Action, Cause, Role};
use signup_service::user::State;

use super::browser::{Browser, FORM};
use super::house::{ELSEWHERE, House, OWNER, PASSWORD, Person, VIEWER, user};

const EVE: &str = "eve@example.com";

/// A password that nobody has yet.
const NEW: &str = "eleven red tulips at dawn";

/// `{id}` stands for a user, `{admin}` for another admin than who asks.
const PAGES: [(&str, [&str; 4]); 20] = [
    ("/admin", ["303 dashboard", "303 dashboard", "303 dashboard", "303 dashboard"]),
    ("/admin/", ["303 dashboard", "303 dashboard", "303 dashboard", "303 dashboard"]),
    ("/admin/sign-in", ["200", "200", "200", "200"]),
    ("/admin/set-up", ["200", "200", "200", "200"]),
    ("/admin/prove", ["303 sign-in", "200", "200", "200"]),
    ("/admin/session", ["303 sign-in", "204", "204", "204"]),
    ("/admin/dashboard", ["303 sign-in", "200", "200", "200"]),
    ("/admin/users", ["303 sign-in", "200", "200", "200"]),
    ("/admin/users/{id}", ["303 sign-in", "200", "200", "200"]),
    ("/admin/users/00000000000000000000000000000000", ["303 sign-in", "404", "404", "404"]),
    ("/admin/users/{id}/erase", ["303 sign-in", "403", "303 prove", "200"]),
    ("/admin/users/00000000000000000000000000000000/erase", ["303 sign-in", "403", "303 prove", "404"]),
    ("/admin/audit", ["303 sign-in", "200", "200", "200"]),
    ("/admin/export", ["303 sign-in", "403", "200", "200"]),
    ("/admin/export.csv", ["303 sign-in", "403", "303 prove", "200"]),
    ("/admin/export.json", ["303 sign-in", "403", "303 prove", "200"]),
    ("/admin/security", ["303 sign-in", "200", "200", "200"]),
    ("/admin/security/password", ["303 sign-in", "200", "303 prove", "200"]),
    ("/admin/nothing", ["404", "404", "404", "404"]),
    ("/", ["404", "404", "404", "404"]),
];

/// What each form is sent with. The ones that are refused to an admin change nothing.
type Sent = (&'static str, &'static [(&'static str, &'static str)], [&'static str; 4]);

const FORMS: [Sent; 13] = [
    ("/admin/search", &[("value", "ada")], ["303 sign-in", "303 users", "303 users", "303 users"]),
    ("/admin/users/{id}/resend", &[], ["303 sign-in", "403", "200", "200"]),
    ("/admin/users/{id}/unsubscribe", &[], ["303 sign-in", "403", "200", "200"]),
    ("/admin/users/{id}/erase", &[("confirm", "ERASE")], ["303 sign-in", "403", "303 prove", "303 users"]),
    (
        "/admin/security/password",
        &[("current", PASSWORD), ("password", NEW), ("again", NEW)],
        ["303 sign-in", "200", "303 prove", "200"],
    ),
    ("/admin/security/sessions/revoke", &[("session", "others")], ["303 sign-in", "200", "303 prove", "200"]),
    ("/admin/security/recovery-codes", &[], ["303 sign-in", "200", "303 prove", "200"]),
    (
        "/admin/security/admins/add",
        &[("email", "new@example.com"), ("role", "owner")],
        ["303 sign-in", "403", "303 prove", "200"],
    ),
    (
        "/admin/security/admins/role",
        &[("admin", "{admin}"), ("role", "owner")],
        ["303 sign-in", "403", "303 prove", "200"],
    ),
    ("/admin/security/admins/reset", &[("admin", "{admin}")], ["303 sign-in", "403", "303 prove", "200"]),
    ("/admin/security/admins/remove", &[("admin", "{admin}")], ["303 sign-in", "403", "303 prove", "200"]),
    ("/admin/prove", &[("password", "wrong"), ("code", "000000")], ["303 sign-in", "403", "403", "403"]),
    ("/admin/sign-out", &[], ["303 sign-in", "303 sign-in", "303 sign-in", "303 sign-in"]),
];

/// A house with an owner, a viewer, another viewer, and a user.
struct Scene {
    house: House,
    owner: Person,
    viewer: Person,
    id: String,
    admin: String,
}

impl Scene {
    async fn new() -> Self {
        let (house, owner, viewer) = House::with_both().await;
        house.add(EVE, Role::Viewer).await;
        let ada = user(1, "ada@example.com", "Ada Lovelace", "GB", State::Confirmed, "2026-11-01T10:00:00Z");
        let id = house.keep(ada).await.to_string();
        let address = signup_service::address::Address::parse(EVE).expect("an address");
        let admin = house.desk.admins.id(&address).to_string();
        Self { house, owner, viewer, id, admin }
    }

    /// A house of its own, and the browser of one of the four who come.
    async fn comes(&self, who: usize) -> (House, Browser) {
        let house = self.house.copy().await;
        if who == 2 {
            // The owner's proof has run out, and the session has not.
            house.clock().forward(301);
        }
        let browser = match who {
            0 => house.browser(ELSEWHERE),
            1 => self.viewer.browser.clone(),
            _ => self.owner.browser.clone(),
        };
        let browser = browser.before(house.router.clone());
        (house, browser)
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{id}", &self.id).replace("{admin}", &self.admin)
    }
}

const WHO: [&str; 4] = ["nobody", "a viewer", "an owner without a fresh proof", "an owner"];

/// The status, and where it leads.
fn told(answer: &crate::support::service::Answer) -> String {
    let place = answer.header("location").rsplit("admin/").next().unwrap_or_default();
    let place = place.split('?').next().unwrap_or_default();
    format!("{} {place}", answer.status.as_u16()).trim().to_owned()
}

/// What the log says of a route that was refused: its pattern, where the tables above have an ID too.
fn refused(route: &str, cause: Cause) -> Action {
    Action::Refused { route: route.replace(&"0".repeat(32), "{id}"), cause }
}

#[tokio::test]
async fn every_page_is_for_whom_it_is_meant() {
    let scene = Scene::new().await;
    for (path, expected) in PAGES {
        for (who, expected) in expected.into_iter().enumerate() {
            let (house, mut browser) = scene.comes(who).await;
            let before = house.entries().await.len();
            let answer = browser.get(&scene.fill(path)).await;
            assert_eq!(told(&answer), expected, "{path} for {}", WHO[who]);
            if !expected.starts_with("200") {
                let noted = if expected == "403" { vec![refused(path, Cause::Role)] } else { Vec::new() };
                assert_eq!(house.done_since(before).await, noted, "{path} for {}", WHO[who]);
                assert!(!answer.body.contains("ada@example.com"), "{path} for {}", WHO[who]);
            }
            // Whoever is signed in is shown the way on, also on a page that refuses.
            if who > 0 && ["403", "404"].contains(&expected) {
                assert!(answer.body.contains("Sign out") && answer.body.contains("To the dashboard"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_form_is_for_whom_it_is_meant_and_changes_nothing_for_others() {
    let scene = Scene::new().await;
    for (path, pairs, expected) in FORMS {
        for (who, expected) in expected.into_iter().enumerate() {
            let (house, mut browser) = scene.comes(who).await;
            let csrf = match who {
                // A token of somebody's does not help who has no session.
                0 => scene.owner.browser.csrf(),
                _ => {
                    browser.get("/admin/dashboard").await;
                    browser.csrf()
                }
            };
            let filled: Vec<String> = pairs.iter().map(|(_, value)| scene.fill(value)).collect();
            let pairs = pairs.iter().zip(&filled).map(|((name, _), value)| (*name, value.as_str()));
            let pairs: Vec<(&str, &str)> = pairs.chain([("csrf", csrf.as_str())]).collect();
            let (before, count) = (house.held_but_log().await, house.entries().await.len());
            let answer = browser.post(&scene.fill(path), &pairs).await;
            assert_eq!(told(&answer), expected, "{path} for {}", WHO[who]);
            if who == 0 || expected.starts_with("403") || expected.ends_with("prove") {
                assert_eq!(house.held_but_log().await, before, "{path} for {}", WHO[who]);
                let noted = match (path, expected) {
                    ("/admin/prove", "403") => vec![Action::SignInRefused],
                    (_, "403") => vec![refused(path, Cause::Role)],
                    _ => Vec::new(),
                };
                assert_eq!(house.done_since(count).await, noted, "{path} for {}", WHO[who]);
            }
        }
    }
}

/// The table above is worth what it covers.
#[test]
fn no_route_is_left_out() {
    let source = include_str!("../../../src/web/admin/mod.rs");
    let routes = source.split(".route(\"").skip(1).filter_map(|rest| rest.split_once("\","));
    let tried: BTreeSet<&str> = PAGES.iter().map(|it| it.0).chain(FORMS.iter().map(|it| it.0)).collect();
    let mut count = 0;
    for (path, rest) in routes {
        let handler = rest.lines().next().unwrap_or_default();
        let gets = handler.contains("get(");
        assert!(!gets || PAGES.iter().any(|it| it.0 == path), "GET {path}");
        let at_door = ["/admin/sign-in", "/admin/set-up"].contains(&path);
        let posts = handler.contains("post(");
        assert!(!posts || at_door || FORMS.iter().any(|it| it.0 == path), "POST {path}");
        assert!(tried.contains(path), "{path}");
        count += 1;
    }
    assert_eq!(count, 26);
}

/// What it is, the token that it has, and its headers.
type Forgery<'a> = (&'static str, &'a str, Vec<(&'static str, &'static str)>);

/// What is sent by a page that is not ours, or not this session's.
fn forgeries<'a>(own: &'a str, other: &'a str) -> Vec<Forgery<'a>> {
    let kind = ("content-type", FORM);
    vec![
        ("no token", "", vec![kind, ("sec-fetch-site", "same-origin")]),
        ("another session's token", other, vec![kind, ("sec-fetch-site", "same-origin")]),
        ("a token that is cut", &own[..own.len() - 1], vec![kind]),
        ("another site", own, vec![kind, ("sec-fetch-site", "cross-site")]),
        ("a sister site", own, vec![kind, ("sec-fetch-site", "same-site")]),
        ("another origin", own, vec![kind, ("origin", "https://evil.example")]),
        ("an origin that begins like ours", own, vec![kind, ("origin", "https://join.example.com.evil.example")]),
        ("the beginning of our origin", own, vec![kind, ("origin", "https:")]),
        ("the same host without TLS", own, vec![kind, ("origin", "http://join.example.com")]),
    ]
}

#[tokio::test]
async fn a_form_of_another_page_is_refused_and_changes_nothing() {
    let scene = Scene::new().await;
    let house = scene.house.copy().await;
    let mut owner = scene.owner.browser.before(house.router.clone());
    let mut viewer = scene.viewer.browser.before(house.router.clone());
    owner.get("/admin/dashboard").await;
    viewer.get("/admin/dashboard").await;
    let (own, other) = (owner.csrf(), viewer.csrf());
    let before = house.held_but_log().await;
    for (path, pairs, _) in FORMS {
        for (what, token, headers) in forgeries(&own, &other) {
            let count = house.entries().await.len();
            let filled: Vec<String> = pairs.iter().map(|(_, value)| scene.fill(value)).collect();
            let pairs = pairs.iter().zip(&filled).map(|((name, _), value)| (*name, value.as_str()));
            let pairs: Vec<(&str, &str)> =
                pairs.chain([("csrf", token)]).filter(|(name, value)| *name != "csrf" || !value.is_empty()).collect();
            let answer = owner.post_with(&scene.fill(path), &pairs, &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {what}");
            assert_eq!(house.held_but_log().await, before, "{path} with {what}");
            assert_eq!(house.done_since(count).await, [refused(path, Cause::Form)], "{path} with {what}");
            assert!(!answer.headers.contains_key("set-cookie"), "{path} with {what}");
        }
        // The token in the address is none.
        let answer = owner.post(&format!("{}?csrf={own}", scene.fill(path)), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(house.held_but_log().await, before);
}

#[tokio::test]
async fn a_form_at_the_door_that_is_not_this_browsers_is_refused() {
    let (house, owner) = House::with_owner().await;
    let link = house.invite("new@example.com", Role::Viewer).await;
    let (_, token) = link.split_once('#').expect("a token");
    let mut browser = house.browser(ELSEWHERE);
    browser.get("/admin/sign-in").await;
    let own = browser.csrf();
    let other = {
        let mut other = house.browser(ELSEWHERE);
        other.get("/admin/sign-in").await;
        other.csrf()
    };
    let code = house.code(&owner);
    let before = house.held().await;
    let forms: [(&str, Vec<(&str, &str)>); 2] = [
        ("/admin/sign-in", vec![("email", OWNER), ("password", PASSWORD), ("code", &code)]),
        ("/admin/set-up", vec![("token", token), ("password", "quite another one"), ("again", "quite another one")]),
    ];
    for (path, pairs) in &forms {
        for (what, token, headers) in forgeries(&own, &other) {
            let pairs: Vec<(&str, &str)> = pairs.iter().copied().chain([("csrf", token)]).collect();
            let answer = browser.post_with(path, &pairs, &headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {what}");
            assert!(!answer.headers.contains_key("set-cookie"), "{path} with {what}");
        }
        // Nor does a token help without the cookie beside it, empty or not.
        for token in ["", own.as_str()] {
            let mut bare = house.browser(ELSEWHERE);
            let pairs: Vec<(&str, &str)> = pairs.iter().copied().chain([("csrf", token)]).collect();
            assert_eq!(bare.post(path, &pairs).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(house.held().await, before, "{path}");
    }
    // The same from the page itself is let in.
    let typed: Vec<(&str, &str)> = forms[0].1.iter().copied().chain([("csrf", own.as_str())]).collect();
    assert_eq!(browser.post("/admin/sign-in", &typed).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_viewer_ends_no_session_but_their_own() {
    let scene = Scene::new().await;
    let (house, mut viewer) = scene.comes(1).await;
    viewer.get("/admin/security").await;
    let csrf = viewer.csrf();
    let owners = house.sessions(OWNER).await.remove(0).hash.to_string();
    viewer.post("/admin/security/sessions/revoke", &[("csrf", &csrf), ("session", &owners)]).await;
    viewer.post("/admin/security/sessions/revoke", &[("csrf", &csrf), ("session", "others")]).await;
    assert_eq!(house.sessions(OWNER).await.len(), 1);
    assert_eq!(house.sessions(VIEWER).await.len(), 1);
    for wrong in ["", "x", "../others"] {
        let answer = viewer.post("/admin/security/sessions/revoke", &[("csrf", &csrf), ("session", wrong)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    // What a viewer is offered leads nowhere that an owner's pages lead.
    let page = viewer.get("/admin/security").await.body;
    assert!(!page.contains("admins/") && !page.contains(OWNER) && !page.contains(&scene.admin));
}

#[tokio::test]
async fn an_admin_who_is_made_a_viewer_is_one_at_the_next_click() {
    let (house, owner) = House::with_owner().await;
    let mut other = house.add("other@example.com", Role::Owner).await;
    assert_eq!(other.browser.get("/admin/export.csv").await.status, StatusCode::OK);
    let mut grace = owner.browser.clone();
    grace.get("/admin/security").await;
    let answer = grace.submit("admins/role", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(other.browser.get("/admin/export.csv").await.status, StatusCode::FORBIDDEN);
    // The last owner cannot be removed, not even by a form that no page offers.
    let address = signup_service::address::Address::parse(OWNER).expect("an address");
    let own = house.desk.admins.id(&address).to_string();
    let csrf = grace.csrf();
    for (path, role) in [("role", "viewer"), ("remove", ""), ("reset", "")] {
        let pairs = [("csrf", csrf.as_str()), ("admin", &own), ("role", role)];
        grace.post(&format!("/admin/security/admins/{path}"), &pairs).await;
        assert_eq!(grace.get("/admin/export").await.status, StatusCode::OK, "{path}");
    }
}
