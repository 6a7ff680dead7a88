//! The artifact bucket, as far as the function needs it: one signed request that puts an empty object.
//!
//! Without S3's SDK, which is larger than the rest of the function together.

use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use axum::http::Request;

use super::http::Transport;
use super::{AwsError, Peers, chain, describe};
use crate::store::StoreError;
use crate::tombstone::{BUCKET, Tombstones};

const PUT: &str = "note an erasure";

/// The bucket that the table names.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The address of S3 in the Region, without a slash at the end.
    store: String,
    table: String,
    client: aws_sdk_dynamodb::Client,
    config: SdkConfig,
    transport: Transport,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Bucket {
    /// `store` is the address of S3 in the Region.
    pub fn new(config: SdkConfig, store: &str, table: &str, peers: Peers) -> Result<Self, AwsError> {
        let transport = Transport::new(peers).map_err(|error| AwsError::Tls(chain(error.as_ref())))?;
        let (store, table) = (store.trim_end_matches('/').to_owned(), table.to_owned());
        Ok(Self { store, table, client: aws_sdk_dynamodb::Client::new(&config), config, transport })
    }

    /// What the bucket is called.
    async fn name(&self) -> Result<String, Failure> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.client.get_item().table_name(&self.table).key("pk", text(BUCKET[0]));
        let found = request.key("sk", text(BUCKET[1])).consistent_read(true).send().await;
        let found = found.map_err(|error| describe(&error))?.item.unwrap_or_default();
        match found.get("name") {
            Some(AttributeValue::S(name)) => Ok(name.clone()),
            _ => Err("the table names no bucket; a deploy does".into()),
        }
    }

    async fn request(&self, key: &str) -> Result<Request<SdkBody>, Failure> {
        let url = format!("{}/{}/{key}", self.store, self.name().await?);
        let provider = self.config.credentials_provider().ok_or("there are no credentials")?;
        let identity = provider.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.config.region().map_or("", AsRef::as_ref))
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let signable = SignableRequest::new("PUT", &url, std::iter::empty(), SignableBody::Bytes(&[]))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = Request::put(&url).body(SdkBody::from(""))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

#[async_trait]
impl Tombstones for Bucket {
    async fn put(&self, tombstone: &str) -> Result<(), StoreError> {
        let failed = |error: Failure| StoreError::new(PUT, error);
        let request = self.request(tombstone).await.map_err(failed)?;
        let status = self.transport.send(request).await.map_err(failed)?;
        match status.as_u16() {
            200 => Ok(()),
            503 => Err(StoreError::busy(PUT, "S3 asks to slow down")),
            other => Err(StoreError::new(PUT, format!("S3 answered with {other}"))),
        }
    }
}
