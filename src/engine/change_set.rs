//! Change sets: made, read, executed, thrown away.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, ChangeSource, DeploymentMode, EventFilter,
    ExecutionStatus, OnStackFailure, OperationEvent, Parameter, Replacement, ResourceChange, ResourceChangeDetail,
    ResourceToImport, Tag,
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::compare::Difference;
use super::desired::Desired;
use super::events::Pace;
use super::plan::{Change, Property, TABLE, Verb};
use super::token;
use crate::aws::{explain, service_code, service_message};
use crate::error::{Failure, Outcome};

/// CloudFormation computes a change set in seconds; after this it is stuck.
const DEADLINE: Duration = Duration::from_secs(300);

/// A change set that can be executed.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    pub id: String,
    pub stack_id: String,
    /// Its name, and that of the operation that it becomes.
    pub token: String,
    pub changes: Vec<Change>,
}

/// Makes the change set that turns the stack into `desired`; `None` when nothing would change.
///
/// Each has a name of its own, so that two runs never take each other's away. Those that an interrupted run
/// left behind cost nothing, and CloudFormation deletes them when another one is executed.
pub async fn create(client: &Client, desired: &Desired, kind: ChangeSetType, pace: Pace) -> Outcome<Option<ChangeSet>> {
    make(client, desired, kind, Details::default(), pace).await
}

/// Makes the change set that sets what was changed behind the stack's back to `desired`; `None` when nothing would
/// change.
pub async fn create_reverting(client: &Client, desired: &Desired, pace: Pace) -> Outcome<Option<ChangeSet>> {
    let details = Details { mode: Some(DeploymentMode::RevertDrift), ..Details::default() };
    make(client, desired, ChangeSetType::Update, details, pace).await
}

/// Makes the change set that makes the stack of what is there already.
pub async fn import(
    client: &Client,
    desired: &Desired,
    imports: Vec<ResourceToImport>,
    pace: Pace,
) -> Outcome<Option<ChangeSet>> {
    make(client, desired, ChangeSetType::Import, Details { imports: Some(imports), ..Details::default() }, pace).await
}

/// What only some change sets have.
#[derive(Default)]
struct Details {
    mode: Option<DeploymentMode>,
    imports: Option<Vec<ResourceToImport>>,
}

async fn make(
    client: &Client,
    desired: &Desired,
    kind: ChangeSetType,
    details: Details,
    pace: Pace,
) -> Outcome<Option<ChangeSet>> {
    let parameter = |(key, value): (&Cow<'static, str>, &String)| {
        Parameter::builder().parameter_key(key.as_ref()).parameter_value(value).build()
    };
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let token = token::unique()?;
    let created = client
        .create_change_set()
        .stack_name(&desired.stack)
        .change_set_name(&token)
        .client_token(&token)
        .change_set_type(kind)
        .template_body(desired.template.as_ref())
        .set_parameters(Some(desired.parameters.iter().map(parameter).collect()))
        .set_tags(Some(desired.tags.iter().map(tag).collect()).filter(|tags: &Vec<Tag>| !tags.is_empty()))
        .set_resources_to_import(details.imports)
        .capabilities(Capability::CapabilityIam)
        .on_stack_failure(OnStackFailure::Rollback)
        .set_deployment_mode(details.mode)
        .send()
        .await;
    match created {
        Ok(_) => {}
        // An earlier try may have made it and its answer been lost; if it was the stack that existed, reading it tells.
        Err(error) if service_code(&error) == Some("AlreadyExistsException") => {}
        Err(error) if service_message(&error).contains("_IN_PROGRESS") => return Err(overtaken(&desired.stack)),
        Err(error) => return Err(explain(format!("the change set for `{}` cannot be made", desired.stack), error)),
    }
    wait(client, desired, token, pace).await
}

/// Somebody else, or an interrupted run, is at work on the stack.
pub fn overtaken(stack: &str) -> Box<Failure> {
    Failure::new("stack_busy", format!("`{stack}` is being changed by another run"))
        .hint("run it again: it follows the other to its end, and goes on from there")
}

