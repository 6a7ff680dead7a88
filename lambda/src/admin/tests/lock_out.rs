//! What holds of guessing: it costs ever more time, and never the admin's own.

use super::*;

async fn guess(house: &House, email: &str, visit: &Visit) -> Option<u64> {
    match house.try_in(email, "not the password", "000000", visit).await {
        SignIn::TooMany { retry_after } => Some(retry_after.as_secs()),
        SignIn::Refused => None,
        SignIn::Welcome(_) => panic!("let in"),
    }
}

/// The waits of somebody who guesses from one network, and waits as told.
async fn waits(house: &House, email: &str, guesses: u32) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..guesses {
        if let Some(wait) = guess(house, email, &from("cellar")).await {
            waits.push(wait);
            house.forward(u32::try_from(wait).expect("short"));
            assert_eq!(guess(house, email, &from("cellar")).await, None, "what was told was true");
        }
    }
    waits
}

#[tokio::test]
async fn delays_grow_alike_for_names_that_exist_and_names_that_do_not() {
    let (house, _) = House::with_ada().await;
    let known = waits(&house, ADA, 11).await;
    assert_eq!(known, [30, 60, 120, 240, 480, 900]);
    let other = House::new();
    assert_eq!(waits(&other, ADA, 11).await, known);
}

#[tokio::test]
async fn during_a_delay_even_the_right_password_is_not_looked_at() {
    let (house, _) = House::with_ada().await;
    // So that the app shows one code at the end of the delay and after it.
    house.forward(61);
    for _ in 0..5 {
        guess(&house, ADA, &from("cellar")).await;
    }
    house.forward(29);
    let code = house.app(ADA).await;
    house.store.calls();
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &from("cellar")).await, SignIn::TooMany { .. }));
    assert_eq!(house.store.calls(), ["load admin", "load attempts"]);
    house.forward(1);
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &from("cellar")).await, SignIn::Welcome(_)));
    assert_eq!(guess(&house, ADA, &from("cellar")).await, None, "a success clears what was held against the pair");
}

#[tokio::test]
async fn strangers_share_a_delay_and_known_places_and_browsers_stay_open() {
    let (house, first) = House::with_ada().await;
    for number in 0..10 {
        assert_eq!(guess(&house, ADA, &from(&format!("bot-{number}"))).await, None);
    }
    assert_eq!(guess(&house, ADA, &from("bot-10")).await, Some(30));
    let train = from("train");
    assert_eq!(guess(&house, ADA, &train).await, Some(30), "a stranger's network");
    house.sign_in(ADA, &home()).await;
    // Strangers go on whenever they may.
    for _ in 0..5 {
        house.forward(LONGEST_DELAY);
        guess(&house, ADA, &from("bot-11")).await;
    }
    let code = house.app(ADA).await;
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &train).await, SignIn::TooMany { .. }));
    let train = Visit { device: Some(first.device), ..train };
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &train).await, SignIn::Welcome(_)), "her own browser");
}

#[tokio::test]
async fn a_browser_is_known_by_proof_alone() {
    let (house, first) = House::with_ada().await;
    house.add("bob@example.com", Role::Viewer).await;
    for number in 0..10 {
        guess(&house, ADA, &from(&format!("bot-{number}"))).await;
    }
    let (name, proof) = first.device.split_once('.').expect("two parts");
    let forged = format!("{}.{proof}", "ab".repeat(16));
    for wrong in ["", ".", name, &format!("{name}."), &forged] {
        let visit = Visit { device: Some(wrong.into()), ..from("cellar") };
        assert_eq!(guess(&house, ADA, &visit).await, Some(30), "{wrong}");
    }
    // It is Ada's and nobody else's.
    for number in 0..10 {
        guess(&house, "bob@example.com", &from(&format!("bob-{number}"))).await;
    }
    let visit = Visit { device: Some(first.device.clone()), ..from("cellar") };
    assert_eq!(guess(&house, "bob@example.com", &visit).await, Some(30));
    // A known browser may not guess for ever either.
    for _ in 0..5 {
        assert_eq!(guess(&house, ADA, &visit).await, None);
    }
    assert_eq!(guess(&house, ADA, &visit).await, Some(30));
}

#[tokio::test]
async fn one_network_cannot_try_many_names() {
    let (house, _) = House::with_ada().await;
    for number in 0..20 {
        assert_eq!(guess(&house, &format!("user{number}@example.com"), &from("cellar")).await, None);
    }
    assert_eq!(guess(&house, "one-more@example.com", &from("cellar")).await, Some(30));
    assert_eq!(guess(&house, "one-more@example.com", &from("elsewhere")).await, None);
}

#[tokio::test]
async fn failures_are_forgotten_in_half_a_day() {
    let (house, _) = House::with_ada().await;
    for _ in 0..5 {
        guess(&house, ADA, &from("cellar")).await;
    }
    house.forward(MEMORY);
    for _ in 0..5 {
        assert_eq!(guess(&house, ADA, &from("cellar")).await, None);
    }
    assert_eq!(guess(&house, ADA, &from("cellar")).await, Some(30));
}

#[tokio::test]
async fn guesses_at_once_are_counted_each() {
    let (house, _) = House::with_ada().await;
    let cellar = from("cellar");
    let guess = || guess(&house, ADA, &cellar);
    let all = tokio::join!(guess(), guess(), guess(), guess(), guess(), guess(), guess(), guess());
    let all = [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7];
    assert!(all.iter().filter(|wait| wait.is_none()).count() <= 5, "{all:?}");
}
