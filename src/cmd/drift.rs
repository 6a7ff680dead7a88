//! `drift`: what was changed behind the stacks' back, and on request the way back to what they say.

use serde_json::json;

use super::{Context, data_outputs, output_of};
use crate::aws::Aws;
use crate::cli;
use crate::engine::drift::{self, Drifted};
use crate::engine::lock::Lock;
use crate::engine::progress::Progress;
use crate::engine::stack::DeployedStacks;
use crate::engine::template::Role;
use crate::engine::{deploy, rollback, settle, stack};
use crate::error::{Exit, Failure, Outcome};
use crate::output::Output;

pub async fn run(context: &Context, arguments: cli::Drift) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let progress = Progress::new(*output);
    let stacks = stack::read_all(&aws, &spec).await?;
    data_outputs(context, &aws, &stacks, &spec)?;
    // Looking changes nothing.
    settle::ensure_idle(&stacks)?;
    let look = async || {
        let step = progress.step("comparing what is there with what the stacks say");
        let found = drift::detect(&aws, &stacks).await;
        drop(step);
        found
    };
    let mut found = look().await?;
    let mut reverted = Vec::new();
    if arguments.revert && !found.is_empty() {
        output.note(render(&found, output));
        let question = format!("Set this back to what the stacks say, in {}?", aws.describe().await?);
        if !output.confirm(&question).await? {
            return Err(Failure::new("declined", "nothing was changed").cause("you declined"));
        }
        let lock = Lock::acquire(&aws, output_of(&stacks, Role::Data, "TableName")?, true, &progress).await?;
        let outcome = revert(&aws, &stacks, &found, &progress).await;
        lock.release().await;
        outcome?;
        reverted = std::mem::replace(&mut found, look().await?);
        reverted.retain(|drifted| !found.contains(drifted));
        if !found.is_empty() {
            output.note(match aws.is_local() {
                true => "the local AWS sets no resource back: what is left stays until a deploy changes it".to_owned(),
                false => format!(
                    "CloudFormation did not set all of it back: look at what is left, and run `{}` again",
                    context.command("drift --revert")
                ),
            });
        }
    }
    drop(progress);
    output.text(match (found.is_empty(), reverted.is_empty()) {
        (true, true) => format!("nothing has drifted: `{}` is as its stacks say", spec.service),
        (true, false) => format!("{} set back: `{}` is as its stacks say", output.green("✓"), spec.service),
        _ => render(&found, output),
    });
    output.object(&json!({
        "service": spec.service, "region": aws.region, "drifted": found, "reverted": reverted,
        "api_calls": aws.calls(), "duration_ms": output.started.elapsed().as_millis(),
    }));
    Ok(if found.is_empty() { Exit::Done } else { Exit::Pending })
}

async fn revert(aws: &Aws, stacks: &DeployedStacks, found: &[Drifted], progress: &Progress) -> Outcome<()> {
    rollback::realign(aws, stacks, output_of(stacks, Role::Data, "ArtifactBucket")?).await?;
    for stack in stacks.values().filter(|stack| found.iter().any(|drifted| drifted.stack == stack.name)) {
        deploy::revert(aws, stack, progress).await?;
    }
    Ok(())
}

/// A line for each resource, and one for each of its properties: what the stack says, and what is there.
fn render(found: &[Drifted], output: &Output) -> String {
    let mut lines = Vec::new();
    for drifted in found {
        let kind = drifted.resource_type.trim_start_matches("AWS::");
        let (sign, note) = match drifted.deleted {
            true => (output.red("-"), output.red(" deleted")),
            false => (output.yellow("~"), String::new()),
        };
        lines.push(format!("{sign} {}  {} {}{note}", drifted.stack, drifted.logical_id, output.dim(kind)));
        lines.extend(drifted.properties.iter().map(|difference| output.dim(&format!("    {}", difference.text()))));
    }
    lines.join("\n")
}
