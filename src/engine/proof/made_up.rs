//! A submission that a declared form takes, made up from the declaration. Pure.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value};
use signup_service::config::{Bound, Field, FieldType, Form};
use signup_service::form::{CONSENT, Checker};
use signup_service::words::english;

/// How often a part of a pattern that may be repeated is repeated at most, to make a text long enough.
const REPEATED: u32 = 64;

/// Answers to the fields that must be answered; the name of the first field that nothing fits when there is one.
pub fn submission(form: &Form, email: &str) -> Result<Map<String, Value>, String> {
    let mut answers = Map::new();
    for field in form.fields.iter().filter(|field| field.is_required()) {
        let fits = |value: &Value| is_taken(field, value);
        let value = match field.kind {
            FieldType::Email => Some(email.into()),
            _ => candidates(field).into_iter().find(fits),
        };
        answers.insert(field.name.clone(), value.ok_or_else(|| field.name.clone())?);
    }
    if form.consent.is_some() {
        answers.insert(CONSENT.into(), true.into());
    }
    Ok(answers)
}

/// Whether the service takes a value for a field, by its own rules.
fn is_taken(field: &Field, value: &Value) -> bool {
    let address = Field { name: "address".into(), kind: FieldType::Email, ..plain(field) };
    let form = serde_json::json!({ "title": "-", "fields": [address, field] });
    let Ok(checker) = serde_json::from_value(form).map_err(drop).and_then(|form| Checker::new(&form).map_err(drop))
    else {
        return false;
    };
    let mut object = Map::new();
    object.insert("address".into(), "ada@example.com".into());
    object.insert(field.name.clone(), value.clone());
    checker.check_json(&object, english()).is_ok()
}

/// The field without any rule.
fn plain(field: &Field) -> Field {
    Field {
        label: None,
        required: true,
        min: None,
        max: None,
        min_length: None,
        max_length: None,
        pattern: None,
        options: Vec::new(),
        help: None,
        placeholder: None,
        autocomplete: None,
        ..field.clone()
    }
}

/// Values that may fit, likelier ones first.
fn candidates(field: &Field) -> Vec<Value> {
    let option = || field.options.first().map(|option| option.value.clone());
    match field.kind {
        FieldType::Integer | FieldType::Number => numbers(field),
        FieldType::Date => dates(field),
        FieldType::Choice => option().map(Value::from).into_iter().collect(),
        FieldType::MultiChoice => option().map(|value| vec![value].into()).into_iter().collect(),
        FieldType::Country => vec!["FR".into()],
        FieldType::Checkbox => vec![true.into()],
        FieldType::Text | FieldType::Textarea | FieldType::Email | FieldType::Phone | FieldType::Url => texts(field),
    }
}

fn numbers(field: &Field) -> Vec<Value> {
    let bound = |bound: &Option<Bound>| match bound {
        Some(Bound::Number(number)) => Some(*number),
        _ => None,
    };
    let (min, max) = (bound(&field.min), bound(&field.max));
    let near = [Some(1.0), min, max, min.map(f64::ceil), max.map(f64::floor)];
    // A whole number is written as one.
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was made of")]
    let whole = |number: f64| if (number as i64) as f64 == number { Value::from(number as i64) } else { number.into() };
    near.into_iter().flatten().map(whole).collect()
}

fn dates(field: &Field) -> Vec<Value> {
    let bounds = [&field.min, &field.max].into_iter().flatten();
    let bounds = bounds.filter_map(|bound| if let Bound::Date(date) = bound { Some(date.as_str()) } else { None });
    std::iter::once("1990-01-01").chain(bounds).map(Value::from).collect()
}

fn texts(field: &Field) -> Vec<Value> {
    let usual = match field.kind {
        FieldType::Phone => "+33123456789",
        FieldType::Url => "https://example.com/",
        _ => "Signupctl",
    };
    let long = usize::try_from(field.min_length.unwrap_or(0)).unwrap_or(0);
    let mut texts =
        vec![usual.to_owned(), "a".repeat(long.max(1)), format!("https://example.com/{}", "a".repeat(long))];
    if let Some(hir) = field.pattern.as_deref().and_then(|pattern| regex_syntax::parse(pattern).ok()) {
        texts.extend((0..=REPEATED).map(|more| {
            let mut text = String::new();
            write(&hir, more, &mut text);
            text
        }));
    }
    texts.into_iter().map(Value::from).collect()
}

/// Writes a text that a pattern matches, each part as often as it must be, and `more` often if it may.
fn write(hir: &Hir, more: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            // A letter that can be seen, if there is one.
            let ranges = class.ranges();
            let seen = ranges.iter().find_map(|range| {
                let from = range.start().max('!');
                (from <= range.end()).then_some(from)
            });
            text.extend(seen.or_else(|| ranges.first().map(|range| range.start())));
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.extend(class.ranges().first().map(|range| char::from(range.start())))
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(more).min(most) {
                write(&repetition.sub, more, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, more, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, more, text)),
        HirKind::Alternation(ways) => ways.iter().take(1).for_each(|way| write(way, more, text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(fields: Value) -> Form {
        serde_json::from_value(json!({ "title": "Join", "fields": fields, "consent": { "text": "I agree." } }))
            .expect("a form")
    }

    #[test]
    fn every_example_is_taken_as_it_was_declared() {
        for name in ["registration.yaml", "waitlist.yaml", "full.yaml"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
            let spec = crate::spec::load(&path, None, false).expect("valid");
            let form = &spec.service_config().form;
            let made_up = submission(form, "success@simulator.amazonses.com").expect("something fits");
            let checked = Checker::new(form).expect("patterns").check_json(&made_up, english());
            assert!(checked.is_ok(), "{name}: {checked:?}");
        }
    }

    #[test]
    fn rules_are_kept() {
        let form = form(json!([
            { "name": "email", "type": "email" },
            { "name": "code", "type": "text", "required": true, "pattern": "[A-Z]{2}-(?:\\\\d{3}|x)+", "min_length": 9 },
            { "name": "age", "type": "integer", "required": true, "min": 18, "max": 18 },
            { "name": "share", "type": "number", "required": true, "min": 0.25, "max": 0.5 },
            { "name": "born", "type": "date", "required": true, "max": "1950-12-31" },
            { "name": "story", "type": "textarea", "required": true, "min_length": 50 },
            { "name": "site", "type": "url", "required": true, "min_length": 40 },
            { "name": "tags", "type": "multi_choice", "required": true, "options": ["a", "b"] },
            { "name": "left_out", "type": "text" },
        ]));
        let made_up = submission(&form, "a@example.com").expect("something fits");
        assert!(!made_up.contains_key("left_out"));
        let checked = Checker::new(&form).expect("patterns").check_json(&made_up, english());
        assert!(checked.is_ok(), "{made_up:?}: {checked:?}");
    }

    #[test]
    fn a_field_that_nothing_fits_is_named() {
        let form = form(json!([
            { "name": "email", "type": "email" },
            { "name": "odd", "type": "text", "required": true, "pattern": "a+", "max_length": 3, "min_length": 9 },
        ]));
        assert_eq!(submission(&form, "a@example.com"), Err("odd".into()));
    }
}
