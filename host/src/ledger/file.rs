//! Ledgers in a folder: their owner holds a lock, which ends with its process.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::files::Scratch;
use sluice_storage::folder::FolderStore;

use super::document::LedgerDocument;
use super::error::StoreError;
use super::groups::LedgerGroups;
use super::lease::Versioned;
use super::{Ledger, LedgerError};

/// The ledger of one shard, locked by this process until the value is dropped or the process ends.
#[derive(Debug)]
pub struct LedgerFile {
    document: LedgerDocument,
    known: Versioned,
    scratch: Arc<Scratch>,
    _lock: File,
}

impl LedgerFile {
    /// Locks the shard's ledger in `folder` and reads it, from `groups` if it is kept there. `scratch` is the folder for
    /// temporary files, which is emptied under the lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`], without waiting, if another process has the lock.
    pub async fn open(
        folder: &Path,
        shard: &ShardId,
        scratch: PathBuf,
        groups: Option<Arc<LedgerGroups>>,
    ) -> Result<Self, StoreError> {
        let lock = lock(folder, shard)?;
        let opened = Scratch::open(scratch.clone());
        let opened = opened.map_err(|source| StoreError::Io {
            path: scratch,
            source,
        });
        let scratch = Arc::new(opened?);
        let own = || {
            let store = FolderStore::new(folder.to_owned(), scratch.clone());
            document(store.exclusive(), shard)
        };
        let document = groups.map_or_else(own, LedgerDocument::Grouped);
        Ok(Self {
            known: document.read(shard).await?,
            document,
            scratch,
            _lock: lock,
        })
    }

    /// Reads the ledger in `folder` without locking it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Storage`]
    pub async fn peek(folder: &Path, shard: &ShardId) -> Result<Ledger, StoreError> {
        let store = FolderStore::shared(folder.to_owned());
        Ok(document(store, shard).read(shard).await?.ledger)
    }

    /// Whether a process has locked the shard's ledger in `folder`.
    #[must_use]
    pub fn is_locked(folder: &Path, shard: &ShardId) -> bool {
        let lock = File::open(lock_path(folder, shard));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The folder for temporary files of the owner of this ledger.
    #[must_use]
    pub fn scratch(&self) -> &Arc<Scratch> {
        &self.scratch
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.known.ledger
    }

    /// Writes the ledger that `step` makes; it is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Step`] and [`StoreError::Storage`]; the ledger is unchanged.
    pub async fn step(
        &mut self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        let next = step(&self.known.ledger)?;
        let written = self.document.write(&next, self.known.etag.as_deref());
        self.known = Versioned {
            etag: Some(written.await?),
            ledger: next,
        };
        Ok(())
    }
}

fn lock_path(folder: &Path, shard: &ShardId) -> PathBuf {
    folder.join(format!("{shard}.lock"))
}

fn lock(folder: &Path, shard: &ShardId) -> Result<File, StoreError> {
    let path = lock_path(folder, shard);
    let io_error = |source| StoreError::Io {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(io_error)?;
    let lock = File::create(&path).map_err(io_error)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::Locked(shard.clone()),
        TryLockError::Error(source) => io_error(source),
    })?;
    Ok(lock)
}

fn document(store: FolderStore, shard: &ShardId) -> LedgerDocument {
    LedgerDocument::Own {
        store: Arc::new(store),
        key: format!("{shard}.json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(folder: &tempfile::TempDir) -> Result<LedgerFile, StoreError> {
        let shard = ShardId::new("shard").unwrap();
        LedgerFile::open(folder.path(), &shard, folder.path().join("tmp"), None).await
    }

    #[tokio::test]
    async fn two_runs_cannot_hold_one_shard() {
        let folder = tempfile::tempdir().unwrap();
        let locked = open(&folder).await.unwrap();
        assert!(matches!(open(&folder).await, Err(StoreError::Locked(_))));
        drop(locked);
        assert!(open(&folder).await.is_ok());
    }

    #[tokio::test]
    async fn a_step_is_there_when_the_ledger_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(&folder).await.unwrap();
        for moment in [1, 2] {
            let step = ledger.step(|ledger| Ok(ledger.begin_at(moment)));
            step.await.unwrap();
        }
        drop(ledger);
        assert_eq!(open(&folder).await.unwrap().ledger().began_at(), Some(2));
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            names.push(entry.unwrap().file_name());
        }
        names.sort_unstable();
        assert_eq!(names, ["shard.json", "shard.lock", "tmp"]);
    }

    #[tokio::test]
    async fn a_damaged_ledger_stops_the_shard() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            "null",
            r#"{"version":9,"shard":"shard","committed":null,"pending":null}"#,
        ] {
            fs::write(folder.path().join("shard.json"), text).unwrap();
            let opened = open(&folder).await;
            assert!(
                matches!(opened, Err(StoreError::Damaged { .. })),
                "{text:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_ledger_of_another_version_is_rejected_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"version":1,"shard":"shard","outsiders":null}"#;
        fs::write(folder.path().join("shard.json"), text).unwrap();
        let message = open(&folder).await.unwrap_err().to_string();
        for part in ["version 1", "reads version 4", "finish or discard"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
