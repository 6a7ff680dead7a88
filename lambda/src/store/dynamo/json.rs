//! Between plain JSON and DynamoDB's attributes: a value is stored by its JSON type.
//!
//! What the stream tells has a JSON shape of its own (`{"S": "text"}`), which [`plain`] takes off.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Number, Value};

use super::item::Item;

/// An attribute for a JSON value.
pub(super) fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Object(object) => AttributeValue::M(attributes(object)),
    }
}

pub(super) fn attributes(object: Map<String, Value>) -> Item {
    object.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}

/// The JSON value of an attribute; `None` for the types that this service never writes.
fn value(attribute: &AttributeValue) -> Option<Value> {
    match attribute {
        AttributeValue::Null(_) => Some(Value::Null),
        AttributeValue::Bool(flag) => Some(Value::Bool(*flag)),
        AttributeValue::N(text) => number(text),
        AttributeValue::S(text) => Some(Value::String(text.clone())),
        AttributeValue::L(values) => values.iter().map(value).collect::<Option<_>>().map(Value::Array),
        AttributeValue::M(item) => Some(Value::Object(values(item))),
        _ => None,
    }
}

/// An item as a JSON object, without the attributes of other types.
pub(super) fn values(item: &HashMap<String, AttributeValue>) -> Map<String, Value> {
    item.iter().filter_map(|(name, attribute)| Some((name.clone(), value(attribute)?))).collect()
}

/// A number as DynamoDB writes it: whole ones without a point, others as they are.
fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(text.parse().ok()?)).map(Value::Number)
}

/// The plain JSON value of an attribute as the stream writes it; `None` for another shape.
pub(crate) fn plain(typed: Value) -> Option<Value> {
    let Value::Object(typed) = typed else { return None };
    let (kind, value) = typed.into_iter().next()?;
    match (kind.as_str(), value) {
        ("S", value @ Value::String(_)) | ("BOOL", value @ Value::Bool(_)) => Some(value),
        ("N", Value::String(text)) => number(&text),
        ("NULL", _) => Some(Value::Null),
        ("L", Value::Array(values)) => values.into_iter().map(plain).collect::<Option<_>>().map(Value::Array),
        ("M", Value::Object(object)) => {
            Some(Value::Object(object.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_table() {
        let all = json!({ "a": "x", "b": 3, "c": -1.5, "d": 1e15, "e": 1e-15, "f": [true, null], "g": { "h": {} } });
        let Value::Object(object) = all.clone() else { unreachable!() };
        assert_eq!(Value::Object(values(&attributes(object))), all);
    }

    #[test]
    fn the_streams_json_reads_as_the_tables() {
        let typed = json!({ "M": { "a": { "S": "x" }, "b": { "N": "3" }, "c": { "L": [{ "BOOL": true }, { "NULL": true }] },
            "d": { "M": {} }, "e": { "SS": ["other"] } } });
        assert_eq!(plain(typed), Some(json!({ "a": "x", "b": 3, "c": [true, null], "d": {} })));
        assert_eq!(plain(json!("x")), None);
    }
}
