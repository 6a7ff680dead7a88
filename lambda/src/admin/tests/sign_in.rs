//! What holds of signing in: what is asked for, what is told, and what it costs.

use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn all_three_are_needed_and_which_was_wrong_is_not_told() {
    let (house, _) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    let other = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    for (email, password, code) in [
        ("eve@example.com", PASSWORD, code.as_str()),
        (ADA, "nine blue dahlias at dawn", &code),
        (ADA, PASSWORD, &other),
        (ADA, PASSWORD, ""),
        ("", "", ""),
    ] {
        let refused = house.try_in(email, password, code, &from("elsewhere")).await;
        assert!(matches!(refused, SignIn::Refused), "{email} {password} {refused:?}");
    }
    assert!(matches!(house.try_in(" ADA@example.COM ", PASSWORD, &code, &home()).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn a_code_is_good_for_once() {
    let (house, _) = House::with_ada().await;
    // The one of the set-up is used up as well.
    let code = house.app(ADA).await;
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
    house.forward(30);
    let code = house.app(ADA).await;
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Welcome(_)));
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
}

#[tokio::test]
async fn of_two_who_use_one_code_at_once_one_is_let_in() {
    let (house, _) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    let (one, other) = (home(), home());
    let (one, other) =
        tokio::join!(house.try_in(ADA, PASSWORD, &code, &one), house.try_in(ADA, PASSWORD, &code, &other));
    let let_in = [one, other].iter().filter(|it| matches!(it, SignIn::Welcome(_))).count();
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn a_code_is_good_for_as_long_as_the_app_shows_it_and_does_not_grow_old_in_line() {
    let (house, _) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    house.forward(30);
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
    let code = house.app(ADA).await;
    // All places for hashing are taken, and free again once the app shows another.
    let hashing = Arc::clone(&house.admins.hashing);
    let all = u32::try_from(hashing.available_permits()).expect("few");
    let places = hashing.acquire_many_owned(all).await.expect("it is open");
    let (visit, later) = (home(), async {
        house.forward(30);
        drop(places);
    });
    let (signed_in, ()) = tokio::join!(house.try_in(ADA, PASSWORD, &code, &visit), later);
    assert!(matches!(signed_in, SignIn::Welcome(_)), "{signed_in:?}");
}

#[tokio::test]
async fn of_too_many_strangers_at_once_some_are_sent_away_uncounted_and_nobody_who_is_known() {
    let (house, _) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    let places = house.admins.hashing.clone().acquire_many_owned(2).await.expect("it is open");
    let guesses: Vec<(String, Visit)> =
        (0..32).map(|number| (format!("eve{number}@example.com"), from(&format!("cellar {number}")))).collect();
    let mut line: Vec<_> =
        guesses.iter().map(|(email, visit)| Box::pin(house.try_in(email, "a guess", "000000", visit))).collect();
    for waiting in &mut line {
        assert!(waiting.as_mut().now_or_never().is_none(), "it waits for a hash");
    }
    house.store.calls();
    // The admin herself, from elsewhere: nothing is looked at, and nothing counted.
    let away = house.try_in(ADA, PASSWORD, &code, &from("hotel")).await;
    assert!(matches!(away, SignIn::TooMany { retry_after } if retry_after.as_secs() == 30), "{away:?}");
    assert_eq!(house.store.calls(), ["load admin"]);
    let visit = home();
    let mut known = Box::pin(house.try_in(ADA, PASSWORD, &code, &visit));
    assert!(known.as_mut().now_or_never().is_none(), "at home she is looked at");
    // Who no longer waits for the answer gives up the place.
    line.clear();
    drop(places);
    assert!(matches!(known.await, SignIn::Welcome(_)));
    assert_eq!(house.admins.strangers.available_permits(), 32);
}

#[tokio::test]
async fn a_recovery_code_is_good_for_once_however_it_is_typed() {
    let house = House::new();
    let Invited::Link(link) = house.admins.invite(&OPERATOR, &address(ADA), Role::Owner).await.expect("works") else {
        panic!("known")
    };
    let (_, codes) = house.follow(ADA, &link.token).await;
    let typed = codes[3].to_lowercase().replace('-', " ");
    let signed_in = house.try_in(ADA, PASSWORD, &typed, &home()).await;
    let SignIn::Welcome(welcome) = signed_in else { panic!("{signed_in:?}") };
    let left = welcome.signed_in.admin.credentials.map(|it| it.recovery.len());
    assert_eq!(left, Some(RECOVERY_CODES - 1));
    assert!(matches!(house.try_in(ADA, PASSWORD, &codes[3], &home()).await, SignIn::Refused));
    // New ones end the old.
    let RecoveryCodes::Made(new) =
        house.admins.new_recovery_codes(&house.sign_in(ADA, &home()).await.signed_in, &home()).await.expect("works")
    else {
        panic!("denied")
    };
    assert!(matches!(house.try_in(ADA, PASSWORD, &codes[4], &home()).await, SignIn::Refused));
    assert!(matches!(house.try_in(ADA, PASSWORD, &new[4], &home()).await, SignIn::Welcome(_)));
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_what_one_costs_that_somebody_has() {
    let (house, _) = House::with_ada().await;
    let Invited::Link(_) =
        house.admins.invite(&OPERATOR, &address("new@example.com"), Role::Viewer).await.expect("works")
    else {
        panic!("known")
    };
    house.forward(30);
    let code = house.app(ADA).await;
    house.store.calls();
    let mut all = Vec::new();
    for (network, email, password, code) in [
        ("a", "eve@example.com", PASSWORD, code.as_str()),
        ("b", "no address", PASSWORD, ""),
        // Known, with a wrong password, with a wrong code, and one who has not set up yet.
        ("c", ADA, "nine blue dahlias at dawn", &code),
        ("d", ADA, PASSWORD, "000000"),
        ("e", "new@example.com", PASSWORD, &code),
        // From where she is known.
        ("home", ADA, "nine blue dahlias at dawn", &code),
    ] {
        assert!(matches!(house.try_in(email, password, code, &from(network)).await, SignIn::Refused), "{network}");
        all.push(house.store.calls());
    }
    assert_eq!(all[0], ["load admin", "load attempts", "save attempts", "write entry"]);
    assert!(all.iter().all(|calls| *calls == all[0]), "{all:?}");
}

#[tokio::test]
async fn a_password_that_nobody_has_takes_as_long_to_refuse() {
    let (house, _) = House::with_ada().await;
    let measure = async |email: &str, round: u32| {
        let begun = std::time::Instant::now();
        house.try_in(email, "nine blue dahlias at dawn", "000000", &from(&format!("{email}{round}"))).await;
        begun.elapsed()
    };
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for round in 0..6 {
        known = known.min(measure(ADA, round).await);
        unknown = unknown.min(measure("eve@example.com", round).await);
    }
    // Without the hash of nobody it would be a hundredth.
    assert!(unknown > known / 5 && known > unknown / 5, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn a_new_place_is_told_and_known_from_then_on() {
    let (house, first) = House::with_ada().await;
    assert!(!house.is_new_place(&home()).await);
    assert!(house.is_new_place(&from("hotel")).await);
    assert!(!house.is_new_place(&from("hotel")).await);
    // The browser is known wherever it is.
    let train = Visit { device: Some(first.device), ..from("train") };
    assert!(!house.is_new_place(&train).await);
    let places: Vec<String> = house.admin(ADA).await.places.into_iter().map(|place| place.network).collect();
    assert_eq!(places, ["train", "hotel", "home"]);
}

#[tokio::test]
async fn a_network_that_nobody_states_is_never_known() {
    let (house, _) = House::with_ada().await;
    let nowhere = house.admins.visit(None, Some("Firefox\n"), None);
    assert_eq!((nowhere.network.as_str(), nowhere.agent.as_str()), ("", "Firefox"));
    assert!(house.is_new_place(&nowhere).await);
    assert!(house.is_new_place(&nowhere).await);
    assert_eq!(house.admin(ADA).await.places.len(), 1);
    let one = house.admins.visit("2001:db8::1".parse().ok(), None, None);
    let other = house.admins.visit("2001:db8::2".parse().ok(), None, None);
    assert_eq!(one, other);
}

#[tokio::test]
async fn what_happened_is_in_the_log_and_strangers_names_are_not() {
    let (house, _) = House::with_ada().await;
    house.forward(1);
    house.try_in("eve@example.com", PASSWORD, "000000", &from("elsewhere")).await;
    house.forward(1);
    house.try_in(ADA, PASSWORD, "000000", &from("elsewhere")).await;
    let welcome = house.sign_in(ADA, &home()).await;
    house.forward(1);
    house.admins.sign_out(&welcome.signed_in, &home()).await.expect("works");
    let log = house.log().await;
    assert_eq!(
        log[..3],
        ["ada@example.com signed_out", "ada@example.com signed_in", "ada@example.com sign_in_refused"]
    );
    assert!(log[3..].contains(&format!("signupctl admin_added {ADA}")) && log.len() == 5, "{log:?}");
}
