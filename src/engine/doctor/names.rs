//! The service's stacks, and whatever bears the names that they need.

use aws_sdk_cloudformation::types::StackStatus;

use super::{Command, Finding};
use crate::aws::Aws;
use crate::engine::desired;
use crate::engine::existing::{self, Way};
use crate::engine::stack::{self, DeployedStacks};
use crate::engine::status::{self, State};
use crate::engine::template::Role;
use crate::error::Outcome;
use crate::spec::Spec;

pub async fn look(aws: &Aws, spec: &Spec, command: &Command<'_>) -> Vec<Finding> {
    const CHECK: &str = "names";
    let stacks = match stack::read_all(aws, spec).await {
        Ok(stacks) => stacks,
        Err(failure) => return vec![Finding::failed(CHECK, &failure)],
    };
    let mut found: Vec<Finding> =
        stacks.values().filter_map(|stack| of_stack(&stack.name, &stack.status, command)).collect();
    match taken(aws, spec, &stacks, command).await {
        Ok(taken) => found.extend(taken),
        Err(failure) => found.push(Finding::unknown(CHECK, &failure)),
    }
    if found.is_empty() {
        let text = match spec.topology.stacks().iter().filter(|role| stacks.contains_key(role)).count() {
            0 => format!("nothing is in the way of `{}`", spec.service),
            count => format!("{count} of 3 stacks of `{}` stand, and nothing is in the way", spec.service),
        };
        found.push(Finding::ok(CHECK, text));
    }
    found
}

fn of_stack(name: &str, status: &StackStatus, command: &Command<'_>) -> Option<Finding> {
    let meaning = status::meaning(status);
    let text = format!("`{name}` {} ({})", meaning.text, status.as_str());
    match meaning.state {
        State::Ready | State::Empty | State::Gone => None,
        State::Busy => Some(Finding::warning("stacks", text, "a deploy follows it to its end first")),
        State::Unmade | State::Stuck => {
            Some(Finding::warning("stacks", text, "a deploy sets it right, and asks first"))
        }
        State::Broken => Some(Finding::problem(
            "stacks",
            text,
            format!("`{}` finishes it; with `--delete-data` it takes the sign-ups too", command("destroy")),
        )),
    }
}

/// What bears a name that a stack needs which is still to be made. A stack in any other state holds its names itself.
async fn taken(aws: &Aws, spec: &Spec, stacks: &DeployedStacks, command: &Command<'_>) -> Outcome<Vec<Finding>> {
    let absent = |role: &Role| stacks.get(role).is_none_or(|stack| stack.state == State::Empty);
    let mut found = Vec::new();
    for desired in desired::foreseen(spec).iter().filter(|desired| absent(&desired.role)) {
        found.extend(existing::look(aws, &spec.service, desired.role, &desired.evaluated()).await?);
    }
    Ok(found
        .iter()
        .map(|existing| match existing.way {
            Way::Adopt => Finding::warning(
                "names",
                format!("{} is left of an earlier stack of this service", existing.text()),
                format!("`{}` takes it over", command("deploy --adopt")),
            ),
            Way::Rename => Finding::problem(
                "names",
                format!("{} is not this service's", existing.text()),
                "choose another `service:`, or delete it if it is of no use",
            ),
        })
        .collect())
}
