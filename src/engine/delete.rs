//! Takes stacks away: a deletion is followed to its end, and what resists it is named and, with consent, left behind.

use aws_sdk_cloudformation::types::DeletionMode;

use super::events::{self, Ending, Event, Pace};
use super::progress::Progress;
use super::stack::Deployed;
use super::template::Role;
use super::token;
use crate::aws::{Aws, explain};
use crate::error::Outcome;
use crate::local::{self, Folders};
use crate::output::Output;

/// Deletes a stack and follows it to its end, whatever that is. Safe to repeat, at any status at rest.
pub async fn delete(aws: &Aws, stack: &Deployed, progress: &Progress) -> Outcome<Ending> {
    begin(aws, stack, progress, DeletionMode::Standard).await
}

/// Deletes what an earlier deletion could not: tried once more, since what resists is often only slow, and then
/// without what resists still, if the operator says so. Returns what was left behind, as `type name`.
pub async fn finish(aws: &Aws, stack: &Deployed, progress: &Progress, output: &Output) -> Outcome<Vec<String>> {
    let ending = delete(aws, stack, progress).await?;
    if ending.is_deleted() {
        return Ok(Vec::new());
    }
    let resisting: Vec<&Event> = ending.failures.iter().filter(|event| !event.of_stack).collect();
    for event in &resisting {
        progress.line(format!("  {}", event.explained()));
    }
    let names: Vec<String> = resisting.iter().map(|event| event.physical()).collect();
    let question =
        format!("`{}` cannot be deleted whole. Delete it, and leave {} behind?", stack.name, names.join(", "));
    if names.is_empty() || !output.confirm(&question).await? {
        return Err(ending.failure(&stack.name, "deleted"));
    }
    let ending = begin(aws, stack, progress, DeletionMode::ForceDeleteStack).await?;
    if ending.is_deleted() { Ok(names) } else { Err(ending.failure(&stack.name, "deleted")) }
}

async fn begin(aws: &Aws, stack: &Deployed, progress: &Progress, mode: DeletionMode) -> Outcome<Ending> {
    let client = aws.cloudformation();
    let token = token::unique()?;
    // CloudFormation takes the forcing mode for a deletion that failed, and for nothing else.
    let forced = Some(mode).filter(|mode| *mode == DeletionMode::ForceDeleteStack);
    let request = client.delete_stack().stack_name(&stack.id).client_request_token(&token);
    request
        .set_deletion_mode(forced)
        .send()
        .await
        .map_err(|error| explain(format!("the stack `{}` cannot be deleted", stack.name), error))?;
    let ending =
        events::follow(&client, &stack.name, &stack.id, Some(&token), progress, Pace::of(aws.is_local())).await?;
    if aws.is_local() && stack.role == Role::Servers && ending.is_deleted() {
        local::servers::end(&Folders::find()?, &stack.name).await;
    }
    Ok(ending)
}
