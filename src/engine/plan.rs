//! What a deploy would do, stack by stack and resource by resource. Pure: `plan` prints the very
//! value that `deploy` executes.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::compare::Difference;
use super::cost::Cost;
use super::desired::Desired;
use super::evaluate::{Evaluated, Resource};
use super::existing::Existing;
use super::release::Release;
use super::stack::Deployed;
use super::status::State;
use super::template::Role;
use crate::output::Output;

/// The type of resource that holds users' data.
pub const TABLE: &str = "AWS::DynamoDB::Table";

/// What happens to one stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Keep,
    /// Goes once what takes its place is proven.
    Remove,
}

/// What happens to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Add,
    Modify,
    /// A new one takes the old one's place.
    Replace,
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub verb: Verb,
    pub logical_id: String,
    pub resource_type: String,
    /// What differs of it.
    pub properties: Vec<Property>,
}

/// A property that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    #[serde(flatten)]
    pub difference: Difference,
    /// What it follows from, such as `WebVersion.Version`, where the values are known after the deploy alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackPlan {
    pub role: Role,
    pub stack: String,
    pub action: Action,
    pub changes: Vec<Change>,
}

/// The whole of it, in the order in which it is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub stacks: Vec<StackPlan>,
    /// What the function's bundle changes.
    pub release: Option<Release>,
    /// What a month costs, when anything changes.
    pub cost: Option<Cost>,
    /// What is there already of stacks that are to be made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub existing: BTreeMap<Role, Vec<Existing>>,
    /// Whether what an earlier stack of the service left behind is taken over.
    #[serde(skip)]
    pub adopts: bool,
}

/// How a stack gets from what is there to `desired`.
pub fn action(desired: &Desired, deployed: Option<&Deployed>) -> Action {
    match deployed {
        None => Action::Create,
        // Broken stacks are deleted before anything else happens (see `settle`).
        Some(stack) if matches!(stack.state, State::Empty | State::Unmade | State::Broken) => Action::Create,
        Some(stack) => {
            let differences = desired.differences(stack);
            tracing::info!(stack = stack.name, differences = differences.join(", "), "compared");
            if differences.is_empty() { Action::Keep } else { Action::Update }
        }
    }
}

/// The plan of a stack that is not there yet: all that its template makes with these parameters.
pub fn creation(role: Role, stack: &str, evaluated: &Evaluated) -> StackPlan {
    let made = |(id, resource): (&String, &Resource)| Change {
        verb: Verb::Add,
        logical_id: id.clone(),
        resource_type: resource.resource_type.clone(),
        properties: Vec::new(),
    };
    let changes = evaluated.resources.iter().map(made).collect();
    StackPlan { role, stack: stack.to_owned(), action: Action::Create, changes }
}

/// The plan of a stack that goes: all that its template made.
pub fn removal(stack: &Deployed) -> StackPlan {
    let made = stack.evaluated().unwrap_or_default();
    let changes = creation(stack.role, &stack.name, &made).changes;
    let changes = changes.into_iter().map(|change| Change { verb: Verb::Remove, ..change }).collect();
    StackPlan { role: stack.role, stack: stack.name.clone(), action: Action::Remove, changes }
}

/// Puts the values before and after beside what CloudFormation names, which is no more than the property.
pub fn explain(changes: &mut [Change], before: &Evaluated, after: &Evaluated) {
    // A resource whose condition begins to hold is new, whatever the emulator calls it.
    let is_new =
        |change: &&mut Change| change.verb == Verb::Modify && !before.resources.contains_key(&change.logical_id);
    for change in changes.iter_mut().filter(is_new) {
        (change.verb, change.properties) = (Verb::Add, Vec::new());
    }
    for change in changes.iter_mut().filter(|change| matches!(change.verb, Verb::Modify | Verb::Replace)) {
        let mut known = after.differences(before, &change.logical_id);
        let of = |difference: &Difference, named: &Property| {
            let rest = difference.path.strip_prefix(&named.difference.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
        };
        // What is named and known is told once, by its values.
        change.properties.retain(|named| !known.iter().any(|difference| of(difference, named)));
        let known = known.drain(..).map(|difference| Property { difference, from: None });
        change.properties.splice(0..0, known);
    }
}

impl StackPlan {
    /// Changes that would take users' data away with the resource that holds it.
    pub fn data_at_risk(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.puts_data_at_risk())
    }
}

