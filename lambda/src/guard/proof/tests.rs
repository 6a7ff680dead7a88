//! Challenges are solved by the crate's own solver, easy ones.

use altcha::{Solution, SolveChallengeOptions, solve_challenge};
use jiff::ToSpan;
use proptest::prelude::*;

use super::*;
use crate::keys::Key;

/// The time in these tests, in seconds since 1970.
const NOW: i64 = 1_800_000_000;

fn key(byte: u8) -> TokenKey {
    TokenKey::new(Key::new([byte; 32]))
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

fn form(title: &str) -> FormVersion {
    let form = serde_json::json!({ "title": title, "fields": [{ "name": "email", "type": "email" }] });
    FormVersion::new("club", &serde_json::from_value(form).expect("a form"))
}

fn payload(challenge: Challenge, solution: Solution) -> String {
    STANDARD.encode(serde_json::to_vec(&Payload { challenge, solution }).expect("JSON"))
}

fn solved(scope: &Scope<'_>, random: [u8; 16]) -> Payload {
    let challenge = challenge(&key(1), scope, Difficulty::easy(4), now(), random);
    let challenge: Challenge = serde_json::from_value(challenge).expect("a challenge");
    let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).expect("parameters").expect("in time");
    Payload { challenge, solution: Solution { time: None, ..solution } }
}

fn proof(scope: &Scope<'_>, random: [u8; 16]) -> String {
    let Payload { challenge, solution } = solved(scope, random);
    payload(challenge, solution)
}

#[test]
fn solved_work_is_proven_and_names_its_challenge() {
    let form = form("Join");
    for client in [None, Some("a client's hash")] {
        let scope = Scope { form: &form, client };
        let proven = verify(&key(1), &scope, &proof(&scope, [7; 16]), now()).expect("proven");
        assert_eq!(proven, Proven { id: [7; 16], expires_at: now() + 20.minutes() });
    }
}

#[test]
fn what_a_widget_adds_does_no_harm() {
    let form = form("Join");
    let scope = Scope { form: &form, client: None };
    let Payload { challenge, solution } = solved(&scope, [7; 16]);
    let timed = payload(challenge, Solution { time: Some(812.5), ..solution });
    assert!(verify(&key(1), &scope, &timed, now()).is_ok());
}

#[test]
fn a_proof_is_for_one_form_key_client_and_time() {
    let (mine, other) = (form("Join"), form("Join us"));
    let scope = Scope { form: &mine, client: Some("a") };
    let proof = proof(&scope, [7; 16]);
    let check = |key: &TokenKey, scope: &Scope<'_>, now| verify(key, scope, &proof, now).map_err(Unproven::code);
    assert_eq!(check(&key(2), &scope, now()), Err("proof_forged"));
    assert_eq!(check(&key(1), &Scope { form: &other, ..scope }, now()), Err("proof_expired"));
    for client in [None, Some("b")] {
        assert_eq!(check(&key(1), &Scope { client, ..scope }, now()), Err("proof_other_client"));
    }
    assert!(check(&key(1), &scope, now() + 1_199.seconds()).is_ok());
    assert_eq!(check(&key(1), &scope, now() + 1_200.seconds()), Err("proof_expired"));
}

