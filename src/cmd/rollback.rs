//! `rollback`: back to an earlier version, by the alias within seconds; the stacks follow.

use std::time::Instant;

use serde::Serialize;

use super::{Context, data_outputs, output_of, service};
use crate::aws::Aws;
use crate::cli;
use crate::engine::desired::ArtifactRef;
use crate::engine::lock::Lock;
use crate::engine::progress::Progress;
use crate::engine::proof;
use crate::engine::rollback::{Before, Pace};
use crate::engine::stack::{self, DeployedStacks};
use crate::engine::template::Role;
use crate::engine::versions::{self, Version};
use crate::engine::{artifacts, rollback, settle};
use crate::error::{Exit, Failure, Outcome};
use crate::spec::Spec;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    service: String,
    region: String,
    /// Absent when it was never published, as after an update of the code alone that was broken off.
    from: Option<Told>,
    to: Told,
    /// Until the earlier version answered.
    live_after_ms: u128,
    api_calls: u64,
    duration_ms: u128,
}

/// A version of the web function, and what `/healthz` answers by it.
#[derive(Debug, Serialize)]
struct Told {
    version: u64,
    release: String,
}

impl Told {
    fn of(version: &Version) -> Self {
        Self { version: version.number, release: version.artifact.release().to_owned() }
    }
}

pub async fn run(context: &Context, arguments: cli::Rollback) -> Outcome<Exit> {
    let mut lock = None;
    let outcome = attempt(context, &arguments, &mut lock).await;
    if let Some(lock) = lock {
        lock.release().await;
    }
    outcome
}

async fn attempt(context: &Context, arguments: &cli::Rollback, lock: &mut Option<Lock>) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let progress = Progress::new(*output);
    let stacks = stack::read_all(&aws, &spec).await?;
    if arguments.no_wait {
        settle::ensure_idle(&stacks)?;
    }
    let mut stacks = settle::wait_until_idle(&aws, stacks, &progress).await?;
    data_outputs(context, &aws, &stacks, &spec)?;
    let front = spec.topology.front();
    if let Some(other) = stacks.get(&spec.topology.other().front()) {
        return Err(Failure::new("changing_topology", format!("`{}` is still there beside another front", other.name))
            .cause("a change of the topology was begun")
            .hint(format!("`{}` brings it to its end", context.command("deploy"))));
    }
    if !stacks.contains_key(&front) {
        return Err(Failure::new("not_deployed", format!("`{}` is taken down: only its data stands", spec.service))
            .hint(format!("`{}` brings the service back", context.command("deploy"))));
    }
    let table = output_of(&stacks, Role::Data, "TableName")?.to_owned();
    let acquire = async || Lock::acquire(&aws, &table, arguments.no_wait, &progress).await;
    if settle::is_called_for(&stacks) {
        *lock = Some(acquire().await?);
        stacks = stack::read_all(&aws, &spec).await?;
    }
    stacks = settle::settle(&aws, stacks, &progress, output).await?;
    // Every deploy publishes a version of each; the first of them tells for all.
    let function = versions::functions(&stacks).into_iter().next();
    let function = function.ok_or_else(|| Failure::new("unexpected_answer", "the stacks name no function"))?;
    let mut versions = versions::list(&aws, &function).await?;
    let bucket = output_of(&stacks, Role::Data, "ArtifactBucket")?;
    if front == Role::Servers {
        // A version from before there were instances holds nothing that they could run.
        let mut with_server = Vec::new();
        for version in versions {
            let deployed = artifacts::deployed(&aws, bucket, &version.artifact.key()).await;
            with_server.extend(deployed.is_ok_and(|it| it.has_server).then_some(version));
        }
        versions = with_server;
    }
    let live = live(&aws, &function, &versions, &stacks).await?;
    // An earlier run may have been broken off when the aliases were switched, and the stacks were not. Instances are as
    // their stack says.
    let begun = begun(&versions, &live, &stacks).filter(|_| front == Role::Web && arguments.to.is_none());
    let (from, to) = match begun {
        Some(begun) => begun,
        None => choose(&versions, &live, arguments.to)?,
    };
    if !artifacts::exists(&aws, bucket, &to.artifact).await? {
        return Err(Failure::new("no_bundle", format!("the bundle of version {} is not kept any more", to.number))
            .cause(format!("`{bucket}` holds no `{}`", to.artifact.key()))
            .hint("deploy the spec of that time instead"));
    }
    let question = format!(
        "Go back from {} to version {} ({}, of {})?",
        from.map_or("code that was never published".to_owned(), |from| {
            format!("version {} ({})", from.number, from.artifact.release())
        }),
        to.number,
        to.artifact.release(),
        to.published
    );
    output.note(format!("kept: {}", kept(&versions)));
    if !output.confirm(&question).await? {
        return Err(Failure::new("declined", "nothing was changed").cause("you declined"));
    }
    if lock.is_none() {
        let taken = lock.insert(acquire().await?);
        if taken.waited {
            stacks = settle::settle(&aws, stack::read_all(&aws, &spec).await?, &progress, output).await?;
            if self::live(&aws, &function, &versions, &stacks).await? != live {
                return Err(Failure::new("stack_busy", "another run has changed the service meanwhile")
                    .hint("look at what is live now with `signupctl status`, and run it again"));
            }
        }
    }
    let way = Way { context, spec: &spec, aws: &aws, to, lock: lock.as_ref(), progress: &progress };
    let live_after_ms = way.go_back(&mut stacks).await?;
    drop(progress);
    let report = Report {
        service: spec.service.clone(),
        region: aws.region.clone(),
        from: from.map(Told::of),
        to: Told::of(to),
        live_after_ms,
        api_calls: aws.calls(),
        duration_ms: output.started.elapsed().as_millis(),
    };
    output.text(format!(
        "{} `{}` is at version {} ({:.1} s)\n\n  The spec may say something else: `{}` shows what the next deploy would bring.",
        output.green("✓"),
        spec.service,
        report.to.release,
        report.duration_ms as f64 / 1_000.0,
        context.command("plan")
    ));
    output.object(&report);
    Ok(Exit::Done)
}

