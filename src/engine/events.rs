//! A stack's events, followed until its operation ends: at most one request per stack and interval.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{StackEvent, StackStatus};

use super::advice;
use super::progress::Progress;
use crate::aws::{explain, service_message};
use crate::error::{Failure, Outcome};

/// The longest operation of these stacks takes minutes; a wait that exceeds this is told to the user.
const DEADLINE: Duration = Duration::from_secs(90 * 60);

/// Pages of events, of a hundred each, that are read at once at most: more than any operation of these stacks has.
const PAGES: u32 = 5;

/// How long no look at all may succeed before that is told.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long to wait between looks: short after news, longer while nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    shortest: Duration,
    longest: Duration,
    next: Duration,
    /// How long what was written may take to be read.
    pub settles: Duration,
}

impl Pace {
    /// CloudFormation allows about ten reads a second and account; five seconds is what other tools
    /// poll at their slowest. Its reads lag behind its writes by a second or two.
    pub fn aws() -> Self {
        Self::between(Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15))
    }

    /// The emulator answers in milliseconds and charges nothing.
    pub fn local() -> Self {
        Self::between(Duration::from_millis(20), Duration::from_millis(250), Duration::from_secs(2))
    }

    pub fn of(local: bool) -> Self {
        if local { Self::local() } else { Self::aws() }
    }

    fn between(shortest: Duration, longest: Duration, settles: Duration) -> Self {
        Self { shortest, longest, next: shortest, settles }
    }

    /// Waits, up to a fifth longer than due, so that many stacks do not ask at the same moment.
    pub async fn pause(&mut self, news: bool) {
        self.next = if news { self.shortest } else { (self.next * 3 / 2).min(self.longest) };
        let mut byte = [0];
        // Without randomness the jitter is none, which is harmless.
        _ = getrandom::fill(&mut byte);
        tokio::time::sleep(self.next + self.next * u32::from(byte[0]) / (5 * 256)).await;
    }
}

