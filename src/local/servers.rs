//! The instances of the high-performance topology, stood in for: the emulator keeps load balancers and instances as
//! records, and nothing listens. One server process on loopback takes their place for each service.
//!
//! It is what an instance would run: the bundle that the stack names, from the artifact bucket, its hash checked, with
//! the rights of the instances' role. There is no load balancer before it, no TLS and no second one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::process::{self, free_port};
use super::{Folders, remove_whole};
use crate::aws::{Aws, explain};
use crate::bundle::{pack, write_whole};
use crate::engine::desired::hex;
use crate::engine::stack::Deployed;
use crate::error::{Failure, Outcome};

/// It answers within milliseconds; a loaded machine may take longer.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// How its command line shows that a process is one.
const PROGRAM: &str = "signupctl-server";

/// The process that stands in for a stack's instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    pid: i32,
    port: u16,
    made_of: MadeOf,
}

/// What a process was made of; it is another's turn when any of it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MadeOf {
    emulator: String,
    stack: String,
    parameters: BTreeMap<String, String>,
}

impl Standing {
    fn endpoint(&self) -> String {
        address(self.port)
    }

    fn runs(&self) -> bool {
        process::runs(self.pid, PROGRAM)
    }
}

/// Where the service of a stack answers; `None` while nothing stands in for its instances.
pub fn endpoint(folders: &Folders, stack: &str) -> Option<String> {
    Place::of(folders, stack).read().filter(Standing::runs).map(|standing| standing.endpoint())
}

/// What the process that stands in for a stack's instances has written, line by line.
pub fn log(folders: &Folders, stack: &str) -> impl Iterator<Item = String> + use<> {
    let file = File::open(Place::of(folders, stack).log());
    file.into_iter().flat_map(|file| BufReader::new(file).lines().map_while(Result::ok))
}

/// Brings the process to what the stack says: started, replaced by one of another bundle, or left as it is.
pub async fn follow(folders: &Folders, aws: &Aws, stack: &Deployed) -> Outcome<()> {
    let place = Place::of(folders, &stack.name);
    let before = place.read();
    let made_of = MadeOf {
        emulator: aws.emulator.clone().unwrap_or_default(),
        stack: stack.id.clone(),
        parameters: stack.parameters.clone(),
    };
    if before.as_ref().is_some_and(|standing| standing.made_of == made_of && standing.runs()) {
        return Ok(());
    }
    let port = match &before {
        Some(standing) => standing.port,
        None => free_port()?,
    };
    let told = environment(aws, stack, port, &place).await?;
    let root = place.root(stack);
    unpack(aws, stack, &root).await?;
    stop(&place, before.as_ref()).await;
    place.start(&root, &told, port, made_of).await
}

/// Ends the process that stands in for the instances of a stack that is gone.
pub async fn end(folders: &Folders, stack: &str) {
    let place = Place::of(folders, stack);
    stop(&place, place.read().as_ref()).await;
    remove_whole(&place.0);
}

/// Ends all: the emulator that they work with goes.
pub async fn end_all(folders: &Folders) {
    for entry in fs::read_dir(home(folders)).into_iter().flatten().flatten() {
        end(folders, &entry.file_name().to_string_lossy()).await;
    }
}

async fn stop(place: &Place, standing: Option<&Standing>) {
    if let Some(standing) = standing.filter(|standing| standing.runs()) {
        process::stop(standing.pid).await;
    }
    _ = fs::remove_file(place.remembered());
}

