//! The fuzz target: what a stranger can write, given to the code that reads it first.
//!
//! The first byte of an input chooses the reader, the rest is what it reads. Beyond "nothing panics" each reader
//! has a law that must hold for whatever it accepts. Nothing here waits, writes or asks the network.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use signup_service::address::{Address, MAX_LENGTH};
use signup_service::config::{Form, ServiceConfig};
use signup_service::feedback;
use signup_service::form::{CONSENT, Checker, FieldError, Submission};
use signup_service::gateway::{self, Event};
use signup_service::guard::proof::{FormVersion, Scope, verify};
use signup_service::guard::stamp;
use signup_service::keys::Key;
use signup_service::token::TokenKey;
use signup_service::words::english;

/// The form with every type of field.
static CHECKER: LazyLock<Checker> = LazyLock::new(|| {
    let config: ServiceConfig =
        serde_json::from_str(include_str!("../lambda/tests/every_field.json")).expect("a configuration");
    Checker::new(&config.form).expect("patterns compile")
});

/// What an answer tells at most: each field, the consent, and a bounded number of unknown keys.
const MOST_ERRORS: usize = 40;

/// What is done with an input, once its first byte is taken.
type Reader = fn(&[u8]);

/// The readers, each under the letter that the seeds begin with.
const READERS: [(u8, Reader); 8] = [
    (b'f', form),
    (b'v', value),
    (b'j', object),
    (b'a', address),
    (b't', token),
    (b'e', event_json),
    (b'p', event_parts),
    (b'r', report),
];

/// What every form must hold.
const REQUIRED: [(&str, &str); 6] = [
    ("full_name", "Ada Lovelace"),
    ("email", "ada@example.com"),
    ("age", "36"),
    ("nationality", "GB"),
    ("marital_status", "single"),
    (CONSENT, "true"),
];

fuzz_target!(|input: &[u8]| {
    if let Some((choice, rest)) = input.split_first() {
        // Any other byte chooses too, so that no mutation of the first is lost.
        let named = READERS.iter().position(|(letter, _)| letter == choice);
        let (_, read) = READERS[named.unwrap_or(usize::from(*choice) % READERS.len())];
        read(rest);
    }
});

/// A form's body.
fn form(body: &[u8]) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    judge(CHECKER.check_html(&pairs, english()));
}

/// One field of a form that is right but for it, so that a mutation has one thing to get right and not ten. The
/// first byte names the field: `a` is the first that the form declares.
fn value(input: &[u8]) {
    let Some((which, text)) = input.split_first() else { return };
    let fields = &CHECKER.form().fields;
    let name = &fields[usize::from(which.wrapping_sub(b'a')) % fields.len()].name;
    let mut pairs: Vec<(String, String)> =
        REQUIRED.iter().filter(|(key, _)| key != name).map(|(key, value)| ((*key).into(), (*value).into())).collect();
    pairs.push((name.clone(), String::from_utf8_lossy(text).into_owned()));
    judge(CHECKER.check_html(&pairs, english()));
}

/// The API's body.
fn object(body: &[u8]) {
    if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        judge(CHECKER.check_json(&object, english()));
    }
}

/// What was accepted is accepted by the API once more, and is the same; what was refused has its reasons.
fn judge(checked: Result<Submission, Vec<FieldError>>) {
    match checked {
        Ok(submission) => {
            let mut object: Map<String, Value> = Map::new();
            for (name, value) in &submission.fields {
                object.insert(name.clone(), serde_json::to_value(value).expect("a field is JSON"));
            }
            object.insert("email".to_owned(), submission.email.as_typed().into());
            object.insert(CONSENT.to_owned(), submission.consent.is_some().into());
            assert_eq!(CHECKER.check_json(&object, english()), Ok(submission), "from {object:?}");
        }
        Err(errors) => assert!((1..=MOST_ERRORS).contains(&errors.len()), "{} reasons", errors.len()),
    }
}

/// An address is the same however often it is read, and fit for an SMTP command.
fn address(text: &[u8]) {
    let Ok(address) = Address::parse(&String::from_utf8_lossy(text)) else { return };
    assert_eq!(Address::parse(address.as_typed()).as_ref(), Ok(&address));
    let mailable = address.mailable();
    assert!(mailable.len() <= MAX_LENGTH && mailable.bytes().all(|byte| byte.is_ascii_graphic()), "{mailable:?}");
    let normalised = address.normalised();
    for same in [&mailable, &normalised] {
        let again = Address::parse(same).expect("its own other form is an address");
        assert_eq!(again.normalised(), normalised, "{same:?}");
    }
}

/// A token that is taken is, letter for letter, the one that was issued.
fn token(text: &[u8]) {
    let key = TokenKey::new(Key::new([2; 32]));
    let text = String::from_utf8_lossy(text);
    if let Some((id, nonce)) = key.check_confirm(&text) {
        assert_eq!(key.confirm(id, nonce), text.trim());
    }
    if let Some(id) = key.check_unsubscribe(&text) {
        assert_eq!(key.unsubscribe(id), text.trim());
    }
    let form: &Form = CHECKER.form();
    let version = FormVersion::new("fuzz", form);
    let scope = Scope { form: &version, client: Some("client") };
    // Nothing that was not issued holds.
    assert!(verify(&key, &scope, &text, Timestamp::UNIX_EPOCH).is_err());
    stamp::check(&key, &text, Timestamp::UNIX_EPOCH);
}

/// What API Gateway sends, as JSON.
fn event_json(event: &[u8]) {
    if let Ok(request) = serde_json::from_slice(event) {
        build(request);
    }
}

/// The same, put together from what a caller can write in it, a line for each.
fn event_parts(parts: &[u8]) {
    let text = String::from_utf8_lossy(parts);
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, query, cookie, name, value, body) = (next(), next(), next(), next(), next(), next());
    let event = json!({
        "rawPath": path, "rawQueryString": query, "headers": { name: value }, "cookies": [cookie],
        "requestContext": { "requestId": "r", "http": { "method": name, "sourceIp": value } },
        "body": body, "isBase64Encoded": text.len().is_multiple_of(2),
    });
    event_json(event.to_string().as_bytes());
}

/// What SES publishes of a mail, whose answer by the receiving server it quotes.
fn report(message: &[u8]) {
    let message = String::from_utf8_lossy(message);
    assert!(feedback::reports(&json!({ "Records": [{ "Sns": { "Message": message } }] })).len() <= 1);
}

/// A request can be made of it, whatever it holds.
fn build(event: Event) {
    let request = gateway::request(event);
    assert!(request.uri().path().starts_with('/'), "{}", request.uri());
}