impl Change {
    /// Whether it would take users' data away with the resource that holds it.
    pub fn puts_data_at_risk(&self) -> bool {
        matches!(self.verb, Verb::Replace | Verb::Remove) && self.resource_type == TABLE
    }
}

impl Plan {
    pub fn changes_anything(&self) -> bool {
        self.stacks.iter().any(|stack| stack.action != Action::Keep)
    }

    /// How much there is to do, in one line.
    pub fn summary(&self) -> String {
        if !self.changes_anything() {
            return "nothing to do".to_owned();
        }
        let count =
            |verb| self.stacks.iter().flat_map(|stack| &stack.changes).filter(|change| change.verb == verb).count();
        let parts =
            [(Verb::Add, "add"), (Verb::Modify, "change"), (Verb::Replace, "replace"), (Verb::Remove, "remove")];
        let parts = parts.map(|(verb, word)| (count(verb), word));
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} to {word}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The plan as text, a line per resource.
    pub fn render(&self, output: &Output) -> String {
        let mut text = String::new();
        for stack in &self.stacks {
            let what = match stack.action {
                Action::Keep => output.dim("unchanged"),
                Action::Create => format!("create, {}", resources(stack.changes.len())),
                Action::Update if stack.changes.is_empty() => "update, no resource changes".to_owned(),
                Action::Update => format!("update, {}", resources(stack.changes.len())),
                Action::Remove => format!("remove once the new front is proven, {}", resources(stack.changes.len())),
            };
            _ = writeln!(text, "{} {what}", output.bold(&stack.stack));
            let width = stack.changes.iter().map(|change| change.logical_id.len()).max().unwrap_or(0);
            for change in &stack.changes {
                let sign = match change.verb {
                    Verb::Add => output.green("+"),
                    Verb::Modify => output.yellow("~"),
                    Verb::Replace => output.red("!"),
                    Verb::Remove => output.red("-"),
                };
                let note = match change.verb {
                    Verb::Replace if change.puts_data_at_risk() => output.red(" replaced, and its data lost"),
                    Verb::Remove if change.puts_data_at_risk() => output.red(" removed, and its data lost"),
                    Verb::Replace => output.red(" replaced"),
                    _ => String::new(),
                };
                let kind = change.resource_type.trim_start_matches("AWS::");
                _ = writeln!(text, "  {sign} {:width$}  {}{note}", change.logical_id, output.dim(kind));
                for property in &change.properties {
                    _ = writeln!(text, "      {}", output.dim(&property.text()));
                }
            }
        }
        if !self.existing.is_empty() {
            _ = writeln!(text, "{}", output.bold("there already"));
            for found in self.existing.values().flatten() {
                _ = writeln!(text, "{}", found.line(self.adopts, output));
            }
        }
        text += &self.release.as_ref().map(|release| release.render(output)).unwrap_or_default();
        text + &self.cost.as_ref().map(|cost| format!("{}\n", cost.text())).unwrap_or_default()
    }
}

impl Property {
    /// The place and its values, or what it follows from.
    fn text(&self) -> String {
        let Difference { path, before, after } = &self.difference;
        match (before, after, &self.from) {
            (Some(before), Some(after), _) => {
                let [first, last] = [beginning, end].map(|part| (shown(before, part), shown(after, part)));
                let (before, after) = if first.0 == first.1 { last } else { first };
                format!("{path}: {before} -> {after}")
            }
            (None, Some(after), _) => format!("{path}: {}", shown(after, beginning)),
            (Some(before), None, _) => format!("{path}: {} -> none", shown(before, beginning)),
            (None, None, Some(from)) => format!("{path}: follows {from}"),
            (None, None, None) => path.clone(),
        }
    }
}

