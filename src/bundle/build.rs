//! Builds the service's programs with cargo: lightly for this machine, and as they ship for AWS.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::{host_architecture, pack};
use crate::engine::progress::Progress;
use crate::error::{Failure, Outcome};
use crate::spec::Architecture;

/// glibc of Lambda's `provided.al2023`, which zigbuild links against whatever this machine has.
const ZIG_GLIBC: &str = "2.34";

/// Its own package alone: beside this tool it would be built with what only the tool needs of their common dependencies,
/// HTTP/2 for one.
const PACKAGE: [&str; 2] = ["--package", "signup-service"];

/// One of the service's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Function,
    Server,
}

impl Program {
    /// Its name, of cargo's and in a bundle.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => pack::BINARY,
            Self::Server => pack::SERVER,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Function => "the function",
            Self::Server => "the server",
        }
    }

    /// How it is built for AWS. A function is small, and ends with a request that panics; a server is fast, and goes on
    /// with all others.
    fn shipped(self) -> &'static [&'static str] {
        match self {
            Self::Function => &["--profile", "handler"],
            Self::Server => &["--profile", "server", "--features", "server"],
        }
    }
}

/// The program for this machine in the light profile, which shares its dependencies with this tool.
pub async fn local(program: Program, progress: &Progress) -> Outcome<PathBuf> {
    cargo(program, &["build"], progress).await
}

/// How a binary for AWS is built on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// For either architecture, with glibc pinned.
    Zig,
    /// By plain cargo, since this machine is of the wanted kind. The ELF check tells whether its glibc is too new.
    Plain,
}

fn triple(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    }
}

/// Fails when this machine cannot build for the architecture, and says what would help.
async fn way(architecture: Architecture) -> Outcome<Way> {
    if answers("cargo-zigbuild", &["--version"]).await.is_some() {
        return Ok(Way::Zig);
    }
    if cfg!(target_os = "linux") && host_architecture() == architecture {
        return Ok(Way::Plain);
    }
    let other = match host_architecture() {
        Architecture::X86_64 if cfg!(target_os = "linux") => " or set `capacity.architecture: x86_64`",
        Architecture::Arm64 if cfg!(target_os = "linux") => " or set `capacity.architecture: arm64`",
        _ => "",
    };
    Err(Failure::new("cannot_build", format!("this machine cannot build the function for {}", architecture.name()))
        .cause("cargo-zigbuild is not installed")
        .hint(format!(
            "run `pip install ziglang cargo-zigbuild && rustup target add {}`,{other} or pass `--handler ZIP`",
            triple(architecture)
        )))
}

/// The program as it ships to AWS.
pub async fn for_aws(program: Program, architecture: Architecture, progress: &Progress) -> Outcome<PathBuf> {
    match way(architecture).await? {
        Way::Plain => cargo(program, &[&["build"], &PACKAGE[..], program.shipped()].concat(), progress).await,
        Way::Zig => {
            let target = format!("{}.{ZIG_GLIBC}", triple(architecture));
            let arguments = [&["zigbuild", "--target", &target], &PACKAGE[..], program.shipped()].concat();
            cargo(program, &arguments, progress).await.map_err(|failure| match failure.cause.as_deref() {
                // rustc's wording when the standard library of the target is not installed.
                Some(cause) if cause.contains("can't find crate for") => no_target(failure, architecture),
                _ => failure,
            })
        }
    }
}

fn no_target(failure: Box<Failure>, architecture: Architecture) -> Box<Failure> {
    failure.hint(format!("run `rustup target add {}` and deploy again", triple(architecture)))
}

