//! A file of newline-delimited JSON as a shard: a record is a line, and its sequence number is the
//! offset of its first byte in the decompressed content, so that a run can resume.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, Bounds, Position, Record, SequenceNumber, ShardId};
use tokio::sync::mpsc;

use super::{ResumePoint, ShardBatches, Source, SourceError};
use crate::ledger::Committed;

/// Bytes per read.
const READ_BYTES: usize = 256 << 10;

/// The buffer for a decompressor, bytes. A larger read bypasses it, so a plain file is read directly into
/// the block in which lines are searched for.
const BUFFER_BYTES: usize = 32 << 10;

/// The bytes of a file's first line that distinguish it from another file of the same name.
const HEAD_MAX_BYTES: usize = 4 << 10;

/// A longer line means that the file is of another kind.
pub const LINE_MAX_BYTES: usize = 64 << 20;

/// Batches that are read ahead of the transform.
const BATCHES_AHEAD: usize = 2;

/// The bytes of a file's name that its shard's name keeps.
const NAME_MAX_BYTES: usize = 64;

/// A file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, plain or compressed with gzip or Zstandard.
    File(PathBuf),
    /// Standard input, likewise.
    Stdin,
}

impl Location {
    /// The location as the settings name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
        }
    }
}

type Input = Box<dyn Read + Send>;

/// A file whose first line has been read, which names the shard.
pub struct OpenFile {
    name: String,
    shard: ShardId,
    input: Input,
    /// The file once more, if it can be read from the middle.
    seekable: Option<PathBuf>,
}

/// Opens a file and names its shard `<file name>-<digest of the first line>`: another file of the
/// same name is another shard, and a file that grows stays the same one.
///
/// # Errors
/// [`SourceError::Io`]
pub fn open(location: &Location) -> Result<OpenFile, SourceError> {
    let name = location.name();
    let opened = match location {
        Location::File(path) => File::open(path).map(|file| Box::new(file) as Box<dyn Read + Send>),
        Location::Stdin => Ok(Box::new(io::stdin()) as Box<dyn Read + Send>),
    };
    let begun = opened.and_then(begin);
    let (head, input, compressed) = begun.map_err(|source| SourceError::Io {
        name: name.clone(),
        source,
    })?;
    let (file_name, seekable) = match location {
        Location::File(path) => (file_name(path), (!compressed).then(|| path.clone())),
        Location::Stdin => ("stdin".into(), None),
    };
    let shard = shard_id(&file_name, &head);
    Ok(OpenFile {
        name,
        shard,
        input,
        seekable: seekable.filter(|path| path.is_file()),
    })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn shard_id(file_name: &str, head: &[u8]) -> ShardId {
    let safe: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                c
            } else {
                '-'
            }
        })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(NAME_MAX_BYTES)
        .collect();
    let safe = if safe.is_empty() { "file" } else { &safe };
    match ShardId::new(&format!("{safe}-{}", Digest::of(head).short())) {
        Ok(shard) => shard,
        Err(error) => unreachable!("the name was made of what a shard's may hold: {error}"),
    }
}

/// The first line, the whole input from its beginning, and whether it is compressed.
fn begin(raw: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Input, bool)> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
    let mut magic = Vec::new();
    raw.by_ref()
        .take(ZSTD.len() as u64)
        .read_to_end(&mut magic)?;
    let (gzip, zstd) = (magic.starts_with(GZIP), magic.starts_with(ZSTD));
    let whole = Cursor::new(magic).chain(raw);
    let mut input: Input = if gzip {
        Box::new(flate2::bufread::MultiGzDecoder::new(whole))
    } else if zstd {
        Box::new(zstd::Decoder::with_buffer(whole)?)
    } else {
        Box::new(whole)
    };
    let head = first_bytes(&mut input)?;
    let line = memchr::memchr(b'\n', &head).unwrap_or(head.len());
    Ok((
        head[..line].to_vec(),
        Box::new(Cursor::new(head).chain(input)),
        gzip || zstd,
    ))
}

