//! `deploy`: from the spec to a service that answers.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::plan::{Prepared, prepare};
use super::{Context, endpoint, program};
use crate::aws::{Aws, Fetcher};
use crate::cli;
use crate::engine::desired::Outputs;
use crate::engine::plan::{Action, Plan};
use crate::engine::progress::Progress;
use crate::engine::sender::{self, Sender};
use crate::engine::stack::DeployedStacks;
use crate::engine::template::Role;
use crate::engine::{data, deploy, settle, stage};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

/// A new version answers within seconds; a cold start under load takes a few more.
const PROOF_DEADLINE: Duration = Duration::from_secs(30);

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    service: String,
    region: String,
    topology: &'static str,
    changed: bool,
    endpoint: Option<String>,
    /// What `/healthz` answers.
    version: String,
    stacks: Vec<StackReport>,
    sender: Option<Sender>,
    proof: Option<Proof>,
    api_calls: u64,
    duration_ms: u128,
}

#[derive(Debug, Serialize)]
struct StackReport {
    name: String,
    status: String,
    changed: bool,
}

/// That the public endpoint answers as the version that was deployed.
#[derive(Clone, Copy, Debug, Serialize)]
struct Proof {
    ok: bool,
    ms: u128,
}

pub async fn run(context: &Context, arguments: cli::Deploy) -> Outcome<Exit> {
    let output = &context.output;
    let progress = Progress::new(*output);
    let Prepared { spec, aws, bundle, stacks } = prepare(context, arguments.handler, &progress).await?;
    let stacks = settle::settle(&aws, stacks, &progress, output).await?;
    let staged = stage::stage(&aws, &spec, &stacks, &bundle).await?;
    let plan = staged.plan.clone();
    if !plan.changes_anything() {
        if let Some(stack) = stacks.get(&Role::Data) {
            // An earlier run may have been interrupted just before this.
            data::protect(&aws, stack, spec.data.deletion_protection).await?;
        }
        let proof = match (arguments.no_proof, stacks.get(&Role::Web)) {
            (false, Some(web)) => prove(&aws, &spec, &web.outputs, bundle.artifact.release(), &progress).await?,
            _ => None,
        };
        return finish(context, &spec, &aws, &stacks, &plan, bundle.artifact.release(), None, proof);
    }
    if let Err(refusal) = consent(context, &aws, &plan, arguments.allow_data_loss).await {
        staged.discard(&aws).await?;
        return Err(refusal);
    }
    let sender = match sender::ensure(&aws, &spec.service, &spec.key_prefix(), &spec.email.from).await {
        Ok(sender) => sender,
        Err(failure) => {
            staged.discard(&aws).await?;
            return Err(failure);
        }
    };
    let stacks = deploy::execute(&aws, &spec, staged, stacks, &bundle, &progress).await?;
    let proof = match arguments.no_proof {
        true => None,
        false => prove(&aws, &spec, &stacks[&Role::Web].outputs, bundle.artifact.release(), &progress).await?,
    };
    if proof.is_some_and(|proof| proof.ok) {
        progress.line(format!("  {} the service answers", output.green("✓")));
    }
    drop(progress);
    finish(context, &spec, &aws, &stacks, &plan, bundle.artifact.release(), Some(sender), proof)
}

