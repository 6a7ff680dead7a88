//! What watches the service: alarms that are raised, and queues of what was given up.

use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;

use super::stack::DeployedStacks;
use super::template::Role;
use crate::aws::{Aws, explain};
use crate::error::Outcome;

/// An alarm that is raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    pub name: String,
    /// What is wrong and where to look, as the template says.
    pub description: String,
}

/// The alarms, as many as there are and those that are raised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Alarms {
    pub all: usize,
    pub raised: Vec<Alarm>,
}

/// Reads the service's alarms. One request for a hundred.
pub async fn alarms(aws: &Aws, service: &str, stacks: &DeployedStacks) -> Outcome<Alarms> {
    let topic = stacks.get(&Role::Data).and_then(|stack| stack.outputs.get("AlarmTopicArn"));
    let pages = aws.cloudwatch().describe_alarms().alarm_name_prefix(format!("{service}-")).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| explain("the alarms cannot be read", error))?;
    let found = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default());
    // Another environment's names begin the same; its alarms tell another topic.
    let found: Vec<MetricAlarm> =
        found.filter(|alarm| topic.is_some_and(|it| alarm.alarm_actions().contains(it))).collect();
    let raised = found.iter().filter(|alarm| alarm.state_value == Some(StateValue::Alarm)).map(|alarm| Alarm {
        name: alarm.alarm_name.clone().unwrap_or_default(),
        description: alarm.alarm_description.clone().unwrap_or_default(),
    });
    Ok(Alarms { all: found.len(), raised: raised.collect() })
}

/// A queue of what was given up, and about how many messages it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub of: &'static str,
    pub messages: u64,
}

/// Reads how much was given up. One request for each queue.
pub async fn queues(aws: &Aws, stacks: &DeployedStacks) -> Outcome<Vec<Queue>> {
    let known = [
        ("stream records given up", "DeadLetterQueueUrl"),
        ("sweeps not started", "MissedSweepQueueUrl"),
        ("bounces and complaints not acted upon", "LostFeedbackQueueUrl"),
        ("events that a subscriber did not take", "UndeliveredEventsQueueUrl"),
    ];
    let mut queues = Vec::new();
    for (of, output) in known {
        let Some(url) = stacks.get(&Role::Workers).and_then(|stack| stack.outputs.get(output)) else { continue };
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = aws.sqs().get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
        let attributes =
            answer.map_err(|error| explain(format!("the queue `{url}` cannot be read"), error))?.attributes;
        let count = attributes.and_then(|attributes| attributes.get(&name)?.parse().ok());
        queues.push(Queue { of, messages: count.unwrap_or_default() });
    }
    Ok(queues)
}