/// One line of a stack's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub logical_id: String,
    /// What AWS calls the resource; empty while it has no name yet.
    pub physical_id: String,
    pub resource_type: String,
    pub status: String,
    pub reason: Option<String>,
    /// The name of the request that it follows from, when that had one.
    pub token: Option<String>,
    /// The stack itself rather than one of its resources.
    pub of_stack: bool,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl Event {
    fn new(event: StackEvent) -> Option<Self> {
        Some(Self {
            id: event.event_id?,
            of_stack: event.physical_resource_id.is_some() && event.physical_resource_id == event.stack_id,
            logical_id: event.logical_resource_id?,
            physical_id: event.physical_resource_id.unwrap_or_default(),
            resource_type: event.resource_type.unwrap_or_default(),
            status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: event.resource_status_reason,
            token: event.client_request_token,
            at: event.timestamp.and_then(|at| at.to_millis().ok()).unwrap_or_default(),
        })
    }

    /// Starts an operation on the whole stack.
    fn starts(&self) -> bool {
        self.of_stack
            && [
                "CREATE_IN_PROGRESS",
                "UPDATE_IN_PROGRESS",
                "IMPORT_IN_PROGRESS",
                "DELETE_IN_PROGRESS",
                "REVIEW_IN_PROGRESS",
            ]
            .contains(&self.status.as_str())
    }

    /// Ends an operation on the whole stack.
    fn ends(&self) -> bool {
        self.of_stack && !self.status.ends_with("_IN_PROGRESS")
    }

    fn failed(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    /// Whether a rollback may go on without this resource: it failed itself, and was not only stopped with another.
    pub fn can_be_skipped(&self) -> bool {
        !self.of_stack && self.status == "UPDATE_FAILED" && !self.reason.as_deref().is_some_and(is_cancelled)
    }

    /// What happened to which resource, in AWS's words.
    pub fn explained(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("AWS gives no reason").trim_end_matches('.');
        format!("{} ({}): {reason}", self.logical_id, self.resource_type)
    }

    /// The resource as it is found in the account.
    pub fn physical(&self) -> String {
        let name = if self.physical_id.is_empty() { &self.logical_id } else { &self.physical_id };
        format!("{} `{name}`", self.resource_type)
    }
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub struct Ending {
    pub status: StackStatus,
    /// Every failure on the way, earliest first; a rollback cannot erase them.
    pub failures: Vec<Event>,
}

impl Ending {
    /// Whether the stack got to where a deploy was to bring it.
    pub fn is_deployed(&self) -> bool {
        matches!(self.status, StackStatus::CreateComplete | StackStatus::UpdateComplete | StackStatus::ImportComplete)
    }

    /// Whether the stack is gone.
    pub fn is_deleted(&self) -> bool {
        self.status == StackStatus::DeleteComplete
    }

    /// The earliest failure that is not merely the echo of another.
    pub fn root_cause(&self) -> Option<&Event> {
        let echo = |event: &&Event| event.of_stack || event.reason.as_deref().is_none_or(is_cancelled);
        self.failures.iter().find(|event| !echo(event)).or(self.failures.first())
    }

    /// The operation as an error, root cause first; `what` is `created`, `updated`, `deleted` or `rolled back`.
    pub fn failure(&self, stack: &str, what: &str) -> Box<Failure> {
        let failure = Failure::new("stack_failed", format!("`{stack}` could not be {what}"));
        let failure = match self.root_cause() {
            Some(event) => failure.cause(event.explained()),
            None => failure.cause(format!("it ended as {}", self.status.as_str())),
        };
        let advice = self.root_cause().and_then(|event| advice::of(&event.resource_type, event.reason.as_deref()?));
        let (state, usual) = match self.status {
            StackStatus::RollbackComplete => ("everything was rolled back", "mend the cause and deploy again"),
            StackStatus::UpdateRollbackComplete => {
                ("the previous state was restored and is in service", "mend the cause and deploy again")
            }
            StackStatus::UpdateRollbackFailed => {
                ("the way back failed too", "deploy again: it continues the rollback first")
            }
            StackStatus::DeleteFailed => ("part of it is still there", "mend the cause and destroy again"),
            _ => return failure,
        };
        failure.hint(format!("{}; {state}", advice.unwrap_or(usual)))
    }
}

/// CloudFormation marks what it stopped because of another failure with these words only.
fn is_cancelled(reason: &str) -> bool {
    reason.contains("cancelled")
}

/// Follows an operation on a stack until it ends.
///
/// `token` names the operation; without it, the one that runs is followed, which somebody else may have begun.
/// Throttling, lost answers and credentials that expire meanwhile are ridden out.
pub async fn follow(
    client: &Client,
    stack: &str,
    stack_id: &str,
    token: Option<&str>,
    progress: &Progress,
    pace: Pace,
) -> Outcome<Ending> {
    let started = Instant::now();
    let mut pace = pace;
    let mut token = token;
    let mut last = None;
    let mut failures = Vec::new();
    let mut silent_since = None;
    loop {
        // Somebody else was faster: what they have begun is followed, or the end that it had is told.
        if last.is_none() && started.elapsed() > 4 * pace.settles {
            token = None;
        }
        let fresh = match fresh_events(client, stack_id, token, last.as_deref()).await {
            Ok((events, earlier)) => {
                silent_since = None;
                progress.learn(stack, &earlier);
                events
            }
            Err(failure) if failure.is_transient() || failure.is_of_credentials() => {
                // AWS goes on meanwhile: a failed look is not a failed operation.
                if silent_since.is_none() {
                    let cause = failure.cause.as_deref().unwrap_or("there is no answer");
                    progress.line(format!("  `{stack}` cannot be watched at the moment: {cause}. AWS goes on"));
                }
                if silent_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(failure.hint("AWS goes on; run the same command again to go on watching"));
                }
                Vec::new()
            }
            Err(failure) => return Err(failure),
        };
        let news = !fresh.is_empty();
        for event in fresh {
            last = Some(event.id.clone());
            progress.event(stack, &event);
            if event.failed() {
                failures.push(event.clone());
            }
            if event.ends() {
                return Ok(Ending { status: StackStatus::from(event.status.as_str()), failures });
            }
        }
        if started.elapsed() > DEADLINE {
            return Err(Failure::new("timed_out", format!("`{stack}` is still at work"))
                .cause(format!("it has taken more than {} minutes", DEADLINE.as_secs() / 60))
                .hint("AWS goes on; run the same command again to go on watching"));
        }
        pace.pause(news).await;
    }
}

/// Events of an operation that are newer than `last`, oldest first, and on the first look those before it. Those of
/// its rollback bear no token of ours.
async fn fresh_events(
    client: &Client,
    stack_id: &str,
    token: Option<&str>,
    last: Option<&str>,
) -> Outcome<(Vec<Event>, Vec<Event>)> {
    let mut events = Vec::new();
    let (mut page, mut pages) = (None, 0);
    loop {
        let answer = client.describe_stack_events().stack_name(stack_id).set_next_token(page).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            // A deleted stack can vanish from the list before its last event is seen.
            Err(error) if service_message(&error).contains("does not exist") && (token.is_some() || last.is_some()) => {
                return Ok((vec![gone(stack_id)], Vec::new()));
            }
            Err(error) => return Err(explain("the stack's events cannot be read", error)),
        };
        let found = answer.stack_events.unwrap_or_default().into_iter().filter_map(Event::new);
        for event in found {
            if last == Some(event.id.as_str()) {
                return Ok((oldest_first(events), Vec::new()));
            }
            events.push(event);
        }
        page = answer.next_token;
        pages += 1;
        let is_ours = |event: &Event| token.is_none_or(|token| event.token.as_deref() == Some(token));
        let begun = last.is_none() && events.iter().any(|event| event.starts() && is_ours(event));
        if page.is_none() || begun || pages >= PAGES {
            break;
        }
    }
    // The first look tells where the operation begins.
    let operation = match (token, last) {
        (_, Some(_)) => events.len(),
        (Some(token), None) => begun_with(&events, token),
        (None, None) => running(&events),
    };
    let earlier = events.split_off(operation);
    Ok((oldest_first(events), oldest_first(earlier)))
}

