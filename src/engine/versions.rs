//! The functions' published versions: what runs behind the alias `live`, and the way back to what ran before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_lambda::types::{Environment, FunctionConfiguration, LastUpdateStatus};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::desired::{ArtifactRef, hex};
use super::events::Pace;
use super::key_versions::{self, OfEach};
use super::stack::{Deployed, DeployedStacks};
use super::template::Role;
use crate::aws::{Aws, explain, service_code};
use crate::error::{Failure, Outcome};

/// What everything else calls: the API, the stream, the schedule, the topic.
const ALIAS: &str = "live";

/// The code that was put last, published or not.
pub const LATEST: &str = "$LATEST";

/// Lambda changes a function within seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// One published version of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: u64,
    /// The bundle that it was made of.
    pub artifact: ArtifactRef,
    /// When it was published, as Lambda writes it.
    pub published: String,
    /// The versions of the keys that it reads, where it is told of them.
    pub keys: OfEach<Option<String>>,
}

/// What a stack was told.
type Parameters = BTreeMap<String, String>;

/// What tells a function which versions of the keys it reads.
const KEYS: OfEach<&str> = ["ADDRESS_KEY_VERSION", "TOKEN_KEY_VERSION", "ADMIN_KEY_VERSION"];

/// Whether one of a function's versions reads the keys that the stack says. One that is told of none does if none ever was, or
/// the stack says none, as one from before there were any.
pub fn reads_the_keys_of(stack: &Parameters, version: &Version, versions: &[Version]) -> bool {
    key_versions::PARAMETERS.iter().enumerate().all(|(at, name)| match &version.keys[at] {
        Some(key) => stack.get(*name) == Some(key),
        None => !stack.contains_key(*name) || versions.iter().all(|other| other.keys[at].is_none()),
    })
}

/// The newest version of a bundle that reads the keys that the stack says.
pub fn named<'a>(versions: &'a [Version], stack: &Parameters, artifact: &ArtifactRef) -> Option<&'a Version> {
    let fits = |version: &&Version| version.artifact == *artifact && reads_the_keys_of(stack, version, versions);
    versions.iter().find(fits)
}

/// The service's functions, that which answers requests first.
pub fn functions(stacks: &DeployedStacks) -> Vec<String> {
    functions_by_stack(stacks).into_iter().map(|(_, function)| function).collect()
}

/// The same, each behind its stack.
pub fn functions_by_stack(stacks: &DeployedStacks) -> Vec<(&Deployed, String)> {
    let output = |role, key| {
        let stack = stacks.get(&role)?;
        Some((stack, stack.outputs.get(key)?.clone()))
    };
    let found = [
        output(Role::Web, "WebFunction"),
        output(Role::Web, "AdminFunction"),
        output(Role::Workers, "WorkerFunction"),
        output(Role::Workers, "SweeperFunction"),
        output(Role::Workers, "FeedbackFunction"),
    ];
    found.into_iter().flatten().collect()
}

/// The published versions of a function, newest first.
pub async fn list(aws: &Aws, function: &str) -> Outcome<Vec<Version>> {
    let pages = aws.lambda().list_versions_by_function().function_name(function).into_paginator().items().send();
    let found: Result<Vec<FunctionConfiguration>, _> = pages.collect().await;
    let found = found.map_err(|error| explain(format!("the versions of `{function}` cannot be listed"), error))?;
    let mut versions: Vec<Version> = found.iter().filter_map(read).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    Ok(versions)
}

fn read(found: &FunctionConfiguration) -> Option<Version> {
    let code_sha256 = found.code_sha256()?.to_owned();
    Some(Version {
        number: found.version()?.parse().ok()?,
        artifact: ArtifactRef { sha256: hex(&BASE64_STANDARD.decode(&code_sha256).ok()?), code_sha256 },
        published: found.last_modified().unwrap_or_default().to_owned(),
        keys: KEYS.map(|name| {
            let variables = found.environment().and_then(|environment| environment.variables());
            variables.and_then(|variables| variables.get(name)).cloned()
        }),
    })
}

/// The version that the alias stands for: a number, or [`LATEST`].
pub async fn live(aws: &Aws, function: &str) -> Outcome<String> {
    let alias = aws.lambda().get_alias().function_name(function).name(ALIAS).send().await;
    let alias = alias.map_err(|error| explain(format!("the alias `{ALIAS}` of `{function}` cannot be read"), error))?;
    alias.function_version.ok_or_else(|| Failure::new("unexpected_answer", "the alias names no version"))
}

/// Has the alias stand for another version. It takes effect at once.
pub async fn point(aws: &Aws, function: &str, version: &str) -> Outcome<()> {
    let request = aws.lambda().update_alias().function_name(function).name(ALIAS).function_version(version);
    let pointed = request.send().await;
    pointed.map(drop).map_err(|error| explain(format!("`{function}` cannot be set to version {version}"), error))
}

/// What each function answers by. One request for each.
pub async fn all_live(aws: &Aws, stacks: &DeployedStacks) -> Outcome<Vec<(String, String)>> {
    let mut all = Vec::new();
    for function in functions(stacks) {
        let version = live(aws, &function).await?;
        all.push((function, version));
    }
    Ok(all)
}

