//! Back to what ran before: the aliases first, which takes effect at once, and then the stacks, so that nothing drifts.

use super::deploy;
use super::desired::{self, ArtifactRef};
use super::plan::Action;
use super::progress::Progress;
use super::stack::DeployedStacks;
use super::template::Role;
use super::versions;
use crate::aws::Aws;
use crate::error::{Failure, Outcome};

/// The bundle that the stacks were last brought to; `None` before the first.
pub fn artifact_of(stacks: &DeployedStacks) -> Option<ArtifactRef> {
    ArtifactRef::of(&stacks.get(&Role::Web)?.parameters)
}

/// Has every function answer by its newest version of a bundle. One that has none is left to [`reconcile`]. Returns
/// how many were switched.
pub async fn switch(aws: &Aws, stacks: &DeployedStacks, artifact: &ArtifactRef) -> Outcome<usize> {
    let mut switched = 0;
    for function in versions::functions(stacks) {
        let found = versions::list(aws, &function).await?.into_iter().find(|version| version.artifact == *artifact);
        if let Some(version) = found {
            versions::point(aws, &function, &version.number.to_string()).await?;
            switched += 1;
        }
    }
    Ok(switched)
}

/// Brings the stacks of functions to a bundle; nothing else of them changes.
pub async fn reconcile(
    aws: &Aws,
    stacks: &mut DeployedStacks,
    artifact: &ArtifactRef,
    progress: &Progress,
) -> Outcome<()> {
    let desired = |role| stacks.get(&role).and_then(|stack| desired::with_artifact(stack, artifact));
    let (workers, web) = (desired(Role::Workers), desired(Role::Web));
    let (Some(workers), Some(web)) = (workers, web) else {
        return Err(Failure::new("unexpected_answer", "the stacks do not tell what they were made of")
            .hint("deploy what you want to run"));
    };
    let (workers, web) = tokio::join!(
        deploy::apply(aws, &workers, Action::Update, None, progress),
        deploy::apply(aws, &web, Action::Update, None, progress)
    );
    for stack in [workers?, web?].into_iter().flatten() {
        stacks.insert(stack.role, stack);
    }
    Ok(())
}

/// Sets right what runs when it is not what the stacks say, as after an update of the code alone that was broken off:
/// the code that the stacks name is put back, and the aliases to its version.
pub async fn realign(aws: &Aws, stacks: &DeployedStacks, bucket: &str) -> Outcome<()> {
    let Some(artifact) = artifact_of(stacks) else { return Ok(()) };
    for function in versions::functions(stacks) {
        let found = versions::list(aws, &function).await?.into_iter().find(|version| version.artifact == artifact);
        let Some(version) = found else { continue };
        let version = version.number.to_string();
        if versions::live(aws, &function).await? != version {
            versions::put_code(aws, &function, bucket, &artifact).await?;
            versions::point(aws, &function, &version).await?;
        }
    }
    Ok(())
}