fn oldest_first(mut events: Vec<Event>) -> Vec<Event> {
    events.reverse();
    events
}

/// How many of the newest events follow from the request of this name.
fn begun_with(newest_first: &[Event], token: &str) -> usize {
    newest_first.iter().rposition(|event| event.token.as_deref() == Some(token)).map_or(0, |first| first + 1)
}

/// How many of the newest events are of the operation that runs, or of the last one: back to its own beginning, and
/// not beyond the end of the one before.
fn running(newest_first: &[Event]) -> usize {
    let begins = newest_first.iter().position(Event::starts).map(|first| first + 1);
    let earlier = newest_first.iter().skip(1).position(Event::ends).map(|end| end + 1);
    let all = newest_first.len();
    begins.unwrap_or(all).min(earlier.unwrap_or(all))
}

fn gone(stack_id: &str) -> Event {
    Event {
        id: format!("{stack_id}/gone"),
        logical_id: stack_id.to_owned(),
        physical_id: stack_id.to_owned(),
        resource_type: "AWS::CloudFormation::Stack".into(),
        status: StackStatus::DeleteComplete.as_str().to_owned(),
        reason: None,
        token: None,
        at: 0,
        of_stack: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(logical_id: &str, reason: &str, of_stack: bool) -> Event {
        Event {
            id: logical_id.into(),
            logical_id: logical_id.into(),
            physical_id: String::new(),
            resource_type: "AWS::SQS::Queue".into(),
            status: "CREATE_FAILED".into(),
            reason: Some(reason.into()),
            token: None,
            at: 0,
            of_stack,
        }
    }

    #[test]
    fn the_root_cause_is_the_earliest_failure_that_is_no_echo() {
        let failures = vec![
            failed("Topic", "Resource creation cancelled", false),
            failed("Queue", "AccessDenied to sqs:CreateQueue", false),
            failed("demo-data", "The following resource(s) failed to create: [Queue, Topic].", true),
        ];
        let ending = Ending { status: StackStatus::RollbackComplete, failures };
        let failure = ending.failure("demo-data", "created");
        assert_eq!(failure.cause.as_deref(), Some("Queue (AWS::SQS::Queue): AccessDenied to sqs:CreateQueue"));
        let hint = "grant what it names to the principal you deploy as, and deploy again; everything was rolled back";
        assert_eq!(failure.hint.as_deref(), Some(hint));
        assert!(!ending.is_deployed() && !ending.is_deleted());
    }

    /// An event of the stack itself, under the name of a request.
    fn of(status: &str, token: &str) -> Event {
        Event { status: status.into(), token: Some(token.into()), reason: None, ..failed("demo", "", true) }
    }

    #[test]
    fn an_operation_is_told_from_those_before_it() {
        let earlier = [of("UPDATE_COMPLETE", "one"), of("UPDATE_IN_PROGRESS", "one")];
        // Nothing of ours is seen yet.
        assert_eq!(begun_with(&earlier, "two"), 0);
        let later = [
            of("UPDATE_ROLLBACK_COMPLETE", ""),
            of("UPDATE_ROLLBACK_IN_PROGRESS", ""),
            of("UPDATE_IN_PROGRESS", "two"),
        ];
        let all = [&later[..], &earlier].concat();
        assert_eq!((begun_with(&all, "two"), running(&all)), (3, 3));
        // One that is over is followed to the end that it had.
        assert_eq!(running(&earlier), 2);
        // A cleanup that has only begun is of the same operation.
        let cleanup = [&[of("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "two")], &later[2..], &earlier].concat();
        assert_eq!(running(&cleanup), 2);
    }
}
