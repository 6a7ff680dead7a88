//! What holds of setting up.

use super::*;

async fn invited(house: &House) -> String {
    match house.admins.invite(&OPERATOR, &address(ADA), Role::Owner).await.expect("works") {
        Invited::Link(link) => link.token,
        other => panic!("{other:?}"),
    }
}

async fn is_invalid(house: &House, token: &str) -> bool {
    let shown = house.admins.set_up(token).await.expect("works");
    let password = house.admins.set_up_password(token, PASSWORD).await.expect("works");
    let code = house.admins.set_up_code(token, "000000", &home(), None).await.expect("works");
    shown.is_none() && password == SetUpPassword::Invalid && matches!(code, SetUpCode::Invalid)
}

#[tokio::test]
async fn a_link_sets_up_an_admin_who_is_signed_in_then() {
    let house = House::new();
    let token = invited(&house).await;
    let shown = house.admins.set_up(&token).await.expect("works");
    assert_eq!(shown, Some(SetUp { email: ADA.into(), enrol: None }));
    let SetUpPassword::Chosen(SetUp { enrol: Some(enrol), .. }) =
        house.admins.set_up_password(&token, PASSWORD).await.expect("works")
    else {
        panic!("not chosen")
    };
    assert!(enrol.uri.starts_with("otpauth://totp/The%20Garden%20Club:ada%40example.com?secret="), "{}", enrol.uri);
    assert!(enrol.uri.contains(&enrol.secret.replace(' ', "")));
    assert!(enrol.qr.is_some_and(|qr| qr.starts_with("<svg")));
    // Looking at the page again shows the same secret.
    let again = house.admins.set_up(&token).await.expect("works").and_then(|it| it.enrol);
    assert_eq!(again.map(|it| it.secret), Some(enrol.secret));
    let code = house.app(ADA).await;
    let done = house.admins.set_up_code(&token, &code, &home(), None).await.expect("works");
    let SetUpCode::Welcome { welcome, recovery_codes } = done else { panic!("{done:?}") };
    assert_eq!(recovery_codes.len(), RECOVERY_CODES);
    assert!(house.is_in(&welcome.cookie).await);
    assert_eq!(house.log().await.len(), 2);
}

#[tokio::test]
async fn a_link_works_once_and_for_an_hour() {
    let house = House::new();
    let token = invited(&house).await;
    house.follow(ADA, &token).await;
    assert!(is_invalid(&house, &token).await, "a used one");
    let SetUpLink { token, expires_at } = match house.admins.reset(&OPERATOR, house.id(ADA)).await.expect("works") {
        Managed::Done(link) => link,
        other => panic!("{other:?}"),
    };
    assert_eq!(expires_at, after(house.now(), SETUP));
    house.forward(SETUP - 1);
    assert!(house.admins.set_up(&token).await.expect("works").is_some());
    house.forward(1);
    assert!(is_invalid(&house, &token).await, "an old one");
    for wrong in ["", "x", &token[..60], &token.replace('.', "")] {
        assert!(is_invalid(&house, wrong).await, "{wrong}");
    }
}

#[tokio::test]
async fn a_newer_link_ends_the_one_before() {
    let house = House::new();
    let first = invited(&house).await;
    assert_eq!(
        house.admins.invite(&OPERATOR, &address("Ada@Example.com"), Role::Viewer).await.ok(),
        Some(Invited::Known)
    );
    let Managed::Done(second) = house.admins.reset(&OPERATOR, house.id(ADA)).await.expect("works") else {
        panic!("no link")
    };
    assert!(is_invalid(&house, &first).await);
    house.follow(ADA, &second.token).await;
}

#[tokio::test]
async fn no_code_completes_without_a_password_and_no_wrong_one_does() {
    let house = House::new();
    let token = invited(&house).await;
    assert!(matches!(house.admins.set_up_code(&token, "000000", &home(), None).await, Ok(SetUpCode::Invalid)));
    for (weak, why) in [("short", WeakPassword::TooShort), ("registration-2026", WeakPassword::Common)] {
        let refused = house.admins.set_up_password(&token, weak).await.expect("works");
        assert_eq!(refused, SetUpPassword::Weak(why));
    }
    house.admins.set_up_password(&token, PASSWORD).await.expect("works");
    let old = house.app(ADA).await;
    // Whoever goes back and chooses again has another secret.
    house.admins.set_up_password(&token, PASSWORD).await.expect("works");
    for wrong in [&old, "", "ABCD-EFGH-IJKL-MNOP"] {
        let refused = house.admins.set_up_code(&token, wrong, &home(), None).await.expect("works");
        assert!(matches!(refused, SetUpCode::WrongCode(SetUp { enrol: Some(_), .. })), "{refused:?}");
    }
    assert!(house.admin(ADA).await.credentials.is_none());
    let code = house.app(ADA).await;
    assert!(matches!(house.admins.set_up_code(&token, &code, &home(), None).await, Ok(SetUpCode::Welcome { .. })));
}

#[tokio::test]
async fn whoever_was_signed_in_in_the_same_browser_is_not_any_more() {
    let house = House::new();
    let (welcome, _) = house.follow(ADA, &invited(&house).await).await;
    let invited = house.admins.invite(&OPERATOR, &address("bob@example.com"), Role::Viewer).await.expect("works");
    let Invited::Link(link) = invited else { panic!("no link") };
    house.admins.set_up_password(&link.token, PASSWORD).await.expect("works");
    let code = house.app("bob@example.com").await;
    let done = house.admins.set_up_code(&link.token, &code, &home(), Some(&welcome.cookie)).await.expect("works");
    let SetUpCode::Welcome { welcome: other, .. } = done else { panic!("{done:?}") };
    assert!(house.is_in(&other.cookie).await && !house.is_in(&welcome.cookie).await);
}

#[tokio::test]
async fn nothing_that_is_kept_signs_in() {
    let house = House::new();
    let token = invited(&house).await;
    let (welcome, codes) = house.follow(ADA, &token).await;
    let kept = serde_json::to_string(&house.admin(ADA).await).expect("json");
    let sessions = house.admins.sessions(&welcome.signed_in).await.expect("works");
    let kept = format!("{kept}{}", serde_json::to_string(&sessions).expect("json"));
    let secret = |text: &str| text.split('.').next_back().map(str::to_owned).expect("a secret");
    for never in [PASSWORD, &secret(&token), &secret(&welcome.cookie), &codes[0], &codes[0].replace('-', "")] {
        assert!(!kept.contains(never), "{never}");
    }
    assert!(!format!("{welcome:?}").contains(&secret(&welcome.cookie)));
}

#[tokio::test]
async fn a_password_by_a_link_is_hashed_among_strangers_and_may_be_sent_again() {
    let house = House::new();
    let Invited::Link(link) = house.admins.invite(&OPERATOR, &address(ADA), Role::Owner).await.expect("works") else {
        panic!("known")
    };
    let all = house.admins.strangers.acquire_many(32).await.expect("it is open");
    let crowded = house.admins.set_up_password(&link.token, PASSWORD).await;
    assert!(matches!(&crowded, Err(AdminError::Store(error)) if error.is_passing()), "{crowded:?}");
    drop(all);
    house.follow(ADA, &link.token).await;
}
