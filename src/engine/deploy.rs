//! Carries a plan out: data first, then workers and front side by side.

use aws_sdk_cloudformation::types::ChangeSetType;

use super::change_set::{self, ChangeSet};
use super::desired::{self, Desired, Outputs};
use super::events::{self, Pace};
use super::existing::Existing;
use super::lock::Lock;
use super::plan::{Action, Change};
use super::progress::Progress;
use super::stack::{self, Deployed, DeployedStacks};
use super::stage::{self, Staged};
use super::status::State;
use super::template::Role;
use super::{adopt, artifacts, data, erasure, keys, servers};
use crate::aws::Aws;
use crate::bundle::Bundle;
use crate::error::{Failure, Outcome};
use crate::local::{self, Folders};
use crate::spec::Spec;

/// Executes what was staged and returns the stacks as they are then.
///
/// Repeating after an interruption is safe at every point: each step looks first at what is there.
pub async fn execute(
    aws: &Aws,
    spec: &Spec,
    mut staged: Staged,
    mut stacks: DeployedStacks,
    bundle: &Bundle,
    lock: &mut Option<Lock>,
    progress: &Progress,
) -> Outcome<DeployedStacks> {
    if staged.plan.stacks.iter().any(|stack| stack.data_at_risk().next().is_some())
        && let Some(stack) = stacks.get_mut(&Role::Data)
    {
        data::allow_replacement(aws, stack).await?;
    }
    if let Some(desired) = staged.desired.get(&Role::Data) {
        let set = staged.sets.remove(&Role::Data);
        match make(aws, desired, staged.action(Role::Data), set, staged.taken_over(Role::Data), progress).await {
            Ok(changed) => stacks.extend(changed.map(|stack| (Role::Data, stack))),
            Err(failure) => {
                staged.discard(aws).await?;
                return Err(failure);
            }
        }
    }
    let Some(data_stack) = stacks.get(&Role::Data) else {
        return Err(Failure::new("unexpected_answer", "the data stack is gone").hint("deploy again"));
    };
    data::protect(aws, data_stack, spec.data.deletion_protection).await?;
    let outputs = data_stack.outputs.clone();
    if let (None, Some(table)) = (&lock, outputs.get("TableName")) {
        // The table has only now come to be. Whoever else waited for it may have been faster.
        let taken = lock.insert(Lock::acquire(aws, table, true, progress).await?);
        if taken.waited {
            staged.discard(aws).await?;
            return Err(change_set::overtaken(&data_stack.name));
        }
    }

    let workers = ready(aws, spec, Role::Workers, &outputs, &mut staged, &stacks, bundle).await?;
    let front = ready(aws, spec, spec.topology.front(), &outputs, &mut staged, &stacks, bundle).await?;
    if workers.action != Action::Keep || front.action != Action::Keep {
        keys::ensure(aws, spec, staged.keys).await?;
        keys::replace(aws, &spec.key_prefix(), staged.keys).await?;
        let output = |name: &str| outputs.get(name).map(String::as_str).unwrap_or_default();
        let bucket = output("ArtifactBucket");
        erasure::announce(aws, output("TableName"), bucket).await?;
        let step = progress.step("uploading the function");
        if artifacts::upload(aws, bucket, bundle).await? {
            step.done("uploaded the function");
        }
    }
    let taken_over = [Role::Workers, front.desired.role].map(|role| staged.taken_over(role));
    let workers = make(aws, &workers.desired, workers.action, workers.set, taken_over[0], progress);
    let front = make(aws, &front.desired, front.action, front.set, taken_over[1], progress);
    let (workers, front) = match staged.keys.token.replaces {
        // Both are followed to their end, whatever becomes of the other.
        None => tokio::join!(workers, front),
        // Whoever reads links knows a key before any is made by it.
        Some(_) => {
            let front = front.await?;
            (workers.await, Ok(front))
        }
    };
    for stack in [workers?, front?].into_iter().flatten() {
        stacks.insert(stack.role, stack);
    }
    Ok(stacks)
}

/// A stack of functions, and what is to be done with it.
struct Ready {
    desired: Desired,
    action: Action,
    set: Option<ChangeSet>,
}

