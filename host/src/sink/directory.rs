//! A lake and a bus in folders of this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::object_key::OWN_FOLDER;
use crate::chunk::Chunk;
use crate::encode::{Format, decode};
use crate::files::Scratch;
use crate::record::ShardId;

/// Why something could not be written.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// What the file system says.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// There is an object of this name with other content. It has the same records and the same
    /// release, so one of the two is wrong, and neither may be dropped.
    #[error(
        "{0} is there already with other content; nothing was overwritten. The same records and \
         release gave different bytes: look for a change of limits or a transform that is not \
         deterministic, and move the file away to write it anew"
    )]
    Different(PathBuf),
}

/// A lake in a folder.
#[derive(Clone, Debug)]
pub struct DirectoryLake {
    root: PathBuf,
}

impl DirectoryLake {
    /// The lake in `root`, which is made with its first object.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where ledgers, quarantine and releases are.
    #[must_use]
    pub fn own_folder(&self) -> PathBuf {
        self.root.join(OWN_FOLDER)
    }

    /// The folder for objects in the making of one shard, held by whoever holds the shard's ledger.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]
    pub fn scratch(&self, shard: &ShardId) -> Result<Scratch, DirectoryError> {
        let folder = self.own_folder().join("tmp").join(shard.as_str());
        open_scratch(&folder)
    }

    /// Puts an object that is not there yet. One that is there with the same content, however it is
    /// compressed, is as good: a replay put it.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub fn put(
        &self,
        scratch: &Scratch,
        key: &str,
        object: &[u8],
        format: Format,
    ) -> Result<(), DirectoryError> {
        let path = self.root.join(key);
        let io_error = |source| io_error(&path, source);
        if scratch.create(&path, object).map_err(io_error)? {
            return Ok(());
        }
        let found = fs::read(&path).map_err(io_error)?;
        let same = found == object
            || decode(format, &found).is_ok_and(|content| {
                decode(format, object).is_ok_and(|expected| content == expected)
            });
        if same {
            Ok(())
        } else {
            Err(DirectoryError::Different(path))
        }
    }
}

/// A bus in a folder: one file of messages for each chunk, `<shard>-<first>-<last>-<release8>.ndjson`.
#[derive(Clone, Debug)]
pub struct DirectoryBus {
    root: PathBuf,
}

impl DirectoryBus {
    /// The bus in `root`, which is made with its first message.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder for files in the making of one shard, held by whoever holds the shard's ledger.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]
    pub fn scratch(&self, shard: &ShardId) -> Result<Scratch, DirectoryError> {
        open_scratch(&self.root.join(".tmp").join(shard.as_str()))
    }

    /// Sends the chunk's messages, all at once or not at all. A file that is there already holds
    /// them: it has the same records and the same release. A line is
    /// `{"rid":…,"event":…,"release":…,"partition":…,"body":…}`, where `body` is the event as it
    /// stands in the lake and `event` counts those that one record became.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]
    pub fn send(&self, scratch: &Scratch, chunk: &Chunk) -> Result<(), DirectoryError> {
        let origin = chunk.origin();
        let release = origin.release.to_string();
        let path = self.root.join(format!("{}.ndjson", origin.stem()));
        let written = scratch.create_with(&path, &|file| {
            for message in chunk.messages() {
                let (shard, position, event) = (&origin.shard, message.position, message.event);
                let partition = serde_json::to_string(message.partition)?;
                write!(
                    file,
                    r#"{{"rid":"{shard}:{position}","event":{event},"release":"{release}","partition":{partition},"body":"#
                )?;
                file.write_all(message.body)?;
                file.write_all(b"}\n")?;
            }
            Ok(())
        });
        written.map(drop).map_err(|source| io_error(&path, source))
    }
}

fn open_scratch(folder: &Path) -> Result<Scratch, DirectoryError> {
    Scratch::open(folder.to_owned()).map_err(|source| io_error(folder, source))
}

fn io_error(path: &Path, source: io::Error) -> DirectoryError {
    DirectoryError::Io {
        path: path.to_owned(),
        source,
    }
}
