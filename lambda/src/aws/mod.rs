//! The function's way to AWS: one HTTP client, a configuration made by hand, and the keys from SSM.
//!
//! The SDK's own loader of settings is left out, since the function needs none of its sources: region and
//! credentials are in the environment. It would cost half a megabyte and a part of every cold start.

mod bucket;
pub mod http;
mod peers;

use std::error::Error;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::types::Parameter;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::env::Environment;
use crate::keys::{AddressKey, AdminKey, Key};
use crate::token::TokenKey;
pub use bucket::Bucket;
pub use peers::Peers;

/// A call to AWS from within its network takes some milliseconds; one that takes seconds is lost.
const ATTEMPT: Duration = Duration::from_secs(4);
const OPERATION: Duration = Duration::from_secs(9);

/// The same while a person waits for a page that takes up to five calls.
const WEB_ATTEMPT: Duration = Duration::from_millis(800);
const WEB_OPERATION: Duration = Duration::from_millis(1_800);

/// How long SES has for one mail, once and for all: a repeated call could deliver twice.
const MAIL: Duration = Duration::from_secs(20);

/// How long SNS has for some events while mails wait: an answer takes it some tens of milliseconds.
const TOPIC_ATTEMPT: Duration = Duration::from_millis(1_500);
const TOPIC_OPERATION: Duration = Duration::from_millis(2_500);

/// How long the keys may take in all: Lambda gives the whole of init 10 seconds. Parameter Store takes 40
/// calls a second unless more is paid for, so that many cold starts at once have to wait for each other.
const KEYS: Duration = Duration::from_secs(8);
const KEY_ATTEMPT: Duration = Duration::from_secs(2);
const KEY_ATTEMPTS: u32 = 10;
const KEY_FIRST_PAUSE: Duration = Duration::from_millis(200);
const KEY_LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The environment lacks what AWS puts into every function's.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    #[error("the environment variable `{0}` is not set")]
    Credentials(&'static str),
    #[error("no TLS connection can be made: {0}")]
    Tls(String),
    #[error("the keys could not be read from SSM: {0}")]
    Ssm(String),
    #[error("SSM has no parameter `{0}` in the Region that is asked; `signupctl deploy` makes it")]
    NoKey(String),
    #[error("the SSM parameter `{0}` is not 32 bytes in base64")]
    BadKey(String),
}

/// How calls are repeated. A connection over which AWS said that it failed is as good as another: only one that broke is
/// not used again.
fn retries(config: RetryConfig) -> RetryConfig {
    config.with_reconnect_mode(ReconnectMode::ReuseAllConnections)
}

/// The credentials that Lambda puts into a function's environment.
pub fn credentials_of_function() -> Result<SharedCredentialsProvider, AwsError> {
    let need = |name| std::env::var(name).map_err(|_| AwsError::Credentials(name));
    Ok(SharedCredentialsProvider::new(Credentials::new(
        need("AWS_ACCESS_KEY_ID")?,
        need("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "function",
    )))
}

/// The credentials of wherever the server runs: its environment, the instance's role, the container's.
#[cfg(feature = "server")]
pub async fn credentials_of_machine(environment: &Environment) -> Result<SharedCredentialsProvider, AwsError> {
    let client = http_client(Peers::of_machine(environment))?;
    let region = Region::new(environment.region.clone());
    let loaded = aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(client).load().await;
    loaded.credentials_provider().ok_or(AwsError::Credentials("AWS_ACCESS_KEY_ID"))
}

fn http_client(peers: Peers) -> Result<SharedHttpClient, AwsError> {
    http::client(peers).map_err(|error| AwsError::Tls(chain(error.as_ref())))
}

/// What every client of the SDK is made from.
pub fn sdk_config(environment: &Environment, credentials: SharedCredentialsProvider) -> Result<SdkConfig, AwsError> {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.region.clone()))
        .credentials_provider(credentials)
        .http_client(http_client(Peers::of(environment))?)
        .retry_config(retries(
            RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(50)),
        ))
        .timeout_config(timeouts);
    Ok(match &environment.endpoint {
        Some(endpoint) => config.endpoint_url(endpoint),
        None => config,
    }
    .build())
}

