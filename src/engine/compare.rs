//! What one declaration changes of another, place by place, in the words of the spec. Pure.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use signup_service::config::ServiceConfig;

/// What names an element of a list, in the order in which it is looked for.
const NAMES: [&str; 4] = ["code", "value", "name", "kind"];

/// Texts of a language that are not shown one by one: a new version of signupctl may word all of them anew.
const TEXTS: [&str; 2] = ["words", "countries"];

/// Characters of a value that a line shows.
const SHOWN: usize = 60;

/// One place of the declaration that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Such as `form.fields.age.max`; elements of lists stand under their names.
    pub path: String,
    /// Absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Absent where there is nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Every place in which the two differ, in the order of their paths.
pub fn differences(before: &ServiceConfig, after: &ServiceConfig) -> Vec<Difference> {
    let value = |config| serde_json::to_value(config).unwrap_or_default();
    values(&value(before), &value(after))
}

/// Every place in which two values differ, in the order of their paths.
pub fn values(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let texts = path.strip_prefix("languages.").and_then(|rest| rest.split_once('.'));
    match (before, after) {
        _ if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after)))
            if texts.is_none_or(|(_, key)| !TEXTS.contains(&key)) =>
        {
            within(path, before, after, found);
        }
        (Some(Value::Array(before)), Some(Value::Array(after)))
            if named(before).is_some() && named(after).is_some() =>
        {
            let (before, after) = (named(before).unwrap_or_default(), named(after).unwrap_or_default());
            let kept = |all: &[(String, Value)], others: &[(String, Value)]| -> Vec<String> {
                let is_kept = |name: &String| others.iter().any(|(other, _)| other == name);
                all.iter().map(|(name, _)| name.clone()).filter(is_kept).collect()
            };
            let (old, new) = (kept(&before, &after), kept(&after, &before));
            within(path, &before.into_iter().collect(), &after.into_iter().collect(), found);
            if old != new {
                found.push(Difference {
                    path: format!("{path} (order)"),
                    before: Some(old.into()),
                    after: Some(new.into()),
                });
            }
        }
        _ => found.push(Difference { path: path.to_owned(), before: before.cloned(), after: after.cloned() }),
    }
}

fn within(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, found: &mut Vec<Difference>) {
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        compare(&path, before.get(key), after.get(key), found);
    }
}

/// The elements of a list under their names; `None` when one has none, or shares it.
fn named(list: &[Value]) -> Option<Vec<(String, Value)>> {
    let name = |element: &Value| NAMES.iter().find_map(|key| element.get(key)?.as_str()).map(str::to_owned);
    let elements: Vec<(String, Value)> =
        list.iter().map(|element| Some((name(element)?, element.clone()))).collect::<Option<_>>()?;
    let mut names: Vec<&String> = elements.iter().map(|(name, _)| name).collect();
    names.sort();
    names.windows(2).all(|pair| pair[0] != pair[1]).then_some(elements)
}

impl Difference {
    /// What is there to read, after the sign: the place, and the values where they fit into a line.
    pub fn text(&self) -> String {
        let mut text = self.path.clone();
        _ = match (self.before.as_ref().map(short), self.after.as_ref().map(short)) {
            (Some(Some(before)), Some(Some(after))) => write!(text, ": {before} -> {after}"),
            (None, Some(Some(after))) => write!(text, ": {after}"),
            _ => Ok(()),
        };
        text
    }
}

/// A value in a few words: what is simple as it is, a field by its type. `None` when it takes more.
fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::Object(object) => object.get("type")?.as_str()?.to_owned(),
        Value::Array(list) if list.iter().any(|element| element.is_object() || element.is_array()) => return None,
        // A limit is kept as a decimal fraction, however it was written.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        simple => simple.to_string(),
    };
    (text.chars().count() <= SHOWN).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({
            "service": "club", "email": { "from": "hello@example.com" }, "retention": "30d",
            "form": { "title": "Join", "fields": [
                { "name": "email", "type": "email" },
                { "name": "age", "type": "integer", "max": 120 },
                { "name": "plan", "type": "choice", "options": ["free", "paid"] },
                { "name": "words", "type": "text" },
            ] },
        })
    }

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut after = config();
        change(&mut after);
        let read = |value: Value| serde_json::from_value::<ServiceConfig>(value).expect("a declaration");
        differences(&read(config()), &read(after)).iter().map(Difference::text).collect()
    }

    #[test]
    fn nothing_differs_from_itself() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_field_is_told_by_its_name_and_a_limit_by_its_values() {
        let changed = told(|after| {
            let fields = after["form"]["fields"].as_array_mut().expect("fields");
            fields[1]["max"] = 99.into();
            fields.push(json!({ "name": "phone", "type": "phone" }));
            fields[3]["label"] = "Your words".into();
            fields[2]["options"] = json!(["free", "gold"]);
            after["form"]["title"] = "Join us".into();
        });
        assert_eq!(
            changed,
            [
                "form.fields.age.max: 120 -> 99",
                "form.fields.phone: phone",
                "form.fields.plan.options.gold",
                "form.fields.plan.options.paid",
                "form.fields.words.label: \"Your words\"",
                "form.title: \"Join\" -> \"Join us\"",
            ]
        );
    }

    #[test]
    fn another_order_is_a_difference_of_its_own() {
        let changed = told(|after| after["form"]["fields"].as_array_mut().expect("fields").swap(0, 1));
        assert_eq!(
            changed,
            [r#"form.fields (order): ["email","age","plan","words"] -> ["age","email","plan","words"]"#]
        );
    }

    #[test]
    fn the_texts_of_a_language_are_one_line() {
        let changed = told(|after| {
            let mut english = serde_json::to_value(signup_service::words::english()).expect("JSON");
            english["words"]["form"]["submit"] = "Go".into();
            english["words"]["form"]["wait"] = "Wait".into();
            after["languages"] = json!([english]);
        });
        assert_eq!(changed, ["languages.en.words"]);
    }

    #[test]
    fn what_is_long_is_not_quoted() {
        let changed = told(|after| after["form"]["intro"] = "long ".repeat(40).into());
        assert_eq!(changed, ["form.intro"]);
    }
}
