//! The document of one ledger in an object store.

use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{ConditionalRead, ObjectStore, Payload, Version};

use super::Ledger;
use super::error::StoreError;
use super::lease::Versioned;

/// Where the ledger of a shard is kept.
#[derive(Clone, Debug)]
pub(super) struct LedgerDocument {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) key: String,
}

impl LedgerDocument {
    /// Reads the ledger of `shard`, which is new if there is no document.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`].
    pub(super) async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        match self.store.get_if_changed(&self.key, None).await? {
            ConditionalRead::Content(text, Version(etag)) => {
                let ledger = Ledger::parse(&text).and_then(|ledger| ledger.check(shard));
                Ok(Versioned {
                    ledger: ledger.map_err(|error| self.damaged(error.to_string()))?,
                    etag: Some(etag),
                })
            }
            ConditionalRead::Nothing | ConditionalRead::Unchanged => Ok(Versioned {
                ledger: Ledger::new(shard.clone()),
                etag: None,
            }),
        }
    }

    /// Writes the text of a ledger if the document still is the version `seen`, and returns its new version.
    ///
    /// # Errors
    /// A conflict if it has changed.
    pub(super) async fn write(
        &self,
        text: Vec<u8>,
        seen: Option<&str>,
    ) -> Result<String, StorageError> {
        let payload = Payload {
            bytes: text.into(),
            content_type: Some("application/json"),
        };
        let seen = seen.map(|etag| Version(etag.to_owned()));
        let swapped = self
            .store
            .compare_and_swap(&self.key, payload, seen.as_ref());
        swapped.await.map(|Version(etag)| etag)
    }

    pub(super) fn damaged(&self, why: String) -> StoreError {
        let place = self.store.place(&self.key);
        StoreError::Damaged { place, why }
    }
}
