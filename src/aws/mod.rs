//! The edge to AWS: region, credentials and endpoint resolve here once, into one `SdkConfig`.
//!
//! Every request goes through one HTTP client that counts, so that `api_calls` is what was really sent.

mod error;
mod http;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::error::{Failure, Outcome};
pub use error::{explain, service_code, service_message};

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
    calls: Arc<AtomicU64>,
    pub region: String,
    /// The local emulator's address, when that is what this is.
    pub emulator: Option<String>,
}

/// The Region of the emulator when nobody names another.
const LOCAL_REGION: &str = "us-east-1";

impl Aws {
    /// Resolves the configuration. No request is sent, unless the profile needs one for its Region.
    pub async fn connect(target: &Target) -> Outcome<Self> {
        let calls = Arc::new(AtomicU64::new(0));
        let client = http::counting_client(Arc::clone(&calls), target.emulator.is_some());
        // Five attempts with growing pauses ride out throttling that lasts seconds.
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .operation_attempt_timeout(Duration::from_secs(60))
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
        Ok(Self { config, calls, region, emulator: target.emulator.clone() })
    }

    /// Requests sent so far, retries included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn is_local(&self) -> bool {
        self.emulator.is_some()
    }

    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        // The emulator has one host name for all buckets.
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.is_local()).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub fn sesv2(&self) -> aws_sdk_sesv2::Client {
        aws_sdk_sesv2::Client::new(&self.config)
    }

    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
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
pub use http::Fetcher;
