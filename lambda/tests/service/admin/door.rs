//! Coming in: set-up, sign-in, what is told to whom, delays, and where an answer may lead.

use axum::http::StatusCode;
use futures_util::future::join_all;
use signup_service::admin::Role;
use signup_service::user::State;

use super::browser::{Browser, attribute, encoded, tags};
use super::house::{ELSEWHERE, HOME, House, OWNER, PASSWORD, code, user};
use super::tried::Tried;
use crate::support::service::Answer;

const SESSION: &str = "__Host-admin";

#[tokio::test]
async fn a_link_leads_to_a_password_an_app_recovery_codes_and_the_dashboard() {
    let house = House::new();
    let link = house.invite(OWNER, Role::Owner).await;
    let mut browser = house.browser(HOME);
    let before = house.held().await;
    assert!(browser.open_link(&link).await.body.contains("Choose a password"));
    assert_eq!(house.held().await, before, "a link that is looked at, as by a mail scanner, is not used");
    for (password, again, mistake) in [
        ("short", "short", "Use at least 12 characters"),
        ("passwordpassword", "passwordpassword", "Many people use this password"),
        ("grace grace grace", "grace grace grace", "Many people use this password"),
        (PASSWORD, "nine blue dahlias at dawn", "Type the same password in both fields"),
    ] {
        let answer = browser.submit("set-up", &[("password", password), ("again", again)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(answer.body.contains(mistake) && !answer.body.contains(password), "{password}");
    }
    assert_eq!(house.held().await, before);
    let mut person = house.set_up(OWNER, &link, browser).await;
    assert_eq!(person.codes.len(), 10);
    let target = person.browser.link("class=\"button\"").expect("a way on");
    assert_eq!(target, "/admin/dashboard");
    assert!(person.browser.get(&target).await.body.contains("<h1>Dashboard</h1>"));
    // What is kept holds none of the secrets.
    let held = house.held().await;
    let cookie = &person.browser.jar[SESSION];
    let (_, token) = link.split_once('#').expect("a token");
    for secret in [PASSWORD, cookie.as_str(), token].into_iter().chain(person.codes.iter().map(String::as_str)) {
        assert!(!held.contains(secret));
    }
}

#[tokio::test]
async fn a_link_that_was_used_ran_out_or_was_never_made_is_answered_alike() {
    let house = House::new();
    let used = house.invite(OWNER, Role::Owner).await;
    house.set_up(OWNER, &used, house.browser(HOME)).await;
    let late = house.invite("late@example.com", Role::Viewer).await;
    let mut early = house.browser(ELSEWHERE);
    early.open_link(&late).await;
    house.clock().forward(3_600);
    let (path, token) = late.split_once('#').expect("a token");
    let wrong = format!("{path}#{}", token.replace(|letter: char| letter.is_ascii_lowercase(), "a"));
    let mut bodies = Vec::new();
    for link in [used.as_str(), &late, &wrong, "/admin/set-up#", "/admin/set-up#x.y", "/admin/set-up#%00%FF"] {
        let answer = house.browser(ELSEWHERE).open_link(link).await;
        assert_eq!(answer.status, StatusCode::GONE, "{link}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    // One that is good may be pasted as a whole.
    let whole = house.invite("whole@example.com", Role::Viewer).await;
    let mut pasted = house.browser(ELSEWHERE);
    let page = pasted.get("/admin/set-up").await.body;
    let link = format!(" https://a1b2c3d4e5.execute-api.ap-southeast-1.amazonaws.com{whole} ");
    let longest =
        tags(&page, "input").into_iter().find(|tag| tag.contains("token")).and_then(|it| attribute(it, "maxlength"));
    assert!(longest.is_some_and(|longest| link.len() <= longest.parse().expect("a number")), "{page}");
    let answer = pasted.submit("set-up", &[("token", &link)]).await;
    assert!(answer.body.contains("whole@example.com"), "{}", answer.body);
    // A page that was opened in time sends its form too late.
    let answer = early.submit("set-up", &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::GONE, &bodies[0]));
    // And the form of the used one, sent once more with a code that is good now, brings nobody in.
    let mut again = house.browser(ELSEWHERE);
    again.get("/admin/sign-in").await;
    let (csrf, token) = (again.csrf(), used.split_once('#').expect("a token").1);
    for typed in [vec![("code", "123456")], vec![("password", PASSWORD), ("again", PASSWORD)]] {
        let pairs: Vec<(&str, &str)> = [("csrf", csrf.as_str()), ("token", token)].into_iter().chain(typed).collect();
        assert_eq!(again.post("/admin/set-up", &pairs).await.status, StatusCode::GONE);
        assert!(!again.jar.contains_key(SESSION));
    }
}

async fn try_in(browser: &mut Browser, email: &str, password: &str, code: &str) -> Answer {
    browser.get("/admin/sign-in").await;
    browser.submit("sign-in", &[("email", email), ("password", password), ("code", code)]).await
}

#[tokio::test]
async fn signing_in_takes_password_and_code_and_a_code_is_good_for_once() {
    let (house, owner) = House::with_owner().await;
    let mut browser = house.browser(HOME);
    let code = house.code(&owner);
    for (password, code) in [(PASSWORD, ""), (PASSWORD, "000000"), ("", code.as_str()), ("wrong", &code)] {
        let answer = try_in(&mut browser, OWNER, password, code).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!browser.jar.contains_key(SESSION) && !answer.body.contains(PASSWORD));
    }
    let answer = try_in(&mut browser, OWNER, PASSWORD, &code).await;
    assert!(browser.follow(answer).await.body.contains("<h1>Dashboard</h1>"));
    let mut other = house.browser(HOME);
    assert_eq!(try_in(&mut other, OWNER, PASSWORD, &code).await.status, StatusCode::FORBIDDEN, "the code was used");
    // A recovery code does it as well, once.
    let recovery = &owner.codes[0];
    assert_eq!(try_in(&mut other, OWNER, PASSWORD, recovery).await.status, StatusCode::SEE_OTHER);
    let mut third = house.browser(HOME);
    assert_eq!(try_in(&mut third, OWNER, PASSWORD, recovery).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_cookie_from_before_a_sign_in_or_a_proof_is_worth_nothing_after() {
    let (house, owner) = House::with_owner().await;
    let mut old = owner.browser.clone();
    // One that somebody else put there is not taken over.
    let mut planted = house.browser(ELSEWHERE);
    let fixed = format!("{}.{}", &owner.browser.jar[SESSION][..32], "A".repeat(43));
    planted.jar.insert(SESSION.into(), fixed.clone());
    let signed_in = house.sign_in(&owner, planted).await;
    assert_ne!(signed_in.jar[SESSION], fixed);
    let mut with_fixed = house.browser(ELSEWHERE);
    with_fixed.jar.insert(SESSION.into(), fixed);
    assert_eq!(with_fixed.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    // The own one from before ends.
    let mut new = house.sign_in(&owner, old.clone()).await;
    assert_ne!(new.jar[SESSION], old.jar[SESSION]);
    assert_eq!(old.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    assert_eq!(new.get("/admin/users").await.status, StatusCode::OK);
    // So does the one from before a proof.
    let mut before = new.clone();
    new.get("/admin/prove?next=export").await;
    let code = house.code(&owner);
    let answer = new.submit("prove", &[("password", PASSWORD), ("code", &code)]).await;
    assert_eq!(answer.header("location"), "../admin/export");
    assert_ne!(new.jar[SESSION], before.jar[SESSION]);
    assert_eq!(before.get("/admin/users").await.status, StatusCode::SEE_OTHER);
    assert_eq!(new.get("/admin/export").await.status, StatusCode::OK);
}

#[tokio::test]
async fn cookies_are_for_this_host_alone_and_for_no_script() {
    // Every cookie of every test is looked at by the browser; here the ones there are, and how long they live.
    let (house, owner) = House::with_owner().await;
    let mut browser = house.browser(HOME);
    let page = browser.get("/admin/sign-in").await;
    let code = house.code(&owner);
    let answer = browser.submit("sign-in", &[("email", OWNER), ("password", PASSWORD), ("code", &code)]).await;
    let set = |answer: &Answer| {
        let all = answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().expect("ASCII").to_owned());
        all.map(|it| {
            let (name, rest) = it.split_once('=').expect("a pair");
            format!("{name} {}", rest.split_once("; ").expect("attributes").1)
        })
        .collect::<Vec<_>>()
    };
    let guarded = "Path=/; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(set(&page), [format!("__Host-admin-door {guarded}")]);
    let device = format!("__Host-admin-device {guarded}; Max-Age=31536000");
    assert_eq!(set(&answer), [format!("__Host-admin {guarded}"), device]);
    browser.follow(answer).await;
    let out = browser.submit("sign-out", &[]).await;
    assert_eq!(set(&out), [format!("__Host-admin {guarded}; Max-Age=0")]);
    assert_eq!(out.header("clear-site-data"), "\"cache\", \"storage\"");
    assert!(!browser.jar.contains_key(SESSION));
    assert!(browser.follow(out).await.body.contains("Sign in"));
    assert!(house.sessions(OWNER).await.len() == 1, "the session of the set-up is another");
}

#[tokio::test]
async fn a_page_left_open_goes_when_its_session_does() {
    let (house, mut owner) = House::with_owner().await;
    let leaves = |answer: &Answer| answer.header("refresh").to_owned();
    let page = owner.browser.get("/admin/users?by=country&value=FR").await;
    let (seconds, url) =
        leaves(&page).split_once("; url=").map(|(at, url)| (at.to_owned(), url.to_owned())).expect("both");
    assert_eq!(url, "../admin/sign-in?left=1&next=users%3Fby%3Dcountry%26value%3DFR");
    assert_eq!(seconds, "1801", "right after what may be unused");
    house.clock().forward(30);
    let next = owner.browser.get("/admin/users").await;
    assert!(leaves(&next).starts_with("1771; "), "a use is noted once a minute: {}", leaves(&next));
    // Near its end a session has less than that left, however much it is used.
    for _ in 0..24 {
        house.clock().forward(29 * 60);
        owner.browser.get("/admin/dashboard").await;
    }
    assert!(
        leaves(&owner.browser.get("/admin/users/nobody").await).starts_with("1411; "),
        "12 hours less 24 times 29 minutes, and half of one"
    );
    house.clock().forward(1_441);
    let answer = owner.browser.get("/admin/sign-in?left=1").await;
    assert!(answer.body.contains("has been closed") && leaves(&answer).is_empty());
    assert_eq!(owner.browser.get("/admin/dashboard").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_page_left_open_asks_whether_its_session_is_and_does_not_use_it() {
    let (house, mut owner) = House::with_owner().await;
    let mut other = owner.browser.clone();
    for _ in 0..29 {
        house.clock().forward(60);
        assert_eq!(other.get("/admin/session").await.status, StatusCode::NO_CONTENT);
    }
    house.clock().forward(60);
    let ended = other.get("/admin/session").await;
    assert_eq!((ended.status, ended.header("location")), (StatusCode::SEE_OTHER, "../admin/sign-in?ended=1"));
    // Where it then goes: back to what was shown, or to the page of the form that it answers.
    for (at, back) in [("users?by=state&value=pending", "users?by=state&#38;value=pending"), ("search", "users")] {
        let asked = encoded(&[("ended", "1"), ("next", at)]);
        let shown = owner.browser.get(&format!("/admin/sign-in?{asked}")).await;
        assert!(shown.body.contains(&format!("name=\"next\" value=\"{back}\"")), "{}", shown.body);
    }
}

#[tokio::test]
async fn what_is_shown_once_leaves_as_well() {
    let house = House::new();
    let link = house.invite(OWNER, Role::Owner).await;
    let person = house.set_up(OWNER, &link, house.browser(HOME)).await;
    let seconds = |answer: &Answer| answer.header("refresh").split(';').next().map(str::to_owned);
    assert_eq!(seconds(&person.shown), Some("1801".to_owned()), "the recovery codes");
}

/// What somebody sees who tries a name, with the name and what is drawn taken out.
async fn seen(tried: &Tried, router: &axum::Router, email: &str) -> (String, Vec<&'static str>) {
    let mut browser = Browser::new(router.clone(), ELSEWHERE);
    browser.get("/admin/sign-in").await;
    let csrf = browser.csrf();
    tried.take();
    let answer = browser.submit("sign-in", &[("email", email), ("password", "wrong"), ("code", "123456")]).await;
    let text = format!("{} {:?} {}", answer.status, answer.headers, answer.body);
    (text.replace(email, "NAME").replace(&csrf, "DOOR"), tried.take())
}

#[tokio::test]
async fn an_answer_and_its_calls_do_not_tell_whether_a_name_is_an_admins() {
    let (house, _) = House::with_owner().await;
    house.invite("invit@example.com", Role::Owner).await;
    let tried = Tried::over(house.store.clone());
    let router = house.router_over(house.store.clone(), tried.clone());
    let mut blocked = false;
    // The names are equally long, as the lengths of the answers would tell otherwise. Twelve times each, so that delays and what they say are compared as well.
    for _ in 0..12 {
        let known = seen(&tried, &router, OWNER).await;
        for other in ["nobod@example.com", "invit@example.com", "no-address-at-all"] {
            let unknown = seen(&tried, &router, other).await;
            assert_eq!(unknown, known, "{other}");
        }
        blocked |= known.0.starts_with("429");
    }
    assert!(blocked);
}

#[tokio::test]
async fn whoever_guesses_waits_longer_each_time_and_locks_nobody_out_who_is_known() {
    let (house, owner) = House::with_owner().await;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let mut browser = house.browser(ELSEWHERE);
        let answer = try_in(&mut browser, OWNER, "wrong", "123456").await;
        match answer.status {
            StatusCode::FORBIDDEN => assert_eq!(answer.header("retry-after"), ""),
            status => {
                assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
                let seconds: u32 = answer.header("retry-after").parse().expect("seconds");
                waits.push(seconds);
                house.clock().forward(seconds);
            }
        }
    }
    assert_eq!(waits, [30, 60]);
    let mut stranger = house.browser(ELSEWHERE);
    for _ in 0..2 {
        try_in(&mut stranger, OWNER, "wrong", "123456").await;
    }
    // Not even the right ones are looked at during a delay.
    let code = house.code(&owner);
    let answer = try_in(&mut stranger, OWNER, PASSWORD, &code).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    // The admin is let in at home, and elsewhere in the browser that signed in before.
    let mut known = house.browser(ELSEWHERE);
    known.jar.insert("__Host-admin-device".into(), owner.browser.jar["__Host-admin-device"].clone());
    house.sign_in(&owner, known).await;
    house.sign_in(&owner, house.browser(HOME)).await;
}

#[tokio::test]
async fn of_many_who_sign_in_at_once_some_are_told_to_come_back() {
    let (house, _) = House::with_owner().await;
    let came = async |number: u8| {
        let mut browser = house.browser(&format!("203.0.113.{number}"));
        browser.get("/admin/sign-in").await;
        let email = format!("guess{number}@example.com");
        let answer = browser.submit("sign-in", &[("email", &email), ("password", "guess"), ("code", "123456")]).await;
        (answer.status.as_u16(), answer.header("retry-after").to_owned())
    };
    let answers = join_all((0..60).map(came)).await;
    let (looked_at, sent_away): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 403);
    // As many as are looked at at once, and who came once one of them had been.
    assert!(looked_at.len() >= 32 && !sent_away.is_empty(), "{sent_away:?}");
    assert!(sent_away.iter().all(|it| *it == (429, "30".to_owned())), "{sent_away:?}");
}

#[tokio::test]
async fn a_stolen_session_guesses_little_and_is_told_to_wait() {
    let (house, owner) = House::with_owner().await;
    let mut thief = owner.browser.clone();
    house.clock().forward(301);
    thief.get("/admin/prove").await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let answer = thief.submit("prove", &[("password", "guess"), ("code", "123456")]).await;
        statuses.push((answer.status.as_u16(), answer.header("retry-after").to_owned()));
    }
    assert_eq!(statuses[..5], vec![(403, String::new()); 5]);
    assert_eq!(statuses[5], (429, "30".into()));
    assert_eq!(thief.get("/admin/export.csv").await.status, StatusCode::SEE_OTHER);
    house.sign_in(&owner, house.browser(HOME)).await;
}

#[tokio::test]
async fn after_a_sign_in_the_page_that_was_asked_for_is_shown() {
    let (house, owner) = House::with_owner().await;
    let mut browser = house.browser(HOME);
    house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let search = owner.browser.clone().search("/admin/users", "ada&x").await;
    let asked = browser.get(&search).await;
    assert_eq!(browser.follow(asked).await.status, StatusCode::OK);
    let code = house.code(&owner);
    let answer = browser.submit("sign-in", &[("email", OWNER), ("password", PASSWORD), ("code", &code)]).await;
    assert_eq!(answer.header("location"), format!("..{search}"));
    browser.follow(answer).await;
    assert!(browser.page.contains("ada&#38;x"));
}

#[tokio::test]
async fn no_next_leads_out_of_the_admins_pages() {
    let (house, owner) = House::with_owner().await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "dashboard/../../../evil",
        "users/%2e%2e/x\r\nLocation: https://evil.example",
        "sign-out",
        "set-up",
        "dashboard@evil.example",
        "dashboard.evil.example",
        "",
    ] {
        let query = encoded(&[("next", next)]);
        let mut browser = house.browser(HOME);
        browser.get(&format!("/admin/sign-in?{query}")).await;
        let code = house.code(&owner);
        let typed = [("next", next), ("email", OWNER), ("password", PASSWORD), ("code", &code)];
        let answer = browser.submit("sign-in", &typed).await;
        assert_eq!(answer.header("location"), "../admin/dashboard", "{next:?}");
        browser.get(&format!("/admin/prove?{query}")).await;
        assert!(!browser.page.contains("evil"), "{next:?}");
        let csrf = browser.csrf();
        let code = house.code(&owner);
        let pairs = [("csrf", csrf.as_str()), ("next", next), ("password", PASSWORD), ("code", &code)];
        let answer = browser.post("/admin/prove", &pairs).await;
        assert_eq!(answer.header("location"), "../admin/dashboard", "{next:?}");
    }
}

#[tokio::test]
async fn a_session_ends_unused_after_half_an_hour_and_says_so() {
    let (house, owner) = House::with_owner().await;
    let mut browser = owner.browser.clone();
    house.clock().forward(1_799);
    assert_eq!(browser.get("/admin/users").await.status, StatusCode::OK);
    house.clock().forward(1_800);
    let answer = browser.get("/admin/users").await;
    assert_eq!(answer.header("location"), "../admin/sign-in?ended=1&next=users");
    // However much it is used, it ends after half a day.
    let mut busy = house.sign_in(&owner, house.browser(HOME)).await;
    let mut left = 0;
    while busy.get("/admin/users").await.status == StatusCode::OK {
        house.clock().forward(1_200);
        left += 1;
    }
    assert_eq!(left, 36);
}

#[tokio::test]
async fn nothing_of_a_secret_is_in_the_log() {
    let (house, owner) = House::with_owner().await;
    let link = house.invite("new@example.com", Role::Viewer).await;
    house.browser(ELSEWHERE).open_link(&link).await;
    let mut browser = house.sign_in(&owner, house.browser(HOME)).await;
    house.keep(user(1, "ada@example.com", "Ada", "GB", State::Confirmed, "2026-11-01T10:00:00Z")).await;
    let path = browser.search("/admin/users", "somebody@example.com").await;
    browser.get(&path).await;
    browser.get(&path.replace("/users", "/export.csv")).await;
    browser.get("/admin/security/password").await;
    let typed = [("current", "somebody"), ("password", "somebody else by now"), ("again", "somebody else by now")];
    browser.submit("security/password", &typed).await;
    browser.get("/admin/security").await;
    browser.submit("admins/add", &[("email", "somebody@example.com"), ("role", "viewer")]).await;
    let log = format!("{:?}", house.service.journal.lines());
    for told in ["/admin/sign-in", "exported", "admin_added", "sign_in_refused"] {
        assert!(log.contains(told), "{told}");
    }
    let (_, token) = link.split_once('#').expect("a token");
    for secret in [token, PASSWORD, &browser.jar[SESSION], "somebody", "example.com", HOME, ELSEWHERE] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// So that the app of these tests is one.
#[test]
fn the_app_shows_what_rfc_6238_says() {
    let now = jiff::Timestamp::from_second(1_111_111_109).expect("a time");
    assert_eq!(code(b"12345678901234567890", now), "081804");
}
