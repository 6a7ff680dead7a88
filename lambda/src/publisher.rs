//! Telling: one small trait at the edge, SNS behind it, and a board in memory for tests.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::SdkError;
use aws_sdk_sns::operation::publish as sns;
use aws_sdk_sns::operation::publish::builders::PublishFluentBuilder;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::aws::http::never_left;
use crate::aws::{chain, describe};
use crate::event::Event;
use crate::notice::Notice;

/// Events that are published at once at most: each has a connection of its own meanwhile.
pub const AT_ONCE: usize = 10;

/// How long SNS has for a digest.
const DIGEST: Duration = Duration::from_secs(5);

/// The attribute of a message by which subscriptions choose.
const TYPE: &str = "type";

/// Hands events to whoever delivers them.
#[async_trait]
pub trait Publisher: Debug + Send + Sync {
    /// Publishes events, at most [`AT_ONCE`], and tells of each what came of it. Safe to repeat: subscribers drop what
    /// comes again under the same ID.
    async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>>;

    /// Publishes a day's digest. Not safe to repeat at once where the error is [`PublishError::Unknown`]: it is a mail.
    async fn digest(&self, digest: &Notice) -> Result<(), PublishError>;

    /// Writes to the alarm address. Safe to repeat: twice is better than never.
    async fn alarm(&self, notice: &Notice) -> Result<(), PublishError>;
}

/// Why something was not published, or perhaps not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// SNS could not be reached, is throttled, or does not let the function publish: it may work later.
    #[error("not now: {0}")]
    Later(String),
    /// SNS refuses this message, and will again.
    #[error("refused: {0}")]
    Never(String),
    /// Nobody knows whether it was taken; told of digests alone.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// Publishes to the service's topics.
#[derive(Clone, Debug)]
pub struct SnsPublisher {
    pub client: Client,
    pub topics: Topics,
}

/// The ARNs of the topics that a function knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Of events; where somebody subscribes.
    pub activity: Option<String>,
    /// Of digests; where somebody gets them, and of the worker only.
    pub digest: Option<String>,
    /// Of alarms; of the worker only.
    pub alarm: Option<String>,
}

impl SnsPublisher {
    fn mail(&self, topic: Option<&String>, notice: &Notice) -> PublishFluentBuilder {
        self.client.publish().set_topic_arn(topic.cloned()).subject(&notice.subject).message(&notice.text)
    }
}

#[async_trait]
impl Publisher for SnsPublisher {
    async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        let Some(topic) = &self.topics.activity else {
            return vec![Err(PublishError::Later("the function knows no topic".into())); events.len()];
        };
        // One call each and all at once: an emulator knows the right to publish several by another name than SNS does.
        let tell = |event: &Event| {
            let kind = MessageAttributeValue::builder().data_type("String").string_value(event.kind.name()).build();
            let request = self.client.publish().topic_arn(topic).message(event.json());
            tokio::spawn(async move {
                let kind = kind.map_err(|error| PublishError::Never(chain(&error)))?;
                request.message_attributes(TYPE, kind).send().await.map(drop).map_err(|error| judge(&error))
            })
        };
        let begun: Vec<_> = events.iter().map(tell).collect();
        let mut results = Vec::new();
        for told in begun {
            results.push(told.await.unwrap_or_else(|error| Err(PublishError::Later(chain(&error)))));
        }
        results
    }

    async fn digest(&self, digest: &Notice) -> Result<(), PublishError> {
        let request = self.mail(self.topics.digest.as_ref(), digest);
        // Whether to ask again is not the client's to decide: a lost answer is no reason for a second mail.
        // It has longer than a connection may take, so that one that cannot be had is known for that.
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(DIGEST).operation_timeout(DIGEST).build();
        let once = aws_sdk_sns::Config::builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let Err(error) = request.customize().config_override(once).send().await else { return Ok(()) };
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let is_untaken = (400..500).contains(&status) || never_left(&error);
        Err(if is_untaken { PublishError::Later(describe(&error)) } else { PublishError::Unknown(describe(&error)) })
    }

    async fn alarm(&self, notice: &Notice) -> Result<(), PublishError> {
        let sent = self.mail(self.topics.alarm.as_ref(), notice).send().await;
        sent.map(drop).map_err(|error| judge(&error))
    }
}

/// What an error of SNS means for an event. Its messages hold nothing of the event's.
fn judge(error: &SdkError<sns::PublishError>) -> PublishError {
    let why = describe(error);
    match error.as_service_error() {
        // Only the message can be meant: the topic is the stack's own, and whoever may not publish is told otherwise.
        Some(
            sns::PublishError::InvalidParameterException(_) | sns::PublishError::InvalidParameterValueException(_),
        ) => PublishError::Never(why),
        _ => PublishError::Later(why),
    }
}

/// Keeps what is published, and fails as told.
#[derive(Debug, Default)]
pub struct MemoryPublisher {
    events: Mutex<Vec<Event>>,
    digests: Mutex<Vec<Notice>>,
    alarms: Mutex<Vec<Notice>>,
    failures: Mutex<Vec<PublishError>>,
}

impl MemoryPublisher {
    /// Every event so far.
    pub fn events(&self) -> Vec<Event> {
        held(&self.events).clone()
    }

    /// Every digest so far.
    pub fn digests(&self) -> Vec<Notice> {
        held(&self.digests).clone()
    }

    /// Every mail to the alarm address so far.
    pub fn alarms(&self) -> Vec<Notice> {
        held(&self.alarms).clone()
    }

    /// Makes the next call fail so, for everything in it; calls add up.
    pub fn fail_next(&self, error: PublishError) {
        held(&self.failures).push(error);
    }

    fn failure(&self) -> Option<PublishError> {
        let mut failures = held(&self.failures);
        (!failures.is_empty()).then(|| failures.remove(0))
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[async_trait]
impl Publisher for MemoryPublisher {
    async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        if let Some(error) = self.failure() {
            return vec![Err(error); events.len()];
        }
        held(&self.events).extend_from_slice(events);
        vec![Ok(()); events.len()]
    }

    async fn digest(&self, digest: &Notice) -> Result<(), PublishError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        held(&self.digests).push(digest.clone());
        Ok(())
    }

    async fn alarm(&self, notice: &Notice) -> Result<(), PublishError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        held(&self.alarms).push(notice.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::error::ErrorMetadata;
    use aws_sdk_sns::types::error::{InvalidParameterException, NotFoundException};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn judged(error: sns::PublishError) -> PublishError {
        let response = HttpResponse::new(400.try_into().expect("a status"), SdkBody::empty());
        judge(&SdkError::service_error(error, response))
    }

    #[test]
    fn only_a_message_that_sns_refuses_is_given_up() {
        let refused = sns::PublishError::InvalidParameterException(InvalidParameterException::builder().build());
        assert!(matches!(judged(refused), PublishError::Never(_)));
        let gone = sns::PublishError::NotFoundException(NotFoundException::builder().build());
        assert!(matches!(judged(gone), PublishError::Later(_)));
        for code in ["AuthorizationError", "Throttled", "KMSThrottling", "InternalError"] {
            let error = sns::PublishError::generic(ErrorMetadata::builder().code(code).build());
            assert!(matches!(judged(error), PublishError::Later(_)), "{code}");
        }
        assert!(matches!(judge(&SdkError::timeout_error("2 s")), PublishError::Later(_)));
    }
}