/// The first function that answers by other keys than its stack says. Servers have no alias that could be moved.
pub async fn reads_other_keys(aws: &Aws, stacks: &DeployedStacks) -> Outcome<Option<String>> {
    for (stack, function) in functions_by_stack(stacks) {
        let (live, found) = (live(aws, &function).await?, list(aws, &function).await?);
        let live = found.iter().find(|version| version.number.to_string() == live);
        if live.is_none_or(|live| !reads_the_keys_of(&stack.parameters, live, &found)) {
            return Ok(Some(function));
        }
    }
    Ok(None)
}

/// Has functions answer by these versions.
pub async fn point_all(aws: &Aws, versions: impl IntoIterator<Item = &(String, String)>) -> Outcome<()> {
    for (function, version) in versions {
        point(aws, function, version).await?;
    }
    Ok(())
}

/// Puts a bundle of the artifact bucket into a function, unpublished, and waits until Lambda has it.
pub async fn put_code(aws: &Aws, function: &str, bucket: &str, artifact: &ArtifactRef) -> Outcome<()> {
    let client = aws.lambda();
    let failed = format!("the code of `{function}` cannot be updated");
    let request = client.update_function_code().function_name(function).s3_bucket(bucket).s3_key(artifact.key());
    match request.send().await {
        Ok(_) => {}
        // An earlier try, whose answer was lost, is at work.
        Err(error) if is_being_updated(&error) => {}
        Err(error) => return Err(explain(&failed, error)),
    }
    let put = wait(aws, function).await?;
    let mut variables = put.environment.and_then(|environment| environment.variables).unwrap_or_default();
    // The web function tells what it is by its configuration; the others need not say.
    match variables.get_mut("RELEASE") {
        Some(release) if release != artifact.release() => artifact.release().clone_into(release),
        _ => return Ok(()),
    }
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let request = client.update_function_configuration().function_name(function).environment(environment);
    match request.send().await {
        Ok(_) => {}
        Err(error) if is_being_updated(&error) => {}
        Err(error) => return Err(explain(&failed, error)),
    }
    wait(aws, function).await.map(drop)
}

fn is_being_updated<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    service_code(error) == Some("ResourceConflictException")
}

/// Waits until a function's last update is over.
async fn wait(
    aws: &Aws,
    function: &str,
) -> Outcome<aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput> {
    let started = Instant::now();
    let mut pace = Pace::of(aws.is_local());
    loop {
        let found = aws.lambda().get_function_configuration().function_name(function).send().await;
        let found = found.map_err(|error| explain(format!("the function `{function}` cannot be read"), error))?;
        match &found.last_update_status {
            Some(LastUpdateStatus::Failed) => {
                return Err(Failure::new("function_failed", format!("Lambda could not update `{function}`"))
                    .cause(found.last_update_status_reason.unwrap_or_default()));
            }
            Some(LastUpdateStatus::InProgress) if started.elapsed() > DEADLINE => {
                return Err(Failure::new("timed_out", format!("`{function}` is still being updated"))
                    .hint("run it again; it goes on where it stopped"));
            }
            Some(LastUpdateStatus::InProgress) => pace.pause(false).await,
            _ => return Ok(found),
        }
    }
}

/// Deletes a published version; one that is gone is no error.
pub async fn delete(aws: &Aws, function: &str, version: u64) -> Outcome<()> {
    let request = aws.lambda().delete_function().function_name(function).qualifier(version.to_string());
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if service_code(&error) == Some("ResourceNotFoundException") => Ok(()),
        Err(error) => Err(explain(format!("version {version} of `{function}` cannot be deleted"), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u64, code: &str, keys: [Option<&str>; 3]) -> Version {
        let artifact = ArtifactRef { sha256: code.repeat(32), code_sha256: code.to_owned() };
        Version { number, artifact, published: String::new(), keys: keys.map(|key| key.map(str::to_owned)) }
    }

    #[test]
    fn a_bundles_version_is_the_one_that_reads_the_keys_of_its_stack() {
        let stack =
            Parameters::from([("AddressKeyVersion", "2"), ("TokenKeyVersion", "1")].map(|(k, v)| (k.into(), v.into())));
        // The newest is of a replacement that was taken back, and the oldest from before there were any.
        let keys = [[Some("3"), Some("1")], [Some("2"), Some("1")], [Some("1"), Some("1")], [None, None]];
        let all: Vec<Version> =
            (1..).zip(keys).map(|(at, [address, token])| version(9 - at, "aa", [address, token, None])).collect();
        let number = |versions: &[Version]| named(versions, &stack, &all[0].artifact).map(|version| version.number);
        assert_eq!(number(&all), Some(7));
        assert_eq!(number(&all[2..]), None, "one that is told of no key reads whichever is the newest");
        assert_eq!(number(&all[3..]), Some(5), "a function that reads none");
        let of_before = named(&all, &Parameters::new(), &all[0].artifact).map(|version| version.number);
        assert_eq!(of_before, Some(5), "a stack from before there were any");
        assert_eq!(named(&all, &stack, &version(1, "bb", [None; 3]).artifact), None);
    }
}
