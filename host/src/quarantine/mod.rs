//! The quarantined records of a lake.
//!
//! ```text
//! ledgers ─▶ list of _sluice/quarantine/ ─▶ manifests of the chunks of its objects ─▶ objects of committed chunks
//!                                                            lists and claims of redrives ─▶ what is redriven of them
//! ```
//!
//! Nothing else of the lake is listed, so a reader of quarantine costs as much as there is in quarantine. Ledgers are read
//! before objects are listed. So all that they have committed is in the list, and what is landed meanwhile is counted as
//! not committed yet.

mod history;
mod left_out;
mod list;
mod object;
mod present;
mod redriven;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::ObjectStore;
use thiserror::Error;

pub use self::history::{RecordHistory, RecordPlace, RedrivenChunk, RedrivenTo};
pub use self::left_out::{Examples, LeftOut};
pub use self::list::{ListProblem, QuarantineList};
pub use self::object::{ObjectProblem, QuarantineObject, read_object, read_object_up_to, records};
pub use crate::layout::quarantine_filter::QuarantineFilter;

use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::heads::{LedgerHead, ReadLedgersError, read_heads};
use crate::redrive::RedriveStoreError;

/// The quarantine of a lake, as its ledgers were when it was opened.
#[derive(Debug)]
pub struct Quarantine {
    store: Arc<dyn ObjectStore>,
    heads: BTreeMap<ShardId, LedgerHead>,
    reads_at_once: usize,
    object_max_bytes: usize,
}

/// Why the quarantine of a lake cannot be read.
#[derive(Debug, Error)]
pub enum QuarantineError {
    /// The ledgers cannot be read.
    #[error(transparent)]
    Ledgers(#[from] ReadLedgersError),
    /// The lists and claims of redrives cannot be read.
    #[error(transparent)]
    Redrives(#[from] RedriveStoreError),
    /// The lake cannot be listed or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Quarantine {
    /// Opens the quarantine of the lake whose root is `store`, and reads its ledgers. This many reads are done at once.
    ///
    /// # Errors
    /// [`QuarantineError`]
    pub async fn open(
        store: &Arc<dyn ObjectStore>,
        reads_at_once: usize,
    ) -> Result<Self, QuarantineError> {
        let reads_at_once = reads_at_once.max(1);
        let ledgers = format!("{METADATA_FOLDER}/ledger/");
        Ok(Self {
            heads: read_heads(store.as_ref(), &ledgers, reads_at_once).await?,
            store: store.clone(),
            reads_at_once,
            object_max_bytes: usize::MAX,
        })
    }

    /// The same, of which no object with more bytes is read, as it is stored or as lines.
    #[must_use]
    pub fn with_object_max_bytes(self, object_max_bytes: usize) -> Self {
        Self {
            object_max_bytes,
            ..self
        }
    }

    /// Opens the quarantine of a lake, and lists its objects.
    ///
    /// # Errors
    /// [`QuarantineError`]
    pub async fn list(
        store: &Arc<dyn ObjectStore>,
        filter: &QuarantineFilter,
        reads_at_once: usize,
    ) -> Result<QuarantineList, QuarantineError> {
        let quarantine = Self::open(store, reads_at_once).await?;
        quarantine.objects(filter).await
    }

    /// The store of the lake.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Whether a run has committed anything in the lake.
    #[must_use]
    pub fn has_commits(&self) -> bool {
        !self.heads.is_empty()
    }

    /// The most bytes of an object that are read, stored and decompressed.
    #[must_use]
    pub fn object_max_bytes(&self) -> usize {
        self.object_max_bytes
    }

    /// The last record that each ledger had committed when this was opened.
    #[must_use]
    pub fn committed_positions(&self) -> BTreeMap<ShardId, SequenceNumber> {
        let heads = self.heads.iter();
        heads
            .map(|(shard, head)| (shard.clone(), head.last))
            .collect()
    }
}
