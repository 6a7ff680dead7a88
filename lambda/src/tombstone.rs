//! Tombstones: what is remembered of an erasure, so that a table restored from a backup does not bring anybody back.
//!
//! Each is an empty object in the artifact bucket, which no restore of the table touches and which goes with the data.
//! Its key is a hash of one record of one user: it tells nothing about anybody, recognises that very record, and does
//! not stand in the way of a later sign-up of the same address, which is another record.

use std::fmt::Debug;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::store::StoreError;
use crate::user::User;

/// Where tombstones are in the bucket.
pub const PREFIX: &str = "erased/";

/// The key of the table's item that names the bucket.
pub const BUCKET: [&str; 2] = ["SERVICE", "BUCKET"];

/// The key of a record's tombstone: `erased/` and 64 hex digits.
pub fn tombstone(user: &User) -> String {
    let hash = Sha256::new()
        .chain_update(b"erased\0")
        .chain_update(user.id.0)
        .chain_update(user.created_at.as_nanosecond().to_be_bytes())
        .finalize();
    hash.iter().fold(PREFIX.to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

/// Where tombstones are put.
#[async_trait]
pub trait Tombstones: Debug + Send + Sync {
    /// Puts one down. Safe to repeat.
    async fn put(&self, tombstone: &str) -> Result<(), StoreError>;
}
