//! `status`: the stacks, whether the service answers, and how many signed up.

use serde_json::json;
use signup_service::store::{DynamoStore, Store};

use super::{Context, data_outputs, endpoint};
use crate::aws::Fetcher;
use crate::engine::stack;
use crate::engine::template::Role;
use crate::error::{Exit, Outcome};

pub async fn run(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec.service).await?;
    if stacks.is_empty() {
        data_outputs(context, &aws, &stacks, &spec)?;
    }
    let endpoint = stacks.get(&Role::Web).and_then(|stack| endpoint(&aws, &stack.outputs));
    let health = async {
        let url = format!("{}/healthz", endpoint.as_deref()?.trim_end_matches('/'));
        let answer = Fetcher::new(aws.is_local()).get(&url).await.ok().filter(|answer| answer.status == 200)?;
        let health: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        health.get("version")?.as_str().map(str::to_owned)
    };
    let counters = async {
        let table = stacks.get(&Role::Data)?.outputs.get("TableName")?.clone();
        Some(DynamoStore::new(aws.dynamodb(), table).counters().await)
    };
    let (version, counters) = tokio::join!(health, counters);
    let total = counters.as_ref().map(|counters| counters.as_ref().map(|counters| counters.total));

    let mut lines = vec![format!(
        "{} in {}",
        output.bold(&spec.service),
        if aws.is_local() { "the local AWS" } else { &aws.region }
    )];
    for role in Role::ALL {
        let name = role.stack_name(&spec.service);
        let status = stacks.get(&role).map_or_else(|| output.dim("absent"), |stack| stack.status.as_str().to_owned());
        lines.push(format!("  {name:32} {status}"));
    }
    lines.push(match (&endpoint, &version) {
        (Some(endpoint), Some(version)) => format!("  {endpoint}/ answers as {version}"),
        (Some(endpoint), None) => output.red(&format!("  {endpoint}/ does not answer")),
        (None, _) => "  no endpoint: the web stack is not deployed".to_owned(),
    });
    match &total {
        Some(Ok(total)) => lines.push(format!("  {} signed up, {} confirmed", total.received, total.confirmed)),
        Some(Err(error)) => lines.push(output.red(&format!("  {}", super::users::store_failure(error).message))),
        None => {}
    }
    output.text(lines.join("\n"));
    output.object(&json!({
        "service": spec.service, "region": aws.region, "topology": spec.topology.name(),
        "stacks": stacks.values().map(|stack| json!({"name": stack.name, "status": stack.status.as_str()})).collect::<Vec<_>>(),
        "endpoint": endpoint, "version": version, "sign_ups": total.and_then(Result::ok),
    }));
    Ok(Exit::Done)
}
