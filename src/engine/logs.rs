//! The functions' logs, of all groups, merged by time.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::stack::DeployedStacks;
use super::template::Role;
use crate::aws::{Aws, explain, service_code};
use crate::error::Outcome;
use crate::local::{self, Folders};

/// How long after it was written a line may come into sight, in milliseconds.
const LATE: i64 = 30_000;

/// Whose lines those of the admins' function are, and those of the instances, which write to the same group.
const ADMIN: &str = "admin";
const SERVER: &str = "server";

/// A log group of the service, and whose lines it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub of: &'static str,
    pub name: String,
    /// The stack of instances that write to it, for which servers of this machine stand in.
    instances: Option<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at: i64,
    /// `web`, `admin`, `access`, `server`, `worker`, `sweeper` or `feedback`.
    pub of: &'static str,
    pub message: String,
    #[serde(skip)]
    id: String,
}

/// The log groups that the stacks tell of.
pub fn groups(stacks: &DeployedStacks) -> Vec<Group> {
    let output = |role, key| stacks.get(&role)?.outputs.get(key).cloned();
    let servers = stacks.get(&Role::Servers).map(|stack| stack.name.clone());
    let known = [
        ("web", output(Role::Web, "WebLogGroup")),
        (ADMIN, output(Role::Data, "AdminLogGroup")),
        ("access", output(Role::Web, "AccessLogGroup")),
        ("worker", output(Role::Workers, "WorkerLogGroup")),
        ("sweeper", output(Role::Workers, "SweeperLogGroup")),
        ("feedback", output(Role::Workers, "FeedbackLogGroup")),
    ];
    let group = |(of, name): (_, Option<String>)| {
        let instances = servers.clone().filter(|_| of == ADMIN);
        Some(Group { of, name: name?, instances })
    };
    known.into_iter().filter_map(group).collect()
}

/// Reads lines as they come: each once, the oldest first.
#[derive(Debug)]
pub struct Reader {
    groups: Vec<Group>,
    since: i64,
    seen: BTreeSet<Line>,
}

impl Reader {
    pub fn new(groups: Vec<Group>, since: Timestamp) -> Self {
        Self { groups, since: since.as_millisecond(), seen: BTreeSet::new() }
    }

    /// The lines that were not read before. One request for each group and thousand lines.
    pub async fn read(&mut self, aws: &Aws) -> Outcome<Vec<Line>> {
        let mut found = Vec::new();
        for group in &self.groups {
            found.extend(of_group(aws, group, self.since).await?);
        }
        Ok(self.take(found))
    }

    /// Of what was found, what is new, and forgets what cannot be found any more.
    fn take(&mut self, mut found: Vec<Line>) -> Vec<Line> {
        // Of one moment in the order in which they were read, which is that of their group.
        found.sort_by_key(|line| line.at);
        found.retain(|line| self.seen.insert(line.clone()));
        if let Some(newest) = self.seen.iter().next_back() {
            // Others may still come into sight beside it.
            self.since = self.since.max(newest.at - LATE);
        }
        let since = self.since;
        self.seen.retain(|line| line.at >= since);
        found
    }
}

async fn of_group(aws: &Aws, group: &Group, since: i64) -> Outcome<Vec<Line>> {
    let mut found = Vec::new();
    if let Some(stack) = group.instances.as_ref().filter(|_| aws.is_local()) {
        // What stands in for the instances has no agent that would send its lines.
        let lines = local::servers::log(&Folders::find()?, stack);
        found.extend(lines.enumerate().filter_map(|(at, text)| written(at, text)).filter(|it| it.at >= since));
    }
    let request = aws.logs().filter_log_events().log_group_name(&group.name).start_time(since);
    let pages: Result<Vec<_>, _> = request.into_paginator().send().collect().await;
    match pages {
        Ok(pages) => {
            let events = pages.into_iter().flat_map(|page| page.events.unwrap_or_default());
            found.extend(events.filter_map(|event| line(group.of, event)));
            Ok(found)
        }
        // A group that nothing was written to may not be there yet.
        Err(error) if service_code(&error) == Some("ResourceNotFoundException") => Ok(found),
        Err(error) => Err(explain(format!("the log group `{}` cannot be read", group.name), error)),
    }
}

