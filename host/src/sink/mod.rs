//! The lake, the bus and quarantine. A sink only creates objects and never changes one: a chunk that is
//! replayed finds its own objects and leaves them, so nothing lands twice.

pub mod bus;
pub mod lake;

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

pub use self::lake::Lake;
use crate::format::Format;
use crate::layout::chunk::Chunk;
use crate::sink::bus::folder::DirectoryBus;
use crate::sink::bus::sqs::SqsBus;
use crate::storage::error::{ErrorKind, RequestError, StorageError};
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
    /// The lake cannot be written.
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
            Self::Io { .. } | Self::Different(_) | Self::MessageRejected { .. } | Self::Task(_) => {
                None
            }
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

/// The bus of one shard. [`send`](Self::send) returns when the bus has accepted every message. A chunk
/// that is replayed may send its messages again: each carries its record's id.
#[derive(Debug)]
pub enum Bus {
    /// In a folder. A replay finds its file and leaves it.
    Directory(DirectoryBus, Arc<Scratch>),
    /// In SQS.
    Sqs(SqsBus),
}

impl Bus {
    /// The largest event that fits a message with its attributes, bytes; `None` without a limit.
    #[must_use]
    pub fn max_message_bytes(&self) -> Option<usize> {
        match self {
            Self::Directory(..) => None,
            Self::Sqs(bus) => Some(bus.max_event_bytes()),
        }
    }

    /// Sends a message about each object of events of a chunk, and returns their number.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn notify(
        &self,
        chunk: &Chunk,
        format: Format,
        lake: &str,
    ) -> Result<u64, SinkError> {
        let origin = chunk.origin();
        let messages = crate::layout::object_notification::of(chunk, format, lake);
        match self {
            _ if messages.is_empty() => {}
            Self::Directory(bus, scratch) => {
                tokio::task::block_in_place(|| bus.notify(scratch, &origin, &messages))?;
            }
            Self::Sqs(bus) => bus.notify(&origin, &messages).await?,
        }
        Ok(messages.len() as u64)
    }

    /// Sends the messages of a chunk, whose objects are in `format`.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn send(&self, chunk: &Chunk, format: Format) -> Result<(), SinkError> {
        match self {
            Self::Directory(bus, scratch) => {
                tokio::task::block_in_place(|| bus.send(scratch, chunk))
            }
            Self::Sqs(bus) => bus.send(chunk, format).await,
        }
    }
}
