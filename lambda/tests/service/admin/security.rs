//! The page about sessions, recovery codes and admins: what its forms do, and what the log says of it.

use axum::http::StatusCode;
use signup_service::admin::{Action, Actor, Whom};
use signup_service::user::UserId;

use super::browser::{attribute, tags};
use super::house::{ELSEWHERE, HOME, House, OWNER, PASSWORD, VIEWER};

#[tokio::test]
async fn a_session_that_is_ended_is_over_at_the_next_click() {
    let (house, owner) = House::with_owner().await;
    let mut here = owner.browser.clone();
    let mut phone = house.browser(ELSEWHERE);
    phone.agent = "Phone/1".into();
    let mut phone = house.sign_in(&owner, phone).await;
    let mut third = house.sign_in(&owner, house.browser(HOME)).await;
    let count = house.entries().await.len();
    here.get("/admin/security").await;
    // The form beside the phone's name.
    let (_, row) = here.page.split_once("Phone/1").expect("the phone is listed");
    let id = attribute(tags(row, "input")[1], "value").expect("an id");
    let csrf = here.csrf();
    let answer = here.post("/admin/security/sessions/revoke", &[("csrf", &csrf), ("session", &id)]).await;
    assert!(!answer.body.contains("Phone/1"), "the list is as it is now");
    assert_eq!(phone.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    assert_eq!(third.get("/admin/users").await.status, StatusCode::OK);
    here.post("/admin/security/sessions/revoke", &[("csrf", &csrf), ("session", "others")]).await;
    assert_eq!(third.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.get("/admin/users").await.status, StatusCode::OK);
    let log = house.log_since(count).await;
    let done: Vec<&str> = log.iter().map(|it| it.1).collect();
    assert_eq!(done, ["session_revoked", "other_sessions_revoked"]);
}

#[tokio::test]
async fn new_recovery_codes_replace_the_earlier_ones_and_end_the_other_sessions() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    let mut phone = house.sign_in(&owner, house.browser(ELSEWHERE)).await;
    browser.get("/admin/security").await;
    let answer = browser.submit("recovery-codes", &[]).await;
    assert!(answer.body.contains("all your other sessions have ended"));
    assert_eq!(phone.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    assert!(answer.body.contains("Keep these codes") && owner.codes.iter().all(|code| !answer.body.contains(code)));
    let (_, rest) = answer.body.split_once("<li><code>").expect("a code");
    let new = rest.split('<').next().expect("a code").to_owned();
    for (code, status) in [(&owner.codes[0], StatusCode::FORBIDDEN), (&new, StatusCode::SEE_OTHER)] {
        let mut other = house.browser(HOME);
        other.get("/admin/sign-in").await;
        let answer = other.submit("sign-in", &[("email", OWNER), ("password", PASSWORD), ("code", code)]).await;
        assert_eq!(answer.status, status);
    }
    assert!(!browser.get("/admin/security").await.body.contains(&new), "they are shown once");
}

#[tokio::test]
async fn another_password_takes_the_current_one_and_ends_all_other_sessions() {
    const NEW: &str = "eleven red tulips at dawn";
    let (house, owner) = House::with_owner().await;
    let mut here = owner.browser.clone();
    let mut phone = house.sign_in(&owner, house.browser(ELSEWHERE)).await;
    let mut thief = here.clone();
    here.get("/admin/security").await;
    let link = here.link("security/password").expect("a link from the page");
    let page = here.get(&link).await.body;
    for name in ["current-password", "new-password"] {
        assert!(page.contains(&format!("autocomplete=\"{name}\"")), "{name}");
    }
    let (count, before) = (house.entries().await.len(), house.held_but_log().await);
    for (current, new, again, mistakes) in [
        ("guess", NEW, NEW, vec!["not your current password"]),
        (PASSWORD, "password1234", "password1234", vec!["Many people use this password"]),
        ("guess", "short", "short", vec!["not your current password", "at least 12 characters"]),
        (PASSWORD, NEW, "another", vec!["the same password in both fields"]),
    ] {
        let answer =
            here.submit("security/password", &[("current", current), ("password", new), ("again", again)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let (_, summary) = answer.body.split_once("Please check").expect("a summary");
        let (summary, _) = summary.split_once("</ul>").expect("a list");
        assert_eq!(summary.matches("<li>").count(), mistakes.len(), "{summary}");
        assert!(mistakes.iter().all(|mistake| summary.contains(mistake)), "{summary}");
        assert!(!answer.body.contains(new) && !answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(house.held_but_log().await, before);
    let answer = here.submit("security/password", &[("current", PASSWORD), ("password", NEW), ("again", NEW)]).await;
    assert!(answer.status == StatusCode::OK && answer.body.contains("Your password has been changed"));
    assert_eq!(house.sessions(OWNER).await.len(), 1);
    for old in [&mut phone, &mut thief] {
        assert_eq!(old.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    }
    // The page's own forms are the new session's.
    assert_eq!(here.submit("recovery-codes", &[]).await.status, StatusCode::OK);
    let log: Vec<&str> = house.log_since(count).await.iter().map(|it| it.1).collect();
    assert_eq!(log, ["sign_in_refused", "sign_in_refused", "password_changed", "recovery_codes_made"]);
    for (password, status) in [(PASSWORD, StatusCode::FORBIDDEN), (NEW, StatusCode::SEE_OTHER)] {
        let mut other = house.browser(HOME);
        other.get("/admin/sign-in").await;
        let typed = [("email", OWNER), ("password", password), ("code", &house.code(&owner))];
        assert_eq!(other.submit("sign-in", &typed).await.status, status);
    }
}

#[tokio::test]
async fn whoever_guesses_the_current_password_waits() {
    let (house, owner) = House::with_owner().await;
    let mut thief = owner.browser.clone();
    thief.get("/admin/security/password").await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let typed = [("current", "guess"), ("password", "eleven red tulips"), ("again", "eleven red tulips")];
        let answer = thief.submit("security/password", &typed).await;
        statuses.push((answer.status.as_u16(), answer.header("retry-after").to_owned()));
    }
    assert_eq!(statuses[..5], vec![(422, String::new()); 5]);
    assert_eq!(statuses[5], (429, "30".into()));
    house.sign_in(&owner, house.browser(HOME)).await;
}

#[tokio::test]
async fn own_sessions_and_the_password_take_a_proof_within_five_minutes() {
    let (house, owner) = House::with_owner().await;
    let mut here = owner.browser.clone();
    house.sign_in(&owner, house.browser(ELSEWHERE)).await;
    house.clock().forward(301);
    here.get("/admin/security").await;
    let csrf = here.csrf();
    let answer = here.submit("sessions/revoke", &[("session", "others")]).await;
    assert_eq!(answer.header("location"), "../../../admin/prove?next=security%3Fagain%3D1");
    // The page says so before, and after that nothing was done.
    let ahead = "show first that it is you";
    assert!(here.get("/admin/security").await.body.contains(ahead));
    assert!(here.get("/admin/security?again=1").await.body.contains("Nothing was changed yet"));
    let answer = here.post("/admin/security/password", &[("csrf", &csrf)]).await;
    assert_eq!(answer.header("location"), "../../admin/prove?next=security%2Fpassword");
    let answer = here.get("/admin/security/password").await;
    here.follow(answer).await;
    let code = house.code(&owner);
    let answer = here.submit("prove", &[("password", PASSWORD), ("code", &code)]).await;
    assert!(here.follow(answer).await.body.contains("<h1>Change your password</h1>"));
    assert_eq!(house.sessions(OWNER).await.len(), 2, "nothing was ended unproven");
    // What was done is not to be done once more by whoever leaves the page that tells of it.
    here.get("/admin/security").await;
    let codes = here.submit("recovery-codes", &[]).await;
    assert!(codes.body.contains("Keep these codes") && codes.header("refresh").ends_with("next=security"), "{codes:?}");
}

#[tokio::test]
async fn an_owner_adds_changes_resets_and_removes_admins() {
    let (house, owner) = House::with_owner().await;
    let mut grace = owner.browser.clone();
    let count = house.entries().await.len();
    grace.get("/admin/security").await;
    for (email, mistake) in [("nonsense", "Enter an address like"), (OWNER, "There is an admin with this address")] {
        let answer = grace.submit("admins/add", &[("email", email), ("role", "viewer")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(mistake), "{email}");
    }
    let answer = grace.submit("admins/add", &[("email", VIEWER), ("role", "viewer")]).await;
    let link = |body: &str| {
        let (_, rest) = body.split_once("https://join.example.com/admin/set-up#").expect("a link");
        format!("/admin/set-up#{}", rest.split('<').next().expect("a token"))
    };
    let first = link(&answer.body);
    assert!(!grace.get("/admin/security").await.body.contains("set-up#"), "it is shown once");
    let mut vera = house.set_up(VIEWER, &first, house.browser(ELSEWHERE)).await;
    assert_eq!(vera.browser.get("/admin/export").await.status, StatusCode::FORBIDDEN);
    grace.get("/admin/security").await;
    grace.submit("admins/role", &[]).await;
    assert_eq!(vera.browser.get("/admin/export").await.status, StatusCode::OK);
    let answer = grace.submit("admins/reset", &[]).await;
    assert_eq!(vera.browser.get("/admin/users").await.status, StatusCode::SEE_OTHER, "a reset ends the sessions");
    let mut vera = house.set_up(VIEWER, &link(&answer.body), house.browser(ELSEWHERE)).await;
    assert_eq!(vera.browser.get("/admin/users").await.status, StatusCode::OK);
    grace.get("/admin/security").await;
    let answer = grace.submit("admins/remove", &[]).await;
    assert!(!answer.body.contains(VIEWER));
    assert_eq!(vera.browser.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    let log = house.log_since(count).await;
    let by_grace: Vec<(&str, Option<&str>)> =
        log.iter().filter(|it| it.0 == OWNER).map(|it| (it.1, it.2.as_deref())).collect();
    let vera = Some(VIEWER);
    assert_eq!(
        by_grace,
        [("admin_added", vera), ("role_changed", vera), ("password_reset", vera), ("admin_removed", vera)]
    );
    // And the log is a page that says so.
    let page = grace.get("/admin/audit").await.body;
    assert!(page.contains(VIEWER) && page.contains("signupctl"));
}

#[tokio::test]
async fn the_audit_log_is_read_both_ways_and_begins_anew_behind_a_cursor_that_is_none() {
    let (house, owner) = House::with_owner().await;
    let mut grace = owner.browser.clone();
    for _ in 0..60 {
        house.clock().forward(1);
        let by = Actor::Operator("signupctl");
        let whom = Some(Whom::User(UserId([0; 16])));
        house.desk.admins.record(&by, Action::UserViewed, whom).await.expect("works");
    }
    let first = grace.get("/admin/audit").await.body;
    let older = grace.link("rel=\"next\"").expect("more");
    let second = grace.get(&older).await.body;
    assert_ne!(first, second);
    let newer = grace.link("rel=\"prev\"").expect("back");
    let back = grace.get(&newer).await.body;
    let rows = |page: &str| page.split("<tbody").nth(1).map(str::to_owned);
    assert_eq!(rows(&back), rows(&first));
    for wrong in ["x", "%00", "9999", "%27%20OR%201=1"] {
        let answer = grace.get(&format!("/admin/audit?older={wrong}")).await;
        assert_eq!((answer.status, rows(&answer.body)), (StatusCode::OK, rows(&first)), "{wrong}");
    }
    let long = grace.get(&format!("/admin/audit?newer={}", "x".repeat(800))).await;
    assert_eq!(long.status, StatusCode::NOT_FOUND);
}
