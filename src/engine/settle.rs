//! Brings every stack to a state from which a deploy or a destroy can start: what is at work is
//! followed to its end, what is broken is removed, what is stuck is freed.

use std::collections::BTreeMap;

use super::events::{self, Pace};
use super::progress::Progress;
use super::stack::{self, Deployed, DeployedStacks, State};
use super::template::Role;
use crate::aws::{Aws, explain};
use crate::error::{Failure, Outcome};
use crate::output::Output;

/// Settles all stacks and returns them as they are then.
///
/// Deleting a broken stack asks for consent. It holds nothing: a stack gets into these states only
/// when its creation was rolled back or its deletion stopped, and the table survives its stack.
pub async fn settle(
    aws: &Aws,
    stacks: DeployedStacks,
    progress: &Progress,
    output: &Output,
) -> Outcome<DeployedStacks> {
    let mut settled = BTreeMap::new();
    for (role, stack) in stacks {
        if let Some(stack) = settle_one(aws, role, stack, progress, output).await? {
            settled.insert(role, stack);
        }
    }
    Ok(settled)
}

async fn settle_one(
    aws: &Aws,
    role: Role,
    mut stack: Deployed,
    progress: &Progress,
    output: &Output,
) -> Outcome<Option<Deployed>> {
    let client = aws.cloudformation();
    let mut freed = false;
    loop {
        let after = match stack.state {
            State::Broken | State::Stuck => events::newest(&client, &stack.id).await?,
            _ => None,
        };
        match stack.state {
            State::Ready | State::Empty => return Ok(Some(stack)),
            State::Busy => {
                progress.line(format!("  `{}` is {}: following", stack.name, stack.status.as_str()));
            }
            State::Broken => {
                let question =
                    format!("`{}` is {} and must be deleted first. Delete it?", stack.name, stack.status.as_str());
                consent(output, &question)?;
                stack::delete(&client, &stack).await?;
            }
            State::Stuck if freed => {
                return Err(Failure::new("stack_stuck", format!("`{}` cannot be rolled back", stack.name))
                    .cause("continuing its rollback failed again")
                    .hint("see the stack's events in the CloudFormation console, mend the resource that is named, and deploy again"));
            }
            State::Stuck => {
                consent(output, &format!("`{}` is stuck in a failed rollback. Continue the rollback?", stack.name))?;
                let continued = client.continue_update_rollback().stack_name(&stack.id).send().await;
                continued
                    .map_err(|error| explain(format!("the rollback of `{}` cannot be continued", stack.name), error))?;
                freed = true;
            }
        }
        events::follow(&client, &stack.name, &stack.id, after.as_deref(), progress, Pace::of(aws.is_local())).await?;
        match stack::read(&client, role, &stack.id).await? {
            Some(found) => stack = found,
            None => return Ok(None),
        }
    }
}

fn consent(output: &Output, question: &str) -> Outcome<()> {
    if output.confirm(question)? {
        Ok(())
    } else {
        Err(Failure::new("declined", "nothing was changed").cause("you declined"))
    }
}
