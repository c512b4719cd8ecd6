//! Where the ledger of a shard is kept: in a document of its own, or in a group.

use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::{ConditionalRead, ObjectStore, Payload, Version};

use super::error::StoreError;
use super::groups::{LedgerGroups, is_group};
use super::lease::Versioned;
use super::{Ledger, LedgerError};

/// A document of ledgers, by its name in their folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentName {
    /// That of a shard.
    Own(ShardId),
    /// A group.
    Group,
}

impl DocumentName {
    /// Parses a name in the folder of the ledgers; `None` for anything else in there, such as a lock.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if is_group(name) {
            return Some(Self::Group);
        }
        let shard = ShardId::new(name.strip_suffix(".json")?).ok()?;
        Some(Self::Own(shard))
    }
}

/// Where the ledger of a shard is kept.
#[derive(Clone, Debug)]
pub(super) enum LedgerDocument {
    /// In a document of its own.
    Own {
        /// The store.
        store: Arc<dyn ObjectStore>,
        /// Its key in the store.
        key: String,
    },
    /// In a group.
    Grouped(Arc<LedgerGroups>),
}

impl LedgerDocument {
    /// Reads the ledger of `shard`, which is new if there is no document.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub(super) async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        let (store, key) = match self {
            Self::Own { store, key } => (store, key),
            Self::Grouped(groups) => return groups.read(shard).await,
        };
        match store.get_if_changed(key, None).await? {
            ConditionalRead::Content(text, Version(etag)) => {
                let ledger = Ledger::parse(&text).and_then(|ledger| ledger.check(shard));
                let damaged = |error: LedgerError| StoreError::Damaged {
                    place: store.place(key),
                    why: error.to_string(),
                };
                Ok(Versioned {
                    ledger: ledger.map_err(damaged)?,
                    etag: Some(etag),
                })
            }
            ConditionalRead::Nothing | ConditionalRead::Unchanged => Ok(Versioned {
                ledger: Ledger::new(shard.clone()),
                etag: None,
            }),
        }
    }

    /// Writes a ledger if it still is the version `seen`, and returns its new version.
    ///
    /// # Errors
    /// A conflict if it has changed, [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub(super) async fn write(
        &self,
        next: &Ledger,
        seen: Option<&str>,
    ) -> Result<String, StoreError> {
        let (store, key) = match self {
            Self::Own { store, key } => (store, key),
            Self::Grouped(groups) => return groups.write(next, seen).await,
        };
        let text = serde_json::to_vec_pretty(next);
        let mut text = text.map_err(|error| LedgerError::Document(error.to_string()))?;
        text.push(b'\n');
        let payload = Payload {
            bytes: text.into(),
            content_type: Some("application/json"),
        };
        let seen = seen.map(|etag| Version(etag.to_owned()));
        let swapped = store.compare_and_swap(key, payload, seen.as_ref()).await;
        let Version(etag) = swapped?;
        Ok(etag)
    }
}
