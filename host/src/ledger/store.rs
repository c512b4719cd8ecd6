//! The stores of ledgers: a file under a lock, or an object that is only changed by compare-and-swap.
//! In both, a step is durable when it returns, and a process that has lost the shard cannot take one.

use std::io;
use std::sync::Arc;

use sluice_engine::digest::Digest;
use sluice_engine::record::Bounds;

use super::file::LedgerFile;
use super::s3::S3Ledger;
use super::source_file::{FileName, FilePrefix};
use super::{Ledger, LedgerError, Pending, Range, Sent};

pub use super::error::StoreError;

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

    /// Binds the ledger to a run or to a replay. See [`Ledger::for_replay`]. A replay notes the `file` of its shard at once,
    /// so that others find this ledger before it has pinned anything.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn bind_mode(
        &mut self,
        replay: Option<Bounds>,
        file: Option<&FileName>,
    ) -> Result<(), StoreError> {
        let ledger = self.ledger().await;
        if ledger.for_replay(replay)? == ledger {
            return Ok(());
        }
        let bind = |ledger: &Ledger| Ok(ledger.for_replay(replay)?.read_from(file));
        self.step(bind).await
    }

    /// Pins a range, with the file up to its end if it is not of a stream. See [`Ledger::pin`].
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn pin(
        &mut self,
        pending: Pending,
        file: Option<(&FileName, FilePrefix)>,
    ) -> Result<(), StoreError> {
        let (name, prefix) = file.unzip();
        let pin = |ledger: &Ledger| {
            let pinned = ledger.pin(pending.clone())?;
            Ok(pinned.read_from(name).with_pending_file(prefix))
        };
        self.step(pin).await
    }

    /// Notes the messages of the pinned range that a bus has accepted. See [`Ledger::with_sent`].
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn note_sent(&mut self, range: Range, sent: Sent) -> Result<(), StoreError> {
        self.step(|ledger| ledger.with_sent(range, sent)).await
    }

    /// Commits the pinned range. `prefix` is what is committed then of a file. See [`Ledger::commit`].
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn commit(
        &mut self,
        range: Range,
        last_digest: Digest,
        prefix: Option<FilePrefix>,
    ) -> Result<(), StoreError> {
        let commit = |ledger: &Ledger| {
            let committed = ledger.commit(range, last_digest)?;
            Ok(committed.with_prefix(prefix))
        };
        self.step(commit).await
    }

    /// Notes that the shard's file has another name now.
    ///
    /// # Errors
    /// [`StoreError`]; the ledger is unchanged.
    pub async fn rename(&mut self, file: &FileName) -> Result<(), StoreError> {
        self.step(|ledger| Ok(ledger.clone().read_from(Some(file))))
            .await
    }

    /// Removes the temporary files of the shard, at its end. A ledger in S3 has none.
    ///
    /// # Errors
    /// The file system fails.
    pub fn close(&self) -> io::Result<()> {
        match self {
            Self::File(file) => file.scratch().close(),
            Self::S3(_) => Ok(()),
        }
    }
}
