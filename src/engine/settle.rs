//! Brings every stack to a state from which a deploy or a destroy can start: what is at work is
//! followed to its end, what is broken is removed, what is stuck is freed.

use aws_sdk_cloudformation::types::StackStatus;

use super::events::{self, Pace};
use super::progress::Progress;
use super::stack::{self, Deployed, DeployedStacks, State};
use super::template::Role;
use crate::aws::{Aws, explain};
use crate::error::{Failure, Outcome};
use crate::output::Output;

/// Follows every stack that CloudFormation is at work on until it rests.
pub async fn wait_until_idle(aws: &Aws, stacks: DeployedStacks, progress: &Progress) -> Outcome<DeployedStacks> {
    let mut idle = DeployedStacks::new();
    for (role, stack) in stacks {
        idle.extend(rest(aws, stack, progress).await?.map(|stack| (role, stack)));
    }
    Ok(idle)
}

async fn rest(aws: &Aws, mut stack: Deployed, progress: &Progress) -> Outcome<Option<Deployed>> {
    let client = aws.cloudformation();
    let mut pace = Pace::of(aws.is_local());
    while stack.state == State::Busy {
        progress.line(format!("  `{}` is {}: following", stack.name, stack.status.as_str()));
        events::follow(&client, &stack.name, &stack.id, None, progress, pace).await?;
        // The stack's status can lag behind its last event.
        pace.pause(true).await;
        match stack::read(&client, stack.role, &stack.id).await? {
            Some(found) => stack = found,
            None => return Ok(None),
        }
    }
    Ok(Some(stack))
}

/// Makes every stack ready for a deploy.
///
/// Deleting a broken stack and continuing a rollback ask for consent. A data stack is only deleted when it
/// never came to be: after a failed deletion it may still hold sign-ups, and that is for the operator to say.
pub async fn settle(
    aws: &Aws,
    stacks: DeployedStacks,
    progress: &Progress,
    output: &Output,
) -> Outcome<DeployedStacks> {
    let mut settled = DeployedStacks::new();
    for (role, stack) in wait_until_idle(aws, stacks, progress).await? {
        let stack = match stack.state {
            State::Ready | State::Empty => Some(stack),
            State::Busy | State::Stuck => Some(free(aws, stack, progress, output).await?),
            State::Broken => remove(aws, stack, progress, output).await?,
        };
        settled.extend(stack.map(|stack| (role, stack)));
    }
    Ok(settled)
}

async fn remove(aws: &Aws, stack: Deployed, progress: &Progress, output: &Output) -> Outcome<Option<Deployed>> {
    let never_was =
        matches!(stack.status, StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed);
    let state = format!("`{}` is {}", stack.name, stack.status.as_str());
    if stack.role == Role::Data && !never_was {
        return Err(Failure::new("stack_broken", state)
            .cause("its deletion was begun and failed; its table may still hold sign-ups")
            .hint("read them with `signupctl users list`; `signupctl destroy --delete-data` finishes the deletion"));
    }
    consent(output, &format!("{state} and must be deleted first. Delete it?")).await?;
    let client = aws.cloudformation();
    let newest = events::newest(&client, &stack.id).await?;
    stack::delete(&client, &stack).await?;
    let pace = Pace::of(aws.is_local());
    let ending = events::follow(&client, &stack.name, &stack.id, newest.as_deref(), progress, pace).await?;
    if ending.is_deleted() { Ok(None) } else { Err(ending.failure(&stack.name, "delete")) }
}

async fn free(aws: &Aws, stack: Deployed, progress: &Progress, output: &Output) -> Outcome<Deployed> {
    consent(output, &format!("`{}` is stuck in a failed rollback. Continue the rollback?", stack.name)).await?;
    let client = aws.cloudformation();
    let newest = events::newest(&client, &stack.id).await?;
    let continued = client.continue_update_rollback().stack_name(&stack.id).send().await;
    continued.map_err(|error| explain(format!("the rollback of `{}` cannot be continued", stack.name), error))?;
    let pace = Pace::of(aws.is_local());
    events::follow(&client, &stack.name, &stack.id, newest.as_deref(), progress, pace).await?;
    match stack::read(&client, stack.role, &stack.id).await? {
        Some(freed) if freed.state == State::Ready => Ok(freed),
        _ => Err(Failure::new("stack_stuck", format!("`{}` cannot be rolled back", stack.name))
            .cause("continuing its rollback failed again")
            .hint("mend the resource that the stack's events name and deploy again, or `signupctl destroy` it")),
    }
}

async fn consent(output: &Output, question: &str) -> Outcome<()> {
    if output.confirm(question).await? {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was changed").cause("you declined"))
}
