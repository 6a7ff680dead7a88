//! What a deploy would do, stack by stack and resource by resource. Pure: `plan` prints the very
//! value that `deploy` executes.

use std::fmt::Write;

use serde::Serialize;

use super::desired::Desired;
use super::release::Release;
use super::stack::Deployed;
use super::status::State;
use super::template::{self, Role};
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
    /// The properties that differ, as far as CloudFormation says.
    pub properties: Vec<String>,
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

/// The plan of a stack that is not there yet: all that its template declares without a condition, and
/// what `holds` says of those with one.
pub fn creation(role: Role, stack: &str, holds: impl Fn(&str) -> bool) -> StackPlan {
    let changes = template::resources(role)
        .into_iter()
        .filter(|resource| resource.condition.as_deref().is_none_or(&holds))
        .map(|resource| Change {
            verb: Verb::Add,
            logical_id: resource.logical_id,
            resource_type: resource.resource_type,
            properties: Vec::new(),
        })
        .collect();
    StackPlan { role, stack: stack.to_owned(), action: Action::Create, changes }
}

impl StackPlan {
    /// Changes that would take users' data away with the resource that holds it.
    pub fn data_at_risk(&self) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(|change| matches!(change.verb, Verb::Replace | Verb::Remove) && change.resource_type == TABLE)
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
                    Verb::Replace => output.red(" replaced"),
                    _ => String::new(),
                };
                let properties = match change.properties.as_slice() {
                    [] => String::new(),
                    some => output.dim(&format!(" ({})", some.join(", "))),
                };
                let kind = change.resource_type.trim_start_matches("AWS::");
                _ = writeln!(text, "  {sign} {:width$}  {}{note}{properties}", change.logical_id, output.dim(kind));
            }
        }
        text + &self.release.as_ref().map(|release| release.render(output)).unwrap_or_default()
    }
}

fn resources(count: usize) -> String {
    if count == 1 { "1 resource".into() } else { format!("{count} resources") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compare::Difference;
    use crate::engine::desired;
    use crate::engine::release::Differences;
    use serde_json::Value;

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

    fn change(verb: Verb, logical_id: &str, resource_type: &str, properties: &[&str]) -> Change {
        Change {
            verb,
            logical_id: logical_id.into(),
            resource_type: resource_type.into(),
            properties: properties.iter().map(|name| (*name).to_owned()).collect(),
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
        let without = creation(Role::Data, "demo-data", |_| false).changes;
        let with = creation(Role::Data, "demo-data", |_| true).changes;
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
    fn a_plan_reads_as_a_line_per_resource() {
        let plan = Plan {
            stacks: vec![
                StackPlan { role: Role::Data, stack: "demo-data".into(), action: Action::Keep, changes: vec![] },
                StackPlan {
                    role: Role::Web,
                    stack: "demo-web".into(),
                    action: Action::Update,
                    changes: vec![
                        change(Verb::Add, "Domain", "AWS::ApiGatewayV2::DomainName", &[]),
                        change(Verb::Modify, "Web", "AWS::Lambda::Function", &["Code", "Environment"]),
                        change(Verb::Replace, "WebVersion", "AWS::Lambda::Version", &["CodeSha256"]),
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
        };
        let output = Output::new(false, crate::output::ColorChoice::Never, false);
        insta::assert_snapshot!(plan.render(&output), @r"
        demo-data unchanged
        demo-web update, 4 resources
          + Domain      ApiGatewayV2::DomainName
          ~ Web         Lambda::Function (Code, Environment)
          ! WebVersion  Lambda::Version replaced (CodeSha256)
          - Old         SQS::Queue
        function 3f2a9c0d11e4 -> 9b1c77aa02fe
          ~ code
          ~ form.fields.age.max: 120 -> 99
          + form.fields.phone: phone
          - form.intro
        ");
    }
}
