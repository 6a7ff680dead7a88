//! What a deploy would do, stack by stack and resource by resource. Pure: `plan` prints the very
//! value that `deploy` executes.

use std::fmt::Write;

use serde::Serialize;

use super::desired::Desired;
use super::stack::{Deployed, State};
use super::template::{self, Role};
use crate::output::Output;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub stacks: Vec<StackPlan>,
}

/// How a stack gets from what is there to `desired`.
pub fn action(desired: &Desired, deployed: Option<&Deployed>) -> Action {
    match deployed {
        None => Action::Create,
        // Broken stacks are deleted before anything else happens (see `settle`).
        Some(stack) if matches!(stack.state, State::Empty | State::Broken) => Action::Create,
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
        self.changes.iter().filter(|change| {
            matches!(change.verb, Verb::Replace | Verb::Remove) && change.resource_type == "AWS::DynamoDB::Table"
        })
    }
}

impl Plan {
    pub fn changes_anything(&self) -> bool {
        self.stacks.iter().any(|stack| stack.action != Action::Keep)
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
        text
    }
}

fn resources(count: usize) -> String {
    if count == 1 { "1 resource".into() } else { format!("{count} resources") }
}