/// The way back to a version.
struct Way<'a> {
    context: &'a Context,
    spec: &'a Spec,
    aws: &'a Aws,
    to: &'a Version,
    lock: Option<&'a Lock>,
    progress: &'a Progress,
}

impl Way<'_> {
    /// Switches, asks for the health, and lets the stacks follow. Returns the milliseconds until the version answered.
    async fn go_back(&self, stacks: &mut DeployedStacks) -> Outcome<u128> {
        let Self { context, spec, aws, to, progress, .. } = *self;
        let output = &context.output;
        let started = Instant::now();
        let front = spec.topology.front();
        // A version from before a key was replaced is published anew, to read the key of now.
        if front == Role::Servers || !rollback::reads_the_keys_of_now(aws, stacks, &to.artifact).await? {
            self.replace(stacks).await?;
            return Ok(started.elapsed().as_millis());
        }
        let before = versions::all_live(aws, stacks).await?;
        let live = async {
            rollback::switch(aws, stacks, &to.artifact).await?;
            service(aws, spec, stacks, front, to.artifact.release())?.health(progress).await
        };
        if let Err(failure) = live.await {
            return Err(match versions::point_all(aws, &before).await {
                Ok(()) => failure.and_hint("what answered before is in service again; `--to` names another version"),
                Err(other) => failure.and_hint(format!(
                    "what answered before could not be put back ({}): `{}`",
                    other.message,
                    context.command("drift --revert")
                )),
            });
        }
        let live_after_ms = started.elapsed().as_millis();
        progress.line(format!(
            "  {} version {} is live ({:.1} s); the stacks follow",
            output.green("✓"),
            to.artifact.release(),
            live_after_ms as f64 / 1_000.0
        ));
        rollback::reconcile(aws, stacks, front, &to.artifact, Pace::SideBySide, progress).await?;
        Ok(live_after_ms)
    }

    /// Brings the stacks to the version, and puts back what was there if it fails. Instances have no alias to be switched.
    async fn replace(&self, stacks: &mut DeployedStacks) -> Outcome<()> {
        let Self { context, spec, aws, to, lock, progress } = *self;
        let front = spec.topology.front();
        let before = Before::read(aws, stacks, spec.topology).await?;
        let replaced = async {
            rollback::reconcile(aws, stacks, front, &to.artifact, Pace::FrontFirst, progress).await?;
            service(aws, spec, stacks, front, to.artifact.release())?.health(progress).await.map(drop)
        };
        let Err(failure) = replaced.await else { return Ok(()) };
        let Some(before) = before else { return Err(failure) };
        // What is still at work, or another run's, is not to be put back.
        if ![proof::FAILED, "stack_failed"].contains(&failure.code) || lock.is_some_and(Lock::is_lost) {
            return Err(failure);
        }
        let back = async {
            let stacks = stack::read_all(aws, spec).await?;
            before.put_back(aws, &stacks, progress).await?;
            service(aws, spec, &stacks, front, before.release())?.health(progress).await.map(drop)
        };
        Err(match back.await {
            Ok(()) => failure.and_hint("what answered before is in service again; `--to` names another version"),
            Err(other) => failure.and_hint(format!(
                "what answered before could not be put back ({}): `{}`",
                other.message,
                context.command("deploy")
            )),
        })
    }
}

