//! A lake in a folder of this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SinkError;
use crate::engine::record::ShardId;
use crate::format::decode;
use crate::layout::Object;
use crate::layout::object_key::METADATA_FOLDER;
use crate::storage::files::Scratch;

/// A lake in a folder.
#[derive(Clone, Debug)]
pub struct DirectoryLake {
    root: PathBuf,
}

impl DirectoryLake {
    /// The lake in `root`, which is created with its first object.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of ledgers, quarantine and releases.
    #[must_use]
    pub fn metadata_folder(&self) -> PathBuf {
        self.root.join(METADATA_FOLDER)
    }

    /// The folder for temporary files of one shard. Only the owner of the shard uses it.
    ///
    /// # Errors
    /// [`SinkError::Io`]
    pub fn scratch(&self, shard: &ShardId) -> Result<Scratch, SinkError> {
        let folder = self.metadata_folder().join("tmp").join(shard.as_str());
        open_scratch(&folder)
    }

    /// Puts an object that does not exist yet. If one exists with the same content, however it is
    /// compressed, an earlier attempt has put it.
    ///
    /// # Errors
    /// [`SinkError`]
    pub fn put(&self, scratch: &Scratch, object: &Object) -> Result<(), SinkError> {
        let path = self.root.join(&object.key);
        let io_error = |source| io_error(&path, source);
        if scratch.create(&path, &object.body).map_err(io_error)? {
            return Ok(());
        }
        let found = fs::read(&path).map_err(io_error)?;
        let content = |body: &[u8]| decode(object.format, body).ok();
        if found == object.body || content(&found) == content(&object.body) {
            Ok(())
        } else {
            Err(SinkError::Different(path.display().to_string()))
        }
    }
}

fn open_scratch(folder: &Path) -> Result<Scratch, SinkError> {
    Scratch::open(folder.to_owned()).map_err(|source| io_error(folder, source))
}

fn io_error(path: &Path, source: io::Error) -> SinkError {
    SinkError::Io {
        path: path.to_owned(),
        source,
    }
}
