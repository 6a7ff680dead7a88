//! The edge to AWS: region, credentials and endpoint resolve here once, into one `SdkConfig`.
//!
//! Every request goes through one HTTP client that counts, so that `api_calls` is what was really sent.

mod error;
mod http;

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::error::{Failure, Outcome};
use aws_sdk_cloudformation::config::retry::{RetryPartition, TokenBucket};
pub use error::{explain, service_code, service_message};
use http::Traffic;

/// Which account and Region to talk to.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub profile: Option<String>,
    /// From `--region` or the spec; it wins over the profile's.
    pub region: Option<String>,
    /// The local emulator's address; then profile and credentials are of no account.
    pub emulator: Option<String>,
}

/// Clients of one account and Region, made on demand from one configuration.
#[derive(Clone, Debug)]
pub struct Aws {
    config: SdkConfig,
    traffic: Arc<Traffic>,
    retries: RetryPartition,
    pub region: String,
    /// The local emulator's address, when that is what this is.
    pub emulator: Option<String>,
}

/// The Region of the emulator when nobody names another.
const LOCAL_REGION: &str = "us-east-1";

/// How long one attempt may take. What AWS does in these requests takes seconds, an upload at most a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the emulator.
const LOCAL_PATIENCE: Duration = Duration::from_secs(20);

/// How long a request is repeated while it is throttled or lost; by then an outage is no passing one.
const DEADLINE: Duration = Duration::from_secs(300);

/// Repeats what is throttled, lost or answered with a server's error, with growing pauses up to 20 seconds. Every
/// request that changes anything is safe to repeat.
fn retries(is_local: bool) -> RetryConfig {
    let config = RetryConfig::standard().with_max_attempts(16);
    match is_local {
        true => config.with_initial_backoff(Duration::from_millis(20)).with_max_backoff(Duration::from_millis(500)),
        false => config,
    }
}

/// A client of one service, with a setting of its own if need be.
macro_rules! client {
    ($aws:expr, $service:ident $(, $setting:ident($value:expr))?) => {
        $service::Client::from_conf(
            $service::config::Builder::from(&$aws.config)
                .retry_partition($aws.retries.clone())
                $(.$setting($value))?
                .build(),
        )
    };
}

impl Aws {
    /// Resolves the configuration. No request is sent, unless the profile needs one for its Region.
    pub async fn connect(target: &Target) -> Outcome<Self> {
        let traffic = Arc::new(Traffic::default());
        let is_local = target.emulator.is_some();
        let client = http::counting_client(Arc::clone(&traffic), is_local);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client.clone())
            .retry_config(retries(is_local))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .operation_attempt_timeout(if is_local { LOCAL_PATIENCE } else { PATIENCE })
                    .operation_timeout(DEADLINE)
                    .build(),
            );
        if let Some(profile) = &target.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &target.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &target.emulator {
            // The emulator is an account of its own; no credential of the user ever goes there.
            loader = loader
                .endpoint_url(endpoint)
                .credentials_provider(Credentials::new("test", "test", None, None, "emulator"))
                .region(Region::new(target.region.clone().unwrap_or_else(|| LOCAL_REGION.into())));
        }
        let mut config = loader.load().await;
        if let (Some(profile), None) = (&target.profile, &target.emulator) {
            // Named on the command line, it wins over credentials in the environment, as with the AWS CLI.
            let settings =
                ProviderConfig::without_region().with_http_client(client).with_region(config.region().cloned());
            let provider = ProfileFileCredentialsProvider::builder().configure(&settings).profile_name(profile).build();
            config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        }
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Failure::new("no_region", "no AWS Region is given")
                .hint("add `region:` to the spec, pass `--region`, or set one in the AWS profile; `--local` is for the local AWS")
        })?;
        // What the SDK saves up for retries is meant for servers under load; a deploy would be given up on by it.
        let retries = RetryPartition::custom("signupctl").token_bucket(TokenBucket::unlimited()).build();
        Ok(Self { config, traffic, retries, region, emulator: target.emulator.clone() })
    }

    /// Requests sent so far, retries included.
    pub fn calls(&self) -> u64 {
        self.traffic.calls()
    }

    pub fn is_local(&self) -> bool {
        self.emulator.is_some()
    }

    /// How far this machine's clock is off AWS's, by the last answer; `None` before the first.
    pub fn clock_skew(&self) -> Option<Duration> {
        self.traffic.skew()
    }

    pub fn acm(&self) -> aws_sdk_acm::Client {
        client!(self, aws_sdk_acm)
    }

    pub fn apigatewayv2(&self) -> aws_sdk_apigatewayv2::Client {
        client!(self, aws_sdk_apigatewayv2)
    }

    pub fn iam(&self) -> aws_sdk_iam::Client {
        client!(self, aws_sdk_iam)
    }

    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        client!(self, aws_sdk_cloudformation)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(self, aws_sdk_dynamodb)
    }

    pub fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        client!(self, aws_sdk_cloudwatch)
    }

    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        client!(self, aws_sdk_cloudwatchlogs)
    }

    pub fn sns(&self) -> aws_sdk_sns::Client {
        client!(self, aws_sdk_sns)
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        client!(self, aws_sdk_sqs)
    }

    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        client!(self, aws_sdk_lambda)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        // The emulator has one host name for all buckets.
        client!(self, aws_sdk_s3, force_path_style(self.is_local()))
    }

    pub fn sesv2(&self) -> aws_sdk_sesv2::Client {
        client!(self, aws_sdk_sesv2)
    }

    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        client!(self, aws_sdk_ssm)
    }

    pub fn sts(&self) -> aws_sdk_sts::Client {
        client!(self, aws_sdk_sts)
    }

    /// The Region, or that it is the emulator's.
    pub fn place(&self) -> String {
        if self.is_local() { format!("the local AWS ({})", self.region) } else { self.region.clone() }
    }

    /// Account and Region for a question, so that nobody answers for the wrong one. One request.
    pub async fn describe(&self) -> Outcome<String> {
        if self.is_local() {
            return Ok(self.place());
        }
        let identity = self.sts().get_caller_identity().send().await;
        let identity = identity.map_err(|error| explain("the account cannot be told", error))?;
        Ok(format!("account {} in {}", identity.account.unwrap_or_default(), self.region))
    }
}

/// Fetches `url` as any client would; used for the service's own endpoint and the emulator's inbox.
pub use http::{Answer, Fetcher};
