//! The CloudFormation templates of `stacks/` as plain JSON, in long form, for tests that judge what is written there.
//! It never evaluates a function or a condition.

use std::collections::BTreeSet;

use serde_json::{Value, json};

#[path = "../../src/engine/long_form.rs"]
mod long_form;

/// One template, with its text beside what it says.
pub(crate) struct Template {
    pub(crate) file: &'static str,
    pub(crate) text: &'static str,
    body: Value,
}

/// The templates as they are embedded and deployed.
pub(crate) fn templates() -> [Template; 4] {
    [data(), workers(), serverless(), servers()]
}

pub(crate) fn data() -> Template {
    Template::read("data.yaml", include_str!("../../stacks/data.yaml"))
}

pub(crate) fn workers() -> Template {
    Template::read("workers.yaml", include_str!("../../stacks/workers.yaml"))
}

pub(crate) fn serverless() -> Template {
    Template::read("serverless.yaml", include_str!("../../stacks/serverless.yaml"))
}

pub(crate) fn servers() -> Template {
    Template::read("high-performance.yaml", include_str!("../../stacks/high-performance.yaml"))
}

impl Template {
    fn read(file: &'static str, text: &'static str) -> Self {
        let body = long_form::read(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self { file, text, body }
    }

    /// What lies at a JSON pointer; `null` when nothing does.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Names and bodies of a section such as `Parameters`.
    pub(crate) fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.at(&format!("/{name}")).as_object().into_iter().flatten().map(|(name, body)| (name.as_str(), body))
    }

    pub(crate) fn names(&self, section: &str) -> BTreeSet<&str> {
        self.section(section).map(|(name, _)| name).collect()
    }

    /// Logical IDs and bodies of the resources of one type.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.section("Resources").filter(move |(_, resource)| resource["Type"] == kind)
    }

    /// The properties of a resource, which must exist.
    pub(crate) fn properties(&self, id: &str) -> &Value {
        let properties = self.at(&format!("/Resources/{id}/Properties"));
        assert!(!properties.is_null(), "{} has no resource `{id}` with properties", self.file);
        properties
    }

    /// Statements of every role's policies, those too that a condition leaves out, each with its role's logical ID.
    pub(crate) fn role_statements(&self) -> Vec<(&str, &Value)> {
        let mut found = Vec::new();
        for (id, role) in self.of_type("AWS::IAM::Role") {
            for policy in each(&role["Properties"]["Policies"]) {
                for statement in each(&policy["PolicyDocument"]["Statement"]) {
                    found.push((id, statement.get("Fn::If").map_or(statement, |parts| &parts[1])));
                }
            }
        }
        found
    }
}

/// The resources, parameters and conditions that a value names, whichever way: by `Ref`, `Fn::GetAtt`,
/// `Fn::Sub`, `Fn::If`, `Condition` or `DependsOn`.
pub(crate) fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("Ref" | "Condition" | "DependsOn", Value::String(name)) => {
                        found.insert(name.clone());
                    }
                    ("DependsOn", Value::Array(names)) => found.extend(names.iter().map(|name| text(name).to_owned())),
                    ("Fn::GetAtt", Value::String(attribute)) => {
                        found.extend(attribute.split('.').next().map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(pattern)) => found.extend(placeholders(pattern).map(str::to_owned)),
                    // With values of its own, by which it shadows no resource.
                    ("Fn::Sub", Value::Array(parts)) => {
                        let [pattern, own] = &parts[..] else { panic!("a pattern and its values: {parts:?}") };
                        let names = placeholders(text(pattern)).filter(|name| own[*name].is_null());
                        found.extend(names.map(str::to_owned));
                        collect(own, found);
                    }
                    ("Fn::If", Value::Array(parts)) => {
                        found.extend(parts.first().map(|condition| text(condition).to_owned()));
                        parts.iter().for_each(|part| collect(part, found));
                    }
                    _ => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

/// The names in `${…}`, without attributes.
pub(crate) fn placeholders(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split("${").skip(1).filter_map(|rest| rest.split(['.', '}']).next())
}

/// A value that must be text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("`{value}` is not text"))
}

/// A value, or the values of a list: policies and templates allow either.
pub(crate) fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

/// The streams of the log of whatever serves the admins' pages, which the data stack keeps.
pub(crate) fn admins_streams() -> Value {
    let group = data().properties("AdminLogs")["LogGroupName"]["Fn::Sub"].clone();
    let account = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}";
    json!({ "Fn::Sub": format!("{account}:log-group:{}:*", text(&group)) })
}
