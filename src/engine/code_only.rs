//! New code without waiting for CloudFormation: the functions are updated directly and answer by it within seconds. The
//! stacks follow, so that nothing drifts.
//!
//! Lambda publishes no version of the same code twice, and the stacks are to publish it. So the aliases stand for the
//! unpublished code until the stacks set them to its version.

use tokio::task::JoinSet;

use super::desired::ArtifactRef;
use super::rollback::Before;
use super::stack::DeployedStacks;
use super::stage::Staged;
use super::versions;
use crate::aws::Aws;
use crate::error::{Failure, Outcome};

/// Parameters that a new bundle changes.
const CODE: [&str; 3] = ["ArtifactKey", "CodeSha256", "Release"];

/// Refuses a plan that changes more than the code: new code may not do without the rest.
pub fn ensure_nothing_else(staged: &Staged, stacks: &DeployedStacks) -> Outcome<()> {
    let others = staged.beside(&CODE, stacks);
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("more_than_code", "more than the code changes")
        .cause(others.join(", "))
        .hint("deploy without `--code-only`; `signupctl plan` shows it all"))
}

/// Updates every function, and has the aliases stand for the new code.
pub async fn update(aws: &Aws, before: &Before, bucket: &str, artifact: &ArtifactRef) -> Outcome<()> {
    // None answers by the new code before all have it.
    put_all(aws, before, bucket, artifact).await?;
    for (function, _) in &before.versions {
        versions::point(aws, function, versions::LATEST).await?;
    }
    Ok(())
}

/// Undoes [`update`]: the aliases at once, and then the code.
pub async fn undo(aws: &Aws, before: &Before, bucket: &str) -> Outcome<()> {
    before.point(aws).await?;
    put_all(aws, before, bucket, &before.artifact).await
}

/// Puts a bundle into every function, side by side.
async fn put_all(aws: &Aws, before: &Before, bucket: &str, artifact: &ArtifactRef) -> Outcome<()> {
    let mut puts = JoinSet::new();
    for (function, _) in &before.versions {
        let (aws, function) = (aws.clone(), function.clone());
        let (bucket, artifact) = (bucket.to_owned(), artifact.clone());
        puts.spawn(async move { versions::put_code(&aws, &function, &bucket, &artifact).await });
    }
    while let Some(put) = puts.join_next().await {
        put.map_err(|error| Failure::new("interrupted", "an update was broken off").cause(error.to_string()))??;
    }
    Ok(())
}
