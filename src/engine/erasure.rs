//! Tombstones: what is remembered of an erasure, so that a table restored from a backup does not bring anybody back.
//!
//! Each is an empty object in the artifact bucket, which no restore of the table touches and which goes with the data.
//! Its key is a hash of one record of one user: it tells nothing about anybody, recognises that very record, and does
//! not stand in the way of a later sign-up of the same address, which is another record.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use signup_service::user::User;

use crate::aws::{Aws, explain};
use crate::error::Outcome;

/// Where tombstones are in the bucket.
const PREFIX: &str = "erased/";

/// The key of a record's tombstone: `erased/` and 64 hex digits.
pub fn tombstone(user: &User) -> String {
    let hash = Sha256::new()
        .chain_update(b"erased\0")
        .chain_update(user.id.0)
        .chain_update(user.created_at.as_nanosecond().to_be_bytes())
        .finalize();
    hash.iter().fold(PREFIX.to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

/// Puts a tombstone into the bucket. Safe to repeat.
pub async fn put(aws: &Aws, bucket: &str, tombstone: &str) -> Outcome<()> {
    let put = aws.s3().put_object().bucket(bucket).key(tombstone).body(Vec::new().into()).send().await;
    put.map(drop).map_err(|error| {
        explain(format!("the erasure cannot be noted in the bucket `{bucket}`, so nobody was erased"), error)
    })
}

/// All tombstones of a service, at 71 bytes each.
pub async fn tombstones(aws: &Aws, bucket: &str) -> Outcome<HashSet<String>> {
    let client = aws.s3();
    let mut found = HashSet::new();
    let mut next = None;
    loop {
        let page = client.list_objects_v2().bucket(bucket).prefix(PREFIX).set_continuation_token(next).send().await;
        let page = page.map_err(|error| explain(format!("the erasures noted in `{bucket}` cannot be read"), error))?;
        found.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        next = page.next_continuation_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sample;

    #[test]
    fn a_tombstone_is_of_one_record_and_tells_nothing_of_it() {
        let user = sample::confirmed();
        let key = tombstone(&user);
        assert!(
            key.len() == 71 && key.strip_prefix(PREFIX).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        );
        assert!(!key.contains(&user.id.to_string()));
        // Whatever else of it changes, it is the same record; the next sign-up is another.
        let later = User { version: user.version + 9, confirmed_at: None, ..user.clone() };
        assert_eq!(tombstone(&later), key);
        let again = User { created_at: signup_service::clock::after(user.created_at, 1), ..user };
        assert_ne!(tombstone(&again), key);
    }
}
