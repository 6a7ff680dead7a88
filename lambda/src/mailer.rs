//! Sending: one small trait at the edge, SES behind it, and a mailbox in memory for tests.

use std::fmt::Debug;
use std::sync::Mutex;

use async_trait::async_trait;
use aws_sdk_ses::Client;
use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::RawMessage;

use crate::aws::chain;
use crate::mail::Mail;

/// Hands mails to whatever delivers them.
#[async_trait]
pub trait Mailer: Debug + Send + Sync {
    /// Sends one mail. Not safe to repeat: it would be delivered twice.
    async fn send(&self, mail: &Mail) -> Result<(), SendError>;
}

/// Why a mail was not taken. The reasons hold no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too many at once or today; this mail is as good as any other.
    #[error("throttled: {0}")]
    Throttled(String),
    /// May work later: SES did not answer, or the account is not set up to send yet.
    #[error("not now: {0}")]
    Later(String),
    /// Never will: SES refuses this mail.
    #[error("refused: {0}")]
    Never(String),
}

/// Sends through SES.
#[derive(Clone, Debug)]
pub struct SesMailer {
    client: Client,
    configuration_set: String,
}

impl SesMailer {
    pub fn new(client: Client, configuration_set: impl Into<String>) -> Self {
        Self { client, configuration_set: configuration_set.into() }
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let message = RawMessage::builder().data(Blob::new(mail.mime())).build();
        let request = self
            .client
            .send_raw_email()
            // Explicit, so that no header of the message decides who receives it.
            .source(&mail.from)
            .destinations(&mail.to)
            .configuration_set_name(&self.configuration_set)
            .raw_message(message.map_err(|error| SendError::Never(chain(&error)))?);
        request.send().await.map(drop).map_err(|error| judge(&error))
    }
}

/// What an error of SES means for the mail. SES's messages are not repeated: they quote addresses.
fn judge(error: &SdkError<SendRawEmailError>) -> SendError {
    let Some(service) = error.as_service_error() else { return SendError::Later(chain(error)) };
    let message = service.message().unwrap_or_default();
    match service.code().unwrap_or_default() {
        "Throttling" | "ThrottlingException" | "LimitExceededException" if is_daily_quota(message) => {
            SendError::Throttled("the day's quota of mails is used up".into())
        }
        "Throttling" | "ThrottlingException" | "LimitExceededException" | "TooManyRequestsException" => {
            SendError::Throttled("the sending rate is reached".into())
        }
        "MessageRejected" if is_unverified(message) => {
            SendError::Later("SES does not know the sender, or in the sandbox the recipient, as verified".into())
        }
        code @ ("MessageRejected" | "InvalidParameterValue") => SendError::Never(format!("SES answered `{code}`")),
        code => SendError::Later(format!("SES answered `{code}`")),
    }
}

/// SES tells the day's quota from the rate by its wording alone.
fn is_daily_quota(message: &str) -> bool {
    message.contains("Daily message quota exceeded")
}

/// SES tells an unverified identity from a bad message by its wording alone.
fn is_unverified(message: &str) -> bool {
    message.contains("is not verified")
}

/// Keeps every mail, and fails as told.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: Mutex<Vec<Mail>>,
    failures: Mutex<Vec<SendError>>,
}

impl MemoryMailer {
    /// Every mail taken so far.
    pub fn sent(&self) -> Vec<Mail> {
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Makes the next call fail so; calls add up.
    pub fn fail_next(&self, error: SendError) {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(error);
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !failures.is_empty() {
            return Err(failures.remove(0));
        }
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(mail.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ses::error::ErrorMetadata;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn judged(code: &str, message: &str) -> SendError {
        let error = SendRawEmailError::generic(ErrorMetadata::builder().code(code).message(message).build());
        let response = HttpResponse::new(400.try_into().expect("a status"), SdkBody::empty());
        judge(&SdkError::service_error(error, response))
    }

    #[test]
    fn each_error_of_ses_means_one_thing() {
        assert!(matches!(judged("Throttling", "Maximum sending rate exceeded."), SendError::Throttled(_)));
        let quota = judged("Throttling", "Daily message quota exceeded.");
        assert_eq!(quota, SendError::Throttled("the day's quota of mails is used up".into()));
        assert!(matches!(judged("MessageRejected", "Illegal address"), SendError::Never(_)));
        assert!(matches!(judged("ConfigurationSetDoesNotExist", ""), SendError::Later(_)));
        assert!(matches!(judged("AccessDenied", ""), SendError::Later(_)));
    }

    #[test]
    fn an_unverified_identity_is_waited_for_and_not_named() {
        let message = "Email address is not verified. The following identities failed the check in region EU-WEST-1: ada@example.com";
        let error = judged("MessageRejected", message);
        assert!(matches!(&error, SendError::Later(reason) if !reason.contains("ada")), "{error}");
    }
}
