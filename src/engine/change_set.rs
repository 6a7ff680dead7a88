//! Change sets: made, read, executed, thrown away.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, EventFilter, OnStackFailure, OperationEvent, Parameter,
    Replacement, ResourceChange, Tag,
};

use super::desired::{Desired, hex};
use super::events::Pace;
use super::plan::{Change, TABLE, Verb};
use crate::aws::{explain, service_code, service_message};
use crate::error::{Failure, Outcome};

/// CloudFormation computes a change set in seconds; after this it is stuck.
const DEADLINE: Duration = Duration::from_secs(300);

/// A change set that can be executed.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    pub id: String,
    pub stack_id: String,
    /// Names the request too, so that one sent twice is carried out once.
    token: String,
    pub changes: Vec<Change>,
}

/// All change sets of signupctl begin so; what follows is different in every run.
pub const NAME_PREFIX: &str = "signupctl-";

/// Makes the change set that turns the stack into `desired`; `None` when nothing would change.
///
/// Each has a name of its own, so that two runs never take each other's away. Those that an interrupted run
/// left behind cost nothing, and CloudFormation deletes them when another one is executed.
pub async fn create(client: &Client, desired: &Desired, kind: ChangeSetType, pace: Pace) -> Outcome<Option<ChangeSet>> {
    let parameter =
        |(key, value): (&&str, &String)| Parameter::builder().parameter_key(*key).parameter_value(value).build();
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let token = unique_name()?;
    let created = client
        .create_change_set()
        .stack_name(&desired.stack)
        .change_set_name(&token)
        .client_token(&token)
        .change_set_type(kind)
        .template_body(desired.role.template())
        .set_parameters(Some(desired.parameters.iter().map(parameter).collect()))
        .set_tags(Some(desired.tags.iter().map(tag).collect()))
        .capabilities(Capability::CapabilityIam)
        .on_stack_failure(OnStackFailure::Rollback)
        .send()
        .await;
    let created = created.map_err(|error| {
        let busy = service_message(&error).contains("_IN_PROGRESS");
        if busy || service_code(&error) == Some("AlreadyExistsException") {
            return overtaken(&desired.stack);
        }
        explain(format!("the change set for `{}` cannot be made", desired.stack), error)
    })?;
    let (Some(id), Some(stack_id)) = (created.id, created.stack_id) else {
        return Err(Failure::new("unexpected_answer", "CloudFormation named no change set"));
    };
    let set = ChangeSet { id, stack_id, token, changes: Vec::new() };
    wait(client, desired, set, pace).await
}

fn unique_name() -> Outcome<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new("no_randomness", "the system gives no random bytes").cause(error.to_string()))?;
    Ok(format!("{NAME_PREFIX}{}", hex(&bytes)))
}

/// Somebody else, or an interrupted run, is at work on the stack.
fn overtaken(stack: &str) -> Box<Failure> {
    Failure::new("stack_busy", format!("`{stack}` is being changed by another run"))
        .hint("run it again: it follows the other to its end, and goes on from there")
}

async fn wait(client: &Client, desired: &Desired, mut set: ChangeSet, mut pace: Pace) -> Outcome<Option<ChangeSet>> {
    let started = Instant::now();
    let mut page = None;
    loop {
        let answer = client.describe_change_set().change_set_name(&set.id).set_next_token(page.clone()).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = explain(format!("the change set for `{}` cannot be read", desired.stack), error);
                if !failure.is_transient() || started.elapsed() > DEADLINE {
                    return Err(failure);
                }
                pace.pause(false).await;
                continue;
            }
        };
        match answer.status {
            Some(ChangeSetStatus::CreateComplete) => {
                let resources =
                    answer.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
                set.changes.extend(resources.filter_map(read_change));
                page = answer.next_token;
                if page.is_none() {
                    return Ok(Some(set));
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = answer.status_reason.unwrap_or_default();
                let nothing = is_empty(&reason);
                let reasons = if nothing { Vec::new() } else { validation_failures(client, &set.id).await };
                delete(client, &desired.stack, &set.id).await?;
                if nothing {
                    return Ok(None);
                }
                let cause = if reasons.is_empty() { reason } else { reasons.join("; ") };
                return Err(Failure::new(
                    "change_set_failed",
                    format!("CloudFormation refuses the change of `{}`", desired.stack),
                )
                .cause(cause.trim_end_matches('.'))
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

/// What CloudFormation's validation before the deployment found; the change set's own reason only says that
/// it found something. Nothing when it cannot be read.
async fn validation_failures(client: &Client, id: &str) -> Vec<String> {
    let failed = EventFilter::builder().failed_events(true).build();
    let Ok(answer) = client.describe_events().change_set_name(id).filters(failed).send().await else {
        return Vec::new();
    };
    let reason = |event: OperationEvent| {
        let reason = event.validation_status_reason.or(event.hook_status_reason).or(event.resource_status_reason)?;
        Some(match event.logical_resource_id {
            Some(resource) => format!("{resource}: {reason}"),
            None => reason,
        })
    };
    answer.operation_events.unwrap_or_default().into_iter().filter_map(reason).collect()
}

/// CloudFormation fails an empty change set with one of two sentences and no code.
fn is_empty(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

fn read_change(change: ResourceChange) -> Option<Change> {
    let is_table = change.resource_type.as_deref() == Some(TABLE);
    let verb = match (change.action?, change.replacement) {
        (ChangeAction::Add | ChangeAction::Import, _) => Verb::Add,
        (ChangeAction::Remove, _) => Verb::Remove,
        (_, Some(Replacement::True)) => Verb::Replace,
        // CloudFormation does not know before it tries; where users' data is at stake that is too late.
        (_, Some(Replacement::Conditional)) if is_table => Verb::Replace,
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
pub async fn execute(client: &Client, stack: &str, set: &ChangeSet) -> Outcome<()> {
    let request = client.execute_change_set().change_set_name(&set.id).client_request_token(&set.token);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error)
            if ["ChangeSetNotFound", "InvalidChangeSetStatus"].contains(&service_code(&error).unwrap_or_default()) =>
        {
            Err(overtaken(stack))
        }
        Err(error) => Err(explain(format!("the change set of `{stack}` cannot be executed"), error)),
    }
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
