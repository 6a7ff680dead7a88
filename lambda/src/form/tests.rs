//! Claims about every type of field, and about any submission at all.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::ServiceConfig;
use crate::words::{ConsentWords, english};

fn checker() -> Checker {
    let config: ServiceConfig =
        serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration");
    Checker::new(&config.form).expect("patterns")
}

/// A submission that every rule lets pass, as JSON.
fn valid() -> Value {
    json!({
        "full_name": "Ada Lovelace", "email": "Ada@Example.com", "age": 36, "nationality": "GB",
        "marital_status": "married", "consent": true,
    })
}

fn json_with(changes: Value) -> Result<Submission, Vec<FieldError>> {
    let (Value::Object(mut object), Value::Object(changes)) = (valid(), changes) else { panic!("objects") };
    object.extend(changes);
    checker().check_json(&object, english())
}

/// The same as a browser sends it; an empty change removes the key.
fn html_with(changes: &[(&str, &str)]) -> Result<Submission, Vec<FieldError>> {
    let base = [
        ("full_name", "Ada Lovelace"),
        ("email", "Ada@Example.com"),
        ("age", "36"),
        ("nationality", "GB"),
        ("marital_status", "married"),
        ("consent", "true"),
    ];
    let changed = |key: &str| changes.iter().any(|(other, _)| *other == key);
    let pairs: Vec<(String, String)> = base
        .iter()
        .filter(|(key, _)| !changed(key))
        .chain(changes.iter().filter(|(_, value)| *value != "(absent)"))
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    checker().check_html(&pairs, english())
}

fn codes(result: Result<Submission, Vec<FieldError>>) -> Vec<(String, &'static str)> {
    result.err().unwrap_or_default().into_iter().map(|error| (error.field, error.code)).collect()
}

#[test]
fn a_valid_submission_is_the_same_from_form_and_api() {
    let full = json!({ "height": 1.65, "birthday": "1990-12-10", "topics": ["music", "science"], "region": "north-east",
        "phone": "+44 20 7946 0000", "website": "https://example.com/ada", "member_code": "AB1234",
        "about": "First line\nsecond", "newsletter": true });
    let api = json_with(full).expect("valid");
    let form = html_with(&[
        ("height", " 1.65 "),
        ("birthday", "1990-12-10"),
        ("topics", "music"),
        ("topics", "science"),
        ("region", "north-east"),
        ("phone", "+44 20 7946 0000"),
        ("website", "https://example.com/ada"),
        ("member_code", "AB1234"),
        ("about", "First line\r\nsecond\r\n"),
        ("newsletter", "true"),
    ])
    .expect("valid");
    assert_eq!(api, form);
    assert_eq!(api.email.as_typed(), "Ada@Example.com");
    assert!(!api.fields.contains_key("email"));
    assert_eq!(api.fields["topics"], FieldValue::Choices(vec!["science".into(), "music".into()]));
    assert_eq!(api.fields["about"], FieldValue::Text("First line\nsecond".into()));
    assert_eq!(api.consent.expect("given").version, "2");
}

