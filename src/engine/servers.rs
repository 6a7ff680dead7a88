//! How many servers run, as their Auto Scaling group tells CloudWatch every minute.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use serde::Serialize;

use super::desired::Desired;
use super::template::Role;
use crate::aws::{Aws, explain};
use crate::error::Outcome;

/// How far it is looked back, in minutes: what a minute was like is known a minute or two later.
const MINUTES: u64 = 5;

/// Servers by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// How many there should be now, between the least and the most of the spec, by the load.
    pub desired: u32,
    /// How many of them have entered.
    pub in_service: u32,
}

impl Running {
    /// For people, with the bounds that the spec sets.
    pub fn text(&self, [min, max]: [u32; 2]) -> String {
        let Self { desired, in_service } = self;
        format!("{in_service} of {desired} servers in service ({min} to {max} by load)")
    }
}

/// Reads how many servers there are; `None` where nothing was told of late, as of a group that has just been made. Two
/// requests.
pub async fn running(aws: &Aws, service: &str) -> Outcome<Option<Running>> {
    let group = group(service);
    let (desired, in_service) =
        tokio::try_join!(newest(aws, &group, "GroupDesiredCapacity"), newest(aws, &group, "GroupInServiceInstances"))?;
    Ok(desired.zip(in_service).map(|(desired, in_service)| Running { desired, in_service }))
}

/// The same stack, to be updated so that no server goes before another has come, however many run by now. One request where
/// the stack is one of servers. Where that cannot be read, more than the least may be one fewer meanwhile: that is no reason
/// to hold an update up, least of all one that puts something back.
pub async fn kept(aws: &Aws, desired: &Desired) -> Desired {
    let service = desired.parameters.get("Service").filter(|_| desired.role == Role::Servers);
    let Some(service) = service else { return desired.clone() };
    let running = newest(aws, &group(service), "GroupDesiredCapacity").await.unwrap_or_else(|failure| {
        tracing::info!(cause = failure.cause, "{}", failure.message);
        None
    });
    desired.clone().keeping(running.unwrap_or_default())
}

/// The group of a service's servers, by the name that the template gives it.
fn group(service: &str) -> String {
    format!("{service}-servers")
}

/// What a metric of the group said last.
async fn newest(aws: &Aws, group: &str, metric: &str) -> Outcome<Option<u32>> {
    let now = SystemTime::now();
    let statistics = aws
        .cloudwatch()
        .get_metric_statistics()
        .namespace("AWS/AutoScaling")
        .metric_name(metric)
        .dimensions(Dimension::builder().name("AutoScalingGroupName").value(group).build())
        .start_time((now - Duration::from_secs(MINUTES * 60)).into())
        .end_time(now.into())
        .period(60)
        .statistics(Statistic::Maximum)
        .send()
        .await
        .map_err(|error| explain("the number of servers cannot be read", error))?;
    Ok(last(statistics.datapoints()))
}

/// The number of the newest minute. They come in no order.
fn last(minutes: &[Datapoint]) -> Option<u32> {
    let newest = minutes.iter().max_by_key(|minute| minute.timestamp().map(|at| at.secs()))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "200 servers at most")]
    newest.maximum().map(|servers| servers as u32)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn the_newest_minute_counts() {
        let minute = |at, servers| Datapoint::builder().timestamp(DateTime::from_secs(at)).maximum(servers).build();
        assert_eq!(last(&[minute(120, 3.0), minute(180, 5.0), minute(60, 7.0)]), Some(5));
        assert_eq!(last(&[]), None);
    }

    #[test]
    fn how_many_serve_is_told_with_the_bounds() {
        insta::assert_snapshot!(Running { desired: 3, in_service: 2 }.text([2, 6]), @"2 of 3 servers in service (2 to 6 by load)");
    }
}
