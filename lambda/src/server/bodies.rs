//! Bodies of requests: read as far as they may be long, and beyond that only so that the answer is heard.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use hyper::body::Body as _;

use crate::web::BODY;

/// Bytes that are read of a body that is too long, and forgotten: whoever still sends does not hear of an answer, and a load
/// balancer tells its caller in its place that this server failed.
const IGNORED: usize = 16 * 1024 * 1024;

/// How long that is done.
const IGNORING: Duration = Duration::from_secs(5);

/// A body as far as it may be long, and a little further, so that the Router sees that it is too long: what is behind
/// that is read and forgotten. `None` when it breaks off.
pub(super) async fn beginning(body: Body) -> Option<Body> {
    let is_endless = body.size_hint().lower() > (BODY + IGNORED) as u64;
    let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part.ok()?);
        if bytes.len() > BODY {
            if !is_endless {
                tokio::time::timeout(IGNORING, is_read(stream, IGNORED)).await.ok();
            }
            break;
        }
    }
    Some(Body::from(bytes))
}

/// Reads what nobody wants, so many bytes at most; whether it was read to its end.
pub(super) async fn is_read(mut stream: BodyDataStream, mut left: usize) -> bool {
    while let Some(part) = stream.next().await {
        match part.ok().and_then(|part| left.checked_sub(part.len())) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}
