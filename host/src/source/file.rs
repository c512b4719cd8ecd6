//! A file of newline-delimited JSON as a shard: a record is a line, its sequence number the offset of
//! its first byte (in the decompressed content), so a run can be killed and taken up again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;

use tokio::sync::mpsc;

use super::{Slices, SourceError};
use crate::ledger::Committed;
use crate::record::{Bounds, Position, Record, SequenceNumber, ShardId, Slice};
use crate::transform::release::Digest;

/// Read at a time.
const READ_BYTES: usize = 256 << 10;

/// The most of a file's first line that tells it from another file of the same name.
const HEAD_MAX_BYTES: usize = 4 << 10;

/// A line over this is no record but a file of another kind.
pub const LINE_MAX_BYTES: usize = 64 << 20;

/// Slices that are read ahead of the transform.
const SLICES_AHEAD: usize = 2;

/// The part of a file's name that its shard's name keeps.
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
    /// The location as users name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
        }
    }
}

type Input = Box<dyn BufRead + Send>;

/// A file whose first line has been seen, which names the shard.
pub struct OpenFile {
    name: String,
    shard: ShardId,
    input: Input,
    /// The file again, where it can be read from the middle.
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
    let mut raw = BufReader::with_capacity(READ_BYTES, raw);
    let mut magic = Vec::new();
    raw.by_ref()
        .take(ZSTD.len() as u64)
        .read_to_end(&mut magic)?;
    let (gzip, zstd) = (magic.starts_with(GZIP), magic.starts_with(ZSTD));
    let whole = Cursor::new(magic).chain(raw);
    let mut input: Input = if gzip {
        let decoder = flate2::bufread::MultiGzDecoder::new(whole);
        Box::new(BufReader::with_capacity(READ_BYTES, decoder))
    } else if zstd {
        let decoder = zstd::Decoder::with_buffer(whole)?;
        Box::new(BufReader::with_capacity(READ_BYTES, decoder))
    } else {
        Box::new(whole)
    };
    let mut head = Vec::new();
    (&mut input)
        .take(HEAD_MAX_BYTES as u64)
        .read_until(b'\n', &mut head)?;
    let first_line = head.strip_suffix(b"\n").unwrap_or(&head).to_vec();
    Ok((
        first_line,
        Box::new(Cursor::new(head).chain(input)),
        gzip || zstd,
    ))
}

impl OpenFile {
    /// The shard's name.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// The file as users name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts to read what is within the bounds, behind what is committed, on a thread of its own. A
    /// slice ends at `cut`, the last record of a range that has to be read again.
    ///
    /// # Errors
    /// [`SourceError::Changed`] where the last committed record is not there, [`SourceError::Io`].
    pub fn read(
        self,
        committed: Option<&Committed>,
        cut: Option<SequenceNumber>,
        bounds: Bounds,
    ) -> Result<Slices, SourceError> {
        let mut lines = Lines {
            name: self.name,
            input: self.input,
            offset: 0,
            line: Vec::new(),
        };
        if let Some(committed) = committed {
            lines.skip_to(committed, self.seekable.as_deref())?;
        }
        let (sender, receiver) = mpsc::channel(SLICES_AHEAD);
        let shard = self.shard;
        let started = thread::Builder::new().name("reader".into()).spawn({
            let name = lines.name.clone();
            move || {
                if let Err(error) = send_slices(&mut lines, &shard, cut, bounds, &sender) {
                    tracing::debug!(source = name, "reading ended early");
                    let _nobody_listens = sender.blocking_send(Err(error));
                }
            }
        });
        started.map_err(|source| SourceError::Io {
            name: "a thread".into(),
            source,
        })?;
        Ok(Slices::new(receiver))
    }
}

fn send_slices(
    lines: &mut Lines,
    shard: &ShardId,
    cut: Option<SequenceNumber>,
    bounds: Bounds,
    sender: &mpsc::Sender<Result<Slice, SourceError>>,
) -> Result<(), SourceError> {
    let mut slice = Slice::new(shard.clone());
    let mut at_cut = false;
    while let Some((offset, line)) = lines.next()? {
        let sequence = SequenceNumber::from(offset);
        if bounds.is_before(sequence) {
            continue;
        }
        if bounds.is_behind(sequence, 0) {
            break;
        }
        if line.is_empty() || line == b"\r" {
            slice.skip();
        } else {
            at_cut = cut == Some(sequence);
            slice.push(Record {
                data: line,
                partition_key: "",
                position: Position {
                    sequence,
                    sub: None,
                },
                arrived_at: 0,
            });
        }
        if slice.is_full() || at_cut {
            at_cut = false;
            let full = std::mem::replace(&mut slice, Slice::new(shard.clone()));
            if sender.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
    if !slice.is_empty() || slice.skipped() > 0 {
        let _nobody_listens = sender.blocking_send(Ok(slice));
    }
    Ok(())
}

/// Lines with their offsets.
struct Lines {
    name: String,
    input: Input,
    offset: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The next line without its end, and the offset of its first byte.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, SourceError> {
        self.line.clear();
        let limit = LINE_MAX_BYTES as u64 + 1;
        let read = self
            .input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| SourceError::Io {
            name: self.name.clone(),
            source,
        })?;
        if read == 0 {
            return Ok(None);
        }
        let offset = self.offset;
        if read > LINE_MAX_BYTES {
            return Err(SourceError::LineTooLong {
                name: self.name.clone(),
                offset,
                limit: LINE_MAX_BYTES,
            });
        }
        self.offset += read as u64;
        Ok(Some((
            offset,
            self.line.strip_suffix(b"\n").unwrap_or(&self.line),
        )))
    }

    /// Goes behind the last committed record, and makes sure that it is the one that was committed.
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
            self.input = Box::new(BufReader::with_capacity(READ_BYTES, file));
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
