//! `status`: the stacks, whether the service answers, how many signed up, and whether mail goes out.

use serde_json::json;
use signup_service::census::Census;
use signup_service::clock::{Clock, System, rfc3339};
use signup_service::store::{DynamoStore, Store};

use super::users::store_failure;
use super::{Context, data_outputs, endpoint};
use crate::aws::Fetcher;
use crate::engine::account::{self, Quota};
use crate::engine::listeners;
use crate::engine::mail::{self, Waiting};
use crate::engine::servers::{self, Running};
use crate::engine::stack;
use crate::engine::status::{State, meaning};
use crate::engine::template::Role;
use crate::engine::versions;
use crate::engine::watch::{self, Alarms};
use crate::error::{Exit, Outcome};
use crate::output::Output;
use crate::spec::Instances;

pub async fn run(context: &Context) -> Outcome<Exit> {
    let output = &context.output;
    let spec = context.spec()?;
    let aws = context.aws(&spec).await?;
    let stacks = stack::read_all(&aws, &spec).await?;
    if stacks.is_empty() {
        data_outputs(context, &aws, &stacks, &spec)?;
    }
    let endpoint = stack::front(&stacks, spec.topology).and_then(|front| endpoint(&aws, front));
    let health = async {
        let url = format!("{}/healthz", endpoint.as_deref()?.trim_end_matches('/'));
        let answer = Fetcher::new(aws.is_local()).get(&url).await.ok().filter(|answer| answer.status == 200)?;
        let health: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        health.get("version")?.as_str().map(str::to_owned)
    };
    let table = stacks.get(&Role::Data).and_then(|stack| stack.outputs.get("TableName"));
    let store = table.map(|table| DynamoStore::new(aws.dynamodb(), table, None));
    let census = async { Some(store.as_ref()?.counters(None).await.map(|sums| sums.census())) };
    let waiting = async { Some(mail::waiting(store.as_ref()?, System.now()).await) };
    let live = async {
        let function = versions::functions(&stacks).into_iter().next()?;
        versions::live(&aws, &function).await.ok()
    };
    let servers = async {
        if !stacks.contains_key(&Role::Servers) {
            return Ok(None);
        }
        servers::running(&aws, &spec.service).await
    };
    let (version, live, census, waiting, account, alarms, queues, unreached, servers) = tokio::join!(
        health,
        live,
        census,
        waiting,
        account::read(&aws),
        watch::alarms(&aws, &spec.service, &stacks),
        watch::queues(&aws, &stacks),
        listeners::unreached(&aws, &spec, &stacks),
        servers
    );

    let mut lines = vec![format!(
        "{} in {}",
        output.bold(&spec.service),
        if aws.is_local() { "the local AWS" } else { &aws.region }
    )];
    let other = spec.topology.other().front();
    for role in spec.topology.stacks().into_iter().chain(stacks.contains_key(&other).then_some(other)) {
        let name = role.stack_name(&spec.service);
        let status = match stacks.get(&role) {
            None => output.dim("absent"),
            Some(stack) if stack.state == State::Ready => stack.status.as_str().to_owned(),
            Some(stack) => output.yellow(&format!("{}: it {}", stack.status.as_str(), meaning(&stack.status).text)),
        };
        lines.push(format!("  {name:32} {status}"));
    }
    lines.push(match (&endpoint, &version) {
        (Some(endpoint), Some(version)) => {
            let number = live.as_ref().map(|live| format!(", version {live}")).unwrap_or_default();
            format!("  {endpoint}/ answers as {version}{number}")
        }
        (Some(endpoint), None) => output.red(&format!("  {endpoint}/ does not answer")),
        (None, _) => "  no endpoint: nothing that answers is deployed".to_owned(),
    });
    match &servers {
        Ok(servers) => lines.extend(servers.map(|it| servers_line(it, &spec.capacity.instances, output))),
        Err(failure) => output.note(format!("note: {}", failure.message)),
    }
    let dashboard = endpoint.as_ref().map(|endpoint| format!("{endpoint}/admin"));
    lines.extend(dashboard.iter().map(|dashboard| format!("  dashboard at {dashboard}")));
    let deployed = stacks.values().filter_map(|stack| stack.changed).max();
    lines.extend(deployed.map(|at| format!("  last deployed {}", rfc3339(at))));
    match &census {
        Some(Ok(census)) => lines.push(format!("  {}", census_line(census))),
        Some(Err(error)) => lines.push(output.red(&format!("  {}", store_failure(error).message))),
        None => {}
    }
    match &waiting {
        Some(Ok(waiting)) => lines.extend(waiting_line(waiting).map(|line| format!("  {line}"))),
        Some(Err(error)) => lines.push(output.red(&format!("  {}", store_failure(error).message))),
        None => {}
    }
    match &account {
        Ok(account) => lines.push(format!("  {}", quota_line(&account.quota, output))),
        Err(failure) => output.note(format!("note: {}", failure.message)),
    }
    match &alarms {
        Ok(alarms) => lines.extend(alarm_lines(alarms, output).into_iter().map(|line| format!("  {line}"))),
        Err(failure) => output.note(format!("note: {}", failure.message)),
    }
    match &queues {
        Ok(queues) => lines.extend(
            queues
                .iter()
                .filter(|queue| queue.messages > 0)
                .map(|queue| output.red(&format!("  {} {}", queue.messages, queue.of))),
        ),
        Err(failure) => output.note(format!("note: {}", failure.message)),
    }
    match &unreached {
        Ok(unreached) => lines.extend(unreached.iter().map(|it| output.red(&format!("  {}", it.text())))),
        Err(failure) => output.note(format!("note: {}", failure.message)),
    }
    output.text(lines.join("\n"));
    let census = census.and_then(Result::ok);
    let waiting = waiting.and_then(Result::ok);
    output.object(&json!({
        "service": spec.service, "region": aws.region, "topology": spec.topology.name(),
        "stacks": stacks.values().map(|stack| json!({"name": stack.name, "status": stack.status.as_str()})).collect::<Vec<_>>(),
        "endpoint": endpoint, "dashboard": dashboard, "version": version, "function_version": live, "last_deployed": deployed.map(rfc3339),
        "servers": servers.ok().flatten(), "alarms": alarms.ok(), "queues": queues.ok(), "unreached": unreached.ok(),
        "sign_ups": census.map(|census| {
            json!({"received": census.received(), "confirmed": census.confirmed(), "states": census.states})
        }),
        "mail": {
            "waiting": waiting.map(|it| json!({"mails": it.mails, "more": it.more, "oldest": it.oldest.map(rfc3339)})),
            "quota": account.ok().map(|account| account.quota),
        },
    }));
    Ok(Exit::Done)
}

