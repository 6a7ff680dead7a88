//! A template with its parameters put in: what CloudFormation makes of it, as far as that is known beforehand. Pure.
//!
//! What only CloudFormation knows (the names of resources, account and Region) stays as the template says it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compare::{self, Difference};
use super::long_form;

/// The resources that a template makes with certain parameters, by their logical IDs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    pub resources: BTreeMap<String, Resource>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub resource_type: String,
    pub properties: Value,
}

/// Evaluates a template's text; `None` when it is no template.
pub fn evaluate<'a>(template: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Evaluated> {
    let template = long_form::read(template).ok()?;
    let section = |name: &str| template.get(name).and_then(Value::as_object).into_iter().flatten();
    let defaults = section("Parameters").filter_map(|(name, body)| Some((name.as_str(), body.get("Default")?.clone())));
    let mut values: BTreeMap<&str, Value> = defaults.map(|(name, default)| (name, as_text(default))).collect();
    values.extend(parameters.into_iter().map(|(name, value)| (name, value.into())));
    let scope = Scope { parameters: values, conditions: template.get("Conditions").and_then(Value::as_object) };
    let made = section("Resources").filter(|(_, body)| {
        let condition = body.get("Condition").and_then(Value::as_str);
        condition.is_none_or(|name| scope.holds(name))
    });
    let resources = made.map(|(id, body)| {
        let resource_type = body.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let properties = body.get("Properties").and_then(|it| scope.evaluate(it)).unwrap_or_default();
        (id.clone(), Resource { resource_type, properties })
    });
    Some(Evaluated { resources: resources.collect() })
}

impl Evaluated {
    /// How the properties of one resource differ from what they were.
    pub fn differences(&self, before: &Self, id: &str) -> Vec<Difference> {
        match (before.resources.get(id), self.resources.get(id)) {
            (Some(before), Some(after)) => compare::values(&before.properties, &after.properties),
            _ => Vec::new(),
        }
    }
}

struct Scope<'a> {
    parameters: BTreeMap<&'a str, Value>,
    conditions: Option<&'a Map<String, Value>>,
}

/// CloudFormation compares numbers by the way they are written.
fn as_text(value: Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Bool(flag) => flag.to_string().into(),
        other => other,
    }
}

impl Scope<'_> {
    /// The value as far as it is known; `None` for `AWS::NoValue`.
    fn evaluate(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.evaluate(item)).collect()),
            Value::Object(object) => self.function(object).unwrap_or_else(|| {
                let known = |(key, value): (&String, &Value)| Some((key.clone(), self.evaluate(value)?));
                Some(Value::Object(object.iter().filter_map(known).collect()))
            }),
            scalar => Some(as_text(scalar.clone())),
        }
    }

    /// What an intrinsic function gives; `None` when this is none, or one that only CloudFormation can tell.
    fn function(&self, object: &Map<String, Value>) -> Option<Option<Value>> {
        let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
        match (name.as_str(), argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Some(None),
            ("Ref", Value::String(name)) => self.parameters.get(name.as_str()).cloned().map(Some),
            ("Fn::Sub", Value::String(pattern)) => Some(Some(self.substitute(pattern).into())),
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), yes, no] => {
                    Some(self.evaluate(if self.holds(condition) { yes } else { no }))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn substitute(&self, pattern: &str) -> String {
        let mut text = pattern.to_owned();
        for (name, value) in &self.parameters {
            if let Some(value) = value.as_str() {
                text = text.replace(&format!("${{{name}}}"), value);
            }
        }
        text
    }

    /// Whether a condition of the template holds; one that it does not declare does.
    fn holds(&self, name: &str) -> bool {
        self.conditions.and_then(|conditions| conditions.get(name)).is_none_or(|condition| self.is_true(condition))
    }

    fn is_true(&self, condition: &Value) -> bool {
        let Some((name, argument)) = condition.as_object().and_then(|object| object.iter().next()) else {
            return false;
        };
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name.as_str(), parts) {
            ("Fn::Equals", [one, other]) => self.evaluate(one) == self.evaluate(other),
            ("Fn::Not", [one]) => !self.is_true(one),
            ("Fn::And", all) => all.iter().all(|one| self.is_true(one)),
            ("Fn::Or", any) => any.iter().any(|one| self.is_true(one)),
            ("Condition", _) => argument.as_str().is_some_and(|name| self.holds(name)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Size: {Type: Number, Default: 256}
  Name: {Type: String}
  Domain: {Type: String, Default: ""}
Conditions:
  HasDomain: !Not [!Equals [!Ref Domain, ""]]
  IsLarge: !And [!Condition HasDomain, !Or [!Equals [!Ref Size, 512], !Equals [!Ref Size, 1024]]]
Resources:
  Web:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub "${Name}-web"
      MemorySize: !Ref Size
      Role: !GetAtt Role.Arn
      Domain: !If [HasDomain, !Ref Domain, !Ref AWS::NoValue]
      Arn: !Sub "arn:${AWS::Partition}:${Name}"
  Mapping: {Type: AWS::X::Y, Condition: HasDomain}
  Large: {Type: AWS::X::Y, Condition: IsLarge}
"#;

    fn with(parameters: &[(&'static str, &'static str)]) -> Evaluated {
        evaluate(TEMPLATE, parameters.iter().copied()).expect("a template")
    }

    #[test]
    fn parameters_are_put_in_and_the_rest_stays() {
        let plain = with(&[("Name", "demo")]);
        assert_eq!(plain.resources.keys().collect::<Vec<_>>(), ["Web"]);
        assert_eq!(
            plain.resources["Web"].properties,
            json!({
                "FunctionName": "demo-web", "MemorySize": "256", "Role": {"Fn::GetAtt": "Role.Arn"},
                "Arn": "arn:${AWS::Partition}:demo",
            })
        );
        let large = with(&[("Name", "demo"), ("Domain", "a.b"), ("Size", "512")]);
        assert_eq!(large.resources.keys().collect::<Vec<_>>(), ["Large", "Mapping", "Web"]);
        let told: Vec<String> = large.differences(&plain, "Web").iter().map(Difference::text).collect();
        assert_eq!(told, [r#"Domain: "a.b""#, r#"MemorySize: "256" -> "512""#]);
        assert_eq!(evaluate(": no [ template", []), None);
    }
}
