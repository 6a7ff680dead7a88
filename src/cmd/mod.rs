//! The subcommands, one file each: read the arguments, call the engine, show the result.

pub mod admin;
pub mod cost;
pub mod declaration;
pub mod deploy;
pub mod destroy;
pub mod dev;
pub mod doctor;
pub mod drift;
pub mod local;
pub mod logs;
pub mod outputs;
pub mod plan;
pub mod policy;
pub mod rollback;
pub mod status;
pub mod template;
pub mod users;
pub mod validate;
pub mod verify_email;

use crate::aws::{Aws, Target};
use crate::cli::Global;
use crate::engine::desired::Outputs;
use crate::engine::key_versions;
use crate::engine::proof;
use crate::engine::stack::{Deployed, DeployedStacks};
use crate::engine::template::Role;
use crate::error::{Failure, Outcome};
use crate::local::{Folders, Running};
use crate::output::Output;
use crate::spec::{self, Spec};

/// What every subcommand starts from.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    pub output: Output,
    pub folders: Folders,
}

impl Context {
    pub fn new(global: Global, output: Output) -> Outcome<Self> {
        Ok(Self { global, output, folders: Folders::find()? })
    }

    /// The spec, checked.
    pub fn spec(&self) -> Outcome<Spec> {
        spec::load(&self.global.file, self.global.env.as_deref(), self.output.color)
    }

    /// The account that the service lives in; with `--local` the emulator, which must be running.
    pub async fn aws(&self, spec: &Spec) -> Outcome<Aws> {
        if !self.global.local {
            return self.connect(spec, None).await;
        }
        let endpoint = crate::local::status(&self.folders).await.endpoint.ok_or_else(|| {
            Failure::new("emulator_down", "the local AWS is not running")
                .hint("`signupctl local up` starts it, and so does `signupctl deploy --local`")
        })?;
        self.connect(spec, Some(endpoint)).await
    }

    /// The same for a command that may start the emulator, which is then given.
    pub async fn connect(&self, spec: &Spec, emulator: Option<String>) -> Outcome<Aws> {
        Aws::connect(&Target {
            profile: self.global.profile.clone(),
            region: self.global.region.clone().or_else(|| spec.region.clone()),
            emulator,
        })
        .await
    }

    /// A command line for this very service, for hints: `signupctl users list --local`.
    pub fn command(&self, command: &str) -> String {
        let mut words = vec![program().to_owned(), command.to_owned()];
        if self.global.local {
            words.push("--local".to_owned());
        }
        let file = self.global.file.display().to_string();
        let file = (file != "signup.yaml").then_some(file);
        let flags = [
            ("-f", &file),
            ("-e", &self.global.env),
            ("--profile", &self.global.profile),
            ("--region", &self.global.region),
        ];
        words.extend(flags.iter().filter_map(|(flag, value)| Some(format!("{flag} {}", quoted((*value).as_ref()?)))));
        words.join(" ")
    }
}

/// What to type for this program. Cargo tells what it runs; whoever has not installed it runs it that way.
pub fn program() -> &'static str {
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() { "cargo run --" } else { "signupctl" }
}

/// As a shell takes it for one word.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,~".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Where a front answers; under the emulator an address that needs no name resolution.
pub fn endpoint(aws: &Aws, front: &Deployed) -> Option<String> {
    match (&aws.emulator, front.outputs.get("ApiId")) {
        (None, _) => front.outputs.get("Endpoint").cloned(),
        (Some(emulator), Some(api_id)) => Some(crate::local::public_endpoint(emulator, api_id)),
        (Some(_), None) => crate::local::servers::endpoint(&Folders::find().ok()?, &front.name),
    }
}

/// A front to be proven, and what it has to answer.
pub fn service<'a>(
    aws: &'a Aws,
    spec: &'a Spec,
    stacks: &'a DeployedStacks,
    front: Role,
    release: &'a str,
) -> Outcome<proof::Service<'a>> {
    let stack = stacks.get(&front);
    let stack =
        stack.ok_or_else(|| Failure::new("unexpected_answer", format!("the {} stack is gone", front.name())))?;
    let endpoint = endpoint(aws, stack).ok_or_else(|| {
        Failure::new("unexpected_answer", format!("the {} stack names no endpoint", front.name()))
            .hint("was it changed by hand? deploy again")
    })?;
    Ok(proof::Service {
        aws,
        spec,
        front,
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        through: stack.outputs.get("DomainTarget").filter(|_| !aws.is_local()).cloned(),
        table: output_of(stacks, Role::Data, "TableName")?,
        address_key: key_versions::deployed(stacks)[0].map(|(_, most)| most),
        release,
    })
}

/// The outputs of the data stack, without which there is nothing to read.
pub fn data_outputs<'a>(context: &Context, aws: &Aws, stacks: &'a DeployedStacks, spec: &Spec) -> Outcome<&'a Outputs> {
    let outputs = stacks.get(&Role::Data).map(|stack| &stack.outputs).filter(|outputs| !outputs.is_empty());
    outputs.ok_or_else(|| {
        Failure::new("not_deployed", format!("the service `{}` is not deployed in {}", spec.service, aws.place()))
            .hint(format!("run `{}`", context.command("deploy")))
    })
}

/// What a stack of the service tells; without it there is nothing to work with.
pub fn output_of<'a>(stacks: &'a DeployedStacks, role: Role, key: &str) -> Outcome<&'a str> {
    let found = stacks.get(&role).and_then(|stack| stack.outputs.get(key));
    found.map(String::as_str).ok_or_else(|| {
        Failure::new("unexpected_answer", format!("the {} stack tells no `{key}`", role.name()))
            .hint("was it changed by hand? deploy again")
    })
}

/// The emulator as a note to the operator.
pub fn describe(running: &Running) -> String {
    format!("local AWS at {} (process {})", running.endpoint, running.pid)
}
