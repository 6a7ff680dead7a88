//! The subcommands, one file each: read the arguments, call the engine, show the result.

pub mod deploy;
pub mod destroy;
pub mod local;
pub mod outputs;
pub mod plan;
pub mod status;
pub mod template;
pub mod users;
pub mod validate;

use crate::aws::{Aws, Target};
use crate::cli::Global;
use crate::engine::desired::Outputs;
use crate::engine::stack::DeployedStacks;
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
            Failure::new("emulator_down", "the local AWS is not running").hint("`signupctl deploy --local` starts it")
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

    /// The words that name this service on a command line, for hints.
    pub fn arguments(&self) -> String {
        let mut words = String::new();
        if self.global.local {
            words.push_str(" --local");
        }
        if self.global.file.as_os_str() != "signup.yaml" {
            words.push_str(&format!(" -f {}", self.global.file.display()));
        }
        if let Some(environment) = &self.global.env {
            words.push_str(&format!(" -e {environment}"));
        }
        words
    }
}

/// Where the service answers, from the web stack's outputs; under the emulator an address that needs
/// no name resolution.
pub fn endpoint(aws: &Aws, outputs: &Outputs) -> Option<String> {
    match (&aws.emulator, outputs.get("ApiId")) {
        (Some(emulator), Some(api_id)) => Some(crate::local::public_endpoint(emulator, api_id)),
        _ => outputs.get("Endpoint").cloned(),
    }
}

/// The outputs of the data stack, without which there is nothing to read.
pub fn data_outputs<'a>(context: &Context, stacks: &'a DeployedStacks, spec: &Spec) -> Outcome<&'a Outputs> {
    let outputs = stacks.get(&Role::Data).map(|stack| &stack.outputs).filter(|outputs| !outputs.is_empty());
    outputs.ok_or_else(|| {
        Failure::new("not_deployed", format!("the service `{}` is not deployed here", spec.service))
            .hint(format!("run `signupctl deploy{}`", context.arguments()))
    })
}

/// The emulator as a note to the operator.
pub fn describe(running: &Running) -> String {
    format!("local AWS at {} (process {})", running.endpoint, running.pid)
}