/// Tells how the function would be built, or why it cannot be. Builds nothing.
pub async fn readiness(architecture: Architecture, is_local: bool) -> Outcome<String> {
    workspace()?;
    if answers("cargo", &["--version"]).await.is_none() {
        return Err(Failure::new("cannot_build", "cargo does not start").hint("install Rust, or pass `--handler ZIP`"));
    }
    if is_local {
        return Ok("is built by cargo, for this machine".into());
    }
    let name = architecture.name();
    if way(architecture).await? == Way::Plain {
        return Ok(format!("is built by cargo for {name}; its glibc is checked then"));
    }
    let library = answers("rustc", &["--print", "target-libdir", "--target", triple(architecture)]).await;
    match library.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        true => Ok(format!("is built by cargo-zigbuild for {name}")),
        false => Err(no_target(
            Failure::new("cannot_build", format!("Rust's standard library for {name} is not installed")),
            architecture,
        )),
    }
}

/// What a program writes; `None` when it does not start or fails.
async fn answers(program: &str, arguments: &[&str]) -> Option<String> {
    let answer = Command::new(program).args(arguments).stdin(Stdio::null()).output().await.ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// The service's sources: those this program was built from.
fn workspace() -> Outcome<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    if workspace.join("lambda/Cargo.toml").is_file() {
        return Ok(workspace.to_owned());
    }
    Err(Failure::new("cannot_build", "the sources of the function are not on this machine")
        .cause(format!("there is no `{}`", workspace.join("lambda").display()))
        .hint("pass a prebuilt one with `--handler ZIP`"))
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// What `cargo run` and `cargo test` tell the program they start about its own package. Build scripts that
/// watch these (ring's does) would run again each time the function is built from within cargo.
fn is_of_outer_cargo(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
        || ["CARGO_PRIMARY_PACKAGE", "CARGO_CRATE_NAME", "CARGO_TARGET_TMPDIR", "OUT_DIR"].contains(&name)
}

/// Runs cargo on a program and returns where it is.
async fn cargo(program: Program, arguments: &[&str], progress: &Progress) -> Outcome<PathBuf> {
    let workspace = workspace()?;
    let step = progress.step(format!("building {}", program.text()));
    let failed =
        |cause: String| Failure::new("build_failed", format!("{} cannot be built", program.text())).cause(cause);
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_outer_cargo(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let mut child = command
        .args(arguments)
        .args(["--bin", program.name(), "--message-format", "json-render-diagnostics", "--color", "never", "--locked"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            failed(format!("cargo does not start: {error}")).hint("install Rust, or pass `--handler ZIP`")
        })?;
    let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("cargo has no output to read".into()));
    };
    let messages = async {
        let mut text = String::new();
        stdout.read_to_string(&mut text).await.map(|_| text)
    };
    let diagnostics = async {
        let (mut lines, mut last) = (BufReader::new(stderr).lines(), Vec::new());
        while let Ok(Some(line)) = lines.next_line().await {
            step.detail(line.trim());
            last.push(line);
        }
        last
    };
    let (messages, diagnostics) = tokio::join!(messages, diagnostics);
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    let messages = messages.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let errors = diagnostics.iter().position(|line| line.starts_with("error")).unwrap_or(0);
        return Err(failed(diagnostics[errors..].join("\n    ")));
    }
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == program.name()))
        .find_map(|message| message.executable)
        .ok_or_else(|| failed("cargo names no executable".into()))?;
    if diagnostics.iter().any(|line| line.trim_start().starts_with("Compiling")) {
        step.done(&format!("built {}", program.text()));
    }
    Ok(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_deployed_cannot_be_tried() {
        let shipped = Program::Server.shipped();
        let features = shipped.iter().skip_while(|word| **word != "--features").nth(1);
        assert_eq!(features, Some(&"server"), "what `try` adds is for this machine");
        let manifest = include_str!("../../lambda/Cargo.toml");
        let server =
            manifest.split_once("\nserver = [").and_then(|(_, rest)| rest.split_once(']')).expect("a feature").0;
        assert!(!server.contains("\"try\"") && !manifest.contains("\ndefault = ["), "nor is it there by itself");
        assert!(Program::Function.shipped().iter().all(|word| *word != "--features"));
    }
}
