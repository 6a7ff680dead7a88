//! The page's scripts: what `form.js` makes of a challenge is a proof to the service. `scripts.mjs` runs them.

use std::io::ErrorKind;
use std::process::Command;

use jiff::{Timestamp, ToSpan};
use signup_service::config::{Form, ServiceConfig};
use signup_service::guard::Difficulty;
use signup_service::guard::proof::{FormVersion, Scope, challenge, verify};
use signup_service::keys::Key;
use signup_service::token::TokenKey;

#[test]
#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn the_pages_scripts_do_what_they_are_for() {
    let config: ServiceConfig = serde_json::from_str(include_str!("every_field.json")).expect("a configuration");
    let form: &Form = &config.form;
    let version = FormVersion::new(&config.service, form);
    let scope = Scope { form: &version, client: Some("a client's hash") };
    let key = TokenKey::new(Key::new([1; 32]));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let served = challenge(&key, &scope, Difficulty::of(0, 60, 0.0), now, [7; 16]).to_string();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts.mjs");
    let output = match Command::new("node").args([script, &served]).output() {
        // Nothing else here needs node, so nobody has to install it.
        Err(error) if error.kind() == ErrorKind::NotFound => return eprintln!("not run: `node` is not installed"),
        output => output.expect("node runs"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let payload = String::from_utf8(output.stdout).expect("text");
    let proven = verify(&key, &scope, &payload, now + 1.minute()).expect("a proof");
    assert_eq!(proven.id, [7; 16]);
    assert!(payload.len() < 1_200, "{} characters", payload.len());
}