#[test]
fn a_service_and_each_change_of_its_form_have_versions_of_their_own() {
    let declared: Form = serde_json::from_str(r#"{"title":"Join","fields":[]}"#).expect("a form");
    let version = FormVersion::new("club", &declared);
    assert_eq!(version, FormVersion::new("club", &declared.clone()));
    assert_ne!(version, FormVersion::new("clubs", &declared));
    assert_ne!(version, FormVersion::new("club", &Form { submit: Some("Go".into()), ..declared }));
}

#[test]
fn without_the_work_there_is_no_proof() {
    let form = form("Join");
    let scope = Scope { form: &form, client: None };
    let Payload { challenge, solution } = solved(&scope, [7; 16]);
    let check = |payload: &str| verify(&key(1), &scope, payload, now());
    // The first half of the key is no secret.
    let guess = format!("{:0<64}", challenge.parameters.key_prefix);
    for derived_key in [guess, String::new(), "é".repeat(32), solution.derived_key.to_uppercase()] {
        let solution = Solution { derived_key, ..solution.clone() };
        assert_eq!(check(&payload(challenge.clone(), solution)), Err(Unproven::Unsolved));
    }
    let elsewhere = Solution { counter: solution.counter + 1, ..solution.clone() };
    assert_eq!(check(&payload(challenge.clone(), elsewhere)), Err(Unproven::Unsolved));
    let other = solved(&scope, [8; 16]).solution;
    assert_eq!(check(&payload(challenge.clone(), other)), Err(Unproven::Unsolved));
    let unsigned = Challenge { signature: None, ..challenge };
    assert_eq!(check(&payload(unsigned, solution)), Err(Unproven::Forged));
}

#[test]
fn what_is_no_payload_is_told_from_none() {
    let form = form("Join");
    let scope = Scope { form: &form, client: None };
    let check = |payload: &str| verify(&key(1), &scope, payload, now()).map_err(Unproven::code);
    assert_eq!(check(""), Err("proof_missing"));
    for text in ["?", "e30=", &STANDARD.encode("[".repeat(3_000)), &"A".repeat(LIMIT + 4)] {
        assert_eq!(check(text), Err("proof_malformed"));
    }
    // Padding with what nobody reads does not get past the limit either.
    let Payload { challenge, solution } = solved(&scope, [7; 16]);
    let mut long = serde_json::to_value(Payload { challenge, solution }).expect("JSON");
    long["more"] = "x".repeat(LIMIT).into();
    assert_eq!(check(&STANDARD.encode(long.to_string())), Err("proof_malformed"));
}

#[test]
fn a_challenge_tells_neither_its_solution_nor_its_client() {
    let form = form("Join");
    let scope = Scope { form: &form, client: Some("0123456789abcdef0123") };
    let Payload { challenge, solution } = solved(&scope, [7; 16]);
    let told = serde_json::to_string(&challenge).expect("JSON");
    assert!(!told.contains(&solution.derived_key[32..]) && !told.contains("0123456789abcdef0123"));
    assert!(told.len() < 1_000 && !told.contains("counter"));
}

#[test]
fn every_altered_byte_is_refused() {
    let form = form("Join");
    let scope = Scope { form: &form, client: Some("a") };
    let proof = proof(&scope, [7; 16]);
    let json = STANDARD.decode(&proof).expect("base64");
    for at in 0..json.len() {
        for bit in [0x01, 0x04, 0x20, 0x80] {
            let mut altered = json.clone();
            altered[at] ^= bit;
            let sent = STANDARD.encode(&altered);
            assert!(verify(&key(1), &scope, &sent, now()).is_err(), "{}", String::from_utf8_lossy(&altered));
        }
    }
    for at in 0..proof.len() {
        let other = if &proof[at..=at] == "A" { "B" } else { "A" };
        let mut altered = proof.clone();
        altered.replace_range(at..=at, other);
        assert!(verify(&key(1), &scope, &altered, now()).is_err(), "{altered}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn anything_else_is_refused(text in ".{0,200}", json in "\\{\"challenge\":\\{.{0,80}\\}\\}") {
        let form = form("Join");
        let scope = Scope { form: &form, client: None };
        prop_assert!(verify(&key(1), &scope, &text, now()).is_err());
        prop_assert!(verify(&key(1), &scope, &STANDARD.encode(json), now()).is_err());
    }

    #[test]
    fn a_solution_lies_within_the_attempts(random: [u8; 16], attempts: u32) {
        prop_assert!(drawn(&key(1), random, attempts).1 < attempts.max(1));
    }
}
