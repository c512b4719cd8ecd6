//! Reads the lines of a file into batches, on a thread of its own.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, Bounds, SequenceNumber, ShardId};

use super::OpenFile;
use super::batch_sender::FileBatchSender;
use super::lines::{Line, Lines};
use super::resume::SourceRecords;
use super::tail::{IncompleteLine, is_blank, is_complete, record_of};
use crate::ledger::Committed;
use crate::ledger::decoding::RecordDecoding;
use crate::ledger::source_file::{DecodedLines, FileName, FilePrefix, FileStat};
use crate::source::batch_channel::{ReceiverGone, batch_channel};
use crate::source::decoding::{Decoder, data_of_line, is_compressed};
use crate::source::unpacking::{RepeatedRange, Unpackings};
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

    pub(super) fn add(&self, last: SequenceNumber, prefix: FilePrefix) {
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
        let marks_end = self.marks_end();
        let mut unpackings = self.unpackings;
        let pending = from.pending.as_ref().map(RepeatedRange::of);
        unpackings.repeated.extend(pending);
        let (sender, receiver) = batch_channel(BATCHES_AHEAD, &self.budget);
        let reading = Arc::new(FileReading::new(self.known_as));
        let mut reader = Reader {
            lines,
            shard: self.shard,
            unpackings,
            read: LinesRead::of(from.committed.as_ref()),
            bounds: from.bounds,
            last_line: LastLine {
                is_final: self.is_final,
                known_up_to: self.known_up_to.max(cut),
            },
            stat: self.stat,
            is_compressed: self.is_compressed,
            batches: FileBatchSender::new(reading.clone(), sender, marks_end),
        };
        let thread = thread::Builder::new().name("reader".into());
        let started = thread.spawn(move || {
            if let Err(error) = reader.send_batches() {
                tracing::debug!(source = reader.lines.name, "reading ended early");
                let _receiver_is_gone = reader.batches.fail(error);
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
    unpackings: Unpackings,
    read: LinesRead,
    bounds: Bounds,
    last_line: LastLine,
    stat: Option<FileStat>,
    is_compressed: bool,
    batches: FileBatchSender,
}

/// Which last line without its end is a record.
struct LastLine {
    is_final: bool,
    known_up_to: Option<SequenceNumber>,
}

impl LastLine {
    /// Data that is decoded or split could go on behind a whole object.
    fn is_record(&self, line: &Line<'_>, decoding: RecordDecoding) -> bool {
        self.is_final
            || self.known_up_to >= Some(line.offset.into())
            || is_blank(line.text)
            || (decoding.is_plain() && is_complete(line.text))
    }
}

/// The lines that were read since the beginning of the file.
#[derive(Default)]
struct LinesRead {
    count: u64,
    /// Whether some of them were decoded.
    decoded: bool,
    last: Vec<u8>,
    /// Whether the last one has no end, and white space behind it would be a part of its record.
    is_open: bool,
}

impl LinesRead {
    /// The committed ones.
    fn of(committed: Option<&Committed>) -> Self {
        let file = committed.and_then(|committed| committed.file);
        Self {
            count: committed.map_or(0, |committed| SourceRecords::of(committed).count),
            decoded: file.is_some_and(|file| file.lines.is_some()),
            last: Vec::new(),
            is_open: false,
        }
    }

    fn add(&mut self, line: &Line<'_>, decoding: RecordDecoding) {
        if is_blank(line.text) {
            return;
        }
        self.count += 1;
        self.decoded |= !decoding.is_plain();
        if self.decoded {
            self.last.clear();
            self.last.extend_from_slice(line.text.trim_ascii_end());
        }
        self.is_open = !line.has_end && goes_on_with_white_space(line.text, decoding);
    }

    fn decoded(&self) -> Option<DecodedLines> {
        self.decoded.then(|| DecodedLines {
            count: self.count,
            last_digest: Digest::of(&self.last),
        })
    }
}

/// Whether white space behind a line would be a part of its record.
fn goes_on_with_white_space(line: &[u8], decoding: RecordDecoding) -> bool {
    match decoding.is_plain() {
        true => !record_of(line).ends_with(b"}"),
        false => is_compressed(line, decoding.encoding),
    }
}

impl Reader {
    fn send_batches(&mut self) -> Result<(), SourceError> {
        let mut batch = Batch::new(self.shard.clone());
        let (mut is_last, mut is_whole) = (false, true);
        while let Some(line) = self.lines.next_unless(is_last)? {
            let sequence = SequenceNumber::from(line.offset);
            if self.bounds.is_before(sequence) {
                continue;
            }
            let length = line.text.len();
            if self.bounds.is_after(sequence, 0) {
                let end = usize::from(line.has_end);
                self.lines.unread(length + end);
                is_whole = false;
                break;
            }
            let decoding = self.unpackings.of(sequence).decoding;
            if !line.has_end && !self.last_line.is_record(&line, decoding) {
                let (offset, bytes) = (line.offset, length);
                let reading = self.batches.reading();
                let _only_once = reading.incomplete.set(IncompleteLine { offset, bytes });
                self.lines.unread(length);
                is_whole = false;
                break;
            }
            // Nothing follows a line without its end. What is there by now belongs to the line, or is for the next run.
            is_last = !line.has_end;
            if !is_blank(line.text)
                && let Err(ReceiverGone) = self.batches.go_on()
            {
                return Ok(());
            }
            add(&mut batch, &line, decoding);
            self.read.add(&line, decoding);
            let at_cut = self.unpackings.end_with(sequence) && !is_blank(line.text);
            if batch.is_full() || at_cut {
                let next = batch.successor();
                let full = std::mem::replace(&mut batch, next);
                let prefix = self.prefix();
                if let Err(ReceiverGone) = self.batches.send(full, prefix) {
                    return Ok(());
                }
            }
        }
        let prefix = self.prefix();
        let _receiver_is_gone = self.batches.end(batch, prefix, is_whole);
        Ok(())
    }

    /// The content up to the last line.
    fn prefix(&mut self) -> FilePrefix {
        FilePrefix {
            is_compressed: self.is_compressed,
            is_open: self.read.is_open,
            lines: self.read.decoded(),
            ..self.lines.hash().prefix(self.stat)
        }
    }
}

/// Adds the records of a line to a batch, or counts it as skipped.
pub(super) fn add(batch: &mut Batch, line: &Line<'_>, decoding: RecordDecoding) {
    if is_blank(line.text) {
        batch.skip();
        return;
    }
    let data = match decoding.is_plain() {
        true => record_of(line.text),
        false => data_of_line(line.text, decoding),
    };
    Decoder::new(batch, decoding, line.offset.into(), 0).add(data, "", None);
}
