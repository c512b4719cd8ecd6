//! A file of newline-delimited JSON as a shard: a record is a line, and its sequence number is the
//! offset of its first byte in the decompressed content, so that a run can resume.

mod identity;
mod open;
mod prefix;
mod reading;
mod resume;
mod tail;
#[cfg(test)]
mod tests;

use std::io::{self, BufReader, Cursor, Read};
use std::path::PathBuf;

use self::prefix::PrefixHasher;
use super::SourceError;

pub use self::identity::{distinct, is_elsewhere, matching, still_holds};
pub use self::open::{FileOptions, OpenFile, open};
pub use self::reading::{FilePart, FileReading};
pub use self::tail::IncompleteLine;

/// Bytes per read.
const READ_BYTES: usize = 256 << 10;

/// The buffer for a decompressor, bytes. A larger read bypasses it, so a plain file is read directly into
/// the block in which lines are searched for.
const BUFFER_BYTES: usize = 32 << 10;

/// The bytes of a file's first line that distinguish it from another file of the same name.
const HEAD_MAX_BYTES: usize = 4 << 10;

/// A longer line means that the file is of another kind.
pub const LINE_MAX_BYTES: usize = 64 << 20;

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

/// A line.
struct Line<'a> {
    /// The offset of its first byte.
    offset: u64,
    /// Its bytes, without its end.
    text: &'a [u8],
    /// Whether it has an end: the last line may have none.
    has_end: bool,
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
    /// The digest of what comes before `block[hashed]`.
    prefix: PrefixHasher,
    hashed: usize,
}

impl Lines {
    /// The lines of `input`, which begins after `prefix`.
    fn new(name: String, input: Input, prefix: PrefixHasher) -> Self {
        Self {
            name,
            input,
            offset: prefix.bytes(),
            block: vec![0; READ_BYTES],
            next: 0,
            filled: 0,
            prefix,
            hashed: 0,
        }
    }

    /// The next line.
    fn next(&mut self) -> Result<Option<Line<'_>>, SourceError> {
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
        Ok(Some(Line {
            offset,
            text: &self.block[line],
            has_end: end > 0,
        }))
    }

    /// Reads more, after moving the unread part to the front of the block; returns 0 at the end.
    fn read_on(&mut self) -> Result<usize, SourceError> {
        self.hash();
        self.block.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        (self.next, self.hashed) = (0, 0);
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

    /// Gives the last line back, which was `length` bytes with its end.
    fn unread(&mut self, length: usize) {
        self.next -= length;
        self.offset -= length as u64;
    }

    /// The digest of everything up to the end of the last line.
    fn hash(&mut self) -> &PrefixHasher {
        self.prefix.update(&self.block[self.hashed..self.next]);
        self.hashed = self.next;
        &self.prefix
    }
}
