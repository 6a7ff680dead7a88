//! What holds of sessions: how they end, and what needs a proof.

use super::*;

#[tokio::test]
async fn a_session_ends_unused_after_half_an_hour() {
    let (house, welcome) = House::with_ada().await;
    house.forward(IDLE - 1);
    assert!(house.is_in(&welcome.cookie).await);
    house.forward(IDLE - 1);
    assert!(house.is_in(&welcome.cookie).await, "a use counts");
    house.forward(IDLE);
    assert!(!house.is_in(&welcome.cookie).await);
}

#[tokio::test]
async fn a_session_ends_after_half_a_day_however_much_it_is_used() {
    let (house, welcome) = House::with_ada().await;
    for _ in 0..ABSOLUTE / 600 - 1 {
        house.forward(600);
        assert!(house.is_in(&welcome.cookie).await);
    }
    // A proof makes no session younger.
    let signed_in = house.admins.authenticate(&welcome.cookie).await.expect("works").expect("a session");
    let code = house.app(ADA).await;
    let Proved::Done { cookie, .. } =
        house.admins.prove_again(&signed_in, PASSWORD, &code, &home()).await.expect("works")
    else {
        panic!("refused")
    };
    house.forward(599);
    assert!(house.is_in(&cookie).await);
    house.forward(1);
    assert!(!house.is_in(&cookie).await);
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let (house, welcome) = House::with_ada().await;
    let mut notes = 0;
    for _ in 0..60 {
        house.forward(5);
        house.store.calls();
        house.is_in(&welcome.cookie).await;
        notes += house.store.calls().iter().filter(|call| **call == "touch session").count();
    }
    assert_eq!(notes, 5);
}

#[tokio::test]
async fn no_session_is_taken_over_by_a_sign_in() {
    let (house, first) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    let form = SignInForm { email: ADA, password: PASSWORD, code: &code };
    let SignIn::Welcome(second) = house.admins.sign_in(&form, &home(), Some(&first.cookie)).await.expect("works")
    else {
        panic!("refused")
    };
    assert_ne!(first.cookie, second.cookie);
    assert!(!house.is_in(&first.cookie).await && house.is_in(&second.cookie).await);
    for wrong in ["", "x.y", &second.cookie[1..], &format!("{}{}", "0".repeat(32), &second.cookie[32..])] {
        assert!(!house.is_in(wrong).await, "{wrong}");
    }
}

#[tokio::test]
async fn a_proof_lasts_five_minutes_and_brings_a_new_cookie() {
    let (house, welcome) = House::with_ada().await;
    let may = |signed_in: &SignedIn, right| signed_in.may(right, house.now());
    let all = [Right::Export, Right::Erase, Right::Administer, Right::Secure];
    assert!(all.iter().all(|right| may(&welcome.signed_in, *right) == Ok(())));
    house.forward(PROOF);
    assert!(all.iter().all(|right| may(&welcome.signed_in, *right) == Err(Denied::ProveAgain)));
    assert_eq!((may(&welcome.signed_in, Right::View), may(&welcome.signed_in, Right::Mail)), (Ok(()), Ok(())));
    let code = house.app(ADA).await;
    let wrong = house.admins.prove_again(&welcome.signed_in, "not the password", &code, &home()).await;
    assert!(matches!(wrong, Ok(Proved::Refused)));
    let proved = house.admins.prove_again(&welcome.signed_in, PASSWORD, &code, &home()).await.expect("works");
    let Proved::Done { signed_in, cookie } = proved else { panic!("{proved:?}") };
    assert_eq!(may(&signed_in, Right::Erase), Ok(()));
    assert!(house.is_in(&cookie).await && !house.is_in(&welcome.cookie).await);
    // The code is used up, for a sign-in too.
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
    // Forms are the session's: those of the old cookie are not the new one's.
    let token = house.admins.csrf(&signed_in);
    assert!(house.admins.check_csrf(&signed_in, &token) && !house.admins.check_csrf(&welcome.signed_in, &token));
}