/// Reads the first line, as far as it names the shard. It reads no further, because the next line of
/// standard input may take long to arrive.
fn first_bytes(input: &mut Input) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while head.len() < HEAD_MAX_BYTES && head.last() != Some(&b'\n') {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

impl OpenFile {
    /// The shard's name.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// The file as the settings name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Source for OpenFile {
    /// Reads on a thread of its own. If the last committed record is missing, the file has been
    /// replaced: [`SourceError::Changed`].
    fn read(self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        let mut lines = Lines::new(self.name, self.input);
        if let Some(committed) = &from.committed {
            lines.skip_to(committed, self.seekable.as_deref())?;
        }
        let cut = from.pending.as_ref().map(|pending| pending.range.last);
        let bounds = from.bounds;
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let shard = self.shard;
        let started = thread::Builder::new().name("reader".into()).spawn({
            let name = lines.name.clone();
            move || {
                if let Err(error) = send_batches(&mut lines, &shard, cut, bounds, &sender) {
                    tracing::debug!(source = name, "reading ended early");
                    let _receiver_is_gone = sender.blocking_send(Err(error));
                }
            }
        });
        started.map_err(|source| SourceError::Io {
            name: "a thread".into(),
            source,
        })?;
        Ok(ShardBatches::new(receiver))
    }
}

fn send_batches(
    lines: &mut Lines,
    shard: &ShardId,
    cut: Option<SequenceNumber>,
    bounds: Bounds,
    sender: &mpsc::Sender<Result<Batch, SourceError>>,
) -> Result<(), SourceError> {
    let mut batch = Batch::new(shard.clone());
    let mut at_cut = false;
    while let Some((offset, line)) = lines.next()? {
        let sequence = SequenceNumber::from(offset);
        if bounds.is_before(sequence) {
            continue;
        }
        if bounds.is_after(sequence, 0) {
            break;
        }
        if line.is_empty() || line == b"\r" {
            batch.skip();
        } else {
            at_cut = cut == Some(sequence);
            batch.push(Record {
                data: line,
                partition_key: "",
                position: Position {
                    sequence,
                    sub: None,
                },
                arrived_at: 0,
            });
        }
        if batch.is_full() || at_cut {
            at_cut = false;
            let next = batch.successor();
            let full = std::mem::replace(&mut batch, next);
            if sender.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
    if !batch.is_empty() || batch.skipped() > 0 {
        let _receiver_is_gone = sender.blocking_send(Ok(batch));
    }
    Ok(())
}

/// Lines with their offsets, each borrowed from the block that it was read into.
struct Lines {
    name: String,
    input: Input,
    /// The offset of the next line.
    offset: u64,
    /// The unread part is `block[next..filled]`.
    block: Vec<u8>,
    next: usize,
    filled: usize,
}

impl Lines {
    fn new(name: String, input: Input) -> Self {
        Self {
            name,
            input,
            offset: 0,
            block: vec![0; READ_BYTES],
            next: 0,
            filled: 0,
        }
    }

    /// The next line without its end, and the offset of its first byte.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, SourceError> {
        let mut searched = 0;
        let (length, end) = loop {
            let rest = &self.block[self.next + searched..self.filled];
            if let Some(at) = memchr::memchr(b'\n', rest) {
                break (searched + at, 1);
            }
            searched = self.filled - self.next;
            if searched > LINE_MAX_BYTES || self.read_on()? == 0 {
                break (searched, 0);
            }
        };
        if length > LINE_MAX_BYTES {
            return Err(SourceError::LineTooLong {
                name: self.name.clone(),
                offset: self.offset,
                limit: LINE_MAX_BYTES,
            });
        }
        if length + end == 0 {
            return Ok(None);
        }
        let line = self.next..self.next + length;
        let offset = self.offset;
        self.next = line.end + end;
        self.offset += (length + end) as u64;
        Ok(Some((offset, &self.block[line])))
    }

    /// Reads more, after moving the unread part to the front of the block; returns 0 at the end.
    fn read_on(&mut self) -> Result<usize, SourceError> {
        self.block.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
        if self.filled == self.block.len() {
            self.block.resize(2 * self.block.len(), 0);
        }
        let free = &mut self.block[self.filled..];
        let read = loop {
            match self.input.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|source| SourceError::Io {
            name: self.name.clone(),
            source,
        })?;
        self.filled += read;
        Ok(read)
    }

    /// Skips to the record after the last committed one, and checks that this one has not changed.
    fn skip_to(
        &mut self,
        committed: &Committed,
        seekable: Option<&Path>,
    ) -> Result<(), SourceError> {
        let changed = SourceError::Changed {
            name: self.name.clone(),
            offset: committed.last.to_string(),
        };
        let Some(target) = committed.last.as_offset() else {
            return Err(changed);
        };
        if let Some(path) = seekable {
            let reopened = File::open(path).and_then(|mut file| {
                file.seek(SeekFrom::Start(target))?;
                Ok(file)
            });
            let file = reopened.map_err(|source| SourceError::Io {
                name: self.name.clone(),
                source,
            })?;
            *self = Self::new(std::mem::take(&mut self.name), Box::new(file));
            self.offset = target;
        }
        while let Some((offset, line)) = self.next()? {
            if offset == target && Digest::of(line) == committed.last_digest {
                return Ok(());
            }
            if offset >= target {
                break;
            }
        }
        Err(changed)
    }
}
