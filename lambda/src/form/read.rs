//! One value as it was sent, before any rule is applied: text from a form, a type from JSON.
//!
//! White space that people and browsers leave around a form's text goes here; what a program sends stays
//! as it is, so that the API's JSON Schema can say the very same.

use serde_json::Value;

use super::{Expected, Problem};
use crate::config::{Field, FieldType};

/// A value of the right type, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Absent,
    Text(String),
    Number(f64),
    Flag(bool),
    Many(Vec<String>),
}

/// Reads the values that a form sent under the field's name.
pub(super) fn html(field: &Field, values: &[&str]) -> Result<Raw, Problem> {
    match (field.kind, values) {
        (FieldType::MultiChoice, values) => {
            Ok(Raw::Many(values.iter().map(|value| (*value).to_owned()).filter(|value| !value.is_empty()).collect()))
        }
        (FieldType::Checkbox, values) => Ok(Raw::Flag(values.iter().any(|value| !value.is_empty()))),
        (_, []) => Ok(Raw::Absent),
        (FieldType::Integer | FieldType::Number, [value]) => match value.trim() {
            "" => Ok(Raw::Absent),
            text => number(text).map(Raw::Number),
        },
        // As declared, whatever is around it.
        (FieldType::Choice, [value]) => Ok(Raw::Text((*value).to_owned())),
        // A browser sends the line breaks of a text area as CR LF; people mean one character.
        (FieldType::Textarea, [value]) => Ok(Raw::Text(value.replace("\r\n", "\n").trim().to_owned())),
        (_, [value]) => Ok(Raw::Text(value.trim().to_owned())),
        _ => Err(Problem::Repeated),
    }
}

/// Digits with at most a sign, a point and an exponent; nothing that Rust would also take, such as `inf`.
fn number(text: &str) -> Result<f64, Problem> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|_| plain).ok_or(Problem::Format)
}

/// Reads the value that JSON holds under the field's name.
pub(super) fn json(field: &Field, value: &Value) -> Result<Raw, Problem> {
    match (field.kind, value) {
        (FieldType::Checkbox, Value::Null) => Ok(Raw::Flag(false)),
        (_, Value::Null) => Ok(Raw::Absent),
        (FieldType::Checkbox, Value::Bool(flag)) => Ok(Raw::Flag(*flag)),
        (FieldType::Checkbox, _) => Err(Problem::WrongType(Expected::Flag)),
        (FieldType::Integer, Value::Number(number)) => match number.as_f64() {
            Some(number) if number.fract() == 0.0 => Ok(Raw::Number(number)),
            _ => Err(Problem::WrongType(Expected::Integer)),
        },
        (FieldType::Integer, _) => Err(Problem::WrongType(Expected::Integer)),
        (FieldType::Number, Value::Number(number)) => {
            number.as_f64().map(Raw::Number).ok_or(Problem::WrongType(Expected::Number))
        }
        (FieldType::Number, _) => Err(Problem::WrongType(Expected::Number)),
        (FieldType::MultiChoice, Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or(Problem::WrongType(Expected::Texts)))
            .collect::<Result<_, _>>()
            .map(Raw::Many),
        (FieldType::MultiChoice, _) => Err(Problem::WrongType(Expected::Texts)),
        (_, Value::String(text)) => Ok(Raw::Text(text.clone())),
        (_, _) => Err(Problem::WrongType(Expected::Text)),
    }
}
