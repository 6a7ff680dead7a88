//! Sending: one small trait at the edge, SES behind it, and a mailbox in memory for tests.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ses::Client;
use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::RawMessage;

use crate::aws::chain;
use crate::aws::http::never_left;
use crate::mail::Mail;
use crate::pace::Quota;

/// Hands mails to whatever delivers them.
#[async_trait]
pub trait Mailer: Debug + Send + Sync {
    /// Sends one mail. Not safe to repeat: it would be delivered twice.
    async fn send(&self, mail: &Mail) -> Result<(), SendError>;

    /// What may be sent at all.
    async fn quota(&self) -> Result<Quota, SendError>;
}

/// Why a mail was not taken. The reasons hold no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too many at once or today; this mail is as good as any other.
    #[error("throttled: {0}")]
    Throttled(String),
    /// The day's mails are used up; this one is as good as any other.
    #[error("throttled: the day's quota of mails is used up")]
    QuotaUsedUp,
    /// May work later: SES could not be reached, or the account is not set up to send yet. Nothing was sent.
    #[error("not now: {0}")]
    Later(String),
    /// SES was asked and its answer was lost: the mail may have been sent.
    #[error("no answer: {0}")]
    Unknown(String),
    /// Never will: SES refuses this mail.
    #[error("refused: {0}")]
    Never(String),
}

/// How long the quota may be waited for: it is of use, and not worth the time that mails need.
const QUOTA: Duration = Duration::from_secs(2);

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

    async fn quota(&self) -> Result<Quota, SendError> {
        let quota = tokio::time::timeout(QUOTA, self.client.get_send_quota().send()).await;
        let quota = quota.map_err(|_| SendError::Later("no answer in time".into()))?;
        let quota = quota.map_err(|error| SendError::Later(crate::aws::describe(&error)))?;
        Ok(Quota {
            per_second: quota.max_send_rate(),
            per_day: quota.max24_hour_send(),
            sent: quota.sent_last24_hours(),
        })
    }
}

/// What an error of SES means for the mail. SES's messages are not repeated: they quote addresses.
fn judge(error: &SdkError<SendRawEmailError>) -> SendError {
    let Some(service) = error.as_service_error() else { return unanswered(error) };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let message = service.message().unwrap_or_default();
    match service.code().unwrap_or_default() {
        "Throttling" | "ThrottlingException" | "LimitExceededException" if is_daily_quota(message) => {
            SendError::QuotaUsedUp
        }
        "Throttling" | "ThrottlingException" | "LimitExceededException" | "TooManyRequestsException" => {
            SendError::Throttled("the sending rate is reached".into())
        }
        "MessageRejected" if is_unverified(message) => {
            SendError::Later("SES does not know the sender, or in the sandbox the recipient, as verified".into())
        }
        code @ ("MessageRejected" | "InvalidParameterValue") => SendError::Never(format!("SES answered `{code}`")),
        // A failure of theirs says nothing of what was done before it.
        code if status >= 500 => SendError::Unknown(format!("SES answered `{code}` ({status})")),
        code => SendError::Later(format!("SES answered `{code}`")),
    }
}

