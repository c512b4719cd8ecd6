//! Ledgers in a folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::StoreError;
use super::{Ledger, LedgerError};
use crate::engine::record::ShardId;
use crate::storage::files::Scratch;

/// The ledger of one shard, locked by this process until the value is dropped or the process ends.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    ledger: Ledger,
    scratch: Arc<Scratch>,
    _lock: File,
}

impl LedgerFile {
    /// Locks the shard's ledger in `folder` and reads it. `scratch` is the folder for temporary files,
    /// which is emptied under the lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`], without waiting, if another process has the lock.
    pub fn open(folder: &Path, shard: &ShardId, scratch: PathBuf) -> Result<Self, StoreError> {
        let lock_path = folder.join(format!("{shard}.lock"));
        let path = folder.join(format!("{shard}.json"));
        let io_error = |source| StoreError::Io {
            path: lock_path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(io_error)?;
        let lock = File::create(&lock_path).map_err(io_error)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked(shard.clone()),
            TryLockError::Error(source) => io_error(source),
        })?;
        let scratch = Scratch::open(scratch).map_err(io_error)?;
        Ok(Self {
            ledger: read(&path, shard)?,
            path,
            scratch: Arc::new(scratch),
            _lock: lock,
        })
    }

    /// Reads the ledger in `folder` without locking it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Io`]
    pub fn peek(folder: &Path, shard: &ShardId) -> Result<Ledger, StoreError> {
        read(&folder.join(format!("{shard}.json")), shard)
    }

    /// The folder for temporary files of the owner of this ledger.
    #[must_use]
    pub fn scratch(&self) -> &Arc<Scratch> {
        &self.scratch
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Writes the ledger that `step` makes; it is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Step`] and [`StoreError::Io`]; the ledger is unchanged.
    pub fn step(
        &mut self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        self.write(step(&self.ledger)?)
    }

    fn write(&mut self, next: Ledger) -> Result<(), StoreError> {
        let io_error = |source| StoreError::Io {
            path: self.path.clone(),
            source,
        };
        let mut text = serde_json::to_vec_pretty(&next).map_err(|e| io_error(e.into()))?;
        text.push(b'\n');
        self.scratch.replace(&self.path, &text).map_err(io_error)?;
        self.ledger = next;
        Ok(())
    }
}

fn read(path: &Path, shard: &ShardId) -> Result<Ledger, StoreError> {
    let damaged = |why: String| StoreError::Damaged {
        place: path.display().to_string(),
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
        let held = LedgerFile::open(folder.path(), &shard, folder.path().join("tmp")).unwrap();
        let second = LedgerFile::open(folder.path(), &shard, folder.path().join("tmp"));
        assert!(matches!(second, Err(StoreError::Locked(_))));
        drop(held);
        assert!(LedgerFile::open(folder.path(), &shard, folder.path().join("tmp")).is_ok());
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
            let opened = LedgerFile::open(folder.path(), &shard, folder.path().join("tmp"));
            assert!(
                matches!(opened, Err(StoreError::Damaged { .. })),
                "{text:?}"
            );
        }
    }
}
