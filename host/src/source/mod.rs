//! Sources: each reads a shard into batches.

pub mod aggregate;
pub mod file;
pub mod kinesis;
pub mod lambda_event;
pub mod read_meter;

use std::collections::VecDeque;
use std::io;

use thiserror::Error;
use tokio::sync::mpsc;

use crate::engine::record::Batch;
use crate::storage::error::{ErrorKind, RequestError};

/// Why a source cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file system or the decompressor fails.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The source as the settings name it.
        name: String,
        /// The error.
        source: io::Error,
    },
    /// A line that is too long to be a record.
    #[error(
        "{name}: the line at byte {offset} is over {limit} bytes; is this newline-delimited JSON?"
    )]
    LineTooLong {
        /// The source.
        name: String,
        /// Where the line begins.
        offset: u64,
        /// The most that is taken.
        limit: usize,
    },
    /// The stream cannot be read, after retries.
    #[error("{what}: {cause}")]
    Stream {
        /// The operation and what it was for.
        what: String,
        /// Why it failed, and what to do.
        cause: RequestError,
    },
    /// An invalid record.
    #[error("{name}: {why}")]
    Record {
        /// The shard.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The last committed record is not in the source any more.
    #[error(
        "{name} no longer holds the last committed record at byte {offset}: the file was changed or \
         replaced; use another file name or another lake for new content"
    )]
    Changed {
        /// The source.
        name: String,
        /// The offset of the last committed record.
        offset: String,
    },
}

impl SourceError {
    /// The kind of the error of a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Stream { cause, .. } => Some(cause.kind()),
            Self::Io { .. }
            | Self::LineTooLong { .. }
            | Self::Record { .. }
            | Self::Changed { .. } => None,
        }
    }
}

/// The batches of one shard, in order.
#[derive(Debug)]
pub struct ShardBatches {
    unread: VecDeque<Batch>,
    receiver: mpsc::Receiver<Result<Batch, SourceError>>,
}

impl ShardBatches {
    /// The batches that come through a channel.
    #[must_use]
    pub fn new(receiver: mpsc::Receiver<Result<Batch, SourceError>>) -> Self {
        Self {
            unread: VecDeque::new(),
            receiver,
        }
    }

    /// The next batch, or `None` at the end of the shard.
    ///
    /// # Errors
    /// The source cannot be read.
    pub async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        if let Some(batch) = self.unread.pop_front() {
            return Ok(Some(batch));
        }
        self.receiver.recv().await.transpose()
    }

    /// Puts batches back, in order; they come next.
    pub fn unread(&mut self, batches: Vec<Batch>) {
        for batch in batches.into_iter().rev() {
            self.unread.push_front(batch);
        }
    }
}