/// Shows the plan and asks. What would take data away is refused unless asked for on the command line.
async fn consent(context: &Context, aws: &Aws, plan: &Plan, allow_data_loss: bool) -> Outcome<()> {
    let output = &context.output;
    // With consent given beforehand, the events that follow tell the same once more.
    if !output.yes {
        output.note(plan.render(output));
    }
    if let Some(change) = plan.stacks.iter().flat_map(|stack| stack.data_at_risk()).next()
        && !allow_data_loss
    {
        return Err(Failure::new("data_at_risk", "this would take users' data away")
            .cause(format!("`{}` ({}) would be replaced or removed", change.logical_id, change.resource_type))
            .hint("nothing was changed; back the table up first, then pass `--allow-data-loss`"));
    }
    if output.yes || output.confirm(&format!("Deploy this to {}?", aws.describe().await?)).await? {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was changed").cause("you declined"))
}

/// Asks the public endpoint until it answers as `release`.
async fn prove(
    aws: &Aws,
    spec: &Spec,
    outputs: &Outputs,
    release: &str,
    progress: &Progress,
) -> Outcome<Option<Proof>> {
    let missing = || Failure::new("unexpected_answer", "the web stack names no endpoint");
    let url = format!("{}/healthz", endpoint(aws, outputs).ok_or_else(missing)?.trim_end_matches('/'));
    let step = progress.step("asking the service for its health");
    let fetcher = Fetcher::new(aws.is_local());
    let started = Instant::now();
    loop {
        let answer = fetcher.get(&url).await;
        if spec.domain.is_some() && answer.is_err() {
            // Its owner points the name at the API by hand, and a first deploy comes before that.
            return Ok(Some(Proof { ok: false, ms: started.elapsed().as_millis() }));
        }
        let seen = match &answer {
            Ok(answer) => format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
            Err(failure) => failure.cause.clone().unwrap_or_default(),
        };
        if answer.is_ok_and(|answer| answer.status == 200) && seen.contains(release) {
            drop(step);
            return Ok(Some(Proof { ok: true, ms: started.elapsed().as_millis() }));
        }
        if started.elapsed() > PROOF_DEADLINE {
            return Err(Failure::new("proof_failed", "the service was deployed but does not answer as it should")
                .cause(format!("`{url}`: {}", seen.trim()))
                .hint("look at the web function's log group, mend the cause and deploy again"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one report, gathered once")]
fn finish(
    context: &Context,
    spec: &Spec,
    aws: &Aws,
    stacks: &DeployedStacks,
    plan: &Plan,
    release: &str,
    sender: Option<Sender>,
    proof: Option<Proof>,
) -> Outcome<Exit> {
    let changed = plan.changes_anything();
    let endpoint = stacks.get(&Role::Web).and_then(|stack| endpoint(aws, &stack.outputs));
    let action = |role| plan.stacks.iter().find(|stack| stack.role == role).map(|stack| stack.action);
    let report = Report {
        service: spec.service.clone(),
        region: aws.region.clone(),
        topology: spec.topology.name(),
        changed,
        endpoint: endpoint.clone(),
        version: release.to_owned(),
        stacks: stacks
            .values()
            .map(|stack| StackReport {
                name: stack.name.clone(),
                status: stack.status.as_str().to_owned(),
                changed: action(stack.role).is_some_and(|action| action != Action::Keep),
            })
            .collect(),
        sender,
        proof,
        api_calls: aws.calls(),
        duration_ms: context.output.started.elapsed().as_millis(),
    };
    context.output.text(render(context, spec, &report, endpoint.as_deref()));
    context.output.object(&report);
    Ok(Exit::Done)
}

fn render(context: &Context, spec: &Spec, report: &Report, endpoint: Option<&str>) -> String {
    let output = &context.output;
    let mut lines = Vec::new();
    let seconds = report.duration_ms as f64 / 1_000.0;
    let url = output.bold(&format!("{}/", endpoint.unwrap_or_default()));
    if !report.changed {
        lines.push(format!("nothing changed: `{}` is as the spec says ({seconds:.1} s)", report.service));
        lines.push(format!("  {url}"));
        return lines.join("\n");
    }
    lines.push(format!("{} `{}` is deployed ({seconds:.1} s)", output.green("✓"), report.service));
    lines.push(format!("\n  form   {url}"));
    let users = context.command("users list");
    match (context.global.local, report.sender) {
        (true, _) => lines.push(format!("  mail   {} local inbox\n  users  {users}", program())),
        (false, Some(Sender::Pending)) => lines.push(format!(
            "\n{} no mail goes out yet: SES waits until `{}` is verified.\n  Open the link in the mail that AWS has sent there.",
            output.yellow("!"),
            spec.email.from
        )),
        _ => lines.push(format!("  users  {users}")),
    }
    if let (Some(domain), Some(Proof { ok: false, .. })) = (&spec.domain, report.proof) {
        lines.push(format!(
            "\n{} `{}` does not lead to the service yet: point it at the `DomainTarget` of `{}`.",
            output.yellow("!"),
            domain.name,
            context.command("outputs")
        ));
    }
    if context.global.local {
        lines.push(format!(
            "\nNext: open the form and sign up; the mail is in the inbox.\n`{}` takes it down.",
            context.command("destroy")
        ));
    }
    lines.join("\n")
}