/// What an instance's unit would tell the server, and what makes the emulator its AWS.
async fn environment(aws: &Aws, stack: &Deployed, port: u16, place: &Place) -> Outcome<[(&'static str, String); 12]> {
    let parameter = |name: &str| stack.parameters.get(name).cloned().unwrap_or_default();
    let emulator = aws.emulator.clone().unwrap_or_default();
    let profile = format!(
        "[default]\nrole_arn = {}\nsource_profile = anybody\n[profile anybody]\naws_access_key_id = test\n\
         aws_secret_access_key = test\n",
        role(aws, stack).await?
    );
    fs::create_dir_all(&place.0).map_err(|error| failed(error.to_string()))?;
    write_whole(&place.profile(), profile.as_bytes())?;
    Ok([
        ("LISTEN", format!("127.0.0.1:{port}")),
        ("TABLE_NAME", parameter("TableName")),
        ("KEY_PREFIX", parameter("KeyPrefix")),
        ("ADDRESS_KEY_VERSION", parameter("AddressKeyVersion")),
        ("TOKEN_KEY_VERSION", parameter("TokenKeyVersion")),
        ("ADMIN_KEY_VERSION", parameter("AdminKeyVersion")),
        ("RELEASE", parameter("Release")),
        ("PUBLIC_URL", address(port)),
        ("OBJECT_STORE", emulator.clone()),
        ("AWS_ENDPOINT_URL", emulator),
        ("AWS_REGION", aws.region.clone()),
        ("AWS_CONFIG_FILE", place.profile().display().to_string()),
    ])
}

/// The role of the stack's instances.
async fn role(aws: &Aws, stack: &Deployed) -> Outcome<String> {
    let client = aws.cloudformation();
    let found = client.list_stack_resources().stack_name(&stack.id).into_paginator().items().send().collect();
    let found: Result<Vec<_>, _> = found.await;
    let found = found.map_err(|error| explain(format!("the resources of `{}` cannot be read", stack.name), error))?;
    let role = found.into_iter().find(|it| it.resource_type() == Some("AWS::IAM::Role"));
    let role = role.and_then(|it| it.physical_resource_id);
    let role = role.ok_or_else(|| failed(format!("`{}` has no role", stack.name)))?;
    // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
    let account = stack.id.split(':').nth(4).unwrap_or_default();
    Ok(format!("arn:aws:iam::{account}:role/{role}"))
}

/// Lays out the bundle that the stack names as an instance would.
async fn unpack(aws: &Aws, stack: &Deployed, root: &Path) -> Outcome<()> {
    let parameter = |name: &str| stack.parameters.get(name).map(String::as_str).unwrap_or_default();
    let (bucket, key) = (parameter("ArtifactBucket"), parameter("ArtifactKey"));
    let object = aws.s3().get_object().bucket(bucket).key(key).send().await;
    let object = object
        .map_err(|error| failed(format!("the bundle `{key}` cannot be read: {}", DisplayErrorContext(&error))))?;
    let zip = object.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
    if !key.contains(&hex(&Sha256::digest(&zip))) {
        return Err(failed(format!("`{key}` is another file than it says")));
    }
    let laid_out = || {
        fs::create_dir_all(root)?;
        let whole = root.join("bundle.zip");
        fs::write(&whole, &zip)?;
        Ok::<PathBuf, std::io::Error>(whole)
    };
    let whole = laid_out().map_err(|error| failed(error.to_string()))?;
    for (name, mode) in [(pack::SERVER, 0o755), (pack::CONFIG, 0o644), (pack::LOGO, 0o644)] {
        if name == pack::LOGO && !pack::holds(Cursor::new(&zip), name) {
            continue;
        }
        let path = root.join(if name == pack::SERVER { PROGRAM } else { name });
        write_whole(&path, &pack::extract(&whole, name)?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(|error| failed(error.to_string()))?;
    }
    _ = fs::remove_file(whole);
    Ok(())
}

/// Where everything of one stack's process is kept.
struct Place(PathBuf);

impl Place {
    fn of(folders: &Folders, stack: &str) -> Self {
        Self(home(folders).join(stack))
    }

    fn remembered(&self) -> PathBuf {
        self.0.join("running.json")
    }

    fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    fn profile(&self) -> PathBuf {
        self.0.join("profile")
    }

    /// Where the bundle of a stack is laid out.
    fn root(&self, stack: &Deployed) -> PathBuf {
        self.0.join(stack.parameters.get("Release").map_or("server", String::as_str))
    }

    fn read(&self) -> Option<Standing> {
        serde_json::from_slice(&fs::read(self.remembered()).ok()?).ok()
    }

    async fn start(&self, root: &Path, told: &[(&str, String)], port: u16, made_of: MadeOf) -> Outcome<()> {
        let path = self.log();
        let failed = |cause: String| failed(cause).hint(format!("its log is `{}`", path.display()));
        let log = File::options().create(true).append(true).open(&path).map_err(|error| failed(error.to_string()))?;
        let errors = log.try_clone().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(root.join(PROGRAM));
        command.env_clear().envs(told.iter().map(|(name, value)| (name, value))).env("SERVICE_ROOT", root);
        let command = command.current_dir(root).stdout(log).stderr(errors);
        let remember = |pid| {
            let text =
                serde_json::to_vec(&Standing { pid, port, made_of }).map_err(|error| failed(error.to_string()))?;
            write_whole(&self.remembered(), &text)
        };
        process::start(command, &format!("{}/readyz", address(port)), START_DEADLINE, remember)
            .await
            .map(drop)
            .map_err(failed)
    }
}

fn home(folders: &Folders) -> PathBuf {
    folders.state.join("servers")
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Like a stack whose instances do not come up, which is taken back.
fn failed(cause: String) -> Box<Failure> {
    Failure::new("stack_failed", "the server that stands in for the instances does not start").cause(cause)
}
