//! `destroy`: takes the service down, keeps its data unless told otherwise, and says what is left.

use futures_util::future::join_all;
use serde::Serialize;

use super::Context;
use crate::aws::Aws;
use crate::cli;
use crate::engine::identity::sender;
use crate::engine::lock::{self, Lock};
use crate::engine::progress::Progress;
use crate::engine::stack::{self, Deployed, DeployedStacks};
use crate::engine::template::Role;
use crate::engine::{data, delete, key_versions, keys, settle};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

/// What went, what stayed, and what that costs.
#[derive(Debug, Default, Serialize)]
struct Receipt {
    service: String,
    region: String,
    deleted: Vec<String>,
    kept: Vec<String>,
    costs: Option<&'static str>,
    api_calls: u64,
    duration_ms: u128,
}

pub async fn run(context: &Context, arguments: cli::Destroy) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let progress = Progress::new(*output);
    let stacks = stack::read_all(&aws, &spec).await?;
    consent(context, &spec, &aws, &stacks, arguments.delete_data).await?;
    if arguments.no_wait {
        settle::ensure_idle(&stacks)?;
    }
    let stacks = settle::wait_until_idle(&aws, stacks, &progress).await?;
    let table = stacks.get(&Role::Data).and_then(|stack| stack.outputs.get("TableName"));
    let lock = match table {
        Some(table) => match Lock::acquire(&aws, table, arguments.no_wait, &progress).await {
            Ok(lock) => Some(lock),
            // What is left of a service without its table is deleted all the same.
            Err(failure) if failure.code == lock::NO_TABLE => None,
            Err(failure) => return Err(failure),
        },
        None => None,
    };
    // Whoever held it has changed them.
    let stacks = match lock.as_ref().is_some_and(|lock| lock.waited) {
        true => stack::read_all(&aws, &spec).await?,
        false => stacks,
    };
    let outcome = delete_all(context, &spec, &aws, stacks, &arguments, &progress).await;
    if let Some(lock) = lock {
        lock.release().await;
    }
    drop(progress);
    let mut receipt = outcome?;
    receipt.api_calls = aws.calls();
    receipt.duration_ms = output.started.elapsed().as_millis();
    output.text(render(context, &receipt));
    output.object(&receipt);
    Ok(Exit::Done)
}

async fn delete_all(
    context: &Context,
    spec: &Spec,
    aws: &Aws,
    stacks: DeployedStacks,
    arguments: &cli::Destroy,
    progress: &Progress,
) -> Outcome<Receipt> {
    let mut stacks = settle::wait_until_idle(aws, stacks, progress).await?;
    let mut receipt = Receipt { service: spec.service.clone(), region: aws.region.clone(), ..Receipt::default() };
    if !arguments.delete_data {
        let deployed = key_versions::deployed(&stacks).map(|range| range.map(|(_, most)| most));
        keys::note(aws, &spec.key_prefix(), deployed).await?;
    }
    let data = stacks.remove(&Role::Data);
    delete_stacks(context, aws, stacks.values(), progress, &mut receipt).await?;
    if arguments.delete_data {
        delete_data(context, aws, spec, data.as_ref(), progress, &mut receipt).await?;
    } else if let Some(data) = &data {
        receipt.kept.push(format!("stack `{}`", data.name));
        if let Some(table) = data.outputs.get("TableName") {
            receipt.kept.push(format!("table `{table}` with all sign-ups"));
        }
        if let Some(bucket) = data.outputs.get("ArtifactBucket") {
            receipt.kept.push(format!("bucket `{bucket}` with the functions' code"));
        }
        receipt.kept.extend(admins_log(Some(data)));
        let begun = sender::begun(aws, &spec.key_prefix()).await?;
        receipt.kept.extend(begun.iter().map(|address| format!("identity `{address}` in SES")));
        receipt.kept.push(format!("keys `{}/…` in Parameter Store", spec.key_prefix()));
        receipt.costs =
            Some("storage of the table, its backups, the bundles and the log, by the gigabyte; nothing by the hour");
    }
    Ok(receipt)
}

/// The log that is in the stack of the data, as a person reads it.
fn admins_log(data: Option<&Deployed>) -> Option<String> {
    let group = data?.outputs.get("AdminLogGroup")?;
    Some(format!("log group `{group}` with what admins did"))
}

