//! The lake, the bus and quarantine. A sink only creates objects and never changes one: a chunk that is
//! replayed finds its own objects and leaves them, so nothing lands twice.

pub mod bus;
pub mod folder;
pub mod metadata_store;
pub mod read;
pub mod s3;

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::layout::Object;
use crate::sink::folder::DirectoryLake;
use crate::sink::s3::S3Lake;
use crate::storage::files::Scratch;

/// Why something could not be landed. Transient errors have been retried by then.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The file system fails.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// An object of this name exists with different content. Both have the same records and the same
    /// release, so one of the two is wrong, and neither may be lost.
    #[error(
        "{0} already exists with different content; nothing was overwritten. The same records and \
         release gave different bytes: check for changed limits or a transform that is not \
         deterministic, and move the object away to write it again"
    )]
    Different(String),
    /// A service of AWS fails.
    #[error("{what}: {why}")]
    Service {
        /// The operation and what it was for.
        what: String,
        /// The error of the service.
        why: String,
    },
    /// A queue rejects a message permanently.
    #[error(
        "{queue} rejects the message of {message}: {why}; nothing of its chunk is committed. Retries do \
         not help. Change the queue so that it takes the message, or finish the chunk without a bus \
         (--bus none)"
    )]
    MessageRejected {
        /// The queue.
        queue: String,
        /// The record or the object that the message is about.
        message: String,
        /// The error of the queue.
        why: String,
    },
    /// A task of the run was cancelled or panicked.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// The lake of one shard. [`put`](Self::put) is create-only and idempotent: an object that exists with
/// the same content is success, one with different content an error, and nothing is ever overwritten.
#[derive(Debug)]
pub enum Lake {
    /// In a folder.
    Directory(DirectoryLake, Arc<Scratch>),
    /// In S3.
    S3(S3Lake),
}

impl Lake {
    /// Whether objects need the digest of their content.
    #[must_use]
    pub fn wants_digests(&self) -> bool {
        matches!(self, Self::S3(_))
    }

    /// The number of concurrent puts: enough to keep the cores busy, and to hide the latency of a
    /// service.
    #[must_use]
    pub fn puts_at_once(&self, threads: usize) -> usize {
        match self {
            Self::Directory(..) => 4 * threads,
            Self::S3(_) => 32,
        }
    }

    /// Removes the temporary files of the shard, at its end.
    ///
    /// # Errors
    /// The file system fails.
    pub fn close(&self) -> std::io::Result<()> {
        match self {
            Self::Directory(_, scratch) => scratch.close(),
            Self::S3(_) => Ok(()),
        }
    }

    /// Puts an object that does not exist yet.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn put(&self, object: Object) -> Result<(), SinkError> {
        match self {
            Self::Directory(lake, scratch) => {
                tokio::task::block_in_place(|| lake.put(scratch, &object))
            }
            Self::S3(lake) => lake.put(object).await,
        }
    }
}

/// The messages on a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Messages {
    /// One for each event that the transform routes to the bus.
    #[default]
    Events,
    /// One for each object of events, for consumers that read the lake.
    Objects,
}
