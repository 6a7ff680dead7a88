//! signupctl: one YAML file in, a production sign-up service out.
//!
//! spec (YAML) -> `spec` -> `engine::desired` -> `engine::plan` -> change sets -> events -> outputs -> proof.
//! Everything left of "change sets" is pure.

mod aws;
mod bundle;
mod cli;
mod cmd;
mod engine;
mod error;
mod local;
mod output;
mod spec;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::cmd::Context;
use crate::error::{Exit, Failure, Outcome};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json, cli.global.color, cli.global.yes);
    log_to_stderr(cli.global.verbose, &output);
    let profile = cli.global.profile.clone();
    // Ctrl-C is how it ends, and nothing goes on.
    let ends_by_itself = matches!(cli.command, Command::Dev(_));
    let reads = matches!(cli.command, Command::Logs(_));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::new("no_runtime", "the program cannot start").cause(error.to_string()));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let exit = runtime.block_on(async {
        tokio::select! {
            outcome = run(cli, output) => outcome,
            _ = tokio::signal::ctrl_c(), if reads => Ok(Exit::Interrupted),
            // What was started in AWS goes on; dropping `run` only stops watching it.
            _ = tokio::signal::ctrl_c(), if !ends_by_itself && !reads => Err(Failure::new("interrupted", "interrupted")
                .cause("whatever was begun in AWS goes on there")
                .hint("run the same command again: it follows what goes on, and finishes the rest")
                .exit(Exit::Interrupted)),
        }
    });
    // A thread that still waits for an answer must not keep the program.
    runtime.shutdown_background();
    match exit {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(mut failure) => {
            if let ("no_credentials", Some(profile)) = (failure.code, &profile) {
                failure.message = format!("the profile `{profile}` gives no AWS credentials");
                failure.hint =
                    Some("see `aws configure list-profiles`; `aws sso login` renews those of a single sign-on".into());
            }
            if failure.exit == Exit::Interrupted && output.terminal {
                // The terminal has echoed `^C`.
                output.note("");
            }
            output.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

async fn run(cli: Cli, output: Output) -> Outcome<Exit> {
    let context = Context::new(cli.global, output)?;
    match cli.command {
        Command::Validate => cmd::validate::run(&context),
        Command::Template { role } => cmd::template::run(&context, role),
        Command::Plan(arguments) => cmd::plan::run(&context, arguments).await,
        Command::Cost(arguments) => cmd::cost::run(&context, arguments),
        Command::Deploy(arguments) => cmd::deploy::run(&context, arguments).await,
        Command::Rollback(arguments) => cmd::rollback::run(&context, arguments).await,
        Command::Status => cmd::status::run(&context).await,
        Command::Outputs => cmd::outputs::run(&context).await,
        Command::Logs(arguments) => cmd::logs::run(&context, arguments).await,
        Command::Drift(arguments) => cmd::drift::run(&context, arguments).await,
        Command::Doctor => cmd::doctor::run(&context).await,
        Command::VerifyEmail(arguments) => cmd::verify_email::run(&context, arguments).await,
        Command::Users(arguments) => cmd::users::run(&context, arguments).await,
        Command::Admin(arguments) => cmd::admin::run(&context, arguments).await,
        Command::Destroy(arguments) => cmd::destroy::run(&context, arguments).await,
        Command::Policy(arguments) => cmd::policy::run(&context, arguments),
        Command::Declaration { folder } => cmd::declaration::run(&context, &folder),
        Command::Dev(arguments) => cmd::dev::run(&context, arguments).await,
        Command::Local(arguments) => cmd::local::run(&context, arguments).await,
    }
}

/// The SDK's and our own diagnostics, on request: nothing, then our own, then every request.
fn log_to_stderr(verbose: u8, output: &Output) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(output.color).init();
}
