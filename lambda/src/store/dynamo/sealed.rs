//! Admins and their sessions, sealed: the stream brings them to a worker whose role may not read them, and to whoever has a
//! copy of the table. Without the admins' key nobody learns more than their keys, version and end, or changes anything.
//!
//! Attempts are not, whose keys say as much as they do, nor is the log: the worker writes to the operator of what is in it,
//! and it has to be read when the key is gone.

use serde_json::{Map, Value};

use super::DynamoStore;
use super::item::{BadItem, Item, s};
use super::json;
use crate::keys::AdminKey;
use crate::store::StoreError;

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

    /// An item as it is kept. The same item is always sealed alike, so that a request can be repeated.
    pub(super) fn seal(&self, item: Item) -> Item {
        let Some(key) = &self.admin_key else { return item };
        let (mut kept, inner): (Item, Item) = item.into_iter().partition(|(name, _)| OPEN.contains(&name.as_str()));
        let sealed = key.seal_item(&bound_to(&kept), &Value::Object(json::values(&inner)).to_string());
        kept.insert(SEALED.into(), s(sealed));
        kept
    }

    /// What `read` makes of an item as it was before it was sealed, and of one that never was. Nothing, of what another key
    /// sealed: it belongs to nobody any more.
    pub(super) fn open<T>(
        &self,
        operation: &'static str,
        item: &Item,
        read: impl FnOnce(&Item) -> Result<T, BadItem>,
    ) -> Result<Option<T>, StoreError> {
        let opened = match self.unseal(item) {
            Err(BadItem::Sealed) if self.admin_key.is_some() => {
                tracing::warn!(operation, "an item of an admin's is sealed by another key, or was changed");
                return Ok(None);
            }
            opened => opened.and_then(|item| read(&item)),
        };
        opened.map(Some).map_err(|error| StoreError::new(operation, error))
    }

    /// The same of what is never kept unsealed where there is a key.
    pub(super) fn open_sealed<T>(
        &self,
        operation: &'static str,
        item: &Item,
        read: impl FnOnce(&Item) -> Result<T, BadItem>,
    ) -> Result<Option<T>, StoreError> {
        match self.admin_key.is_some() && !item.contains_key(SEALED) {
            true => Ok(None),
            false => self.open(operation, item, read),
        }
    }

    fn unseal(&self, item: &Item) -> Result<Item, BadItem> {
        let Some(sealed) = item.get(SEALED) else { return Ok(item.clone()) };
        let key = self.admin_key.as_ref().ok_or(BadItem::Sealed)?;
        let sealed = sealed.as_s().map_err(|_| BadItem::Sealed)?;
        let inner = key.unseal_item(&bound_to(item), sealed).ok_or(BadItem::Sealed)?;
        let inner: Map<String, Value> = serde_json::from_str(&inner).map_err(|_| BadItem::Sealed)?;
        // Of what lies beside the seal nothing else is believed.
        let open = item.iter().filter(|(name, _)| OPEN.contains(&name.as_str()));
        let mut opened = json::attributes(inner);
        opened.extend(open.map(|(name, value)| (name.clone(), value.clone())));
        Ok(opened)
    }
}

/// What a seal holds for: this place, this version and this end, and no other.
fn bound_to(item: &Item) -> String {
    let mut values = json::values(item);
    OPEN.map(|name| values.remove(name).unwrap_or_default().to_string()).join("\n")
}
