//! Whether those whom the spec names hear what they are to hear: SNS writes to nobody who has not confirmed, and tells
//! nobody of it.

use aws_sdk_sns::types::Subscription;
use serde::Serialize;

use super::stack::DeployedStacks;
use super::template::Role;
use crate::aws::{Aws, explain};
use crate::error::Outcome;
use crate::spec::Spec;

/// Somebody who is to hear something, and does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreached {
    /// Where they are: an address, a URL, a queue's ARN.
    pub endpoint: String,
    /// Of what they do not hear: `alarms`, `events` or `digests`.
    pub of: &'static str,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// SNS has asked them, and waits for the answer: 48 hours, after which it forgets them.
    Unconfirmed,
    /// SNS does not know them: not yet, or since they did not confirm or wanted no more.
    Unsubscribed,
}

/// Reads who does not hear. One request for each topic that somebody is to hear of.
pub async fn unreached(aws: &Aws, spec: &Spec, stacks: &DeployedStacks) -> Outcome<Vec<Unreached>> {
    let listeners = spec.notifications.listeners().filter_map(|it| it.endpoint());
    let topics: [(_, _, _, Vec<&str>); 3] = [
        (Role::Data, "AlarmTopicArn", "alarms", spec.monitoring.alarm_address.as_deref().into_iter().collect()),
        (Role::Workers, "ActivityTopicArn", "events", listeners.map(|(_, endpoint)| endpoint).collect()),
        (Role::Workers, "DigestTopicArn", "digests", spec.notifications.readers().collect()),
    ];
    let mut unreached = Vec::new();
    for (role, output, of, wanted) in topics.into_iter().filter(|(.., wanted)| !wanted.is_empty()) {
        let topic = stacks.get(&role).and_then(|stack| stack.outputs.get(output));
        let found = match topic {
            Some(topic) => {
                let all = aws.sns().list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
                let all: Result<Vec<_>, _> = all.collect().await;
                all.map_err(|error| explain(format!("the subscriptions of `{topic}` cannot be read"), error))?
            }
            None => Vec::new(),
        };
        unreached.extend(wanted.into_iter().filter_map(|endpoint| {
            let why = why(endpoint, &found)?;
            Some(Unreached { endpoint: endpoint.to_owned(), of, why })
        }));
    }
    Ok(unreached)
}

/// Why an endpoint hears nothing of a topic with these subscriptions; `None` when it does.
fn why(endpoint: &str, found: &[Subscription]) -> Option<Why> {
    let of = found.iter().filter(|it| it.endpoint().is_some_and(|it| it.eq_ignore_ascii_case(endpoint)));
    let arns: Vec<&str> = of.filter_map(Subscription::subscription_arn).collect();
    // In the place of an ARN, SNS says `PendingConfirmation` or `Deleted`.
    if arns.iter().any(|arn| arn.starts_with("arn:")) {
        None
    } else if arns.contains(&"PendingConfirmation") {
        Some(Why::Unconfirmed)
    } else {
        Some(Why::Unsubscribed)
    }
}

impl Unreached {
    /// What is the matter, and what to do.
    pub fn text(&self) -> String {
        let Self { endpoint, of, why } = self;
        match why {
            Why::Unconfirmed => {
                format!(
                    "{endpoint} hears of no {of}: it has to confirm what SNS asked it, within 48 hours of the deploy"
                )
            }
            Why::Unsubscribed => format!(
                "{endpoint} hears of no {of}: SNS does not know it. Deploy; if nothing changes, deploy without it and \
                 then with it again"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_confirmed_hears() {
        let subscription = |endpoint: &str, arn: &str| {
            Subscription::builder().endpoint(endpoint).subscription_arn(arn).protocol("email").build()
        };
        let found = [
            subscription("Ops@example.com", "arn:aws:sns:eu-west-1:123456789012:club-data-AlarmTopic-X:1"),
            subscription("new@example.com", "PendingConfirmation"),
            subscription("gone@example.com", "Deleted"),
        ];
        assert_eq!(why("ops@example.com", &found), None);
        assert_eq!(why("new@example.com", &found), Some(Why::Unconfirmed));
        assert_eq!(why("gone@example.com", &found), Some(Why::Unsubscribed));
        assert_eq!(why("nobody@example.com", &found), Some(Why::Unsubscribed));
    }

    #[test]
    fn what_is_the_matter_is_told_with_the_way_out() {
        let told = |why| Unreached { endpoint: "ops@example.com".into(), of: "alarms", why }.text();
        insta::assert_snapshot!(told(Why::Unconfirmed), @"ops@example.com hears of no alarms: it has to confirm what SNS asked it, within 48 hours of the deploy");
        insta::assert_snapshot!(told(Why::Unsubscribed), @"ops@example.com hears of no alarms: SNS does not know it. Deploy; if nothing changes, deploy without it and then with it again");
    }
}
