//! From what is desired and what is there to a plan, and to the change sets that carry it out.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::ChangeSetType;

use super::change_set::{self, ChangeSet};
use super::cost::Cost;
use super::desired::{self, ArtifactRef, Desired, Outputs};
use super::evaluate::Evaluated;
use super::events::Pace;
use super::existing::{self, Existing, Way};
use super::key_versions::{Replaced, Versions};
use super::keys;
use super::notes::Note;
use super::plan::{self, Action, Change, Plan, StackPlan, Verb};
use super::release;
use super::servers;
use super::stack::{self, Deployed, DeployedStacks};
use super::status::State;
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
    pub keys: Versions,
}

impl Staged {
    pub fn action(&self, role: Role) -> Action {
        self.plan.stacks.iter().find(|stack| stack.role == role).map_or(Action::Keep, |stack| stack.action)
    }

    /// What the stack of this role takes over.
    pub fn taken_over(&self, role: Role) -> &[Existing] {
        self.plan.existing.get(&role).filter(|_| self.plan.adopts).map_or(&[], Vec::as_slice)
    }

    /// What would change beside these parameters.
    pub fn beside(&self, parameters: &[&str], stacks: &DeployedStacks) -> Vec<String> {
        let mut others = Vec::new();
        for desired in self.desired.values() {
            match stacks.get(&desired.role) {
                None => others.push(format!("`{}` is not there yet", desired.stack)),
                Some(stack) => others.extend(
                    desired
                        .differences(stack)
                        .iter()
                        .filter(|name| !parameters.contains(&name.as_str()))
                        .map(|name| format!("{name} of `{}`", desired.stack)),
                ),
            }
        }
        let going = self.plan.stacks.iter().filter(|stack| stack.action == Action::Remove);
        others.extend(going.map(|stack| format!("`{}` goes", stack.stack)));
        others
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
pub fn desired(
    role: Role,
    spec: &Spec,
    data: Option<&Outputs>,
    stacks: &DeployedStacks,
    artifact: &ArtifactRef,
    keys: Versions,
) -> Option<Desired> {
    match role {
        Role::Data => Some(desired::data(spec)),
        Role::Workers => Some(desired::workers(spec, data?, artifact, keys)?.in_their_places(stacks.get(&role))),
        Role::Web | Role::Servers => desired::front(spec, data?, artifact, keys),
    }
}

/// How to plan.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// What a month's cost is told for.
    pub sign_ups: u32,
    /// What an earlier stack of the service left behind is taken over.
    pub adopts: bool,
    /// Keys that are replaced.
    pub replaces: Replaced,
}

/// Plans every stack, side by side. The stacks must be settled.
pub async fn stage(aws: &Aws, spec: &Spec, stacks: &DeployedStacks, bundle: &Bundle, wish: Wish) -> Outcome<Staged> {
    let artifact = &bundle.artifact;
    let told = stacks.get(&Role::Data).map(|stack| &stack.outputs).filter(|outputs| !outputs.is_empty());
    let keys = keys::versions(aws, &spec.key_prefix(), stacks, wish.replaces).await?;
    let one = |role| {
        let desired = desired(role, spec, told, stacks, artifact, keys);
        stage_one(aws, spec, stacks, role, artifact, desired, wish.adopts)
    };
    let [data, workers, front] = spec.topology.stacks();
    let (data, workers, front, release) =
        tokio::join!(one(data), one(workers), one(front), release::compare(aws, spec, stacks, bundle));
    let (mut staged, mut failure) = (Staged::default(), None);
    staged.plan.adopts = wish.adopts;
    staged.keys = keys;
    match release {
        Ok(release) => staged.plan.release = release,
        Err(error) => failure = Some(error),
    }
    for outcome in [data, workers, front] {
        match outcome {
            Ok(StagedOne { plan, desired, set, existing }) => {
                let role = plan.role;
                staged.plan.existing.extend((!existing.is_empty()).then_some((role, existing)));
                staged.plan.stacks.push(plan);
                staged.desired.extend(desired.map(|desired| (role, desired)));
                staged.sets.extend(set.map(|set| (role, set)));
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    staged.plan.stacks.extend(stacks.get(&spec.topology.other().front()).map(plan::removal));
    if staged.plan.changes_anything() {
        let before: Vec<Evaluated> = stacks.values().filter_map(Deployed::evaluated).collect();
        let after: Vec<Evaluated> =
            spec.topology.stacks().into_iter().filter_map(|role| wanted(role, spec, told, artifact)).collect();
        staged.plan.cost = Some(Cost::of(&before, &after, wish.sign_ups));
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
    let desired = desired(role, spec, Some(data.unwrap_or(&told)), &DeployedStacks::new(), artifact, Versions::FIRST);
    desired.map(|desired| desired.evaluated())
}

/// One stack's part of the plan.
struct StagedOne {
    plan: StackPlan,
    desired: Option<Desired>,
    set: Option<ChangeSet>,
    existing: Vec<Existing>,
}

async fn stage_one(
    aws: &Aws,
    spec: &Spec,
    stacks: &DeployedStacks,
    role: Role,
    artifact: &ArtifactRef,
    desired: Option<Desired>,
    adopts: bool,
) -> Outcome<StagedOne> {
    let stack = role.stack_name(&spec.service);
    let mut one = StagedOne {
        plan: StackPlan { role, stack: stack.clone(), action: Action::Keep, changes: Vec::new() },
        desired,
        set: None,
        existing: Vec::new(),
    };
    let action = one.desired.as_ref().map_or(Action::Create, |desired| plan::action(desired, stacks.get(&role)));
    match (action, &one.desired) {
        (Action::Keep, _) => {}
        (Action::Update, Some(wanted)) => {
            let client = aws.cloudformation();
            let kept = servers::kept(aws, wanted).await;
            let set = change_set::create(&client, &kept, ChangeSetType::Update, Pace::of(aws.is_local())).await?;
            if let Some(mut set) = set {
                let after = wanted.evaluated();
                // The emulator lists resources too whose condition does not hold.
                let goes = |change: &Change| matches!(change.verb, Verb::Remove | Verb::Replace);
                set.changes.retain(|it| goes(it) || after.resources.contains_key(&it.logical_id));
                if let Some(before) = stacks.get(&role).and_then(Deployed::evaluated) {
                    plan::explain(&mut set.changes, &before, &after);
                }
                (one.plan.action, one.plan.changes) = (Action::Update, set.changes.clone());
                one.set = Some(set);
            }
        }
        (_, known) => {
            let made = match known {
                Some(known) => known.evaluated(),
                None => wanted(role, spec, None, artifact).unwrap_or_default(),
            };
            // What a stack in a bad state holds goes with it.
            if stacks.get(&role).is_none_or(|stack| stack.state == State::Empty) {
                one.existing = existing::look(aws, &spec.service, role, &made).await?;
                if one.existing.iter().any(|found| found.way == Way::Adopt) {
                    // What a deletion that was broken off was told to take is nobody's to keep.
                    let doomed = Note::deletion(&spec.key_prefix()).read(aws).await?;
                    let is_doomed =
                        |name: &str| doomed.iter().any(|it| it.split_once(':').is_some_and(|(_, it)| it == name));
                    one.existing.retain(|found| !is_doomed(&found.name));
                }
                // What is there may be another run's, which has begun the stack since it was looked for.
                let client = aws.cloudformation();
                let is_begun = |stack: Deployed| stack.state != State::Empty;
                if !one.existing.is_empty() && stack::read(&client, role, &stack).await?.is_some_and(is_begun) {
                    return Err(change_set::overtaken(&stack));
                }
            }
            one.plan = plan::creation(role, &stack, &made);
            if adopts {
                one.plan.changes.retain(|change| one.existing.iter().all(|it| it.logical_id != change.logical_id));
            }
        }
    }
    Ok(one)
}
