//! One value as it was sent, before any rule is applied: text from a form, a type from JSON.

use serde_json::Value;

use super::Problem;
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
        (_, [value]) => Ok(Raw::Text((*value).to_owned())),
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
        (FieldType::Checkbox, _) => Err(Problem::WrongType("true or false")),
        (FieldType::Integer, Value::Number(number)) => match number.as_f64() {
            Some(number) if number.fract() == 0.0 => Ok(Raw::Number(number)),
            _ => Err(Problem::WrongType("a whole number")),
        },
        (FieldType::Integer, _) => Err(Problem::WrongType("a whole number")),
        (FieldType::Number, Value::Number(number)) => {
            number.as_f64().map(Raw::Number).ok_or(Problem::WrongType("a number"))
        }
        (FieldType::Number, _) => Err(Problem::WrongType("a number")),
        (FieldType::MultiChoice, Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or(Problem::WrongType("a list of texts")))
            .collect::<Result<_, _>>()
            .map(Raw::Many),
        (FieldType::MultiChoice, _) => Err(Problem::WrongType("a list of texts")),
        (_, Value::String(text)) => Ok(Raw::Text(text.clone())),
        (_, _) => Err(Problem::WrongType("text")),
    }
}
