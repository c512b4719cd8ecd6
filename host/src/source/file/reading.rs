//! Reads the lines of a file into batches, on a thread of its own.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use sluice_engine::record::{Batch, Bounds, Position, Record, SequenceNumber, ShardId};
use tokio::sync::mpsc;

use super::OpenFile;
use super::lines::{Line, Lines};
use super::tail::{IncompleteLine, is_blank, is_complete, record_of};
use crate::ledger::source_file::{FileName, FilePrefix, FileStat};
use crate::source::{ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are read ahead of the transform.
const BATCHES_AHEAD: usize = 2;

/// A file up to the end of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// What the file is known by.
    pub name: FileName,
    /// Its content so far.
    pub prefix: FilePrefix,
}

/// What is known of a file while it is read.
#[derive(Debug)]
pub struct FileReading {
    name: FileName,
    /// The content up to the end of each batch, by the batch's last record.
    prefixes: Mutex<VecDeque<(SequenceNumber, FilePrefix)>>,
    incomplete: OnceLock<IncompleteLine>,
}

impl FileReading {
    fn new(name: FileName) -> Self {
        Self {
            name,
            prefixes: Mutex::default(),
            incomplete: OnceLock::new(),
        }
    }

    fn add(&self, last: SequenceNumber, prefix: FilePrefix) {
        let prefixes = self.prefixes.lock();
        let mut prefixes = prefixes.unwrap_or_else(PoisonError::into_inner);
        prefixes.push_back((last, prefix));
    }

    /// The file up to the batch that ends with the record `last`. Earlier batches are forgotten.
    #[must_use]
    pub fn up_to(&self, last: SequenceNumber) -> Option<FilePart> {
        let prefixes = self.prefixes.lock();
        let mut prefixes = prefixes.unwrap_or_else(PoisonError::into_inner);
        while prefixes
            .front()
            .is_some_and(|(sequence, _)| *sequence < last)
        {
            prefixes.pop_front();
        }
        let (_, prefix) = prefixes.front().filter(|(sequence, _)| *sequence == last)?;
        Some(FilePart {
            name: self.name.clone(),
            prefix: *prefix,
        })
    }

    /// The last line, if it was left because it is not complete.
    #[must_use]
    pub fn incomplete(&self) -> Option<IncompleteLine> {
        self.incomplete.get().copied()
    }
}

impl Source for OpenFile {
    /// Reads on a thread of its own. If the committed part is not there any more, the file has been changed:
    /// [`SourceError::Changed`].
    fn read(mut self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        if let Some(prefix) = &from.pending_file
            && !self.begins_with(prefix)?
        {
            let what = format!("what is pending, which is its first {} bytes", prefix.bytes);
            return Err(self.changed(what));
        }
        let input = std::mem::replace(&mut self.input, Box::new(io::empty()));
        let lines = self.lines_after(input, from.committed.as_ref())?;
        let cut = from.pending.as_ref().map(|pending| pending.range.last);
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let reading = Arc::new(FileReading::new(self.known_as));
        let mut reader = Reader {
            lines,
            shard: self.shard,
            cut,
            bounds: from.bounds,
            last_line: LastLine {
                is_final: self.is_final,
                known_up_to: self.known_up_to.max(cut),
            },
            stat: self.stat,
            reading: reading.clone(),
            sender,
        };
        let thread = thread::Builder::new().name("reader".into());
        let started = thread.spawn(move || {
            if let Err(error) = reader.send_batches() {
                tracing::debug!(source = reader.lines.name, "reading ended early");
                let _receiver_is_gone = reader.sender.blocking_send(Err(error));
            }
        });
        started.map_err(|source| SourceError::Io {
            name: "a thread".into(),
            source,
        })?;
        Ok(ShardBatches::of_file(reading, receiver))
    }
}

/// Reads a file to its end.
struct Reader {
    lines: Lines,
    shard: ShardId,
    /// The last record of the pending range.
    cut: Option<SequenceNumber>,
    bounds: Bounds,
    last_line: LastLine,
    stat: Option<FileStat>,
    reading: Arc<FileReading>,
    sender: mpsc::Sender<Result<Batch, SourceError>>,
}

/// Which last line without its end is a record.
struct LastLine {
    is_final: bool,
    known_up_to: Option<SequenceNumber>,
}

impl LastLine {
    fn is_record(&self, line: &Line<'_>) -> bool {
        self.is_final
            || self.known_up_to >= Some(line.offset.into())
            || is_blank(line.text)
            || is_complete(line.text)
    }
}

/// The receiver of the batches is gone.
struct Gone;

impl Reader {
    fn send_batches(&mut self) -> Result<(), SourceError> {
        let mut batch = Batch::new(self.shard.clone());
        let mut is_last = false;
        while let Some(line) = self.lines.next_unless(is_last)? {
            let sequence = SequenceNumber::from(line.offset);
            if self.bounds.is_before(sequence) {
                continue;
            }
            let length = line.text.len();
            if self.bounds.is_after(sequence, 0) {
                let end = usize::from(line.has_end);
                self.lines.unread(length + end);
                break;
            }
            if !line.has_end && !self.last_line.is_record(&line) {
                let (offset, bytes) = (line.offset, length);
                let _only_once = self
                    .reading
                    .incomplete
                    .set(IncompleteLine { offset, bytes });
                self.lines.unread(length);
                break;
            }
            // Nothing follows a line without its end. What is there by now belongs to the line, or is for the next run.
            is_last = !line.has_end;
            add(&mut batch, &line);
            let at_cut = self.cut == Some(sequence) && !is_blank(line.text);
            if batch.is_full() || at_cut {
                let next = batch.successor();
                if let Err(Gone) = self.send(std::mem::replace(&mut batch, next)) {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() || batch.skipped() > 0 {
            let _receiver_is_gone = self.send(batch);
        }
        Ok(())
    }

    fn send(&mut self, batch: Batch) -> Result<(), Gone> {
        if let Some(last) = batch.positions().last() {
            let prefix = self.lines.hash().prefix(self.stat);
            self.reading.add(last.sequence, prefix);
        }
        self.sender.blocking_send(Ok(batch)).map_err(|_| Gone)
    }
}

/// Adds a line to a batch, as a record or as one that is skipped.
pub(super) fn add(batch: &mut Batch, line: &Line<'_>) {
    if is_blank(line.text) {
        batch.skip();
        return;
    }
    batch.push(Record {
        data: record_of(line.text),
        partition_key: "",
        position: Position {
            sequence: line.offset.into(),
            sub: None,
        },
        arrived_at: 0,
    });
}