/// A line of a server's own file.
fn written(place: usize, message: String) -> Option<Line> {
    let line: Value = serde_json::from_str(&message).ok()?;
    let at: Timestamp = line.get("timestamp")?.as_str()?.parse().ok()?;
    Some(Line { at: at.as_millisecond(), of: SERVER, message, id: place.to_string() })
}

fn line(of: &'static str, event: FilteredLogEvent) -> Option<Line> {
    let message = event.message?.trim_end().to_owned();
    let stream = event.log_stream_name.unwrap_or_default();
    // A function's streams begin with the day, an instance's with its ID.
    let of = if of == ADMIN && stream.starts_with("i-") { SERVER } else { of };
    // The emulator names no event; two of one stream that are alike in everything are taken for one.
    Some(Line { at: event.timestamp?, of, message, id: event.event_id.unwrap_or(stream) })
}

impl Line {
    /// What there is to read: the message, and its properties as `name=value`. A line that is no JSON stays as it is.
    pub fn text(&self) -> String {
        let Ok(Value::Object(object)) = serde_json::from_str(&self.message) else { return self.message.clone() };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // What the service itself logs, and what `tracing` and Lambda make of other lines.
        let fields = object.get("fields").and_then(Value::as_object);
        let message = object.get("message").or_else(|| fields.and_then(|fields| fields.get("message")));
        let level = object.get("level").map(text).filter(|level| level != "INFO");
        const TOLD: [&str; 7] = ["timestamp", "time", "level", "message", "fields", "target", "_aws"];
        let properties = object.iter().chain(fields.into_iter().flatten());
        let properties = properties.filter(|(name, _)| !TOLD.contains(&name.as_str()));
        let words = level.into_iter().chain(message.map(text));
        words.chain(properties.map(|(name, value)| format!("{name}={}", text(value)))).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: i64, message: &str) -> Line {
        Line { at, of: "web", message: message.into(), id: "stream".into() }
    }

    #[test]
    fn a_line_is_read_once_however_late_it_comes() {
        let mut reader = Reader::new(Vec::new(), Timestamp::UNIX_EPOCH);
        assert_eq!(reader.take(vec![at(40_000, "b"), at(35_000, "a")]), [at(35_000, "a"), at(40_000, "b")]);
        assert_eq!(reader.since, 10_000);
        // Written before what was read, and seen after it.
        let found = vec![at(40_000, "b"), at(35_000, "a"), at(14_000, "late"), at(80_000, "c")];
        assert_eq!(reader.take(found), [at(14_000, "late"), at(80_000, "c")]);
        assert_eq!((reader.since, reader.seen.len()), (50_000, 1));
        assert_eq!(reader.take(vec![at(80_000, "c")]), []);
    }

    #[test]
    fn a_line_of_the_admins_log_is_of_the_function_or_of_an_instance() {
        let of = |group, stream: &str| {
            let event = FilteredLogEvent::builder().timestamp(1).message("x").log_stream_name(stream);
            line(group, event.build()).expect("a line").of
        };
        assert_eq!(of(ADMIN, "2026/11/28/[7]0123456789abcdef0123456789abcdef"), "admin");
        assert_eq!(of(ADMIN, "i-0123456789abcdef0/server"), "server");
        assert_eq!(of("web", "i-0"), "web");
    }

    #[test]
    fn a_line_of_json_is_read_as_words() {
        let text = |message: &str| at(0, message).text();
        assert_eq!(
            text(r#"{"timestamp":"x","level":"INFO","message":"request","route":"/","status":200,"_aws":{}}"#),
            "request route=/ status=200"
        );
        assert_eq!(
            text(r#"{"timestamp":"x","level":"WARN","fields":{"message":"no answer","error":"late"},"target":"y"}"#),
            "WARN no answer error=late"
        );
        assert_eq!(text("START RequestId: 1"), "START RequestId: 1");
    }
}
