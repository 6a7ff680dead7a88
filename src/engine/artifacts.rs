//! The artifact bucket: bundles go in by their hash, once, and all go out before the bucket does.

use std::io::Cursor;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::desired::ArtifactRef;
use crate::aws::{Aws, explain, service_code};
use crate::bundle::{Bundle, pack};
use crate::error::{Failure, Outcome};
use signup_service::config::ServiceConfig;

/// Uploads the bundle unless it is there already; returns whether it was sent.
pub async fn upload(aws: &Aws, bucket: &str, bundle: &Bundle) -> Outcome<bool> {
    let client = aws.s3();
    let key = bundle.artifact.key();
    match client.head_object().bucket(bucket).key(&key).send().await {
        Ok(_) => return Ok(false),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {}
        Err(error) => return Err(explain(format!("the artifact bucket `{bucket}` cannot be read"), error)),
    }
    let body = bundle.stream().await?;
    let ArtifactRef { code_sha256, .. } = &bundle.artifact;
    let sent = client.put_object().bucket(bucket).key(&key).body(body).checksum_sha256(code_sha256).send().await;
    sent.map_err(|error| explain(format!("the bundle cannot be uploaded to `{bucket}`"), error))?;
    Ok(true)
}

/// A bundle as it was deployed.
#[derive(Clone, Debug)]
pub struct DeployedBundle {
    /// What the functions were declared to do, which need not be what the spec says by now.
    pub config: ServiceConfig,
    /// CRC-32 of the function's binary.
    pub code_checksum: u32,
}

/// Reads the bundle that is deployed. One request.
pub async fn deployed(aws: &Aws, bucket: &str, key: &str) -> Outcome<DeployedBundle> {
    let failed = |what: &str| Failure::new("bundle_unreadable", format!("the deployed bundle `{key}` {what}"));
    let object = aws.s3().get_object().bucket(bucket).key(key).send().await;
    let object = object.map_err(|error| explain(format!("the deployed bundle `{key}` cannot be read"), error))?;
    let bytes = object.body.collect().await.map_err(|error| failed("broke off").cause(error.to_string()))?;
    let bytes = bytes.into_bytes();
    let json = pack::extract_small(&bytes, pack::CONFIG).ok_or_else(|| failed("holds no declaration"))?;
    let code_checksum = pack::checksum(Cursor::new(&bytes), pack::BINARY).ok_or_else(|| failed("holds no binary"))?;
    let config = serde_json::from_slice(&json);
    let config = config.map_err(|error| failed("is of another version").cause(error.to_string()))?;
    Ok(DeployedBundle { config, code_checksum })
}

/// Deletes every object of a bucket; a bucket that is gone is empty. Returns how many went.
pub async fn empty(aws: &Aws, bucket: &str) -> Outcome<usize> {
    let client = aws.s3();
    let mut deleted = 0;
    loop {
        let page = match client.list_objects_v2().bucket(bucket).send().await {
            Ok(page) => page,
            Err(error) if service_code(&error) == Some("NoSuchBucket") => return Ok(deleted),
            Err(error) => return Err(explain(format!("the artifact bucket `{bucket}` cannot be read"), error)),
        };
        let objects: Vec<ObjectIdentifier> = page
            .contents
            .unwrap_or_default()
            .into_iter()
            .filter_map(|object| ObjectIdentifier::builder().key(object.key?).build().ok())
            .collect();
        if objects.is_empty() {
            return Ok(deleted);
        }
        let count = objects.len();
        let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let batch = batch.map_err(|error| {
            Failure::new("unexpected_answer", "the bucket's list is no list").cause(error.to_string())
        })?;
        let answer = client.delete_objects().bucket(bucket).delete(batch).send().await;
        let answer =
            answer.map_err(|error| explain(format!("the artifact bucket `{bucket}` cannot be emptied"), error))?;
        if let Some(refused) = answer.errors.unwrap_or_default().into_iter().next() {
            return Err(Failure::new("aws_refused", format!("the artifact bucket `{bucket}` cannot be emptied"))
                .cause(refused.message.unwrap_or_default()));
        }
        deleted += count;
    }
}