async fn wait(client: &Client, desired: &Desired, token: String, mut pace: Pace) -> Outcome<Option<ChangeSet>> {
    let started = Instant::now();
    let mut page = None;
    let mut changes = Vec::new();
    loop {
        let request = client.describe_change_set().stack_name(&desired.stack).change_set_name(&token);
        let answer = match request.set_next_token(page.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                // It can take a moment until what was made is seen.
                if is_absent(&error) {
                    if started.elapsed() > pace.settles {
                        return Err(overtaken(&desired.stack));
                    }
                    pace.pause(false).await;
                    continue;
                }
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
                changes.extend(resources.filter_map(read_change));
                page = answer.next_token;
                if page.is_none() {
                    let (Some(id), Some(stack_id)) = (answer.change_set_id, answer.stack_id) else {
                        return Err(Failure::new("unexpected_answer", "CloudFormation named no change set"));
                    };
                    return Ok(Some(ChangeSet { id, stack_id, token, changes }));
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = answer.status_reason.unwrap_or_default();
                let nothing = is_empty(&reason);
                let id = answer.change_set_id.unwrap_or_else(|| token.clone());
                let reasons = if nothing { Vec::new() } else { validation_failures(client, &id).await };
                delete(client, &desired.stack, &id).await?;
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
    let mut properties: Vec<Property> =
        change.details.unwrap_or_default().into_iter().filter_map(read_property).collect();
    properties.sort_by(|one, other| one.difference.path.cmp(&other.difference.path));
    properties.dedup_by(|one, other| one.difference.path == other.difference.path);
    Some(Change { verb, logical_id: change.logical_resource_id?, resource_type: change.resource_type?, properties })
}

/// A property that differs, by its name, and the other resource, or the attribute of it, that it follows if it does.
fn read_property(detail: ResourceChangeDetail) -> Option<Property> {
    let target = detail.target?;
    let path = target.name.or_else(|| target.attribute.map(|attribute| attribute.as_str().to_owned()))?;
    let follows =
        matches!(detail.change_source, Some(ChangeSource::ResourceAttribute | ChangeSource::ResourceReference));
    let from = detail.causing_entity.filter(|_| follows);
    Some(Property { difference: Difference { path, before: None, after: None }, from })
}

/// Starts the change set; what follows is told by the stack's events.
pub async fn execute(client: &Client, stack: &str, set: &ChangeSet) -> Outcome<()> {
    let request = client.execute_change_set().change_set_name(&set.id).client_request_token(&set.token);
    match request.send().await {
        Ok(_) => Ok(()),
        // It is known to this run alone: if it was executed, then by an earlier try whose answer was lost.
        Err(error) if is_no_longer_available(&error) => match is_executed(client, set).await? {
            true => Ok(()),
            false => Err(overtaken(stack)),
        },
        Err(error) => Err(explain(format!("the change set of `{stack}` cannot be executed"), error)),
    }
}

async fn is_executed(client: &Client, set: &ChangeSet) -> Outcome<bool> {
    match client.describe_change_set().change_set_name(&set.id).send().await {
        Ok(answer) => Ok(answer.execution_status.is_some_and(|status| {
            matches!(
                status,
                ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete | ExecutionStatus::ExecuteFailed
            )
        })),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(explain("the change set cannot be read", error)),
    }
}

fn is_no_longer_available<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    is_absent(error) || service_code(error).is_some_and(|code| code.starts_with("InvalidChangeSetStatus"))
}

/// CloudFormation documents the first code and sends the second.
fn is_absent<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = service_code(error).unwrap_or_default();
    ["ChangeSetNotFound", "ChangeSetNotFoundException"].contains(&code)
        || (code == "ValidationError" && service_message(error).contains("does not exist"))
}

/// Throws a change set away; one that is gone already is no error.
pub async fn delete(client: &Client, stack: &str, name: &str) -> Outcome<()> {
    match client.delete_change_set().stack_name(stack).change_set_name(name).send().await {
        Ok(_) => Ok(()),
        Err(error) if is_absent(&error) => Ok(()),
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
