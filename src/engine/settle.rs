//! Brings every stack to a state from which a deploy or a destroy can start: what is at work is
//! followed to its end, what never came to be is removed, what is stuck is freed.

use aws_sdk_cloudformation::types::StackStatus;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::events::{self, Ending, Pace};
use super::progress::Progress;
use super::stack::{self, Deployed, DeployedStacks};
use super::status::{self, State};
use super::template::Role;
use super::token;
use super::{adopt, data, delete};
use crate::aws::{Aws, explain, service_message};
use crate::error::{Failure, Outcome};
use crate::output::Output;

/// Refuses when CloudFormation is at work on a stack.
pub fn ensure_idle(stacks: &DeployedStacks) -> Outcome<()> {
    match stacks.values().find(|stack| stack.state == State::Busy) {
        None => Ok(()),
        Some(stack) => Err(Failure::new("stack_busy", sentence(stack).trim_end_matches('.'))
            .hint("nothing was changed; without `--no-wait` this waits for its end")),
    }
}

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
        progress.line(format!("  `{}` {}: following", stack.name, status::meaning(&stack.status).text));
        events::follow(&client, &stack.name, &stack.id, None, progress, pace).await?;
        // The stack's status can lag behind its last event.
        pace.pause(true).await;
        match stack::read_whole(&client, stack.role, &stack.id).await? {
            Some(found) => stack = found,
            None => return Ok(None),
        }
    }
    Ok(Some(stack))
}

/// Whether [`settle`] has anything to change, which one run at a time may do.
pub fn is_called_for(stacks: &DeployedStacks) -> bool {
    stacks.values().any(|stack| stack.state.question().is_some())
}

/// Makes every stack ready for a deploy.
///
/// Deleting a stack and continuing a rollback ask for consent. A data stack is only deleted when it never
/// came to be: after a failed deletion it may still hold sign-ups, and that is for the operator to say.
pub async fn settle(
    aws: &Aws,
    stacks: DeployedStacks,
    progress: &Progress,
    output: &Output,
) -> Outcome<DeployedStacks> {
    let mut settled = DeployedStacks::new();
    for (role, stack) in wait_until_idle(aws, stacks, progress).await? {
        // What may hold data is refused before anything is asked.
        refuse_data(&stack)?;
        if let Some(question) = stack.state.question() {
            consent(output, &format!("{} {question}", sentence(&stack))).await?;
        }
        let stack = match stack.state {
            State::Ready | State::Empty | State::Busy => Some(stack),
            State::Stuck => Some(free(aws, stack, progress, output).await?),
            State::Unmade | State::Broken => {
                remove(aws, stack, progress, output).await?;
                None
            }
            State::Gone => None,
        };
        settled.extend(stack.map(|stack| (role, stack)));
    }
    Ok(settled)
}

/// A data stack whose deletion was begun may still hold sign-ups.
fn refuse_data(stack: &Deployed) -> Outcome<()> {
    if stack.role != Role::Data || stack.state != State::Broken {
        return Ok(());
    }
    let what = format!("`{}` {}", stack.name, status::meaning(&stack.status).text);
    Err(Failure::new("stack_broken", what)
        .cause(format!("it is {}; its table may still hold sign-ups", stack.status.as_str()))
        .hint("read them with `signupctl users list`; `signupctl destroy --delete-data` finishes the deletion"))
}

/// What happened to the stack.
fn sentence(stack: &Deployed) -> String {
    format!("`{}` {} ({}).", stack.name, status::meaning(&stack.status).text, stack.status.as_str())
}

async fn remove(aws: &Aws, stack: Deployed, progress: &Progress, output: &Output) -> Outcome<()> {
    if stack.role == Role::Data {
        // What a stack was begun with was there before it, and outlives it.
        if !stack.template.as_deref().is_some_and(|template| adopt::is_begun(template, Role::Data)) {
            data::delete_unmade(aws, &stack, progress).await?;
        }
        data::protect(aws, &stack, false).await?;
    }
    for left in delete::finish(aws, &stack, progress, output).await? {
        progress.line(format!("  {} left behind: {left}", output.yellow("!")));
    }
    Ok(())
}

async fn free(aws: &Aws, stack: Deployed, progress: &Progress, output: &Output) -> Outcome<Deployed> {
    let (mut ending, mut found) = go_back(aws, &stack, &[], progress).await?;
    let mut failed: Vec<String> =
        ending.failures.iter().filter(|event| event.can_be_skipped()).map(|it| it.logical_id.clone()).collect();
    failed.sort();
    failed.dedup();
    if found.as_ref().is_some_and(|found| found.state == State::Stuck) && !failed.is_empty() {
        for event in ending.failures.iter().filter(|event| !event.of_stack) {
            progress.line(format!("  {}", event.explained()));
        }
        let names = failed.join(", ");
        let question = format!("The rollback failed again. Leave {names} as they are, and roll back the rest?");
        consent(output, &question).await?;
        (ending, found) = go_back(aws, &stack, &failed, progress).await?;
    }
    match found {
        Some(freed) if freed.state == State::Ready => Ok(freed),
        _ => Err(ending.failure(&stack.name, "rolled back").hint(
            "mend the resource and deploy again, or take the stack down with `signupctl destroy`: the sign-ups stay",
        )),
    }
}

/// Continues a rollback without these resources, and returns how it ended and the stack as it is then.
async fn go_back(
    aws: &Aws,
    stack: &Deployed,
    skipped: &[String],
    progress: &Progress,
) -> Outcome<(Ending, Option<Deployed>)> {
    let client = aws.cloudformation();
    let token = token::unique()?;
    let skip = Some(skipped.to_vec()).filter(|skipped| !skipped.is_empty());
    let begun = match stack.status {
        // Left as it was by an update that was told not to roll back.
        StackStatus::UpdateFailed => {
            let request = client.rollback_stack().stack_name(&stack.id).client_request_token(&token);
            request.send().await.map(drop).map_err(|error| (is_under_way(&error), explain(&*what(stack), error)))
        }
        _ => {
            let request = client.continue_update_rollback().stack_name(&stack.id).client_request_token(&token);
            let request = request.set_resources_to_skip(skip);
            request.send().await.map(drop).map_err(|error| (is_under_way(&error), explain(&*what(stack), error)))
        }
    };
    match begun {
        Ok(()) | Err((true, _)) => {}
        Err((false, failure)) => return Err(failure),
    }
    let pace = Pace::of(aws.is_local());
    let ending = events::follow(&client, &stack.name, &stack.id, Some(&token), progress, pace).await?;
    stack::read_after(&client, stack.role, &stack.id, &ending.status, pace).await?;
    Ok((ending, stack::read_whole(&client, stack.role, &stack.id).await?))
}

fn what(stack: &Deployed) -> String {
    format!("the rollback of `{}` cannot be continued", stack.name)
}

/// An earlier try, or somebody else, has begun it.
fn is_under_way<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    service_message(error).contains("UPDATE_ROLLBACK_IN_PROGRESS")
}

async fn consent(output: &Output, question: &str) -> Outcome<()> {
    if output.confirm(question).await? {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was changed").cause("you declined"))
}