#[test]
fn every_rule_of_the_form_holds() {
    let cases: &[(&str, &str, &str)] = &[
        ("full_name", "(absent)", "required"),
        ("full_name", "   ", "required"),
        ("full_name", "A", "too_short"),
        ("full_name", "\u{200b}\u{202e} \u{ad}", "required"),
        ("full_name", "Ada\u{202e}ecalevoL", "control_character"),
        ("full_name", "Love\u{ad}lace", "control_character"),
        ("full_name", "\u{feff}Ada", "control_character"),
        ("email", "ada@exam\u{200b}ple.com", "control_character"),
        ("full_name", "Ada\0", "control_character"),
        ("full_name", "Ada\nLovelace", "control_character"),
        ("email", "", "required"),
        ("email", "ada", "format"),
        ("age", "", "required"),
        ("age", "17", "too_low"),
        ("age", "121", "too_high"),
        ("age", "36.5", "format"),
        ("age", "thirty", "format"),
        ("age", "1e400", "format"),
        ("height", "inf", "format"),
        ("height", "NaN", "format"),
        ("height", "0.2", "too_low"),
        ("height", "1,65", "format"),
        ("birthday", "1899-12-31", "too_low"),
        ("birthday", "2021-01-01", "too_high"),
        ("birthday", "2000-02-30", "format"),
        ("birthday", "20000229", "format"),
        ("birthday", "29/02/2000", "format"),
        ("nationality", "", "required"),
        ("nationality", "XX", "not_an_option"),
        ("nationality", "gb", "not_an_option"),
        ("marital_status", "(absent)", "required"),
        ("marital_status", "complicated", "not_an_option"),
        ("topics", "cooking", "not_an_option"),
        ("region", "centre", "not_an_option"),
        ("phone", "call me", "format"),
        ("phone", "1234", "format"),
        ("phone", "44 20 +7946", "format"),
        ("website", "example.com", "format"),
        ("website", "javascript:alert(1)", "format"),
        ("website", "ftp://example.com", "format"),
        ("website", "https://exa mple.com", "format"),
        ("website", "https:example.com/?://", "format"),
        ("website", "https:///example.com", "format"),
        ("member_code", "AB12345", "pattern"),
        ("member_code", "xAB1234", "pattern"),
        ("consent", "(absent)", "required"),
        ("consent", "", "required"),
    ];
    for (field, value, code) in cases {
        assert_eq!(codes(html_with(&[(field, value)])), [((*field).to_owned(), *code)], "{field} = {value:?}");
    }
    let long = "a".repeat(501);
    assert_eq!(codes(html_with(&[("about", &long)])), [("about".to_owned(), "too_long")]);
    assert_eq!(codes(html_with(&[("about", &"é".repeat(500))])), []);
    assert_eq!(codes(html_with(&[("age", "36"), ("age", "37")])), [("age".to_owned(), "repeated")]);
    assert_eq!(codes(html_with(&[("about", "a\tb\nc")])), []);
    assert_eq!(codes(html_with(&[("no_such_field", "x")])), []);
    // Joiners are a part of names, and a text of several lines may hold what it likes.
    assert_eq!(codes(html_with(&[("full_name", "\u{645}\u{647}\u{200c}\u{634}\u{6cc}\u{62f}")])), []);
    assert_eq!(codes(html_with(&[("about", "soft\u{ad}hyphen")])), []);
    let blank = html_with(&[("about", "\u{2067}\u{2069}")]).expect("an empty field is no mistake");
    assert!(!blank.fields.contains_key("about"));
}

#[test]
fn the_api_takes_types_and_declared_keys_only() {
    let cases = [
        (json!({ "age": "36" }), "age", "wrong_type"),
        (json!({ "age": 36.5 }), "age", "wrong_type"),
        (json!({ "age": null }), "age", "required"),
        (json!({ "height": "1.65" }), "height", "wrong_type"),
        (json!({ "full_name": 1 }), "full_name", "wrong_type"),
        (json!({ "email": ["ada@example.com"] }), "email", "wrong_type"),
        (json!({ "topics": "science" }), "topics", "wrong_type"),
        (json!({ "topics": [1] }), "topics", "wrong_type"),
        (json!({ "newsletter": "true" }), "newsletter", "wrong_type"),
        (json!({ "consent": "true" }), "consent", "wrong_type"),
        (json!({ "consent": false }), "consent", "required"),
        (json!({ "admin": true }), "admin", "unknown_field"),
    ];
    for (changes, field, code) in cases {
        assert_eq!(codes(json_with(changes.clone())), [(field.to_owned(), code)], "{changes}");
    }
    assert!(json_with(json!({ "age": 36.0, "phone": null, "topics": [] })).is_ok());
}

#[test]
fn what_is_chosen_is_taken_as_it_was_declared_and_what_is_written_is_trimmed() {
    let cases = [
        (json!({ "full_name": " \u{3000}Ada\n" }), None),
        (json!({ "email": " ada@example.com " }), None),
        (json!({ "region": "" }), None),
        (json!({ "birthday": "" }), None),
        (json!({ "region": " north" }), Some(("region", "not_an_option"))),
        (json!({ "nationality": "GB " }), Some(("nationality", "not_an_option"))),
        (json!({ "birthday": " 1990-12-10" }), Some(("birthday", "format"))),
        // The length of what is written counts as it was sent; CR LF means one line break, but is two characters.
        (json!({ "full_name": format!("Ada{}", " ".repeat(78)) }), Some(("full_name", "too_long"))),
        (json!({ "about": format!("a\r\n{}", "b".repeat(497)) }), None),
        (json!({ "about": format!("a\r\n{}", "b".repeat(498)) }), Some(("about", "too_long"))),
    ];
    for (changes, wrong) in cases {
        let wrong: Vec<_> = wrong.into_iter().map(|(field, code)| (field.to_owned(), code)).collect();
        assert_eq!(codes(json_with(changes.clone())), wrong, "{changes}");
    }
    let padded = format!("{}\r\n ", "b\r\n".repeat(250));
    assert_eq!(codes(html_with(&[("about", &padded), ("birthday", " 1990-12-10 ")])), []);
}

