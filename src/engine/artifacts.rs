//! The artifact bucket: bundles go in by their hash, once, and all go out before the bucket does.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::desired::{ARTIFACTS as PREFIX, ArtifactRef};
use crate::aws::{Aws, explain, service_code};
use crate::bundle::{Bundle, Ends, pack};
use crate::error::{Failure, Outcome};
use signup_service::config::ServiceConfig;

/// Uploads the bundle unless it is there already; returns whether it was sent.
pub async fn upload(aws: &Aws, bucket: &str, bundle: &Bundle) -> Outcome<bool> {
    let (client, key) = (aws.s3(), bundle.artifact.key());
    if exists(aws, bucket, &bundle.artifact).await? {
        return Ok(false);
    }
    let body = bundle.stream().await?;
    let ArtifactRef { code_sha256, .. } = &bundle.artifact;
    let sent = client.put_object().bucket(bucket).key(&key).body(body).checksum_sha256(code_sha256).send().await;
    sent.map_err(|error| explain(format!("the bundle cannot be uploaded to `{bucket}`"), error))?;
    Ok(true)
}

/// Whether a bundle is in the bucket.
pub async fn exists(aws: &Aws, bucket: &str, artifact: &ArtifactRef) -> Outcome<bool> {
    // Asked by name, S3 would refuse without a word of why.
    let found = aws.s3().list_objects_v2().bucket(bucket).prefix(artifact.key()).max_keys(1).send().await;
    let found = found.map_err(|error| explain(format!("the artifact bucket `{bucket}` cannot be read"), error))?;
    Ok(found.key_count.unwrap_or_default() > 0)
}

/// The bundles in the bucket, each with the second it was uploaded.
pub async fn list(aws: &Aws, bucket: &str) -> Outcome<Vec<(String, i64)>> {
    let pages = aws.s3().list_objects_v2().bucket(bucket).prefix(PREFIX).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    let pages = pages.map_err(|error| explain(format!("the artifact bucket `{bucket}` cannot be read"), error))?;
    let objects = pages.into_iter().flat_map(|page| page.contents.unwrap_or_default());
    Ok(objects.filter_map(|object| Some((object.key?, object.last_modified?.secs()))).collect())
}

/// Deletes objects of the bucket; none is no request.
pub async fn delete(aws: &Aws, bucket: &str, keys: &[String]) -> Outcome<()> {
    let object = |key: &String| ObjectIdentifier::builder().key(key).build().ok();
    // S3 takes a thousand at once.
    for keys in keys.chunks(1_000) {
        remove(aws, bucket, keys.iter().filter_map(object).collect()).await?;
    }
    Ok(())
}

/// A bundle as it was deployed.
#[derive(Clone, Debug)]
pub struct DeployedBundle {
    /// What the functions were declared to do, which need not be what the spec says by now.
    pub config: ServiceConfig,
    /// CRC-32 of the function's binary.
    pub code_checksum: u32,
    /// Whether instances can be made of it.
    pub has_server: bool,
}

/// Bytes that are read from the beginning of a bundle, and from its end.
const HEAD: u64 = 4 * 1_024;
const TAIL: u64 = 1_024 * 1_024;

/// Reads of the bundle that is deployed what is small: its ends, by two requests.
pub async fn deployed(aws: &Aws, bucket: &str, key: &str) -> Outcome<DeployedBundle> {
    let failed = |what: &str| Failure::new("bundle_unreadable", format!("the deployed bundle `{key}` {what}"));
    let part = async |range: String| {
        let object = aws.s3().get_object().bucket(bucket).key(key).range(range).send().await;
        let object = object.map_err(|error| explain(format!("the deployed bundle `{key}` cannot be read"), error))?;
        let length = object.content_range.as_deref().and_then(|range| range.rsplit('/').next()?.parse::<u64>().ok());
        let bytes = object.body.collect().await.map_err(|error| failed("broke off").cause(error.to_string()))?;
        Ok::<_, Box<Failure>>((bytes.into_bytes().to_vec(), length))
    };
    let ((head, length), (tail, _)) =
        tokio::try_join!(part(format!("bytes=0-{}", HEAD - 1)), part(format!("bytes=-{TAIL}")))?;
    let length = length.ok_or_else(|| failed("has no length"))?;
    let ends = || Ends::new(&head, &tail, length);
    let json = pack::extract_small(ends(), pack::CONFIG).ok_or_else(|| failed("holds no declaration"))?;
    let code_checksum = pack::checksum(ends(), pack::BINARY).ok_or_else(|| failed("holds no binary"))?;
    let config = serde_json::from_slice(&json);
    let config = config.map_err(|error| failed("is of another version").cause(error.to_string()))?;
    Ok(DeployedBundle { config, code_checksum, has_server: pack::holds(ends(), pack::SERVER) })
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
        remove(aws, bucket, objects).await?;
        deleted += count;
    }
}

/// Deletes objects in one request.
async fn remove(aws: &Aws, bucket: &str, objects: Vec<ObjectIdentifier>) -> Outcome<()> {
    let failed = || format!("the artifact bucket `{bucket}` cannot be emptied");
    let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build();
    let batch = batch
        .map_err(|error| Failure::new("unexpected_answer", "the bucket's list is no list").cause(error.to_string()))?;
    let answer = aws.s3().delete_objects().bucket(bucket).delete(batch).send().await;
    let answer = answer.map_err(|error| explain(failed(), error))?;
    match answer.errors.unwrap_or_default().into_iter().next() {
        None => Ok(()),
        Some(refused) => Err(Failure::new("aws_refused", failed()).cause(refused.message.unwrap_or_default())),
    }
}
