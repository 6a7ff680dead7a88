//! From what is desired and what is there to a plan, and to the change sets that carry it out.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::ChangeSetType;

use super::change_set::{self, ChangeSet};
use super::cost::Cost;
use super::desired::{self, ArtifactRef, Desired, Outputs};
use super::evaluate::Evaluated;
use super::events::Pace;
use super::plan::{self, Action, Change, Plan, StackPlan, Verb};
use super::release;
use super::stack::{Deployed, DeployedStacks};
use super::template::{self, Role};
use crate::aws::Aws;
use crate::bundle::Bundle;
use crate::error::Outcome;
use crate::spec::Spec;

/// A plan, and the change sets that stand ready for it. Stacks that are not there yet have none:
/// theirs is made on execution, so that a plan leaves nothing behind.
#[derive(Debug, Default)]
pub struct Staged {
    pub plan: Plan,
    pub desired: BTreeMap<Role, Desired>,
    pub sets: BTreeMap<Role, ChangeSet>,
}

impl Staged {
    pub fn action(&self, role: Role) -> Action {
        self.plan.stacks.iter().find(|stack| stack.role == role).map_or(Action::Keep, |stack| stack.action)
    }

    /// Throws the change sets away unexecuted.
    pub async fn discard(&self, aws: &Aws) -> Outcome<()> {
        for (role, set) in &self.sets {
            change_set::delete(&aws.cloudformation(), &self.desired[role].stack, &set.id).await?;
        }
        Ok(())
    }
}

/// What should be in the stack of this role; `None` while the data stack cannot tell its outputs.
pub fn desired(role: Role, spec: &Spec, data: Option<&Outputs>, artifact: &ArtifactRef) -> Option<Desired> {
    match role {
        Role::Data => Some(desired::data(spec)),
        Role::Workers => desired::workers(spec, data?, artifact),
        Role::Web => desired::web(spec, data?, artifact),
    }
}

/// Plans every stack, side by side. The stacks must be settled.
pub async fn stage(aws: &Aws, spec: &Spec, stacks: &DeployedStacks, bundle: &Bundle, sign_ups: u32) -> Outcome<Staged> {
    let artifact = &bundle.artifact;
    let told = stacks.get(&Role::Data).map(|stack| &stack.outputs).filter(|outputs| !outputs.is_empty());
    let one = |role| stage_one(aws, spec, stacks, role, artifact, desired(role, spec, told, artifact));
    let (data, workers, web, release) =
        tokio::join!(one(Role::Data), one(Role::Workers), one(Role::Web), release::compare(aws, spec, stacks, bundle));
    let (mut staged, mut failure) = (Staged::default(), None);
    match release {
        Ok(release) => staged.plan.release = release,
        Err(error) => failure = Some(error),
    }
    for outcome in [data, workers, web] {
        match outcome {
            Ok((plan, desired, set)) => {
                let role = plan.role;
                staged.plan.stacks.push(plan);
                staged.desired.extend(desired.map(|desired| (role, desired)));
                staged.sets.extend(set.map(|set| (role, set)));
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if staged.plan.changes_anything() {
        let before: Vec<Evaluated> = stacks.values().filter_map(Deployed::evaluated).collect();
        let after: Vec<Evaluated> = Role::ALL.iter().filter_map(|role| wanted(*role, spec, told, artifact)).collect();
        staged.plan.cost = Some(Cost::of(&before, &after, sign_ups));
    }
    match failure {
        None => Ok(staged),
        Some(failure) => {
            staged.discard(aws).await?;
            Err(failure)
        }
    }
}

/// What will be in the stack of this role. What the data stack is still to tell does not decide what is made.
fn wanted(role: Role, spec: &Spec, data: Option<&Outputs>, artifact: &ArtifactRef) -> Option<Evaluated> {
    let told = template::outputs(Role::Data);
    desired(role, spec, Some(data.unwrap_or(&told)), artifact).map(|desired| desired.evaluated())
}

type StagedOne = (StackPlan, Option<Desired>, Option<ChangeSet>);

async fn stage_one(
    aws: &Aws,
    spec: &Spec,
    stacks: &DeployedStacks,
    role: Role,
    artifact: &ArtifactRef,
    desired: Option<Desired>,
) -> Outcome<StagedOne> {
    let stack = role.stack_name(&spec.service);
    let planned = |action, changes| StackPlan { role, stack: stack.clone(), action, changes };
    let action = desired.as_ref().map_or(Action::Create, |desired| plan::action(desired, stacks.get(&role)));
    match (action, &desired) {
        (Action::Keep, _) => Ok((planned(Action::Keep, Vec::new()), desired, None)),
        (Action::Update, Some(wanted)) => {
            let set =
                change_set::create(&aws.cloudformation(), wanted, ChangeSetType::Update, Pace::of(aws.is_local()))
                    .await?;
            match set {
                Some(mut set) => {
                    let after = wanted.evaluated();
                    // The emulator lists resources too whose condition does not hold.
                    let goes = |change: &Change| matches!(change.verb, Verb::Remove | Verb::Replace);
                    set.changes.retain(|it| goes(it) || after.resources.contains_key(&it.logical_id));
                    if let Some(before) = stacks.get(&role).and_then(Deployed::evaluated) {
                        plan::explain(&mut set.changes, &before, &after);
                    }
                    Ok((planned(Action::Update, set.changes.clone()), desired, Some(set)))
                }
                None => Ok((planned(Action::Keep, Vec::new()), desired, None)),
            }
        }
        (_, Some(wanted)) => Ok((plan::creation(role, &stack, &wanted.evaluated()), desired, None)),
        (_, None) => {
            let evaluated = wanted(role, spec, None, artifact).unwrap_or_default();
            Ok((plan::creation(role, &stack, &evaluated), desired, None))
        }
    }
}