/// How many servers answer, in red where some are missing.
fn servers_line(running: Running, bounds: &Instances, output: &Output) -> String {
    let line = format!("  {}", running.text([bounds.min, bounds.max]));
    if running.in_service < running.desired { output.red(&line) } else { line }
}

/// That all is quiet, or each alarm that is raised, and what it means.
fn alarm_lines(alarms: &Alarms, output: &Output) -> Vec<String> {
    if alarms.raised.is_empty() {
        return match alarms.all {
            0 => Vec::new(),
            all => vec![format!("none of {all} alarms is raised")],
        };
    }
    alarms.raised.iter().map(|alarm| output.red(&format!("alarm {}: {}", alarm.name, alarm.description))).collect()
}

/// How many there are, and of which state.
fn census_line(census: &Census) -> String {
    let states: Vec<String> = census
        .states
        .iter()
        .filter(|(_, users)| **users > 0)
        .map(|(state, users)| format!("{users} {}", state.name()))
        .collect();
    match census.received() {
        0 => "nobody has signed up yet".to_owned(),
        all => format!("{all} signed up: {}", states.join(", ")),
    }
}

/// The mails that wait, if any do or may.
fn waiting_line(waiting: &Waiting) -> Option<String> {
    let Some(oldest) = waiting.oldest else {
        return waiting
            .more
            .then(|| "no mail waits for the users who are due first; more were not looked at".to_owned());
    };
    let mails = if waiting.mails == 1 && !waiting.more { "mail waits" } else { "mails wait" };
    let (least, more) = if waiting.more { ("at least ", "; more were not looked at") } else { ("", "") };
    Some(format!("{least}{} {mails}, the oldest since {}{more}", waiting.mails, rfc3339(oldest)))
}

/// What SES has sent and may send.
fn quota_line(quota: &Quota, output: &Output) -> String {
    let of = quota.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
    let sandbox = if quota.production_access { "" } else { " (sandbox: to verified addresses alone)" };
    let line = format!("mail: {}{of} sent by the account in 24 hours{sandbox}", quota.sent);
    match quota {
        Quota { enabled: false, .. } => output.red(&format!("{line}; SES has paused the account's sending")),
        quota if quota.is_used_up() => output.red(&format!("{line}; the day's quota is used up")),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;

    #[test]
    fn a_used_up_quota_is_told() {
        let output = Output::new(false, ColorChoice::Never, false);
        let line = |sent, limit, production_access, enabled| {
            quota_line(&Quota { sent, limit, production_access, enabled }, &output)
        };
        insta::assert_snapshot!(line(12, Some(200), false, true), @"mail: 12 of 200 sent by the account in 24 hours (sandbox: to verified addresses alone)");
        insta::assert_snapshot!(line(50_000, Some(50_000), true, true), @"mail: 50000 of 50000 sent by the account in 24 hours; the day's quota is used up");
        insta::assert_snapshot!(line(7, None, true, false), @"mail: 7 sent by the account in 24 hours; SES has paused the account's sending");
    }

    #[test]
    fn alarms_that_are_raised_are_told() {
        let output = Output::new(false, ColorChoice::Never, false);
        let alarm = watch::Alarm { name: "club-latency".into(), description: "One in a hundred waits.".into() };
        assert_eq!(alarm_lines(&Alarms::default(), &output), Vec::<String>::new());
        assert_eq!(alarm_lines(&Alarms { all: 15, raised: vec![] }, &output), ["none of 15 alarms is raised"]);
        let raised = Alarms { all: 15, raised: vec![alarm] };
        assert_eq!(alarm_lines(&raised, &output), ["alarm club-latency: One in a hundred waits."]);
    }

    #[test]
    fn mail_that_waits_is_told() {
        let waiting = |mails, more| waiting_line(&Waiting { mails, more, oldest: Some(jiff::Timestamp::UNIX_EPOCH) });
        assert_eq!(waiting_line(&Waiting::default()), None);
        insta::assert_snapshot!(waiting(1, false).expect("a line"), @"1 mail waits, the oldest since 1970-01-01T00:00:00.000Z");
        insta::assert_snapshot!(waiting(100, true).expect("a line"), @"at least 100 mails wait, the oldest since 1970-01-01T00:00:00.000Z; more were not looked at");
        let hidden = Waiting { mails: 0, more: true, oldest: None };
        insta::assert_snapshot!(waiting_line(&hidden).expect("a line"), @"no mail waits for the users who are due first; more were not looked at");
    }
}