#[tokio::test]
async fn whoever_holds_a_stolen_session_may_guess_a_little_and_locks_nobody_out() {
    let (house, stolen) = House::with_ada().await;
    let guess =
        async || house.admins.prove_again(&stolen.signed_in, "not the password", "000000", &from("cellar")).await;
    for _ in 0..5 {
        assert!(matches!(guess().await, Ok(Proved::Refused)));
    }
    assert!(matches!(guess().await, Ok(Proved::TooMany { .. })));
    house.sign_in(ADA, &home()).await;
    house.sign_in(ADA, &from("hotel")).await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_admin() {
    let (house, first) = House::with_ada().await;
    let second = house.sign_in(ADA, &from("hotel")).await;
    let third = house.sign_in(ADA, &from("train")).await;
    let listed = house.admins.sessions(&third.signed_in).await.expect("works");
    let networks: Vec<&str> = listed.iter().map(|session| session.network.as_str()).collect();
    assert_eq!(networks, ["train", "hotel", "home"]);
    let ended = house.admins.revoke(&third.signed_in, second.signed_in.session.hash, &home()).await.expect("works");
    assert_eq!(ended, Ok(()));
    assert!(!house.is_in(&second.cookie).await && house.is_in(&first.cookie).await);
    assert_eq!(house.admins.revoke_others(&third.signed_in, &home()).await.expect("works"), Ok(()));
    assert!(!house.is_in(&first.cookie).await && house.is_in(&third.cookie).await);
    house.admins.sign_out(&third.signed_in, &home()).await.expect("works");
    assert!(!house.is_in(&third.cookie).await);
}

#[tokio::test]
async fn another_password_ends_all_other_sessions_and_the_browsers_that_were_known() {
    const NEW: &str = "eleven red tulips at dawn";
    let (house, first) = House::with_ada().await;
    house.forward(60);
    let second = house.sign_in(ADA, &from("hotel")).await;
    let change = async |current, typed| {
        house.admins.change_password(&second.signed_in, current, typed, &from("hotel")).await.expect("works")
    };
    for (current, typed, is_wrong, is_weak) in
        [(PASSWORD, "password1234", false, true), ("guess", NEW, true, false), ("", "password1234", true, true)]
    {
        let common = is_weak.then_some(WeakPassword::Common);
        let changed = change(current, typed).await;
        assert!(
            matches!(changed, PasswordChanged::Mistaken { is_wrong: wrong, weak } if wrong == is_wrong && weak == common),
            "{changed:?}"
        );
    }
    assert!(house.is_in(&first.cookie).await, "nothing was changed");
    let changed = change(PASSWORD, NEW).await;
    let PasswordChanged::Done(third) = changed else { panic!("{changed:?}") };
    assert!(
        !house.is_in(&first.cookie).await && !house.is_in(&second.cookie).await && house.is_in(&third.cookie).await
    );
    house.forward(30);
    let code = house.app(ADA).await;
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
    let train = |device: &str| Visit { device: Some(device.into()), ..from("train") };
    let old_browser = house.try_in(ADA, NEW, &code, &train(&first.device)).await;
    assert!(matches!(old_browser, SignIn::Welcome(_)) && house.was_new_place().await);
    house.forward(PROOF);
    assert!(matches!(change(NEW, NEW).await, PasswordChanged::Denied(Denied::ProveAgain)));
}

#[tokio::test]
async fn wrong_current_passwords_and_wrong_proofs_are_counted_together() {
    let (house, stolen) = House::with_ada().await;
    let typed = "eleven red tulips at dawn";
    let change = async |current| house.admins.change_password(&stolen.signed_in, current, typed, &from("cellar")).await;
    for _ in 0..3 {
        assert!(matches!(change("guess").await, Ok(PasswordChanged::Mistaken { is_wrong: true, weak: None })));
    }
    for _ in 0..2 {
        let proved = house.admins.prove_again(&stolen.signed_in, "guess", "000000", &from("cellar")).await;
        assert!(matches!(proved, Ok(Proved::Refused)));
    }
    assert!(matches!(change(PASSWORD).await, Ok(PasswordChanged::TooMany { .. })), "also the right one waits");
    assert_eq!(house.log().await.iter().filter(|line| *line == "ada@example.com sign_in_refused").count(), 5);
    house.sign_in(ADA, &home()).await;
}

#[tokio::test]
async fn new_recovery_codes_end_all_other_sessions() {
    let (house, first) = House::with_ada().await;
    let second = house.sign_in(ADA, &from("hotel")).await;
    let made = house.admins.new_recovery_codes(&second.signed_in, &from("hotel")).await.expect("works");
    assert!(matches!(made, RecoveryCodes::Made(_)));
    assert!(!house.is_in(&first.cookie).await && house.is_in(&second.cookie).await);
    let third = house.sign_in(ADA, &home()).await;
    assert!(house.is_in(&third.cookie).await && house.is_in(&second.cookie).await, "whoever comes later is in");
}

#[tokio::test]
async fn who_is_still_coming_in_by_an_earlier_recovery_code_is_not_in() {
    let house = House::new();
    let Invited::Link(link) = house.admins.invite(&OPERATOR, &address(ADA), Role::Owner).await.expect("works") else {
        panic!("known")
    };
    let (welcome, codes) = house.follow(ADA, &link.token).await;
    let release = house.store.hold_next_session();
    let visit = from("cellar");
    let meanwhile = async {
        let left = async || house.admin(ADA).await.credentials.map(|it| it.recovery.len());
        while left().await == Some(RECOVERY_CODES) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        house.admins.new_recovery_codes(&welcome.signed_in, &home()).await.expect("works");
        release.send(()).expect("somebody waits");
    };
    let both = async { tokio::join!(house.try_in(ADA, PASSWORD, &codes[0], &visit), meanwhile) };
    let (thief, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("both come to an end");
    let SignIn::Welcome(thief) = thief else { panic!("{thief:?}") };
    assert!(!house.is_in(&thief.cookie).await && house.is_in(&welcome.cookie).await);
}

#[tokio::test]
async fn codes_that_are_made_bring_no_session_back_and_those_that_are_not_end_none() {
    let (house, first) = House::with_ada().await;
    let second = house.sign_in(ADA, &from("hotel")).await;
    // Signed out in another window, while the codes were being made.
    house.admins.sign_out(&first.signed_in, &home()).await.expect("works");
    let made = house.admins.new_recovery_codes(&first.signed_in, &home()).await.expect("works");
    assert!(matches!(made, RecoveryCodes::Made(_)));
    assert!(!house.is_in(&first.cookie).await && !house.is_in(&second.cookie).await);
    // Of two sessions that make codes at once the faster one has them, and the other is over, though it was not deleted.
    let (third, fourth) = (house.sign_in(ADA, &home()).await, house.sign_in(ADA, &from("hotel")).await);
    let made = house.admins.new_recovery_codes(&third.signed_in, &home()).await.expect("works");
    assert!(matches!(made, RecoveryCodes::Made(_)));
    house.store.save_session(&fourth.signed_in.session).await.expect("works");
    let late = house.admins.new_recovery_codes(&fourth.signed_in, &from("hotel")).await.expect("works");
    assert_eq!(late, RecoveryCodes::Denied(Denied::ProveAgain));
    assert!(house.is_in(&third.cookie).await && !house.is_in(&fourth.cookie).await);
    // Sent twice, by one session: the last ones count, and it goes on, also after another proof.
    let again = house.admins.new_recovery_codes(&third.signed_in, &home()).await.expect("works");
    let RecoveryCodes::Made(codes) = again else { panic!("{again:?}") };
    assert!(house.is_in(&third.cookie).await);
    let proved = house.admins.prove_again(&third.signed_in, PASSWORD, &codes[0], &home()).await.expect("works");
    let Proved::Done { cookie, .. } = proved else { panic!("{proved:?}") };
    assert!(house.is_in(&cookie).await && !house.is_in(&third.cookie).await);
}

#[tokio::test]
async fn sessions_are_ended_by_whoever_has_proven_themselves_alone() {
    let (house, first) = House::with_ada().await;
    house.forward(PROOF);
    let second = house.sign_in(ADA, &from("hotel")).await;
    let (stolen, other) = (&first.signed_in, second.signed_in.session.hash);
    assert_eq!(house.admins.revoke(stolen, other, &home()).await.expect("works"), Err(Denied::ProveAgain));
    assert_eq!(house.admins.revoke_others(stolen, &home()).await.expect("works"), Err(Denied::ProveAgain));
    assert!(house.is_in(&second.cookie).await);
}

#[tokio::test]
async fn a_session_that_was_over_changes_nothing() {
    let (house, first) = House::with_ada().await;
    house.admins.reset(&OPERATOR, house.id(ADA)).await.expect("works");
    let denied = house.admins.new_recovery_codes(&first.signed_in, &home()).await.expect("works");
    assert_eq!(denied, RecoveryCodes::Denied(Denied::ProveAgain));
    let denied = house.admins.change_password(&first.signed_in, PASSWORD, "eleven red tulips at dawn", &home()).await;
    assert!(matches!(denied, Ok(PasswordChanged::Denied(_))));
    assert!(house.admin(ADA).await.credentials.is_none());
}