/// Asks for the service's name, so that no habit of pressing `y` deletes a service.
async fn consent(context: &Context, spec: &Spec, aws: &Aws, stacks: &DeployedStacks, delete_data: bool) -> Outcome<()> {
    let output = &context.output;
    if output.yes || (stacks.is_empty() && !delete_data) {
        return Ok(());
    }
    let place = aws.describe().await?;
    if delete_data {
        output.note(format!(
            "This deletes `{}` from {place}, {}:",
            spec.service,
            output.red("and all its sign-ups, for good")
        ));
        for retained in data::retained(aws, &spec.service, &spec.key_prefix(), stacks.get(&Role::Data)).await? {
            output.note(format!("  {} {retained}", output.red("-")));
        }
        if let Some(log) = admins_log(stacks.get(&Role::Data)) {
            output.note(format!("  {} {log}", output.red("-")));
        }
        for identity in sender::begun(aws, &spec.key_prefix()).await? {
            let line = format!("identity `{identity}` in SES, unless another service sends from it");
            output.note(format!("  {} {line}", output.red("-")));
        }
        output.note(format!("  {} keys `{}/…` in Parameter Store", output.red("-"), spec.key_prefix()));
    } else {
        output.note(format!("This deletes `{}` from {place}. Its sign-ups stay.", spec.service));
    }
    if output.ask("Type the service's name to go on: ").await? == spec.service {
        return Ok(());
    }
    Err(Failure::new("declined", "nothing was deleted").cause("that is not the service's name"))
}

/// Deletes stacks side by side; what resists is then tried again, one after the other, since that may ask.
async fn delete_stacks(
    context: &Context,
    aws: &Aws,
    stacks: impl IntoIterator<Item = &Deployed>,
    progress: &Progress,
    receipt: &mut Receipt,
) -> Outcome<()> {
    let deletions = stacks.into_iter().map(async |stack| (stack, delete::delete(aws, stack, progress).await));
    for (stack, ending) in join_all(deletions).await {
        if !ending?.is_deleted() {
            receipt.kept.extend(delete::finish(aws, stack, progress, &context.output).await?);
        }
        receipt.deleted.push(format!("stack `{}`", stack.name));
    }
    Ok(())
}

async fn delete_data(
    context: &Context,
    aws: &Aws,
    spec: &Spec,
    stack: Option<&Deployed>,
    progress: &Progress,
    receipt: &mut Receipt,
) -> Outcome<()> {
    let key_prefix = spec.key_prefix();
    let retained = data::retained(aws, &spec.service, &key_prefix, stack).await?;
    if let Some(stack) = stack {
        data::unlock(aws, &key_prefix, stack, &retained).await?;
        delete_stacks(context, aws, [stack], progress, receipt).await?;
    }
    data::delete(aws, &key_prefix, &retained, progress).await?;
    receipt.deleted.extend(retained.iter().map(ToString::to_string));
    receipt.deleted.extend(admins_log(stack));
    receipt.deleted.extend(keys::delete(aws, &key_prefix).await?.into_iter().map(|key| format!("key `{key}`")));
    let (released, shared) = sender::release(aws, &key_prefix).await?;
    receipt.kept.extend(
        shared.into_iter().map(|address| format!("identity `{address}` in SES, which another service sends from")),
    );
    receipt
        .deleted
        .extend(released.into_iter().map(|address| format!("identity `{address}` in SES, begun by this service")));
    Ok(())
}

fn render(context: &Context, receipt: &Receipt) -> String {
    let output = &context.output;
    if receipt.deleted.is_empty() && receipt.kept.is_empty() {
        return format!("nothing to delete: `{}` is not deployed here", receipt.service);
    }
    let mut lines = Vec::new();
    match receipt.deleted.is_empty() {
        true => lines.push("nothing left to delete".to_owned()),
        false => lines.push("deleted".to_owned()),
    }
    lines.extend(receipt.deleted.iter().map(|what| format!("  {} {what}", output.dim("-"))));
    if !receipt.kept.is_empty() {
        lines.push("kept".into());
        lines.extend(receipt.kept.iter().map(|what| format!("  {} {what}", output.green("="))));
    }
    if let Some(costs) = receipt.costs {
        lines.push(format!("what it costs from now on: {costs}"));
        lines.push(format!(
            "`{}` brings the service back with its users, at a new address unless it has a domain",
            context.command("deploy")
        ));
        lines.push(format!("`{}` deletes these too", context.command("destroy --delete-data")));
    }
    lines.join("\n")
}
