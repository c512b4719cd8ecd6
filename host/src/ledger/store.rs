//! Ledgers in a folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Ledger, LedgerError, Pending};
use crate::files::Scratch;
use crate::record::ShardId;
use crate::transform::release::Digest;

/// The ledger of one shard, held by this process alone until it is dropped or killed.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    ledger: Ledger,
    _lock: File,
}

/// Why a ledger cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process works on the shard.
    #[error("another run is working on shard {0} of this lake; wait for it or stop it")]
    Held(ShardId),
    /// The file is not a ledger of this shard.
    #[error("{path} is not a ledger that can be used: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A step that the ledger does not allow.
    #[error("the ledger of the shard refused a step: {0}")]
    Step(#[from] LedgerError),
    /// What the file system says.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
}

impl LedgerFile {
    /// Takes the shard's ledger in `folder` for this process, and reads it.
    ///
    /// # Errors
    /// [`StoreError::Held`] at once, without waiting, where another process has it.
    pub fn open(folder: &Path, shard: &ShardId) -> Result<Self, StoreError> {
        let lock_path = folder.join(format!("{shard}.lock"));
        let path = folder.join(format!("{shard}.json"));
        let io_error = |source| StoreError::Io {
            path: lock_path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(io_error)?;
        let lock = File::create(&lock_path).map_err(io_error)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Held(shard.clone()),
            TryLockError::Error(source) => io_error(source),
        })?;
        Ok(Self {
            ledger: read(&path, shard)?,
            path,
            _lock: lock,
        })
    }

    /// What the ledger says.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Pins a range; it is on disk when this returns. See [`Ledger::pin`].
    ///
    /// # Errors
    /// [`StoreError::Step`] and [`StoreError::Io`]; the state before stays in force.
    pub fn pin(&mut self, pending: Pending, scratch: &Scratch) -> Result<(), StoreError> {
        self.write(self.ledger.pin(pending)?, scratch)
    }

    /// Commits the pinned range; it is on disk when this returns. See [`Ledger::commit`].
    ///
    /// # Errors
    /// [`StoreError::Step`] and [`StoreError::Io`]; the state before stays in force.
    pub fn commit(&mut self, last_digest: Digest, scratch: &Scratch) -> Result<(), StoreError> {
        self.write(self.ledger.commit(last_digest)?, scratch)
    }

    fn write(&mut self, next: Ledger, scratch: &Scratch) -> Result<(), StoreError> {
        let io_error = |source| StoreError::Io {
            path: self.path.clone(),
            source,
        };
        let mut text = serde_json::to_vec_pretty(&next).map_err(|e| io_error(e.into()))?;
        text.push(b'\n');
        scratch.replace(&self.path, &text).map_err(io_error)?;
        self.ledger = next;
        Ok(())
    }
}

fn read(path: &Path, shard: &ShardId) -> Result<Ledger, StoreError> {
    let damaged = |why: String| StoreError::Damaged {
        path: path.to_owned(),
        why,
    };
    match fs::read(path) {
        Ok(text) => serde_json::from_slice::<Ledger>(&text)
            .map_err(|error| damaged(error.to_string()))?
            .check(shard)
            .map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ledger::new(shard.clone())),
        Err(source) => Err(StoreError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_cannot_hold_one_shard() {
        let folder = tempfile::tempdir().unwrap();
        let shard = ShardId::new("shard").unwrap();
        let held = LedgerFile::open(folder.path(), &shard).unwrap();
        let second = LedgerFile::open(folder.path(), &shard);
        assert!(matches!(second, Err(StoreError::Held(_))));
        drop(held);
        assert!(LedgerFile::open(folder.path(), &shard).is_ok());
    }

    #[test]
    fn a_damaged_ledger_stops_the_shard() {
        let folder = tempfile::tempdir().unwrap();
        let shard = ShardId::new("shard").unwrap();
        for text in [
            "",
            "{}",
            "null",
            r#"{"version":9,"shard":"shard","committed":null,"pending":null}"#,
        ] {
            fs::write(folder.path().join("shard.json"), text).unwrap();
            let opened = LedgerFile::open(folder.path(), &shard);
            assert!(
                matches!(opened, Err(StoreError::Damaged { .. })),
                "{text:?}"
            );
        }
    }
}
