//! `outputs`: what the stacks tell about themselves, for scripts.

use std::collections::BTreeMap;

use super::{Context, data_outputs, endpoint};
use crate::engine::stack;
use crate::error::{Exit, Outcome};

pub async fn run(context: &Context) -> Outcome<Exit> {
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec.service).await?;
    data_outputs(context, &aws, &stacks, &spec)?;
    let mut all: BTreeMap<String, String> = stacks.values().flat_map(|stack| stack.outputs.clone()).collect();
    if let Some(endpoint) = endpoint(&aws, &all) {
        all.insert("Endpoint".into(), endpoint);
    }
    let width = all.keys().map(String::len).max().unwrap_or(0);
    let lines: Vec<String> = all.iter().map(|(key, value)| format!("{key:width$}  {value}")).collect();
    context.output.text(lines.join("\n"));
    context.output.object(&all);
    Ok(Exit::Done)
}
