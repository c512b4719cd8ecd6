//! Small files that are landed at once, which hides the latency of requests and of the disk.

use std::collections::HashSet;

use sluice_engine::record::ShardId;
use sluice_storage::location::StoreLocation;
use tokio::task::JoinSet;

use super::landing;
use crate::ledger::source_file::FileName;
use crate::modes::known_files::Found;
use crate::modes::open_shard::{LandedShard, ShardRunner};
use crate::source::file::{Location, OpenFile};

/// The most files that are landed at once in a lake in S3, whose requests take long.
const FILES_AT_ONCE: usize = 32;

/// As [`FILES_AT_ONCE`], in a lake in a folder. Each takes some file handles, of which a process may have no more than 256.
const FILES_AT_ONCE_IN_FOLDER: usize = 8;

/// The most bytes of files that are landed at once, as they are stored. A larger file is landed alone, so that it has
/// all of the memory for its chunks.
const BYTES_AT_ONCE: u64 = 4 << 20;

/// The largest file that is landed together with others, bytes.
const SMALL_FILE_BYTES: u64 = 1 << 20;

/// The files that are being landed.
pub(super) struct AtOnce {
    tasks: JoinSet<EndedFile>,
    /// The most files at once.
    limit: usize,
    bytes: u64,
    /// What no other file that is landed has ([`only_once`]).
    only_once: HashSet<String>,
}

/// A file that can be landed.
pub(super) struct ReadyFile {
    pub(super) location: Location,
    /// Its size, bytes.
    pub(super) bytes: u64,
    pub(super) opened: OpenFile,
    pub(super) found: Found,
}

/// A file whose landing has ended.
pub(super) struct EndedFile {
    pub(super) location: Location,
    /// Its size, bytes.
    pub(super) bytes: u64,
    pub(super) shard: ShardId,
    pub(super) head_suffix: String,
    only_once: String,
    pub(super) landed: anyhow::Result<LandedShard>,
}

impl ReadyFile {
    /// Lands the file to its end.
    pub(super) async fn land(self, runner: &ShardRunner) -> EndedFile {
        let name = self.opened.name().to_owned();
        let head_suffix = self.opened.head_suffix().to_owned();
        let only_once = only_once(&self.opened).to_owned();
        let shard = self.found.ledger.shard().clone();
        let landed = landing::land(runner, self.opened, self.found).await;
        EndedFile {
            location: self.location,
            bytes: self.bytes,
            shard,
            head_suffix,
            only_once,
            landed: landed.map_err(|error| error.context(name)),
        }
    }
}

/// Whether a file of this size can be landed together with others. What looks like another format gets warnings with
/// counts, so it is landed alone.
pub(super) fn is_small(bytes: u64, opened: &OpenFile) -> bool {
    bytes <= SMALL_FILE_BYTES && opened.is_regular() && opened.text_format().is_none()
}

/// What no two files have that are landed at once. Files with the same first line are landed one after the other, since
/// the second could be a copy of the first. An object is known by its key only.
fn only_once(opened: &OpenFile) -> &str {
    match opened.known_as() {
        FileName::Object(key) => key,
        FileName::Path(_) | FileName::Name(_) => opened.head_suffix(),
    }
}

impl AtOnce {
    /// Nothing is being landed in this lake.
    pub(super) fn new(lake: &StoreLocation) -> Self {
        Self {
            tasks: JoinSet::new(),
            limit: match lake {
                StoreLocation::S3 { .. } => FILES_AT_ONCE,
                StoreLocation::Folder(_) => FILES_AT_ONCE_IN_FOLDER,
            },
            bytes: 0,
            only_once: HashSet::new(),
        }
    }

    /// The most files that are landed at once.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether no file is being landed.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether a file of this size can be landed with those that are being landed. One that is not small is landed alone.
    pub(super) fn has_room(&self, is_small: bool, bytes: u64, opened: &OpenFile) -> bool {
        if !is_small {
            return self.is_empty();
        }
        self.tasks.len() < self.limit
            && self.bytes + bytes <= BYTES_AT_ONCE
            && !self.only_once.contains(only_once(opened))
    }

    /// Begins to land a file.
    pub(super) fn begin(&mut self, file: ReadyFile, runner: &ShardRunner) {
        self.bytes += file.bytes;
        self.only_once.insert(only_once(&file.opened).to_owned());
        let runner = runner.clone();
        self.share_memory(&runner, 1);
        self.tasks.spawn(async move { file.land(&runner).await });
    }

    /// Waits for the end of one file; `None` if none is being landed.
    ///
    /// # Errors
    /// A task panicked.
    pub(super) async fn next(&mut self, runner: &ShardRunner) -> anyhow::Result<Option<EndedFile>> {
        let Some(ended) = self.tasks.join_next().await.transpose()? else {
            return Ok(None);
        };
        self.bytes -= ended.bytes;
        self.only_once.remove(&ended.only_once);
        self.share_memory(runner, 0);
        Ok(Some(ended))
    }

    fn share_memory(&self, runner: &ShardRunner, more: usize) {
        runner.context.share_memory(self.tasks.len() + more);
    }
}