/// Characters of a value that are shown.
const MOST: usize = 24;

/// A value in one line: whole, or a part of it. What names something by a hash is told by its beginning.
fn shown(value: &Value, part: fn(&str) -> String) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= MOST { text } else { part(&text) }
}

fn beginning(text: &str) -> String {
    text.chars().take(MOST - 1).chain(['…']).collect()
}

fn end(text: &str) -> String {
    let left_out = text.chars().count() - (MOST - 1);
    ['…'].into_iter().chain(text.chars().skip(left_out)).collect()
}

fn resources(count: usize) -> String {
    if count == 1 { "1 resource".into() } else { format!("{count} resources") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::desired;
    use crate::engine::release::Differences;

    fn difference(path: &str, before: Option<Value>, after: Option<Value>) -> Difference {
        Difference { path: path.into(), before, after }
    }

    fn spec() -> crate::spec::Spec {
        crate::spec::load(
            std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/waitlist.yaml")),
            None,
            false,
        )
        .expect("valid")
    }

    fn named(name: &str, from: Option<&str>) -> Property {
        Property { difference: difference(name, None, None), from: from.map(str::to_owned) }
    }

    fn change(verb: Verb, logical_id: &str, resource_type: &str, properties: &[&str]) -> Change {
        Change {
            verb,
            logical_id: logical_id.into(),
            resource_type: resource_type.into(),
            properties: properties.iter().map(|name| named(name, None)).collect(),
        }
    }

    #[test]
    fn a_stack_is_created_kept_or_updated_by_what_is_there() {
        let desired = desired::data(&spec());
        let mut deployed = Deployed::of(&desired);
        assert_eq!(action(&desired, None), Action::Create);
        assert_eq!(action(&desired, Some(&deployed)), Action::Keep);
        deployed.parameters.insert("PointInTimeRecoveryDays".into(), "7".into());
        assert_eq!(action(&desired, Some(&deployed)), Action::Update);
        deployed.state = State::Empty;
        assert_eq!(action(&desired, Some(&deployed)), Action::Create);
    }

    #[test]
    fn a_first_plan_lists_what_the_conditions_let_through() {
        let plan = |address: &str| {
            let mut desired = desired::data(&spec());
            desired.parameters.insert("AlarmAddress".into(), address.into());
            creation(Role::Data, "demo-data", &desired.evaluated()).changes
        };
        let (without, with) = (plan(""), plan("ops@example.com"));
        let more: Vec<&str> =
            with.iter().filter(|one| !without.contains(one)).map(|one| one.logical_id.as_str()).collect();
        assert_eq!(more, ["AlarmSubscription"]);
        assert!(without.iter().any(|change| change.logical_id == "Table"));
    }

    #[test]
    fn only_a_table_that_goes_puts_data_at_risk() {
        let plan = |verb, kind: &str| StackPlan {
            role: Role::Data,
            stack: "demo-data".into(),
            action: Action::Update,
            changes: vec![change(verb, "X", kind, &[])],
        };
        assert_eq!(plan(Verb::Replace, "AWS::DynamoDB::Table").data_at_risk().count(), 1);
        assert_eq!(plan(Verb::Remove, "AWS::DynamoDB::Table").data_at_risk().count(), 1);
        assert_eq!(plan(Verb::Modify, "AWS::DynamoDB::Table").data_at_risk().count(), 0);
        assert_eq!(plan(Verb::Replace, "AWS::Lambda::Version").data_at_risk().count(), 0);
    }

    #[test]
    fn values_that_begin_alike_are_told_by_their_ends() {
        let text = |before: &str, after: &str| {
            let difference = difference("Description", Some(before.into()), Some(after.into()));
            Property { difference, from: None }.text()
        };
        let described = |key: u8| format!("x86_64 256 MB, registration-table, /signupctl/registration:{key}");
        let told = text(&described(1), &described(2));
        assert_eq!(told, "Description: …ignupctl/registration:1 -> …ignupctl/registration:2");
        assert_eq!(text("one", "another"), "Description: one -> another");
    }

    #[test]
    fn a_plan_reads_as_a_line_per_resource() {
        let web = |key: &str, timeout: Option<u32>| {
            let mut properties = serde_json::json!({ "Code": { "S3Bucket": "b", "S3Key": key } });
            if let Some(timeout) = timeout {
                properties["Timeout"] = timeout.into();
            }
            let resource = Resource { resource_type: "AWS::Lambda::Function".into(), properties };
            Evaluated { resources: [("Web".to_owned(), resource)].into() }
        };
        // CloudFormation names the property; its values are known from the template.
        let mut changes = [change(Verb::Modify, "Web", "AWS::Lambda::Function", &["Code"])];
        let (before, after) = ("3f2a9c0d11e4a7b8c9d0e1f2a3b4", "9b1c77aa02fe0d1e2f3a4b5c6d7e");
        let key = |hash: &str| format!("artifacts/{hash}.zip");
        explain(&mut changes, &web(&key(before), None), &web(&key(after), Some(10)));
        let [explained] = changes;
        let mut alias = change(Verb::Modify, "WebAlias", "AWS::Lambda::Alias", &[]);
        alias.properties.push(named("FunctionVersion", Some("WebVersion.Version")));
        let plan = Plan {
            stacks: vec![
                StackPlan { role: Role::Data, stack: "demo-data".into(), action: Action::Keep, changes: vec![] },
                StackPlan {
                    role: Role::Web,
                    stack: "demo-web".into(),
                    action: Action::Update,
                    changes: vec![
                        change(Verb::Add, "Domain", "AWS::ApiGatewayV2::DomainName", &[]),
                        explained,
                        change(Verb::Replace, "WebVersion", "AWS::Lambda::Version", &["CodeSha256"]),
                        alias,
                        change(Verb::Remove, "Old", "AWS::SQS::Queue", &[]),
                    ],
                },
            ],
            release: Some(Release {
                before: Some("3f2a9c0d11e4".into()),
                after: "9b1c77aa02fe".into(),
                differences: Some(Differences {
                    code: true,
                    configuration: vec![
                        difference("form.fields.age.max", Some(120.into()), Some(99.into())),
                        difference("form.fields.phone", None, Some(serde_json::json!({ "type": "phone" }))),
                        difference("form.intro", Some("We meet every month.".into()), None),
                    ],
                }),
            }),
            cost: Some(Cost {
                sign_ups: 1_000,
                before: Some(7.5),
                after: 8.251,
                region: "us-east-1".into(),
                prices_as_of: "2026-06".into(),
            }),
            ..Plan::default()
        };
        let output = Output::new(false, crate::output::ColorChoice::Never, false);
        insta::assert_snapshot!(plan.render(&output), @r"
        demo-data unchanged
        demo-web update, 5 resources
          + Domain      ApiGatewayV2::DomainName
          ~ Web         Lambda::Function
              Code.S3Key: artifacts/3f2a9c0d11e4a… -> artifacts/9b1c77aa02fe0…
              Timeout: 10
          ! WebVersion  Lambda::Version replaced
              CodeSha256
          ~ WebAlias    Lambda::Alias
              FunctionVersion: follows WebVersion.Version
          - Old         SQS::Queue
        function 3f2a9c0d11e4 -> 9b1c77aa02fe
          ~ code
          ~ form.fields.age.max: 120 -> 99
          + form.fields.phone: phone
          - form.intro
        cost about $7.50 -> $8.25 a month at 1,000 sign-ups (us-east-1 prices of 2026-06)
        ");
    }
}