/// The version that answers: of the function's alias, and of instances that of the bundle that they were made of; none
/// where it was never published.
async fn live(aws: &Aws, function: &str, versions: &[Version], stacks: &DeployedStacks) -> Outcome<String> {
    let Some(servers) = stacks.get(&Role::Servers) else { return versions::live(aws, function).await };
    let artifact = ArtifactRef::of(&servers.parameters);
    let version = versions.iter().find(|version| Some(&version.artifact) == artifact.as_ref());
    Ok(version.map_or_else(|| versions::LATEST.to_owned(), |version| version.number.to_string()))
}

/// What a stack says and what is live, where that is another version with other code.
fn begun<'a>(
    versions: &'a [Version],
    live: &str,
    stacks: &DeployedStacks,
) -> Option<(Option<&'a Version>, &'a Version)> {
    let live = versions.iter().find(|version| version.number.to_string() == live)?;
    let told = rollback::artifacts_of(stacks).find(|told| *told != live.artifact)?;
    Some((versions.iter().find(|version| version.artifact == told), live))
}

/// The versions by number, newest first.
fn kept(versions: &[Version]) -> String {
    let all = versions.iter().map(|version| format!("{} ({})", version.number, version.artifact.release()));
    all.collect::<Vec<_>>().join(", ")
}

/// The version that is live, if it was published, and that to go back to: the one named, or the newest before with other
/// code.
fn choose<'a>(versions: &'a [Version], live: &str, to: Option<u64>) -> Outcome<(Option<&'a Version>, &'a Version)> {
    let refuse = |failure: Box<Failure>| Err(failure.cause(format!("kept: {}", kept(versions))));
    let from = versions.iter().find(|version| version.number.to_string() == live);
    let is_other = |version: &&Version| from.is_none_or(|from| version.artifact != from.artifact);
    let is_before = |version: &&Version| from.is_none_or(|from| version.number < from.number);
    let found = match to {
        Some(number) => versions.iter().find(|version| version.number == number),
        None => versions.iter().filter(is_before).find(is_other),
    };
    match (found, to) {
        (Some(found), _) if is_other(&found) => Ok((from, found)),
        (Some(found), _) if from.is_some_and(|from| from.number == found.number) => {
            refuse(Failure::usage("no_version", format!("version {} is what runs", found.number)))
        }
        (Some(found), _) => {
            let same = format!("version {} is the same code as what runs, version {live}", found.number);
            refuse(Failure::usage("no_version", same).hint("what else differs, a rollback does not take back: deploy"))
        }
        (None, Some(number)) => refuse(Failure::usage("no_version", format!("there is no version {number}"))),
        (None, None) => refuse(Failure::new("no_version", "there is no earlier version to go back to").hint(
            "what the spec changed, such as the topology, is taken back by the spec: change it back, and deploy",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u64, code: &str) -> Version {
        let artifact = ArtifactRef { sha256: code.repeat(32), code_sha256: code.to_owned() };
        Version { number, artifact, published: "2026-11-23T00:00:00Z".into(), keys: [None, None, None] }
    }

    #[test]
    fn the_one_before_is_the_newest_with_other_code() {
        // Versions 4 and 3 differ in their configuration alone.
        let versions = [version(5, "ee"), version(4, "dd"), version(3, "dd"), version(1, "aa")];
        let number = |version: &Version| version.number;
        let chosen = |live: &str, to| choose(&versions, live, to).map(|(from, to)| (from.map(number), to.number));
        assert_eq!(chosen("5", None).expect("one"), (Some(5), 4));
        assert_eq!(chosen("4", None).expect("one"), (Some(4), 1));
        assert_eq!(chosen("4", Some(5)).expect("forward too"), (Some(4), 5));
        // Newer than whatever was published.
        assert_eq!(chosen("$LATEST", None).expect("one"), (None, 5));
        let same = chosen("4", Some(3)).expect_err("the same code");
        assert_eq!(same.message, "version 3 is the same code as what runs, version 4");
        assert_eq!(chosen("4", Some(4)).expect_err("itself").message, "version 4 is what runs");
        assert_eq!(chosen("1", None).expect_err("none").code, "no_version");
        let failure = chosen("5", Some(2)).expect_err("gone");
        assert_eq!(
            failure.cause.as_deref(),
            Some("kept: 5 (eeeeeeeeeeee), 4 (dddddddddddd), 3 (dddddddddddd), 1 (aaaaaaaaaaaa)")
        );
    }
}