#[test]
fn numbers_are_whole_up_to_where_json_keeps_them_and_zero_where_a_store_could_not() {
    let mut form = checker().form().clone();
    form.fields.iter_mut().for_each(|field| (field.min, field.max) = (None, None));
    let checker = Checker::new(&form).expect("patterns");
    let verdict = |changes: Value| {
        let (Value::Object(mut object), Value::Object(changes)) = (valid(), changes) else { panic!("objects") };
        object.extend(changes);
        checker.check_json(&object, english())
    };
    assert!(verdict(json!({ "age": 9_007_199_254_740_991_u64 })).is_ok());
    assert!(verdict(json!({ "age": 9_007_199_254_740_993_u64 })).is_err());
    assert_eq!(verdict(json!({ "height": 1e-300 })).expect("zero").fields["height"], FieldValue::Integer(0));
    assert_eq!(verdict(json!({ "height": 1e-15 })).expect("kept").fields["height"], FieldValue::Number(1e-15));
}

#[test]
fn a_flood_of_unknown_keys_is_not_told_in_full() {
    let keys: serde_json::Map<String, Value> = (0..500).map(|number| (format!("x{number}"), json!(1))).collect();
    let errors = json_with(Value::Object(keys)).expect_err("unknown keys");
    assert_eq!(errors.len(), 20);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_form() {
    let errors = checker().check_html(&[], english()).expect_err("everything is missing");
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["full_name", "email", "age", "nationality", "marital_status", "consent"]);
}

#[test]
fn mistakes_are_told_and_consent_is_kept_in_the_language_of_the_page() {
    let mut french: crate::words::Language =
        serde_json::from_str(include_str!("../../languages/fr.json")).expect("a whole language");
    french.form.consent = Some(ConsentWords { text: Some("J’accepte.".into()), link: None });
    let Value::Object(mut object) = valid() else { panic!("an object") };
    let kept = checker().check_json(&object, &french).expect("valid").consent.expect("given");
    assert_eq!((kept.text.as_str(), kept.version.as_str()), ("J’accepte.", "2"));
    object.insert("age".into(), json!(5));
    object.insert("full_name".into(), json!("A"));
    let errors = checker().check_json(&object, &french).expect_err("two mistakes");
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["C’est trop court (nombre minimal de caractères\u{a0}: 2)", "Saisissez un nombre égal ou supérieur à 18"]
    );
}

#[test]
fn a_required_box_must_be_ticked() {
    let mut form = checker().form().clone();
    form.fields.retain(|field| field.kind == FieldType::Email || field.kind == FieldType::Checkbox);
    form.fields.iter_mut().for_each(|field| field.required = true);
    form.consent = None;
    let checker = Checker::new(&form).expect("no patterns");
    let pairs = |ticked: &str| {
        vec![("email".to_owned(), "a@example.com".to_owned()), ("newsletter".to_owned(), ticked.to_owned())]
    };
    assert_eq!(codes(checker.check_html(&pairs(""), english())), [("newsletter".to_owned(), "required")]);
    assert!(checker.check_html(&pairs("on"), english()).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_json_breaks_the_checker(field in 0_usize..14, value in any_json()) {
        let name = checker().form().fields[field].name.clone();
        let result = json_with(json!({ name: value }));
        if let Ok(submission) = result {
            for value in submission.fields.values() {
                if let FieldValue::Number(number) = value {
                    prop_assert!(number.is_finite());
                }
            }
        }
    }

    #[test]
    fn no_form_breaks_the_checker(pairs in prop::collection::vec(("[a-z_]{1,10}|age|height|email|about|phone|website", "\\PC{0,30}|[\\x00-\\x20]{0,5}"), 0..12)) {
        if let Ok(submission) = checker().check_html(&pairs, english()) {
            prop_assert!(submission.email.mailable().is_ascii());
        }
    }

    #[test]
    fn whole_numbers_within_the_limits_pass_and_others_do_not(age in -10_i64..200) {
        let (form, api) = (html_with(&[("age", &age.to_string())]), json_with(json!({ "age": age })));
        prop_assert_eq!(form.is_ok(), (18..=120).contains(&age));
        prop_assert_eq!(form, api);
    }

    #[test]
    fn the_same_text_gets_the_same_verdict_from_form_and_api(text in "\\PC{0,90}") {
        // Around a form's text white space goes before it is counted; a program's is counted as sent.
        prop_assert_eq!(html_with(&[("full_name", &text)]), json_with(json!({ "full_name": text.trim() })));
    }
}
