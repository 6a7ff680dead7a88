//! Counters of attempts: read together and kept together, so that no guess goes uncounted.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use sha2::{Digest, Sha256};

use super::super::DynamoStore;
use super::super::item::{self, n};
use super::super::transact::{self, TRIES, Transacted, any_condition, failed, try_again};
use super::super::user::token;
use crate::admin::{Attempts, Counted};
use crate::store::{Saved, StoreError};

const LOAD: &str = "load attempts";
const SAVE: &str = "save attempts";

pub(super) async fn load(store: &DynamoStore, keys: &[String]) -> Result<Vec<Option<Attempts>>, StoreError> {
    let wanted = keys.iter().map(|key| item::attempts_key(key)).collect();
    let wanted = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
    let wanted = wanted.map_err(|error| StoreError::new(LOAD, error))?;
    let mut left = HashMap::from([(store.table().to_owned(), wanted)]);
    let mut found = HashMap::new();
    // A throttled table gives some keys back as not processed.
    while !left.is_empty() {
        let answer = store.client.batch_get_item().set_request_items(Some(left)).send().await;
        let answer = answer.map_err(|error| failed(LOAD, error))?;
        for item in answer.responses.unwrap_or_default().remove(store.table()).unwrap_or_default() {
            let (key, attempts) = item::read_attempts(&item).map_err(|error| StoreError::new(LOAD, error))?;
            found.insert(key, attempts);
        }
        left = answer.unprocessed_keys.unwrap_or_default();
    }
    Ok(keys.iter().map(|key| found.remove(key)).collect())
}

pub(super) async fn save(store: &DynamoStore, counted: &[Counted]) -> Result<Saved, StoreError> {
    // Two guesses in the same millisecond write the same: a token of what is written would make them one.
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| StoreError::new(SAVE, error.to_string()))?;
    let token = token(Sha256::new().chain_update(random));
    let put = |it: &Counted| {
        transact::put(SAVE, store.table(), item::of_attempts(&it.key, &it.attempts), |put| match it.over {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", n(version)),
        })
    };
    let items: Vec<_> = counted.iter().map(put).collect::<Result<_, _>>()?;
    for tried in 0..TRIES {
        match store.transact(SAVE, &format!("{token}-{tried}"), items.clone()).await? {
            Transacted::Done => return Ok(Saved::Done),
            Transacted::Cancelled(reasons) if any_condition(&reasons) => return Ok(Saved::Changed),
            Transacted::Cancelled(reasons) => try_again(SAVE, tried, &token, &reasons).await?,
        }
    }
    Err(StoreError::busy(SAVE, "other requests counted the same attempts"))
}
