//! Why news cannot be read.

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::error::StorageError;
use thiserror::Error;

use crate::ledger::heads::ReadLedgersError;

/// What to do if the lake does not have what the table has.
const OTHER_LAKE: &str = "this is another lake than that of the table, or an older state of it was restored; give the lake \
                          of the table, restore the latest state of its ledgers, or build the table again from this lake \
                          with `sluice table rebuild`";

/// The records that no manifest names, in words.
fn missing(after: Option<SequenceNumber>, last: SequenceNumber) -> String {
    match after {
        Some(after) => format!("after {after} up to {last}"),
        None => format!("up to {last}"),
    }
}

/// What a lake has committed of a shard, in words.
fn only(last: Option<SequenceNumber>) -> String {
    last.map_or_else(|| "nothing".into(), |last| format!("only up to {last}"))
}

/// Why what is new in a lake cannot be read.
#[derive(Debug, Error)]
pub enum NewsError {
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document of ledgers cannot be used.
    #[error("{place} is not a valid ledger: {why}; restore its latest valid version")]
    Ledger {
        /// The document.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A chunk manifest cannot be used.
    #[error(
        "{place} cannot be used as a chunk manifest: {why}; restore it as it was written (`sluice audit --quick` names \
         everything that is wrong with the manifests of the lake)"
    )]
    Manifest {
        /// The manifest.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// No chunk manifest has records that the ledger has committed.
    #[error(
        "shard {shard}: no chunk manifest in {folder} has the records {}, which the ledger says are committed; restore it \
         (`sluice audit --quick` names everything that is missing)",
        missing(*.after, *.last)
    )]
    MissingManifest {
        /// The shard.
        shard: ShardId,
        /// The folder of its manifests.
        folder: String,
        /// The last record before those that are missing; `None` if they begin with the shard.
        after: Option<SequenceNumber>,
        /// The last missing record.
        last: SequenceNumber,
    },
    /// A chunk manifest has records of another one, or more records than the ledger has committed.
    #[error(
        "{place}: its chunk has the records {first} to {last}, and {why}; run `sluice audit --quick`, and move the manifest \
         away if its chunk is not committed, or restore the latest valid ledger"
    )]
    Overlap {
        /// The manifest.
        place: String,
        /// Its first record.
        first: SequenceNumber,
        /// Its last record.
        last: SequenceNumber,
        /// What it contradicts.
        why: String,
    },
    /// The table has more of a shard than the lake has committed.
    #[error(
        "the table has the shard {shard} up to {mark}, and the lake has committed {} of it: {OTHER_LAKE}",
        only(*.committed)
    )]
    Behind {
        /// The shard.
        shard: ShardId,
        /// The last record that the table has.
        mark: SequenceNumber,
        /// The last record that the lake has committed.
        committed: Option<SequenceNumber>,
    },
    /// The lake does not have a shard of the table.
    #[error("the table has the shard {shard}, and the lake has no ledger of it: {OTHER_LAKE}")]
    UnknownShard {
        /// The shard.
        shard: ShardId,
    },
    /// The lake does not have a document of ledgers that was read for the table.
    #[error("{place} is missing, and the table has events of its shards: {OTHER_LAKE}")]
    MissingLedger {
        /// The document.
        place: String,
    },
}

impl From<ReadLedgersError> for NewsError {
    fn from(error: ReadLedgersError) -> Self {
        match error {
            ReadLedgersError::Storage(error) => Self::Storage(error),
            ReadLedgersError::Damaged { place, why } => Self::Ledger { place, why },
        }
    }
}
