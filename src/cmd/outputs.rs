//! `outputs`: what the stacks tell about themselves, for scripts.

use std::collections::BTreeMap;

use super::{Context, data_outputs, endpoint};
use crate::engine::stack;
use crate::engine::template::Role;
use crate::error::{Exit, Outcome};

pub async fn run(context: &Context) -> Outcome<Exit> {
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec).await?;
    data_outputs(context, &aws, &stacks, &spec)?;
    let front = stack::front(&stacks, spec.topology);
    // While the topology is changed there are two that answer.
    let told = stacks
        .values()
        .filter(|stack| !Role::FRONTS.contains(&stack.role) || Some(stack.role) == front.map(|it| it.role));
    let mut all: BTreeMap<String, String> = told.flat_map(|stack| stack.outputs.clone()).collect();
    if let Some(endpoint) = front.and_then(|front| endpoint(&aws, front)) {
        all.insert("Endpoint".into(), endpoint);
    }
    let width = all.keys().map(String::len).max().unwrap_or(0);
    let lines: Vec<String> = all.iter().map(|(key, value)| format!("{key:width$}  {value}")).collect();
    context.output.text(lines.join("\n"));
    context.output.object(&all);
    Ok(Exit::Done)
}
