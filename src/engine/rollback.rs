//! Back to what ran before: the aliases first, which takes effect at once, and then the stacks, so that nothing drifts.

use futures_util::future::join_all;

use super::deploy;
use super::desired::{self, ArtifactRef, Desired};
use super::plan::Action;
use super::progress::Progress;
use super::stack::{self, DeployedStacks};
use super::template::Role;
use super::versions;
use crate::aws::Aws;
use crate::error::{Failure, Outcome};
use crate::spec::Topology;

/// The bundles that the stacks were last brought to, that of the front first: two while a run is at work on them, or
/// after one was broken off.
pub fn artifacts_of(stacks: &DeployedStacks) -> impl Iterator<Item = ArtifactRef> {
    [Role::Web, Role::Servers, Role::Workers].iter().filter_map(|role| ArtifactRef::of(&stacks.get(role)?.parameters))
}

/// What served before a deploy, to be put back if it fails.
#[derive(Debug)]
pub struct Before {
    /// The stack that answered requests.
    pub front: Role,
    /// The bundle that it was brought to.
    pub artifact: ArtifactRef,
    /// What each function answered by.
    pub versions: Vec<(String, String)>,
    /// The stacks of workers and fronts, with all that they were made of.
    stacks: Vec<Desired>,
}

impl Before {
    /// Reads what serves; `None` before the first deploy. One request for each function. While the topology is changed
    /// there may be two fronts, and people be led to either.
    pub async fn read(aws: &Aws, stacks: &DeployedStacks, topology: Topology) -> Outcome<Option<Self>> {
        let Some(front) = stack::front(stacks, topology) else { return Ok(None) };
        let Some(artifact) = ArtifactRef::of(&front.parameters) else { return Ok(None) };
        let made = stacks.values().filter(|stack| stack.role != Role::Data && !stack.outputs.is_empty());
        let made: Vec<Desired> = made.filter_map(desired::as_deployed).collect();
        if !made.iter().any(|made| made.role == Role::Workers) || !made.iter().any(|made| made.role == front.role) {
            return Ok(None);
        }
        let versions = versions::all_live(aws, stacks).await?;
        Ok(Some(Self { front: front.role, artifact, versions, stacks: made }))
    }

    /// Whether a stack of this role stood then.
    pub fn stood(&self, role: Role) -> bool {
        self.stacks.iter().any(|stack| stack.role == role)
    }

    /// What `/healthz` answered.
    pub fn release(&self) -> &str {
        self.artifact.release()
    }

    /// Has every function answer as before.
    pub async fn point(&self, aws: &Aws) -> Outcome<()> {
        versions::point_all(aws, &self.versions).await
    }

    /// Puts it back: the aliases first, which takes effect at once, and then the stacks, whatever of them was changed.
    pub async fn put_back(&self, aws: &Aws, stacks: &DeployedStacks, progress: &Progress) -> Outcome<()> {
        let published = self.versions.iter().filter(|(_, version)| version != versions::LATEST);
        versions::point_all(aws, published).await?;
        let back = async |desired: &Desired| {
            let is_there = stacks.get(&desired.role).is_some_and(|stack| desired.differences(stack).is_empty());
            let action = if is_there { Action::Keep } else { Action::Update };
            deploy::apply(aws, desired, action, None, progress).await.map(drop)
        };
        join_all(self.stacks.iter().map(back)).await.into_iter().collect()
    }
}

/// Whether the functions' versions of a bundle read the keys that the stacks say. One that does not makes links, and reads
/// them, by a key that was replaced.
pub async fn reads_the_keys_of_now(aws: &Aws, stacks: &DeployedStacks, artifact: &ArtifactRef) -> Outcome<bool> {
    for (stack, function) in versions::functions_by_stack(stacks) {
        let found = versions::list(aws, &function).await?;
        let is_there = found.iter().any(|version| version.artifact == *artifact);
        if is_there && versions::named(&found, &stack.parameters, artifact).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Has every function answer by its newest version of a bundle. One that has none is left to [`reconcile`]. Returns
/// how many were switched.
pub async fn switch(aws: &Aws, stacks: &DeployedStacks, artifact: &ArtifactRef) -> Outcome<usize> {
    let mut switched = 0;
    for (stack, function) in versions::functions_by_stack(stacks) {
        if let Some(version) = versions::named(&versions::list(aws, &function).await?, &stack.parameters, artifact) {
            versions::point(aws, &function, &version.number.to_string()).await?;
            switched += 1;
        }
    }
    Ok(switched)
}

/// How the stacks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    SideBySide,
    /// So that a way back that is broken off is told by the front, as it is where the functions were switched before.
    FrontFirst,
}

/// Brings the stacks of workers and front to a bundle; nothing else of them changes.
pub async fn reconcile(
    aws: &Aws,
    stacks: &mut DeployedStacks,
    front: Role,
    artifact: &ArtifactRef,
    pace: Pace,
    progress: &Progress,
) -> Outcome<()> {
    let desired = |role| stacks.get(&role).and_then(|stack| desired::with_artifact(stack, artifact));
    let (Some(workers), Some(front)) = (desired(Role::Workers), desired(front)) else {
        return Err(Failure::new("unexpected_answer", "the stacks do not tell what they were made of")
            .hint("deploy what you want to run"));
    };
    let workers = deploy::apply(aws, &workers, Action::Update, None, progress);
    let front = deploy::apply(aws, &front, Action::Update, None, progress);
    let (workers, front) = match pace {
        Pace::SideBySide => tokio::join!(workers, front),
        Pace::FrontFirst => {
            let front = front.await?;
            (workers.await, Ok(front))
        }
    };
    for stack in [workers?, front?].into_iter().flatten() {
        stacks.insert(stack.role, stack);
    }
    Ok(())
}

/// Sets right what runs when it is not what the stacks say, as after an update of the code alone that was broken off:
/// the code that the stacks name is put back, and the aliases to its version.
pub async fn realign(aws: &Aws, stacks: &DeployedStacks, bucket: &str) -> Outcome<()> {
    for (stack, function) in versions::functions_by_stack(stacks) {
        let Some(artifact) = ArtifactRef::of(&stack.parameters) else { continue };
        let found = versions::list(aws, &function).await?;
        let Some(version) = versions::named(&found, &stack.parameters, &artifact) else { continue };
        let version = version.number.to_string();
        if versions::live(aws, &function).await? != version {
            versions::put_code(aws, &function, bucket, &artifact).await?;
            versions::point(aws, &function, &version).await?;
        }
    }
    Ok(())
}