/// A client of the table for the web function, which has ten seconds for a whole request: a table that is slower
/// than this makes a page that says so, and not a function that is ended.
pub fn web_table_client(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(WEB_ATTEMPT).operation_timeout(WEB_OPERATION).build();
    let config = aws_sdk_dynamodb::config::Builder::from(config);
    aws_sdk_dynamodb::Client::from_conf(config.timeout_config(timeouts).build())
}

/// A client of SES that asks once and waits for the answer; what to repeat is the worker's to decide.
pub fn mail_client(config: &SdkConfig) -> aws_sdk_ses::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAIL).operation_timeout(MAIL).build();
    let config = aws_sdk_ses::config::Builder::from(config);
    aws_sdk_ses::Client::from_conf(
        config.retry_config(retries(RetryConfig::disabled())).timeout_config(timeouts).build(),
    )
}

/// A client of SNS for what mails wait for: what takes longer is told later.
pub fn topic_client(config: &SdkConfig) -> aws_sdk_sns::Client {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(TOPIC_ATTEMPT).operation_timeout(TOPIC_OPERATION).build();
    let config = aws_sdk_sns::config::Builder::from(config);
    let retries = retries(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(50)));
    aws_sdk_sns::Client::from_conf(config.retry_config(retries).timeout_config(timeouts).build())
}

/// A client of SSM that outlasts other functions' cold starts.
fn key_client(config: &SdkConfig) -> aws_sdk_ssm::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(KEY_ATTEMPT).operation_timeout(KEYS).build();
    let attempts = RetryConfig::standard()
        .with_max_attempts(KEY_ATTEMPTS)
        .with_initial_backoff(KEY_FIRST_PAUSE)
        .with_max_backoff(KEY_LONGEST_PAUSE);
    let config = aws_sdk_ssm::config::Builder::from(config);
    aws_sdk_ssm::Client::from_conf(config.retry_config(retries(attempts)).timeout_config(timeouts).build())
}

/// Both of the service's keys.
pub async fn keys(config: &SdkConfig, environment: &Environment) -> Result<(AddressKey, TokenKey), AwsError> {
    let [address, token] = [address_name(environment), token_name(environment)];
    let found = parameters(config, &[&address, &token]).await?;
    Ok((read(&found, address, AddressKey::parse)?, read(&found, token, TokenKey::from_base64)?))
}

/// The artifact bucket, where erasures are noted; of the admin function only.
pub fn bucket(config: &SdkConfig, environment: &Environment) -> Result<Bucket, AwsError> {
    let store = environment.endpoint.as_ref().or(environment.object_store.as_ref()).map_or("", String::as_str);
    Bucket::new(config.clone(), store, &environment.table, Peers::of(environment))
}

/// The key of the admins' side alone, which is all the admin function may read.
pub async fn admin_key(config: &SdkConfig, environment: &Environment) -> Result<AdminKey, AwsError> {
    let name = versioned(environment, "admin-key", environment.admin_key_version.as_deref());
    read(&parameters(config, &[&name]).await?, name, Key::from_base64).map(AdminKey)
}

/// The key for tokens alone, which is all the worker may read.
pub async fn token_key(config: &SdkConfig, environment: &Environment) -> Result<TokenKey, AwsError> {
    let name = token_name(environment);
    read(&parameters(config, &[&name]).await?, name, TokenKey::from_base64)
}

/// The key for addresses alone, which is all the feedback function may read.
pub async fn address_key(config: &SdkConfig, environment: &Environment) -> Result<AddressKey, AwsError> {
    let name = address_name(environment);
    read(&parameters(config, &[&name]).await?, name, AddressKey::parse)
}

fn address_name(environment: &Environment) -> String {
    versioned(environment, "address-key", environment.address_key_version.as_deref())
}