/// Takes what was staged for a stack of functions, unless the data stack's update has changed what is desired.
async fn ready(
    aws: &Aws,
    spec: &Spec,
    role: Role,
    outputs: &Outputs,
    staged: &mut Staged,
    stacks: &DeployedStacks,
    bundle: &Bundle,
) -> Outcome<Ready> {
    let desired = stage::desired(role, spec, Some(outputs), stacks, &bundle.artifact, staged.keys);
    let desired = desired.ok_or_else(|| {
        Failure::new("unexpected_answer", "the data stack lacks outputs")
            .hint("was it changed by hand? `signupctl template data` shows what it should tell")
    })?;
    let set = staged.sets.remove(&role);
    if staged.desired.get(&role) == Some(&desired) {
        return Ok(Ready { action: staged.action(role), desired, set });
    }
    if let Some(stale) = set {
        change_set::delete(&aws.cloudformation(), &desired.stack, &stale.id).await?;
    }
    let action = match stacks.get(&role) {
        Some(stack) if stack.state != State::Empty => Action::Update,
        _ => Action::Create,
    };
    Ok(Ready { desired, action, set: None })
}

/// The same as [`apply`]; a stack that takes something over begins with that.
async fn make(
    aws: &Aws,
    desired: &Desired,
    action: Action,
    set: Option<ChangeSet>,
    taken_over: &[Existing],
    progress: &Progress,
) -> Outcome<Option<Deployed>> {
    if action != Action::Create || taken_over.is_empty() {
        return apply(aws, desired, action, set, progress).await;
    }
    adopt::adopt(aws, desired, taken_over, progress).await?;
    let stack = apply(aws, desired, Action::Update, None, progress).await?;
    // CloudFormation takes the things for what their template says, without a look at them.
    if let Some(stack) = &stack {
        revert(aws, stack, progress).await?;
    }
    Ok(stack)
}

/// Brings one stack to what is desired; returns it when it changed.
pub async fn apply(
    aws: &Aws,
    desired: &Desired,
    action: Action,
    set: Option<ChangeSet>,
    progress: &Progress,
) -> Outcome<Option<Deployed>> {
    let client = aws.cloudformation();
    let pace = Pace::of(aws.is_local());
    let (kind, what) = match action {
        Action::Keep | Action::Remove => return Ok(None),
        Action::Create => (ChangeSetType::Create, "created"),
        Action::Update => (ChangeSetType::Update, "updated"),
    };
    let set = match set {
        Some(set) => Some(set),
        None => change_set::create(&client, &servers::kept(aws, desired).await, kind, pace).await?,
    };
    match set {
        Some(set) => execute_set(aws, desired, &set, what, progress).await,
        None => stack::read_whole(&client, desired.role, &desired.stack).await,
    }
}

/// Sets what was changed behind a stack's back to what the stack says.
pub async fn revert(aws: &Aws, stack: &Deployed, progress: &Progress) -> Outcome<()> {
    let Some(desired) = desired::as_deployed(stack) else { return Ok(()) };
    let set = change_set::create_reverting(&aws.cloudformation(), &desired, Pace::of(aws.is_local())).await?;
    let Some(set) = set else { return Ok(()) };
    if set.changes.iter().any(Change::puts_data_at_risk) {
        change_set::delete(&aws.cloudformation(), &stack.name, &set.id).await?;
        return Err(Failure::new("data_at_risk", format!("setting `{}` back would take users' data away", stack.name))
            .hint("nothing was changed; look at the table, and set it back by hand"));
    }
    execute_set(aws, &desired, &set, "updated", progress).await.map(drop)
}

/// Executes a change set and follows it to its end; returns the stack as it is then.
async fn execute_set(
    aws: &Aws,
    desired: &Desired,
    set: &ChangeSet,
    what: &str,
    progress: &Progress,
) -> Outcome<Option<Deployed>> {
    let client = aws.cloudformation();
    let pace = Pace::of(aws.is_local());
    progress.expect(&desired.stack, &desired.template, &set.changes, what == "created");
    change_set::execute(&client, &desired.stack, set).await?;
    let ending = events::follow(&client, &desired.stack, &set.stack_id, Some(&set.token), progress, pace).await?;
    if ending.is_deleted() {
        // Somebody has taken it away meanwhile.
        return Err(change_set::overtaken(&desired.stack));
    }
    if !ending.is_deployed() {
        return Err(ending.failure(&desired.stack, what));
    }
    let found = stack::read_after(&client, desired.role, &desired.stack, &ending.status, pace).await?;
    if let Some(stack) = &found {
        stand_in(aws, stack).await?;
    }
    Ok(found.map(|stack| Deployed { template: Some(desired.template.to_string()), ..stack }))
}

/// The emulator's instances run nothing; what does it for them is brought to what the stack says.
pub async fn stand_in(aws: &Aws, stack: &Deployed) -> Outcome<()> {
    match stack.role {
        Role::Servers if aws.is_local() => local::servers::follow(&Folders::find()?, aws, stack).await,
        _ => Ok(()),
    }
}
