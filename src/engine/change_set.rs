//! Change sets: made, read, executed, thrown away.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, Replacement, ResourceChange,
    Tag,
};

use super::desired::Desired;
use super::events::Pace;
use super::plan::{Change, Verb};
use crate::aws::{explain, service_code};
use crate::error::{Failure, Outcome};

/// CloudFormation computes a change set in seconds; after this it is stuck.
const DEADLINE: Duration = Duration::from_secs(300);

/// A change set that can be executed.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    pub id: String,
    pub stack_id: String,
    pub changes: Vec<Change>,
}

/// Makes the change set that turns the stack into `desired`; `None` when nothing would change.
///
/// Repeating is safe: an earlier one of the same name, left by an interrupted run, is replaced.
pub async fn create(client: &Client, desired: &Desired, kind: ChangeSetType, pace: Pace) -> Outcome<Option<ChangeSet>> {
    let name = "signupctl";
    let failed = |error| explain(format!("the change set for `{}` cannot be made", desired.stack), error);
    let request = || {
        client
            .create_change_set()
            .stack_name(&desired.stack)
            .change_set_name(name)
            .change_set_type(kind.clone())
            .template_body(desired.role.template())
            .set_parameters(Some(
                desired
                    .parameters
                    .iter()
                    .map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(value).build())
                    .collect(),
            ))
            .set_tags(Some(
                desired.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
            ))
            .capabilities(Capability::CapabilityIam)
            .on_stack_failure(OnStackFailure::Rollback)
            .send()
    };
    let created = match request().await {
        Err(error) if service_code(&error) == Some("AlreadyExistsException") => {
            delete(client, &desired.stack, name).await?;
            request().await.map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    let (Some(id), Some(stack_id)) = (created.id, created.stack_id) else {
        return Err(Failure::new("unexpected_answer", "CloudFormation named no change set"));
    };
    let set = wait(client, desired, id, stack_id, pace).await?;
    Ok(set)
}

async fn wait(
    client: &Client,
    desired: &Desired,
    id: String,
    stack_id: String,
    mut pace: Pace,
) -> Outcome<Option<ChangeSet>> {
    let started = Instant::now();
    let mut changes = Vec::new();
    let mut page = None;
    loop {
        let answer = client.describe_change_set().change_set_name(&id).set_next_token(page.clone()).send().await;
        let answer =
            answer.map_err(|error| explain(format!("the change set for `{}` cannot be read", desired.stack), error))?;
        match answer.status {
            Some(ChangeSetStatus::CreateComplete) => {
                let resources =
                    answer.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
                changes.extend(resources.filter_map(read_change));
                page = answer.next_token;
                if page.is_none() {
                    return Ok(Some(ChangeSet { id, stack_id, changes }));
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = answer.status_reason.unwrap_or_default();
                delete(client, &desired.stack, &id).await?;
                if is_empty(&reason) {
                    return Ok(None);
                }
                return Err(Failure::new(
                    "change_set_failed",
                    format!("CloudFormation refuses the change of `{}`", desired.stack),
                )
                .cause(reason.trim_end_matches('.'))
                .hint("nothing was changed"));
            }
            _ if started.elapsed() > DEADLINE => {
                return Err(Failure::new("timed_out", format!("the change set for `{}` is not ready", desired.stack))
                    .cause(format!("CloudFormation has worked on it for {} s", DEADLINE.as_secs()))
                    .hint("run it again; it goes on where it stopped"));
            }
            _ => pace.pause(false).await,
        }
    }
}

/// CloudFormation fails an empty change set with one of two sentences and no code.
fn is_empty(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

fn read_change(change: ResourceChange) -> Option<Change> {
    let verb = match (change.action?, change.replacement) {
        (ChangeAction::Add | ChangeAction::Import, _) => Verb::Add,
        (ChangeAction::Remove, _) => Verb::Remove,
        (_, Some(Replacement::True)) => Verb::Replace,
        _ => Verb::Modify,
    };
    let mut properties: Vec<String> = change
        .details
        .unwrap_or_default()
        .into_iter()
        .filter_map(|detail| detail.target)
        .filter_map(|target| target.name.or_else(|| target.attribute.map(|attribute| attribute.as_str().to_owned())))
        .collect();
    properties.sort();
    properties.dedup();
    Some(Change { verb, logical_id: change.logical_resource_id?, resource_type: change.resource_type?, properties })
}

/// Starts the change set; what follows is told by the stack's events.
pub async fn execute(client: &Client, set: &ChangeSet) -> Outcome<()> {
    let executed = client.execute_change_set().change_set_name(&set.id).send().await;
    executed.map(drop).map_err(|error| explain("the change set cannot be executed", error))
}

/// Throws a change set away; one that is gone already is no error.
pub async fn delete(client: &Client, stack: &str, name: &str) -> Outcome<()> {
    match client.delete_change_set().stack_name(stack).change_set_name(name).send().await {
        Ok(_) => Ok(()),
        Err(error) if service_code(&error) == Some("ChangeSetNotFound") => Ok(()),
        Err(error) => Err(explain(format!("the change set of `{stack}` cannot be deleted"), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_change_set_is_told_by_either_wording() {
        assert!(is_empty(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(is_empty("No updates are to be performed."));
        assert!(!is_empty("Template error: instance of Fn::GetAtt references undefined resource"));
    }
}
