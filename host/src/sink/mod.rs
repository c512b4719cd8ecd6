//! The lake, the bus, quarantine and the archive. A sink only creates objects and never changes one: a chunk that is
//! replayed finds its own objects and leaves them, so nothing lands twice.

pub mod archive;
pub mod bus;
pub mod lake;
pub mod schema_store;

use std::path::PathBuf;

use sluice_storage::error::{ErrorKind, RequestError, StorageError};
use thiserror::Error;

pub use self::archive::Archive;
pub use self::lake::Lake;
pub use self::schema_store::SchemaStore;

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
        "{0} already exists with different content; nothing was overwritten. The same records, release and \
         limits gave different bytes: find out who changed the object, or whether the transform is not \
         deterministic, and move the object away to write it again"
    )]
    Different(String),
    /// An object of the archive exists with other records.
    #[error(
        "{0} already exists with other records under the same numbers; nothing was overwritten, and their chunk is \
         not committed. Find out whether another lake has the same archive: if so, give this one an archive of its \
         own. The chunk is pinned with this archive all the same, so move the object away until the chunk is committed"
    )]
    OtherRecords(String),
    /// The lake or the archive cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The queue cannot be used.
    #[error("{what}: {cause}")]
    Queue {
        /// The operation and what it was for.
        what: String,
        /// Why it failed, and what to do.
        cause: RequestError,
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

impl SinkError {
    /// The kind of the error of a file system or a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Storage(error) => Some(error.kind()),
            Self::Queue { cause, .. } => Some(cause.kind()),
            Self::Io { .. }
            | Self::Different(_)
            | Self::OtherRecords(_)
            | Self::MessageRejected { .. }
            | Self::Task(_) => None,
        }
    }
}
