//! Quotas of the account that a deploy runs into.

use aws_sdk_apigatewayv2::types::ProtocolType;

use super::Finding;
use crate::aws::{Aws, explain, service_code};
use crate::error::Outcome;
use crate::spec::Spec;

/// Executions that Lambda wants to have left unreserved; all of them, where the whole account has fewer.
const LEFT: i32 = 100;

/// Below this a rush of sign-ups waits: a new account begins with as little as 10.
const FEW: i32 = 100;

/// HTTP APIs of an account in a Region, by default.
const APIS: usize = 600;

pub async fn look(aws: &Aws, spec: &Spec) -> Vec<Finding> {
    let told = |check, found: Outcome<Finding>| found.unwrap_or_else(|failure| Finding::unknown(check, &failure));
    let (lambda, apis) = tokio::join!(concurrency(aws, spec), apis(aws, &spec.service));
    let mut found = vec![told("concurrency", lambda), told("apis", apis)];
    // The emulator has no quota of stacks, and does not tell that it has none.
    if !aws.is_local() {
        found.push(told("stack quota", stacks(aws, spec).await));
    }
    found
}

async fn concurrency(aws: &Aws, spec: &Spec) -> Outcome<Finding> {
    let settings = aws.lambda().get_account_settings().send().await;
    let settings = settings.map_err(|error| explain("Lambda's quotas cannot be read", error))?;
    let limit = settings.account_limit.as_ref().map_or(0, |limit| limit.concurrent_executions);
    let free = settings.account_limit.and_then(|limit| limit.unreserved_concurrent_executions).unwrap_or(limit);
    let Some(wanted) = spec.capacity.concurrency else { return Ok(judge_concurrency(limit, free, None)) };
    // What the service holds already is not wanted a second time.
    let function = format!("{}-web", spec.service);
    let held = match aws.lambda().get_function_concurrency().function_name(&function).send().await {
        Ok(answer) => answer.reserved_concurrent_executions.unwrap_or(0),
        Err(error) if service_code(&error) == Some("ResourceNotFoundException") => 0,
        Err(error) => return Err(explain(format!("what `{function}` has reserved cannot be read"), error)),
    };
    Ok(judge_concurrency(limit, free.saturating_add(held), Some(wanted)))
}

fn judge_concurrency(limit: i32, free: i32, wanted: Option<u32>) -> Finding {
    const CHECK: &str = "concurrency";
    const ASK: &str = "ask for more of Lambda's `Concurrent executions` in Service Quotas";
    let least = limit.min(LEFT);
    match wanted.map(|wanted| i32::try_from(wanted).unwrap_or(i32::MAX)) {
        Some(wanted) if free.saturating_sub(wanted) < least => Finding::problem(
            CHECK,
            format!("{wanted} executions cannot be reserved: {free} of {limit} are free, and {least} have to stay so"),
            format!("lower `capacity.concurrency`, or {ASK}"),
        ),
        _ if limit < FEW => Finding::warning(
            CHECK,
            format!("{limit} functions at once in the whole account: a rush of sign-ups has to wait"),
            ASK,
        ),
        _ => Finding::ok(CHECK, format!("{free} of {limit} executions at once are free")),
    }
}

async fn apis(aws: &Aws, service: &str) -> Outcome<Finding> {
    let (mut count, mut ours, mut page) = (0, false, None);
    loop {
        let answer = aws.apigatewayv2().get_apis().max_results("500").set_next_token(page).send().await;
        let answer = answer.map_err(|error| explain("the HTTP APIs cannot be counted", error))?;
        let http = answer.items().iter().filter(|api| api.protocol_type() == Some(&ProtocolType::Http));
        for api in http {
            count += 1;
            ours |= api.name() == Some(service);
        }
        page = answer.next_token;
        if page.is_none() {
            break;
        }
    }
    Ok(match count >= APIS && !ours {
        true => Finding::warning(
            "apis",
            format!("{count} HTTP APIs, and a new account may have {APIS}"),
            "delete what is not needed, or see API Gateway in Service Quotas",
        ),
        false => Finding::ok("apis", format!("{count} of {APIS} HTTP APIs")),
    })
}

async fn stacks(aws: &Aws, spec: &Spec) -> Outcome<Finding> {
    let client = aws.cloudformation();
    let limits = client.describe_account_limits().send().await;
    let limits = limits.map_err(|error| explain("CloudFormation's quotas cannot be read", error))?;
    let limits = limits.account_limits.unwrap_or_default();
    let limit = limits.iter().find(|limit| limit.name() == Some("StackLimit")).and_then(|limit| limit.value);
    let stacks: Result<Vec<_>, _> = client.describe_stacks().into_paginator().items().send().collect().await;
    let stacks = stacks.map_err(|error| explain("the stacks cannot be counted", error))?;
    let names = spec.topology.stacks().map(|role| role.stack_name(&spec.service));
    let is_there = |name: &&String| stacks.iter().any(|stack| stack.stack_name() == Some(name));
    let wanted = i32::try_from(names.iter().filter(|name| !is_there(name)).count()).unwrap_or(0);
    let count = i32::try_from(stacks.len()).unwrap_or(i32::MAX);
    Ok(match limit {
        Some(limit) if count.saturating_add(wanted) > limit => Finding::problem(
            "stack quota",
            format!("{count} of {limit} stacks, and the service wants {wanted} more"),
            "delete what is not needed, or see CloudFormation in Service Quotas",
        ),
        Some(limit) => Finding::ok("stack quota", format!("{count} of {limit} stacks")),
        None => Finding::ok("stack quota", format!("{count} stacks")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Level;

    #[test]
    fn what_is_reserved_leaves_enough_for_the_others() {
        let level = |limit, free, wanted| judge_concurrency(limit, free, wanted).level;
        assert_eq!(level(1_000, 1_000, None), Level::Ok);
        assert_eq!(level(1_000, 1_000, Some(900)), Level::Ok);
        assert_eq!(level(1_000, 1_000, Some(901)), Level::Problem);
        assert_eq!(level(1_000, 150, Some(100)), Level::Problem);
        // A new account.
        assert_eq!(level(10, 10, None), Level::Warning);
        assert_eq!(level(10, 10, Some(1)), Level::Problem);
        assert_eq!(level(50, 50, Some(40)), Level::Problem);
    }
}
