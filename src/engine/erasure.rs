//! Tombstones in the artifact bucket: put down before a user is erased, and read when a restored table is looked through.

use std::collections::{BTreeSet, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use signup_service::keys::Names;
pub use signup_service::tombstone::tombstone;
use signup_service::tombstone::{BUCKET, PREFIX};
use signup_service::user::User;

use crate::aws::{Aws, explain};
use crate::error::Outcome;

/// Tells the functions, which know the table alone, in which bucket erasures are noted. Safe to repeat.
pub async fn announce(aws: &Aws, table: &str, bucket: &str) -> Outcome<()> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let request = aws.dynamodb().put_item().table_name(table).item("pk", text(BUCKET[0])).item("sk", text(BUCKET[1]));
    request
        .item("name", text(bucket))
        .send()
        .await
        .map(drop)
        .map_err(|error| explain(format!("the bucket cannot be named in `{table}`"), error))
}

/// Tombstones of a record under each name that it may have: a restored table may hold it under the one of before.
pub fn of_all_names(user: &User, names: &Names) -> BTreeSet<String> {
    let ids = names.all().chain([user.id]);
    ids.map(|id| tombstone(&User { id, ..user.clone() })).collect()
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
