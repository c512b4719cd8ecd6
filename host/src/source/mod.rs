//! Where records come from: each source turns a shard into batches.

pub mod aggregate;
pub mod file;
pub mod kinesis;
pub mod lambda_event;

use std::collections::VecDeque;
use std::io;

use thiserror::Error;
use tokio::sync::mpsc;

use crate::record::Batch;

/// Why a source cannot be read on.
#[derive(Debug, Error)]
pub enum SourceError {
    /// What the file system or a decompressor says.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The source, as the user named it.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// A line that no reader of lines would hold in memory.
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
    /// What Kinesis says, after it was tried again.
    #[error("{what}: {why}")]
    Service {
        /// The operation and what it was for.
        what: String,
        /// The cause.
        why: String,
    },
    /// A record that the source cannot have meant.
    #[error("{name}: {why}")]
    Record {
        /// The shard.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What has been committed is not in the source any more.
    #[error(
        "{name} no longer holds, at byte {offset}, the record that is in the lake already: it was \
         changed or replaced; give new content a name of its own, or another lake"
    )]
    Changed {
        /// The source.
        name: String,
        /// Where the last committed record began.
        offset: String,
    },
}

/// The batches of one shard, in order.
#[derive(Debug)]
pub struct ShardBatches {
    unread: VecDeque<Batch>,
    receiver: mpsc::Receiver<Result<Batch, SourceError>>,
}

impl ShardBatches {
    /// Batches as they come through a channel.
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
    /// Why the source cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        if let Some(batch) = self.unread.pop_front() {
            return Ok(Some(batch));
        }
        self.receiver.recv().await.transpose()
    }

    /// Gives back batches that were read too far, in order; they come next.
    pub fn unread(&mut self, batches: Vec<Batch>) {
        for batch in batches.into_iter().rev() {
            self.unread.push_front(batch);
        }
    }
}
