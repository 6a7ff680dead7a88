//! The body of a sign-up as JSON Schema, draft 2020-12: what `form::Checker` would say, for machines.
//!
//! Where the two can differ the schema is the laxer one, and its description says so. It never refuses what
//! the server takes.

use serde_json::{Map, Value, json};

use super::{pattern, shape};
use crate::config::{Consent, Field, FieldType, Form};
use crate::form::{CONSENT, countries, date_bounds, number_bounds};

/// The key of the proof of work in the body of a sign-up. No field can be named so.
pub const PROOF: &str = "altcha";

/// Characters of a proof of work at most: one is a few hundred.
pub const PROOF_LENGTH: u32 = 4_096;

/// The schema of the body of `POST /api/v1/sign-ups`.
pub fn sign_up_schema(form: &Form) -> Value {
    let mut properties: Map<String, Value> =
        form.fields.iter().map(|field| (field.name.clone(), field_schema(field))).collect();
    let mut required: Vec<&str> =
        form.fields.iter().filter(|field| field.is_required()).map(|field| field.name.as_str()).collect();
    if let Some(consent) = &form.consent {
        properties.insert(CONSENT.into(), consent_schema(consent));
        required.push(CONSENT);
    }
    properties.insert(
        PROOF.into(),
        json!({
            "type": "string",
            "maxLength": PROOF_LENGTH,
            "title": "Proof of work",
            "description": "The solution of a challenge, where the service asks for one; see `GET /api/v1/challenges`.",
        }),
    );
    json!({
        "type": "object",
        "title": form.title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Whether the schema of a field says all that the server asks, but for what makes a mail or a web address
/// real. It does not when a pattern cannot be translated, or a least length is beyond what engines count.
pub fn is_exact(field: &Field) -> bool {
    !leaves_pattern_out(field) && field.min_length.is_none_or(shape::is_countable)
}

fn leaves_pattern_out(field: &Field) -> bool {
    is_written(field.kind) && field.pattern.is_some() && portable_pattern(field).is_none()
}

/// Whether a person writes the value, with the rules of text; others are chosen, ticked or counted.
fn is_written(kind: FieldType) -> bool {
    matches!(kind, FieldType::Text | FieldType::Textarea | FieldType::Email | FieldType::Phone | FieldType::Url)
}

fn portable_pattern(field: &Field) -> Option<String> {
    pattern::portable(field.pattern.as_deref()?, field.kind == FieldType::Textarea)
}

/// The schema of the form's mail address, for other operations that take it.
pub(super) fn address_schema() -> Value {
    let [whole, local] = shape::email();
    json!({ "type": "string", "maxLength": 254, "pattern": whole, "allOf": [{ "pattern": local }] })
}

fn field_schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldType::Text | FieldType::Textarea | FieldType::Email | FieldType::Phone | FieldType::Url => written(field),
        FieldType::Integer => number(field, "integer"),
        FieldType::Number => number(field, "number"),
        FieldType::Date => date(field),
        FieldType::Choice => one_of(field, field.options.iter().map(|option| option.value.as_str())),
        FieldType::Country => one_of(field, countries().iter().map(|country| country.code)),
        FieldType::MultiChoice => many(field),
        FieldType::Checkbox if field.is_required() => json!({ "type": "boolean", "const": true }),
        FieldType::Checkbox => json!({ "type": ["boolean", "null"] }),
    };
    schema["title"] = field.label().into();
    let description = description(field);
    if !description.is_empty() {
        schema["description"] = description.into();
    }
    schema
}

fn consent_schema(consent: &Consent) -> Value {
    json!({ "type": "boolean", "const": true, "title": "Consent", "description": consent.text })
}

/// What a person is told, what the values mean, and what the schema leaves to the server.
fn description(field: &Field) -> String {
    let labels = field.options.iter().filter(|option| option.label != option.value);
    let labels: Vec<String> = labels.map(|option| format!("`{}`: {}", option.value, option.label)).collect();
    let mut parts: Vec<String> = field.help.iter().cloned().collect();
    if !labels.is_empty() {
        parts.push(format!("{}.", labels.join("; ")));
    }
    match field.kind {
        FieldType::Email => parts.push("A mail address, such as `name@example.com`.".into()),
        FieldType::Url => parts.push("A web address, such as `https://example.com`.".into()),
        FieldType::Phone => parts.push("A phone number, such as `+44 20 7946 0000`.".into()),
        FieldType::Country => parts.push("A country as ISO 3166-1 alpha-2.".into()),
        _ => {}
    }
    if let Some(pattern) = field.pattern.as_ref().filter(|_| leaves_pattern_out(field)) {
        parts.push(format!("The server also matches the whole text with `{pattern}`, in Rust's syntax."));
    }
    if let Some(least) = field.min_length.filter(|least| !shape::is_countable(*least)) {
        parts.push(format!("The server also asks for at least {least} characters."));
    }
    parts.join(" ")
}

fn written(field: &Field) -> Value {
    let least = field.min_length.unwrap_or(0);
    let multiline = field.kind == FieldType::Textarea;
    let mut patterns = match field.kind {
        FieldType::Email => shape::email().to_vec(),
        FieldType::Phone => vec![shape::phone()],
        FieldType::Url => vec![shape::url()],
        _ => Vec::new(),
    };
    if patterns.is_empty() || least > 1 {
        patterns.push(shape::text(multiline, least));
    }
    patterns.extend(portable_pattern(field));
    if field.is_required() {
        patterns.push(shape::visible());
        let mut schema = all(&patterns);
        schema["type"] = "string".into();
        schema["maxLength"] = field.length_limit().into();
        schema
    } else {
        json!({
            "type": ["string", "null"],
            "maxLength": field.length_limit(),
            "anyOf": [{ "pattern": shape::blank() }, all(&patterns)],
        })
    }
}

/// A schema that asks for all of the patterns, of which there is at least one.
fn all(patterns: &[String]) -> Value {
    match patterns {
        [] => json!({}),
        [one] => json!({ "pattern": one }),
        [first, others @ ..] => {
            let others: Vec<Value> = others.iter().map(|pattern| json!({ "pattern": pattern })).collect();
            json!({ "pattern": first, "allOf": others })
        }
    }
}

fn number(field: &Field, kind: &str) -> Value {
    let (least, most) = number_bounds(field);
    json!({ "type": or_null(field, kind), "minimum": plain(least), "maximum": plain(most) })
}

/// A number as people write it: 18 rather than 18.0.
fn plain(number: f64) -> Value {
    // The bounds of a field lie within 2^53, where every whole number is exact in both types.
    #[expect(clippy::cast_possible_truncation, reason = "whole, and the bounds are within the exact range")]
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

fn date(field: &Field) -> Value {
    let (first, last) = date_bounds(field);
    let patterns: Vec<String> =
        [Some(shape::DATE.to_owned()), first.map(shape::from), last.map(shape::until)].into_iter().flatten().collect();
    let mut schema = all(&patterns);
    schema["format"] = "date".into();
    if field.is_required() {
        schema["type"] = "string".into();
        schema
    } else {
        json!({ "type": ["string", "null"], "anyOf": [{ "maxLength": 0 }, schema] })
    }
}

fn one_of<'a>(field: &Field, values: impl Iterator<Item = &'a str>) -> Value {
    let mut values: Vec<Value> = values.map(Value::from).collect();
    if !field.is_required() {
        values.extend([json!(""), Value::Null]);
    }
    json!({ "type": or_null(field, "string"), "enum": values })
}

/// Options may come twice, and count once.
fn many(field: &Field) -> Value {
    let values: Vec<&str> = field.options.iter().map(|option| option.value.as_str()).collect();
    let mut schema = json!({ "type": or_null(field, "array"), "items": { "type": "string", "enum": values } });
    if field.is_required() {
        schema["minItems"] = 1.into();
    }
    schema
}

/// The type's name, with `null` where a field may be absent.
fn or_null(field: &Field, kind: &str) -> Value {
    if field.is_required() { kind.into() } else { json!([kind, "null"]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServiceConfig;

    fn schema() -> Value {
        let config: ServiceConfig =
            serde_json::from_str(include_str!("../../tests/every_field.json")).expect("a configuration");
        sign_up_schema(&config.form)
    }

    #[test]
    fn every_field_is_there_with_its_label_and_its_help() {
        let schema = schema();
        assert_eq!(schema["properties"].as_object().expect("properties").len(), 16);
        assert_eq!(schema["properties"]["height"]["title"], "Height in metres");
        assert_eq!(schema["properties"]["topics"]["description"], "Choose as many as you like.");
        assert_eq!(schema["properties"]["marital_status"]["description"], "`divorced`: Divorced.");
        assert_eq!(
            schema["required"],
            json!(["full_name", "email", "age", "nationality", "marital_status", "consent"])
        );
        assert_eq!(
            schema["properties"]["age"],
            json!({ "type": "integer", "minimum": 18, "maximum": 120, "title": "Age" })
        );
    }

    #[test]
    fn what_the_schema_leaves_out_is_told() {
        let mut field: Field = serde_json::from_value(json!({ "name": "code", "type": "text" })).expect("a field");
        assert!(is_exact(&field));
        field.pattern = Some(r"\bA.*".into());
        assert!(!is_exact(&field));
        assert!(field_schema(&field)["description"].as_str().expect("a text").contains(r"`\bA.*`"));
        field.pattern = None;
        field.min_length = Some(2_000);
        field.max_length = Some(3_000);
        assert!(!is_exact(&field));
        assert!(field_schema(&field)["description"].as_str().expect("a text").contains("2000 characters"));
    }
}