fn token_name(environment: &Environment) -> String {
    versioned(environment, "token-key", environment.token_key_version.as_deref())
}

/// What a version of a key is called where it is read.
fn versioned(environment: &Environment, name: &str, version: Option<&str>) -> String {
    let name = format!("{}/{name}", environment.key_prefix);
    version.map_or_else(|| name.clone(), |version| format!("{name}:{version}"))
}

/// By one call, since each takes its share of what Parameter Store answers in a second. It is refused whole when one of
/// them is not allowed.
async fn parameters(config: &SdkConfig, names: &[&str]) -> Result<Vec<Parameter>, AwsError> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let call = key_client(config).get_parameters().set_names(Some(names)).with_decryption(true);
    let found = call.send().await.map_err(|error| AwsError::Ssm(describe(&error)))?;
    Ok(found.parameters.unwrap_or_default())
}

/// One of the parameters that were found, which tell their version beside their name.
fn read<T>(found: &[Parameter], name: String, parse: fn(&str) -> Option<T>) -> Result<T, AwsError> {
    let bare = name.split(':').next();
    let parameter = found.iter().find(|parameter| parameter.name() == bare);
    match parameter.and_then(Parameter::value) {
        Some(value) => parse(value).ok_or(AwsError::BadKey(name)),
        None => Err(AwsError::NoKey(name)),
    }
}

/// What AWS said, in one line: the code, the message and the request's id. Nothing of the request or
/// the answer's body, either of which can hold what a person typed.
pub fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error.as_service_error() {
        Some(service) => {
            let meta = service.meta();
            let code = meta.code().unwrap_or("unknown error");
            let message = meta.message().map(|message| format!(": {message}")).unwrap_or_default();
            let id = meta.extra("aws_request_id").map(|id| format!(" (request {id})")).unwrap_or_default();
            format!("{code}{message}{id}")
        }
        None => chain(error),
    }
}

/// An error and everything behind it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SdkConfig {
        let retries = RetryConfig::standard().with_max_attempts(4);
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).retry_config(retries).build()
    }

    #[test]
    fn a_mail_is_asked_for_once() {
        let client = mail_client(&config());
        assert_eq!(client.config().retry_config().map(RetryConfig::max_attempts), Some(1));
        let timeouts = client.config().timeout_config().expect("set");
        assert_eq!((timeouts.operation_timeout(), timeouts.operation_attempt_timeout()), (Some(MAIL), Some(MAIL)));
        assert!(MAIL.as_secs() < u64::from(crate::user::LEASE), "a lease outlasts its mail");
    }

    #[test]
    fn a_key_that_is_missing_or_none_is_named() {
        let parameter = |name: &str, value: &str| Parameter::builder().name(name).value(value).build();
        let good = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let found = [parameter("/a/token-key", "no key"), parameter("/a/address-key", good)];
        let key = |name: &str| read(&found, name.into(), Key::from_base64);
        assert!(key("/a/address-key").is_ok() && key("/a/address-key:2").is_ok());
        let refused = |name: &str| key(name).expect_err("no key").to_string();
        assert_eq!(refused("/a/token-key"), "the SSM parameter `/a/token-key` is not 32 bytes in base64");
        assert_eq!(
            refused("/b/token-key"),
            "SSM has no parameter `/b/token-key` in the Region that is asked; `signupctl deploy` makes it"
        );
    }

    #[test]
    fn keys_are_asked_for_as_long_as_init_allows() {
        let client = key_client(&config());
        let retries = client.config().retry_config().expect("set");
        assert_eq!((retries.max_attempts(), retries.initial_backoff()), (10, Duration::from_millis(200)));
        assert_eq!(retries.max_backoff(), Duration::from_secs(2));
        let whole = client.config().timeout_config().and_then(TimeoutConfig::operation_timeout);
        assert!(whole.is_some_and(|whole| whole < Duration::from_secs(10)), "{whole:?}");
    }
}
