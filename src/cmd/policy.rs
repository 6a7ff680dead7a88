//! `policy`: what a principal must be allowed to deploy this spec. Asks no account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Context;
use crate::cli;
use crate::engine::cost::grouped;
use crate::engine::permissions::{self, Command, Part, Place, Scope};
use crate::error::{Exit, Failure, Outcome};

pub fn run(context: &Context, arguments: cli::Policy) -> Outcome<Exit> {
    let spec = context.spec()?;
    let region = context.global.region.as_deref().or(spec.region.as_deref());
    if let Some(repository) = &arguments.github {
        let scope = Scope::of(&spec, Place::of_stack(region));
        let parts = permissions::parts(&permissions::of_all(&scope));
        let subject = match &arguments.github_environment {
            Some(environment) => repository.environment(environment),
            None => repository.branch(&arguments.branch),
        };
        let template = permissions::template(&spec.service, &subject, &parts);
        context.output.text(&template);
        context.output.object(&json!({"service": spec.service, "subject": subject, "template": template}));
        return Ok(Exit::Done);
    }
    let place = Place::new(region, arguments.account.as_deref());
    let scope = Scope::of(&spec, place);
    let permissions = permissions::of_all(&scope);
    let (whole, parts) = (permissions::whole(&permissions), permissions::parts(&permissions));
    let part = match arguments.part {
        None => &whole,
        Some(number) => parts.get(usize::from(number) - 1).ok_or_else(|| {
            Failure::usage("no_part", format!("there is no part {number}"))
                .hint(format!("the policy comes in {}", counted(parts.len())))
        })?,
    };
    if arguments.part.is_none() && parts.len() > 1 {
        context.output.note(format!(
            "note: {} characters, and a managed policy takes 6,144: `--part N` prints one of {}",
            grouped(whole.length() as f64),
            counted(parts.len())
        ));
    }
    let documents: Vec<_> = parts.iter().map(Part::document).collect();
    context.output.text(format!("{:#}", part.document()));
    let actions = |command| permissions::needed(command, &scope).into_iter().map(|it| it.action).collect();
    let commands: BTreeMap<&str, BTreeSet<&str>> =
        Command::ALL.into_iter().map(|command| (command.name(), actions(command))).collect();
    context.output.object(&json!({
        "service": spec.service, "policy": whole.document(), "parts": documents, "commands": commands,
    }));
    Ok(Exit::Done)
}

fn counted(parts: usize) -> String {
    if parts == 1 { "1 part".to_owned() } else { format!("{parts} parts") }
}
