//! `local`: the emulator behind `--local`, and the mail it captured.

use std::fmt::Write;

use serde_json::json;

use super::{Context, describe};
use crate::cli::Local;
use crate::engine::progress::Progress;
use crate::error::{Exit, Failure, Outcome};
use crate::local::{self, inbox};

pub async fn run(context: &Context, command: Local) -> Outcome<Exit> {
    let output = &context.output;
    match command {
        Local::Up { trust } => {
            let progress = Progress::new(*output);
            let running = local::up(&context.folders, trust.as_deref(), &progress).await?;
            output.text(describe(&running));
            output.object(&running);
        }
        Local::Down => {
            let stopped = local::down(&context.folders).await?;
            output.text(match &stopped {
                Some(running) => format!("stopped the {}", describe(running)),
                None => "the local AWS was not running".to_owned(),
            });
            output.object(&json!({"stopped": stopped}));
        }
        Local::Status => {
            let status = local::status(&context.folders).await;
            output.text(match (&status.endpoint, status.pid, &status.version) {
                (Some(endpoint), Some(pid), Some(version)) => {
                    format!("local AWS at {endpoint} (process {pid}, MiniStack {version})")
                }
                _ => "the local AWS is not running".to_owned(),
            });
            output.object(&status);
        }
        Local::Inbox { open } => show_inbox(context, open).await?,
    }
    Ok(Exit::Done)
}

async fn show_inbox(context: &Context, open: Option<usize>) -> Outcome<()> {
    let status = local::status(&context.folders).await;
    let endpoint = status.endpoint.ok_or_else(|| {
        Failure::new("emulator_down", "the local AWS is not running").hint("`signupctl deploy --local` starts it")
    })?;
    let mails = inbox::read(&endpoint).await?;
    let chosen = open.unwrap_or(1);
    if open.is_some() && (chosen == 0 || chosen > mails.len()) {
        return Err(Failure::usage("no_such_mail", format!("there is no mail {chosen}"))
            .cause(format!("the inbox holds {}", mails.len())));
    }
    if context.output.json {
        match open {
            Some(number) => context.output.object(&mails[number - 1]),
            None => context.output.object(&json!({"mails": mails})),
        }
        return Ok(());
    }
    let mut text = String::new();
    if open.is_none() {
        for (index, mail) in mails.iter().enumerate() {
            _ = writeln!(text, "{:>3}  {}  {}  {}", index + 1, mail.time, mail.to.join(", "), mail.subject);
        }
        if mails.is_empty() {
            text.push_str("no mail yet\n");
        }
    }
    if let Some(mail) = mails.get(chosen - 1) {
        let heading = [("From", &mail.from), ("To", &mail.to.join(", ")), ("Subject", &mail.subject)];
        for (name, value) in heading {
            _ = write!(text, "\n{:9}{value}", format!("{name}:"));
        }
        _ = write!(text, "\n\n{}\n", mail.text.trim_end().replace("\r\n", "\n"));
        for link in mail.links() {
            _ = write!(text, "\n{}", context.output.bold(link));
        }
    }
    context.output.text(text.trim_start_matches('\n'));
    Ok(())
}
