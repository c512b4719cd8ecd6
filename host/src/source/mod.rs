//! Sources: each reads a shard into batches. To add one, implement [`Source`] in a module of its own.

pub mod aggregate;
pub mod archive;
pub mod batch_channel;
pub mod budget;
pub mod decoding;
pub mod file;
pub mod kinesis;
pub mod lambda_batch;
pub mod lambda_event;
pub mod read_meter;
pub mod redrive;
pub mod unpacking;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use sluice_engine::record::{Batch, Bounds, SequenceNumber};
use sluice_engine::sanitize::sanitize;
use sluice_storage::error::{
    ErrorKind, MORE_HANDLES, RequestError, StorageError, is_out_of_handles,
};
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle};

use self::batch_channel::BatchReceiver;
use self::file::{FilePart, FileReading, IncompleteLine};
use crate::ledger::source_file::FilePrefix;
use crate::ledger::{Committed, Ledger, Pending};

/// A shard of a source, not read yet.
///
/// # Guarantees
/// - **Order.** Records come in the order of the shard, each once, and in the same order whenever they
///   are read. A record is identified by its sequence number, which never changes.
/// - **Resumption.** The first record is the one after [`ResumePoint::committed`]. If nothing is
///   committed, it is the first within the bounds from where the pipeline starts in the shard. If a range
///   is pending, it is the first of this range, a batch ends with the range's last record, and misplaced
///   records in between are kept or dropped as the pin records.
/// - **Completeness.** A source that no longer has the records to resume with says so with an error, if it
///   can know; it never skips records silently.
/// - **Errors.** An error ends the batches: those before it are complete and can be
///   landed. Transient errors have been retried until the retry timeout. To go on, open the shard again.
/// - **End.** The end of the batches without an error means that [`End`] is true of everything that was
///   read.
pub trait Source: Sized {
    /// Starts to read ahead.
    ///
    /// # Errors
    /// [`SourceError`]: reading cannot start there.
    fn read(self, from: &ResumePoint) -> Result<ShardBatches, SourceError>;
}

/// Where to start to read a shard, by its ledger.
#[derive(Clone, Debug, Default)]
pub struct ResumePoint {
    /// The last committed record.
    pub committed: Option<Committed>,
    /// The range that is read and replayed first.
    pub pending: Option<Pending>,
    /// The content of a file up to the end of that range.
    pub pending_file: Option<FilePrefix>,
    /// The part of the source to read.
    pub bounds: Bounds,
}

impl ResumePoint {
    /// Where a run goes on: with the pending range, or else after the committed records.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Self {
        Self {
            committed: ledger.committed().cloned(),
            pending: ledger.pending().cloned(),
            pending_file: ledger.pending_file().copied(),
            bounds: ledger.replay().unwrap_or_default(),
        }
    }

    /// Where the run began, to read everything once more.
    #[must_use]
    pub fn beginning(ledger: &Ledger) -> Self {
        Self {
            bounds: ledger.replay().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Whether nothing of the shard is committed or pending.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.committed.is_none() && self.pending.is_none()
    }
}

/// Why reading ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The shard is closed or its bound is reached, and all of it was read.
    Closed,
    /// All records that there are so far were read.
    Tip,
    /// A request to stop ended reading.
    Stopped,
}

