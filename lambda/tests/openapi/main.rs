//! The API's JSON Schema and the server agree about every submission, and the document hangs together.

mod forms;

use std::cell::Cell;
use std::collections::BTreeSet;

use forms::{PATTERNS, any_form, submissions};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use signup_service::config::{Field, FieldType, Form, ServiceConfig};
use signup_service::form::Checker;
use signup_service::openapi::{document, is_exact, sign_up_schema};
use signup_service::words::english;

/// Forms that are tried, each with twenty submissions.
const FORMS: u32 = 250;

fn validator(form: &Form) -> Validator {
    let schema = sign_up_schema(form);
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("a schema")
}

fn server_takes(form: &Form, body: &Map<String, Value>) -> bool {
    Checker::new(form).expect("patterns").check_json(body, english()).is_ok()
}

fn form(fields: Value) -> Form {
    serde_json::from_value(json!({ "title": "Join us", "fields": fields })).expect("a form")
}

fn every_field() -> ServiceConfig {
    serde_json::from_str(include_str!("../every_field.json")).expect("a configuration")
}

#[test]
fn the_schema_and_the_server_give_the_same_verdict() {
    let config = Config { cases: FORMS, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (taken, refused, lax) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let strategy = any_form().prop_flat_map(|form| (Just(form.clone()), submissions(&form, 20)));
    runner
        .run(&strategy, |(form, bodies)| {
            let (validator, checker) = (validator(&form), Checker::new(&form).expect("patterns"));
            let exact = form.fields.iter().all(is_exact);
            for body in bodies {
                let (server, schema) =
                    (checker.check_json(&body, english()), validator.is_valid(&Value::Object(body.clone())));
                let count = if server.is_ok() { &taken } else { &refused };
                count.set(count.get() + 1);
                if exact || server.is_ok() {
                    prop_assert_eq!(schema, server.is_ok(), "{:?}: the server says {:?}", body, server);
                } else {
                    lax.set(lax.get() + 1);
                }
            }
            Ok(())
        })
        .expect("the same verdict");
    // Both verdicts are well tried, and few submissions are those of a form that the schema cannot say in full.
    let all = FORMS * 20;
    assert!(taken.get() > all / 4 && refused.get() > all / 4 && lax.get() < all / 4, "{taken:?} {refused:?} {lax:?}");
}

/// Bodies of a form with this one field beside the address, which holds each of the values in turn.
fn verdicts(field: Value, values: &[Value]) {
    let form = form(json!([{ "name": "email", "type": "email" }, field]));
    let (validator, checker) = (validator(&form), Checker::new(&form).expect("patterns"));
    for value in values {
        let body = json!({ "email": "ada@example.com", "field": value });
        let server = checker.check_json(body.as_object().expect("an object"), english()).is_ok();
        assert_eq!(validator.is_valid(&body), server, "{value:?} in {:?}", form.fields[1]);
    }
}

/// Every character that any rule of text knows, and some that none does.
fn letters() -> Vec<char> {
    let mut letters: Vec<char> = ('\0'..='\u{17F}').collect();
    letters.extend('\u{1680}'..='\u{1681}');
    letters.extend('\u{17B0}'..='\u{1810}');
    letters.extend('\u{2000}'..='\u{2070}');
    letters.extend(['\u{34F}', '\u{61C}', '\u{115F}', '\u{3000}', '\u{3164}', '\u{FE0F}', '\u{FEFF}', '\u{FFA0}']);
    letters.extend(['\u{FFF0}', '\u{FFFD}', '\u{1BCA0}', '\u{1D173}', '\u{1F600}', '\u{E0001}', '\u{10FFFF}']);
    letters
}

#[test]
fn every_character_gets_the_same_verdict_wherever_it_stands() {
    let placed =
        |letter: char| [format!("{letter}"), format!("{letter}ab"), format!("a{letter}b"), format!("ab{letter}")];
    let values: Vec<Value> = letters().into_iter().flat_map(placed).map(Value::from).collect();
    for kind in ["text", "textarea", "phone", "url"] {
        for required in [false, true] {
            verdicts(json!({ "name": "field", "type": kind, "required": required }), &values);
            let patterned =
                json!({ "name": "field", "type": kind, "required": required, "min_length": 2, "pattern": ".{3}" });
            verdicts(patterned, &values);
        }
    }
}

#[test]
fn every_ascii_character_of_an_address_gets_the_same_verdict() {
    let form = form(json!([{ "name": "email", "type": "email" }]));
    let validator = validator(&form);
    let placed = |letter: char| {
        ["ada@example.com", "a.b@c.de", "a@1b.c2d"].into_iter().flat_map(move |address| {
            (0..=address.len()).map(move |at| format!("{}{letter}{}", &address[..at], &address[at..]))
        })
    };
    let long = |local: usize, label: usize| format!("{}@{}.example", "a".repeat(local), "b".repeat(label));
    let lengths = [long(64, 63), long(65, 3), long(3, 64)];
    let whole =
        [String::new(), " ".into(), "ada".into(), "ada@localhost".into(), "ada@127.0.0.1".into(), "a@b@c.de".into()];
    for address in ('\0'..='\u{A0}').flat_map(placed).chain(lengths).chain(whole) {
        let body = json!({ "email": address });
        let server = server_takes(&form, body.as_object().expect("an object"));
        assert_eq!(validator.is_valid(&body), server, "{address:?}");
    }
}

#[test]
fn a_number_is_compared_as_it_is_kept() {
    let values: Vec<Value> = [
        "0",
        "-0",
        "-0.0",
        "3.0",
        "3.5",
        "0.1",
        "0.3",
        "0.30000000000000004",
        "1e2",
        "1e15",
        "1000000000000001",
        "1.0000000000000001e15",
        "1e308",
        "5e-324",
        "-1e-300",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "1e19",
        "1e30",
    ]
    .iter()
    .map(|text| serde_json::from_str(text).expect("a number"))
    .collect();
    for kind in ["integer", "number"] {
        for bounds in [json!({}), json!({ "min": 0 }), json!({ "min": -3, "max": 3 }), json!({ "max": 1e300 })] {
            let mut field = json!({ "name": "field", "type": kind });
            field.as_object_mut().expect("an object").extend(bounds.as_object().expect("bounds").clone());
            verdicts(field, &values);
        }
    }
    verdicts(json!({ "name": "field", "type": "number", "min": 0.1, "max": 0.3 }), &values);
    // What is no number of JSON's is no body at all.
    assert!(serde_json::from_str::<Value>("1e400").is_err());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(400) })]

    #[test]
    fn an_ascii_address_gets_the_same_verdict(text in "[a-zA-Z0-9.+_'-]{1,6}@([a-zA-Z0-9-]{1,4}\\.){0,3}[a-zA-Z0-9.-]{1,4}") {
        // Punycode and hexadecimal numbers are judged by the rules of domains alone.
        prop_assume!(!text.to_lowercase().contains("0x") && !text.to_lowercase().contains("xn--"));
        let form = form(json!([{ "name": "email", "type": "email" }]));
        let body = json!({ "email": text });
        prop_assert_eq!(validator(&form).is_valid(&body), server_takes(&form, body.as_object().expect("an object")));
    }

    #[test]
    fn the_schema_never_refuses_an_address_that_the_server_takes(
        kind in select(vec![FieldType::Email, FieldType::Url]),
        text in "[a-zß例。ｅ.@0-9-]{0,12}@[a-zß例。ｅ.0-9-]{1,12}\\.[a-z]{2}|[hH]ttps?:/{1,3}[ -~é例]{1,16}|https://[a-z.:@0-9ß%-]{1,12}/?[ -~é]{0,6}",
    ) {
        let form = form(match kind {
            FieldType::Email => json!([{ "name": "field", "type": "email" }]),
            _ => json!([{ "name": "email", "type": "email" }, { "name": "field", "type": "url" }]),
        });
        let mut body = json!({ "field": text });
        if kind == FieldType::Url {
            body["email"] = "ada@example.com".into();
        }
        if server_takes(&form, body.as_object().expect("an object")) {
            prop_assert!(validator(&form).is_valid(&body));
        }
    }

    #[test]
    fn a_pattern_gets_the_same_verdict(pattern in select(PATTERNS), multiline: bool, text in "[a-cA-CxXéß  \\r\\n\\u{a0}0-9α😀]{0,6}") {
        let kind = if multiline { "textarea" } else { "text" };
        let field: Field =
            serde_json::from_value(json!({ "name": "field", "type": kind, "pattern": pattern })).expect("a field");
        if is_exact(&field) {
            let matching = string_regex(pattern).map_or_else(|_| Just(text.clone()).boxed(), |it| it.boxed());
            let mut runner = TestRunner::deterministic();
            let mut values = vec![json!(text), json!(format!(" {text}\n"))];
            for _ in 0..3 {
                let sample = matching.new_tree(&mut runner).expect("a text").current();
                values.extend([json!(sample.replace('\n', "\r\n")), json!(format!("{sample} ")), json!(format!("\t{sample}"))]);
            }
            verdicts(serde_json::to_value(&field).expect("a field"), &values);
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_nothing_is_left_over() {
    let document = document(&every_field(), "1.2.3", "https://example.com/base");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (kind, components) in document["components"].as_object().expect("components") {
        for name in components.as_object().expect("components").keys() {
            assert!(found.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name}");
        }
    }
}

#[test]
fn the_document_tells_every_field_and_every_operation() {
    let config = every_field();
    let document = document(&config, "1.2.3", "https://example.com/base");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Example Society");
    assert_eq!(document["servers"], json!([{ "url": "https://example.com/base" }]));
    let schema = &document["components"]["schemas"]["SignUp"];
    for field in &config.form.fields {
        assert_eq!(schema["properties"][&field.name]["title"], field.label());
    }
    assert_eq!(schema["properties"]["altcha"]["maxLength"], 4_096);
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for operation in operations.as_object().expect("operations").values() {
            assert!(ids.insert(operation["operationId"].as_str().expect("an id")), "{path}");
            assert!(operation["summary"].is_string(), "{path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert_eq!(responses.contains_key("405"), path.starts_with("/api/"), "{path}");
        }
    }
    assert_eq!(ids.len(), 6);
}
