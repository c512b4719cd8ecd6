//! The stores of ledgers: a file under a lock, or an object that is only changed by compare-and-swap.
//! In both, a step is durable when it returns, and a process that has lost the shard cannot take one.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::file::LedgerFile;
use super::lease::Conflict;
use super::s3::S3Ledger;
use super::{Ledger, LedgerError, Pending, Range};
use crate::engine::digest::Digest;
use crate::engine::record::{Bounds, ShardId};
use crate::storage::error::{ErrorKind, RequestError, StorageError};

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
    /// The lock of a ledger in a folder cannot be taken.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// AWS is not configured.
    #[error(transparent)]
    Configuration(#[from] RequestError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StoreError {
    /// The kind of the error of a file system or a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Configuration(error) => Some(error.kind()),
            Self::Storage(error) => Some(error.kind()),
            Self::Locked(_)
            | Self::Lost { .. }
            | Self::Damaged { .. }
            | Self::Step(_)
            | Self::Io { .. } => None,
        }
    }
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Lost {
            shard: conflict.found.ledger.shard().clone(),
            by: conflict.owner().to_owned(),
        }
    }
}

/// The ledger of a shard that this process owns.
#[derive(Debug)]
pub enum LedgerStore {
    /// In a folder.
    File(Box<LedgerFile>),
    /// In S3.
    S3(Arc<S3Ledger>),
}

impl LedgerStore {
    /// The last known ledger.
    pub async fn ledger(&self) -> Ledger {
        match self {
            Self::File(file) => file.ledger().clone(),
            Self::S3(object) => object.ledger().await,
        }
    }

    /// Writes the ledger that `step` makes of the last known one.
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn step(
        &mut self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::File(file) => file.step(step).await,
            Self::S3(object) => object.step(step).await,
        }
    }

    /// Binds the ledger to a run or to a replay. See [`Ledger::for_replay`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn bind_mode(&mut self, replay: Option<Bounds>) -> Result<(), StoreError> {
        let ledger = self.ledger().await;
        if ledger.for_replay(replay)? == ledger {
            return Ok(());
        }
        self.step(|ledger| ledger.for_replay(replay)).await
    }

    /// Pins a range. See [`Ledger::pin`].
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn pin(&mut self, pending: Pending) -> Result<(), StoreError> {
        self.step(|ledger| ledger.pin(pending.clone())).await
    }

    /// Commits the pinned range. See [`Ledger::commit`].
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn commit(&mut self, range: Range, last_digest: Digest) -> Result<(), StoreError> {
        self.step(|ledger| ledger.commit(range, last_digest)).await
    }
}