/// Why a source cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file system or the decompressor fails.
    #[error("cannot read {}: {source}{}", sanitize(.name), if_not_read(.source))]
    Io {
        /// The source as the settings name it.
        name: String,
        /// The error.
        source: io::Error,
    },
    /// A pattern that no file matches.
    #[error("cannot read {name}: {why}")]
    NoFile {
        /// The pattern.
        name: String,
        /// Why there is no file.
        why: String,
    },
    /// The content is of a format that Sluice does not read.
    #[error(
        "cannot read {name}: its format is {format}; convert it with `{command}` to newline-delimited JSON in UTF-8, \
         plain or compressed with gzip or zstd"
    )]
    Unsupported {
        /// The source as the settings name it.
        name: String,
        /// The format.
        format: String,
        /// The command that converts the file.
        command: String,
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
        /// The longest line that is accepted, bytes.
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
    /// A bucket or an object cannot be read, after retries.
    #[error("{what}: {cause}")]
    Service {
        /// The operation and what it was for.
        what: String,
        /// Why it failed, and what to do.
        cause: RequestError,
    },
    /// An object of an archive that cannot be used.
    #[error("{object}: {why}")]
    Archive {
        /// Its path or URL.
        object: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// An invalid record.
    #[error("{name}: {why}")]
    Record {
        /// The shard.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What is committed is not in the source any more.
    #[error("{name} no longer holds {what}: {}", if_changed(.name))]
    Changed {
        /// The source.
        name: String,
        /// What is committed.
        what: String,
    },
}

/// What to do if a file cannot be read, as far as it is not plain.
fn if_not_read(source: &io::Error) -> String {
    match is_out_of_handles(source) {
        true => format!("; {MORE_HANDLES}"),
        false => String::new(),
    }
}

/// What happened to a source that has changed, and what to do.
fn if_changed(name: &str) -> &'static str {
    match name.starts_with("s3://") {
        true => {
            "the object was replaced; put the new one under another key and restore this one, or land all of it again \
             in another lake or under another name (--source-name)"
        }
        false => {
            "the file was changed or replaced; if it was moved (log rotation), give the moved file as another --source; \
             otherwise restore it, or land all of it again in another lake or under another name (--source-name)"
        }
    }
}

impl SourceError {
    /// The error of an object that cannot be read, after retries.
    #[must_use]
    pub fn of_storage(error: StorageError) -> Self {
        Self::Service {
            what: format!("{} {}", error.operation, error.place),
            cause: error.cause,
        }
    }

    /// Whether the error concerns only the source that it was met at. Others would meet it too if a service does not
    /// answer.
    #[must_use]
    pub fn is_of_one_source(&self) -> bool {
        let kind = self.kind();
        !matches!(kind, Some(ErrorKind::Throttled | ErrorKind::Unavailable))
    }

    /// The kind of the error of a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Stream { cause, .. } | Self::Service { cause, .. } => Some(cause.kind()),
            Self::Io { .. }
            | Self::NoFile { .. }
            | Self::Unsupported { .. }
            | Self::LineTooLong { .. }
            | Self::Archive { .. }
            | Self::Record { .. }
            | Self::Changed { .. } => None,
        }
    }
}

/// The batches of one shard, in order.
#[derive(Debug)]
pub struct ShardBatches {
    unread: VecDeque<Batch>,
    receiver: BatchReceiver,
    reader: Option<JoinHandle<End>>,
    file: Option<Arc<FileReading>>,
}

impl ShardBatches {
    /// The batches that come through a channel, up to the newest record.
    #[must_use]
    pub fn new(receiver: BatchReceiver) -> Self {
        Self {
            unread: VecDeque::new(),
            receiver,
            reader: None,
            file: None,
        }
    }

    /// The batches that the task `reader` sends through a channel.
    #[must_use]
    pub fn read_by(reader: JoinHandle<End>, receiver: BatchReceiver) -> Self {
        Self {
            reader: Some(reader),
            ..Self::new(receiver)
        }
    }

    /// The batches of a file.
    #[must_use]
    pub fn of_file(reading: Arc<FileReading>, receiver: BatchReceiver) -> Self {
        Self {
            file: Some(reading),
            ..Self::new(receiver)
        }
    }

    /// The file up to the record `last`, which ends a batch; `None` for a stream.
    #[must_use]
    pub fn file_up_to(&self, last: SequenceNumber) -> Option<FilePart> {
        self.file.as_ref()?.up_to(last)
    }

    /// The last line of a file that was left, after the end, because it is not complete.
    #[must_use]
    pub fn incomplete(&self) -> Option<IncompleteLine> {
        self.file.as_ref()?.incomplete()
    }

    /// Waits for the end of reading, after the last batch, and returns why it ended.
    ///
    /// # Errors
    /// The reader panicked or was cancelled.
    pub async fn end(self) -> Result<End, JoinError> {
        match self.reader {
            Some(reader) => reader.await,
            None => Ok(End::Tip),
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
        self.receiver.next().await
    }

    /// Puts batches back, in order; they come next.
    pub fn unread(&mut self, batches: Vec<Batch>) {
        for batch in batches.into_iter().rev() {
            self.unread.push_front(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::record::{Bound, ShardId};

    use super::*;
    use crate::ledger::Range;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: last - first + 1,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }
    }

    #[test]
    fn a_run_resumes_by_its_ledger_and_an_audit_begins_where_it_began() {
        let bounds = Bounds {
            from: Some(Bound::Sequence(3.into())),
            to: None,
        };
        let new = Ledger::new(ShardId::new("shard").unwrap());
        let new = new.for_replay(Some(bounds)).unwrap();
        assert!(ResumePoint::of(&new).is_new());
        let first = pending(3, 9);
        let committed = new.pin(first.clone()).unwrap();
        let committed = committed.commit(first.range, Digest::of(b"9")).unwrap();
        let interrupted = committed.pin(pending(10, 20)).unwrap();
        let resumed = ResumePoint::of(&interrupted);
        assert_eq!(resumed.committed.as_ref(), interrupted.committed());
        assert_eq!(resumed.pending, Some(pending(10, 20)));
        assert_eq!(resumed.bounds, bounds);
        let beginning = ResumePoint::beginning(&interrupted);
        assert!(beginning.is_new());
        assert_eq!(beginning.bounds, bounds);
    }
}
