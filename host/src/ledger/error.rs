//! The errors of ledgers in their stores.

use std::path::PathBuf;

use thiserror::Error;

use super::LedgerError;
use super::lease::Conflict;
use crate::engine::record::ShardId;

/// Why a ledger cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has locked the shard.
    #[error("another run is working on shard {0} of this lake; wait for it or stop it")]
    Locked(ShardId),
    /// Another process has taken the shard.
    #[error("shard {shard} was taken over by {by}")]
    Lost {
        /// The shard.
        shard: ShardId,
        /// Its owner now.
        by: String,
    },
    /// The document is not a ledger of this shard.
    #[error("{place} is not a valid ledger: {why}")]
    Damaged {
        /// The file or object.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A step that the ledger does not allow.
    #[error(transparent)]
    Step(#[from] LedgerError),
    /// What the file system says.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// S3 fails, after retries.
    #[error("{what}: {why}")]
    Service {
        /// The operation and what it was for.
        what: String,
        /// The error of the service.
        why: String,
    },
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Lost {
            shard: conflict.found.ledger.shard().clone(),
            by: conflict.owner().to_owned(),
        }
    }
}