/// What no answer means: before the request left, the mail can be sent again; after that, nobody knows.
fn unanswered(error: &SdkError<SendRawEmailError>) -> SendError {
    if never_left(error) { SendError::Later(chain(error)) } else { SendError::Unknown(chain(error)) }
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
#[derive(Debug)]
pub struct MemoryMailer {
    sent: Mutex<Vec<Mail>>,
    failures: Mutex<Vec<SendError>>,
    quota: Mutex<Quota>,
}

impl Default for MemoryMailer {
    fn default() -> Self {
        let quota = Quota { per_second: 100.0, per_day: 50_000.0, sent: 0.0 };
        Self { sent: Mutex::default(), failures: Mutex::default(), quota: Mutex::new(quota) }
    }
}

impl MemoryMailer {
    /// Every mail taken so far.
    pub fn sent(&self) -> Vec<Mail> {
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Lets so much be sent from now on.
    pub fn set_quota(&self, quota: Quota) {
        *self.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = quota;
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

    async fn quota(&self) -> Result<Quota, SendError> {
        Ok(*self.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use aws_sdk_ses::error::ErrorMetadata;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn judged(code: &str, message: &str) -> SendError {
        judged_at(400, code, message)
    }

    fn judged_at(status: u16, code: &str, message: &str) -> SendError {
        let error = SendRawEmailError::generic(ErrorMetadata::builder().code(code).message(message).build());
        let response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        judge(&SdkError::service_error(error, response))
    }

    #[test]
    fn each_error_of_ses_means_one_thing() {
        assert!(matches!(judged("Throttling", "Maximum sending rate exceeded."), SendError::Throttled(_)));
        assert_eq!(judged("Throttling", "Daily message quota exceeded."), SendError::QuotaUsedUp);
        assert!(matches!(judged("MessageRejected", "Illegal address"), SendError::Never(_)));
        assert!(matches!(judged("ConfigurationSetDoesNotExist", ""), SendError::Later(_)));
        assert!(matches!(judged("AccessDenied", ""), SendError::Later(_)));
        assert!(matches!(judged_at(500, "InternalFailure", ""), SendError::Unknown(_)));
        assert!(matches!(judged_at(503, "Throttling", "Maximum sending rate exceeded."), SendError::Throttled(_)));
    }

    #[test]
    fn a_mail_that_may_have_been_sent_is_told_from_one_that_was_not() {
        use aws_smithy_runtime_api::client::result::ConnectorError;
        let failed = judge(&SdkError::dispatch_failure(ConnectorError::io("connection closed".into())));
        assert!(matches!(failed, SendError::Unknown(_)));
        assert!(matches!(judge(&SdkError::timeout_error("20 s")), SendError::Unknown(_)));
        let response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from("<half"));
        assert!(matches!(judge(&SdkError::response_error("cut short", response)), SendError::Unknown(_)));
        assert!(matches!(judge(&SdkError::construction_failure("no source")), SendError::Later(_)));
    }

    /// Sends a mail to an SES that is at that port and, if it is there, does so with each connection.
    async fn sent_to(scheme: &str, does: Option<fn(TcpStream)>) -> SendError {
        use crate::aws::{Peers, http};
        use aws_sdk_ses::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        // The port is free again once its listener is gone.
        match does {
            Some(does) => drop(std::thread::spawn(move || listener.incoming().flatten().for_each(does))),
            None => drop(listener),
        }
        let endpoint = format!("{scheme}://{address}");
        let config = aws_sdk_ses::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&endpoint)
            .retry_config(RetryConfig::disabled())
            .http_client(http::client(Peers::at(&endpoint)).expect("a client"))
            .build();
        let message = RawMessage::builder().data(Blob::new("x")).build().expect("a message");
        let sent = Client::from_conf(config).send_raw_email().raw_message(message).send().await;
        judge(&sent.expect_err("nobody sends it"))
    }

    #[tokio::test]
    async fn what_never_reached_ses_can_be_sent_again() {
        let refused = sent_to("http", None).await;
        assert!(matches!(refused, SendError::Later(_)), "{refused}");
        // TLS is never begun, and the time for it passes.
        let silent = sent_to("https", Some(std::mem::forget)).await;
        assert!(matches!(&silent, SendError::Later(cause) if cause.contains("timed out")), "{silent}");
        let no_tls = sent_to("https", Some(|mut stream| drop(stream.write_all(b"HTTP/1.1 400 x\r\n\r\n")))).await;
        assert!(matches!(no_tls, SendError::Later(_)), "{no_tls}");
    }

    #[tokio::test]
    async fn what_reached_ses_and_had_no_answer_is_unknown() {
        let cut = sent_to("http", Some(|mut stream| drop(stream.read(&mut [0; 4096])))).await;
        assert!(matches!(cut, SendError::Unknown(_)), "{cut}");
    }

    #[test]
    fn an_unverified_identity_is_waited_for_and_not_named() {
        let message = "Email address is not verified. The following identities failed the check in region EU-WEST-1: ada@example.com";
        let error = judged("MessageRejected", message);
        assert!(matches!(&error, SendError::Later(reason) if !reason.contains("ada")), "{error}");
    }
}
