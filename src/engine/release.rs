//! What a bundle changes of the one that is live: the function's code, and what it is declared to do.

use serde::Serialize;

use super::artifacts;
use super::compare::{self, Difference};
use super::stack::{self, DeployedStacks};
use super::template::Role;
use crate::aws::Aws;
use crate::bundle::Bundle;
use crate::error::Outcome;
use crate::output::Output;
use crate::spec::Spec;

/// A new bundle in the place of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Release {
    /// First 12 hexadecimal digits of the zip's SHA-256, as `/healthz` tells them; absent on a first deploy.
    pub before: Option<String>,
    pub after: String,
    /// What differs, as far as the bundle that is live can still be read.
    pub differences: Option<Differences>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// Whether the function's binary is another.
    pub code: bool,
    pub configuration: Vec<Difference>,
}

/// What the bundle changes; `None` when it is live already. Reads the other from the artifact bucket: one request,
/// and only when they differ.
pub async fn compare(aws: &Aws, spec: &Spec, stacks: &DeployedStacks, bundle: &Bundle) -> Outcome<Option<Release>> {
    let after = bundle.artifact.release().to_owned();
    let live = stack::front(stacks, spec.topology).and_then(|stack| stack.parameters.get("ArtifactKey"));
    let Some(live) = live.filter(|key| !key.is_empty()) else {
        return Ok(Some(Release { before: None, after, differences: None }));
    };
    if *live == bundle.artifact.key() {
        return Ok(None);
    }
    let hash = live.rsplit('/').next().unwrap_or_default();
    let before = Some(hash.chars().take(after.len()).collect());
    let bucket = stacks.get(&Role::Data).and_then(|stack| stack.outputs.get("ArtifactBucket"));
    let differences = match bucket {
        // One that is gone, or of another version, is no reason not to deploy.
        Some(bucket) => artifacts::deployed(aws, bucket, live).await.ok(),
        None => None,
    };
    let code = bundle.code_checksum()?;
    let differences = differences.map(|live| Differences {
        code: live.code_checksum != code,
        configuration: compare::differences(&live.config, &spec.service_config()),
    });
    Ok(Some(Release { before, after, differences }))
}

impl Release {
    /// A line for each thing that differs.
    pub fn render(&self, output: &Output) -> String {
        let Some(before) = &self.before else { return String::new() };
        let mut lines = vec![format!("{} {before} -> {}", output.bold("function"), self.after)];
        match &self.differences {
            None => lines.push(output.dim("  what is live cannot be read, so what differs is not known")),
            Some(Differences { code, configuration }) => {
                lines.extend(code.then(|| format!("  {} code", output.yellow("~"))));
                lines.extend(configuration.iter().map(|difference| {
                    let sign = match (&difference.before, &difference.after) {
                        (None, _) => output.green("+"),
                        (_, None) => output.red("-"),
                        _ => output.yellow("~"),
                    };
                    format!("  {sign} {}", difference.text())
                }));
            }
        }
        lines.join("\n") + "\n"
    }
}
