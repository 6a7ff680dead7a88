//! Admins' items, sealed: the stream brings them to a worker whose role may not read them, and to whoever has a copy of the
//! table. Only who has the admins' key learns more than their keys, version and end.
//!
//! The audit log is not sealed: the worker writes to the operator of what is in it, and it has to be read when the key is
//! gone.

use serde_json::{Map, Value};

use super::DynamoStore;
use super::item::{BadItem, Item, s, text};
use super::json;
use crate::keys::AdminKey;

/// What the table itself reads.
const OPEN: [&str; 4] = ["pk", "sk", "version", "ttl"];

/// The attribute that holds all else.
const SEALED: &str = "sealed";

impl DynamoStore {
    /// The same store, for who has the admins' key.
    #[must_use]
    pub fn sealing(self, key: AdminKey) -> Self {
        Self { admin_key: Some(key), ..self }
    }

    /// An admin's item as it is kept. The same item is always sealed alike, so that a request can be repeated.
    pub(super) fn seal(&self, item: Item) -> Item {
        let Some(key) = &self.admin_key else { return item };
        let (mut kept, inner): (Item, Item) = item.into_iter().partition(|(name, _)| OPEN.contains(&name.as_str()));
        let sealed = key.seal_item(&name_of(&kept), &Value::Object(json::values(&inner)).to_string());
        kept.insert(SEALED.into(), s(sealed));
        kept
    }

    /// The same as it was. One that is not sealed is from before.
    pub(super) fn open(&self, item: &Item) -> Result<Item, BadItem> {
        if !item.contains_key(SEALED) {
            return Ok(item.clone());
        }
        let key = self.admin_key.as_ref().ok_or(BadItem::Sealed)?;
        let inner = key.unseal_item(&name_of(item), text(item, SEALED)?).ok_or(BadItem::Sealed)?;
        let inner: Map<String, Value> = serde_json::from_str(&inner).map_err(|_| BadItem::Sealed)?;
        let mut opened = json::attributes(inner);
        opened
            .extend(item.iter().filter(|(name, _)| *name != SEALED).map(|(name, value)| (name.clone(), value.clone())));
        Ok(opened)
    }
}

/// What a seal is bound to, so that none can be put into another item's place.
fn name_of(item: &Item) -> String {
    ["pk", "sk"].map(|name| text(item, name).unwrap_or_default()).join("\n")
}
