//! Where outcomes go. A sink creates what is not there yet and never changes what is: a chunk that is
//! replayed finds its own objects and leaves them, so nothing lands twice.

pub mod directory;
pub mod metadata_store;
pub mod object_key;
pub mod object_notification;
pub mod quarantine;
pub mod read;
pub mod s3;
pub mod sqs;

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::chunk::Chunk;
use crate::encode::Format;
use crate::files::Scratch;
use crate::partition::PartitionPath;
use crate::sink::directory::{DirectoryBus, DirectoryLake};
use crate::sink::object_key::Origin;
use crate::sink::s3::S3Lake;
use crate::sink::sqs::SqsBus;
use crate::transform::outcome::ReasonCode;
use crate::transform::release::Digest;

/// Where a line of a chunk goes; each is one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Events of a partition of the lake.
    Lake(PartitionPath),
    /// Records in quarantine for one reason.
    Quarantine(ReasonCode),
}

/// An object, ready to be put.
#[derive(Debug)]
pub struct Object {
    /// Its key in the lake.
    pub key: String,
    /// Its bytes, encoded.
    pub body: Vec<u8>,
    /// How they are encoded.
    pub format: Format,
    /// The digest of its content before compression, where the lake keeps one.
    pub digest: Option<Digest>,
    /// How many lines it has.
    pub lines: u64,
    /// What made it.
    pub origin: Origin,
}

/// Why something could not be landed. What may pass by itself has been tried again by then.
#[derive(Debug, Error)]
pub enum SinkError {
    /// What the file system says.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// There is an object of this name with other content. It has the same records and the same
    /// release, so one of the two is wrong, and neither may be dropped.
    #[error(
        "{0} is there already with other content; nothing was overwritten. The same records and \
         release gave different bytes: look for a change of limits or a transform that is not \
         deterministic, and move the object away to write it anew"
    )]
    Different(String),
    /// What a service of AWS says.
    #[error("{what}: {why}")]
    Service {
        /// The operation and what it was for.
        what: String,
        /// What was said.
        why: String,
    },
    /// A queue rejects a message and would reject it again.
    #[error(
        "{queue} rejects the message of {message}: {why}; nothing of its chunk is committed. Retries do \
         not help. Change the queue so that it takes the message, or finish the chunk without a bus \
         (--bus none)"
    )]
    MessageRejected {
        /// The queue.
        queue: String,
        /// What the message is of: a record, or an object that it tells of.
        message: String,
        /// What the queue says.
        why: String,
    },
    /// A task of the run was cancelled or panicked.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A lake as one shard's holder sees it. [`put`](Self::put) is create-only and idempotent: an object
/// that is there with the same content is success, one with other content an error, and nothing is
/// ever overwritten.
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

    /// How many puts are worth having under way: what keeps the cores busy, and with a service what
    /// hides its latency.
    #[must_use]
    pub fn puts_at_once(&self, threads: usize) -> usize {
        match self {
            Self::Directory(..) => 4 * threads,
            Self::S3(_) => 32,
        }
    }

    /// Puts an object that is not there yet.
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

/// What the messages on a bus are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Messages {
    /// Each event that the transform routed to the bus.
    #[default]
    Events,
    /// Each object of events, for consumers that read the lake.
    Objects,
}

/// A bus as one shard's holder sees it. [`send`](Self::send) returns when every message is taken. A
/// chunk that is replayed may send its messages again: each carries its record's id.
#[derive(Debug)]
pub enum Bus {
    /// In a folder, where a replay finds its file and leaves it.
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

    /// Sends a message about each object of events of a chunk, and says how many there were.
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
        let messages = object_notification::of(chunk, format, lake);
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
