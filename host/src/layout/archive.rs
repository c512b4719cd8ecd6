//! The object of the archive that keeps the records of a chunk as the rules saw them.
//!
//! Its first line is a header, and each further line is a record: with its aggregate unpacked and its data decoded, or,
//! if the data could not be decoded, as the source has it. What is no record of a chunk is not in the archive: misplaced
//! records that were dropped, and lines of files that hold no record.
//!
//! The lines are a function of the records and of what their chunk pins. No message for people is in them, because another
//! version of the program can word it differently. So a repetition makes the same lines.

mod lines;
mod record;

use std::borrow::Borrow;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use sluice_engine::content_digest::{ContentDigest, ContentHasher};
use sluice_engine::record::{Batch, SequenceNumber, ShardId};
use thiserror::Error;

use crate::format::{Encoded, Format, Level, encode_parts};
use crate::layout::Content;
use crate::layout::arrival_times::ArrivalTimes;
use crate::ledger::DocumentVersion;
use crate::ledger::decoding::RecordDecoding;

pub use self::lines::ArchiveLines;
use self::record::push_record;
pub use self::record::{ArchivedRecord, NotDecoded};

/// The format of the objects.
pub const ARCHIVE_FORMAT: Format = Format::NDJSON_ZST;

/// The version of the lines; a reader rejects any other.
const VERSION: u32 = 1;

/// The records of an object, as its key names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveKey {
    /// Their shard.
    pub shard: ShardId,
    /// The first record.
    pub first: SequenceNumber,
    /// The last record.
    pub last: SequenceNumber,
}

impl fmt::Display for ArchiveKey {
    /// `<shard>/<first>-<last>.ndjson.zst`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first.padded(), self.last.padded());
        write!(f, "{}/{first}-{last}.{ARCHIVE_FORMAT}", self.shard)
    }
}

impl ArchiveKey {
    /// Parses a key of the archive; `None` for anything else.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (shard, name) = key.split_once('/')?;
        let stem = name
            .strip_suffix(ARCHIVE_FORMAT.extension())?
            .strip_suffix('.')?;
        let (first, last) = stem.split_once('-')?;
        let parsed = Self {
            shard: ShardId::new(shard).ok()?,
            first: first.parse().ok()?,
            last: last.parse().ok()?,
        };
        (parsed.first <= parsed.last && parsed.to_string() == key).then_some(parsed)
    }
}

/// The first line of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveHeader {
    version: u32,
    /// The shard of its records.
    pub shard: ShardId,
    /// The last record of the chunk before; `None` for the first chunk of the shard.
    pub after: Option<SequenceNumber>,
    /// Its first record.
    pub first: SequenceNumber,
    /// Its last record.
    pub last: SequenceNumber,
    /// The number of its records.
    pub records: u64,
    /// When its records arrived; `None` for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_at: Option<ArrivalTimes>,
    /// How their data was decoded. If it is plain, all data is as the source has it.
    #[serde(default, skip_serializing_if = "RecordDecoding::is_plain")]
    pub decoding: RecordDecoding,
}

impl ArchiveHeader {
    /// The header of an object with so many records, which follow the record `after`.
    #[must_use]
    pub fn new(key: ArchiveKey, after: Option<SequenceNumber>, records: u64) -> Self {
        let ArchiveKey { shard, first, last } = key;
        Self {
            version: VERSION,
            shard,
            after,
            first,
            last,
            records,
            arrived_at: None,
            decoding: RecordDecoding::default(),
        }
    }

    /// The header of records that arrived at these times.
    #[must_use]
    pub fn with_arrival(self, arrived_at: Option<ArrivalTimes>) -> Self {
        Self { arrived_at, ..self }
    }

    /// The header of records whose data was decoded so.
    #[must_use]
    pub fn with_decoding(self, decoding: RecordDecoding) -> Self {
        Self { decoding, ..self }
    }

    /// The key of its object.
    #[must_use]
    pub fn key(&self) -> ArchiveKey {
        ArchiveKey {
            shard: self.shard.clone(),
            first: self.first,
            last: self.last,
        }
    }

    /// Parses the first line of an object. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// It is no header, or one of another version.
    pub fn parse(line: &[u8]) -> Result<Self, ArchiveError> {
        let damaged = |error: serde_json::Error| ArchiveError::Header(error.to_string());
        let DocumentVersion { version } = serde_json::from_slice(line).map_err(damaged)?;
        if version != VERSION {
            return Err(ArchiveError::Version(version));
        }
        let header: Self = serde_json::from_slice(line).map_err(damaged)?;
        if header.first > header.last || header.records == 0 {
            return Err(ArchiveError::Header("it has no record".into()));
        }
        if header.after.is_some_and(|after| after >= header.first) {
            let why = "it follows a record that is not before its own";
            return Err(ArchiveError::Header(why.into()));
        }
        Ok(header)
    }
}

fn push_json(lines: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(&mut *lines, value) {
        unreachable!("strings and numbers are written to memory: {error}");
    }
    lines.push(b'\n');
}

fn push_batch(lines: &mut Vec<u8>, batch: &Batch) {
    let mut undecoded = batch.undecoded().iter().peekable();
    for (index, record) in (0..).zip(batch.records()) {
        let why = undecoded.next_if(|(undecoded, _)| *undecoded == index);
        push_record(lines, &record, why.map(|(_, why)| why.into()));
    }
}

/// An encoded object of the archive.
#[derive(Debug)]
pub struct ArchiveObject {
    /// Its key in the archive.
    pub key: ArchiveKey,
    /// Its encoded bytes.
    pub body: Vec<u8>,
    /// Its lines with the header, each with its end.
    pub content: Content,
}

impl ArchiveObject {
    /// Encodes the records of a chunk. Batches that are given by value are dropped as soon as they are encoded.
    ///
    /// # Errors
    /// The compressor fails; none is expected, since it writes to memory.
    pub fn encode(
        header: &ArchiveHeader,
        batches: impl IntoIterator<Item = impl Borrow<Batch>>,
        level: Level,
    ) -> io::Result<Self> {
        let mut parts = Parts::new(header, batches.into_iter());
        let Encoded {
            bytes: body,
            digest,
        } = encode_parts(ARCHIVE_FORMAT, level, &mut |part, _enough| parts.next(part))?;
        Ok(Self {
            key: header.key(),
            body,
            content: parts.content(digest),
        })
    }

    /// What the object with the records of a chunk holds.
    #[must_use]
    pub fn content_of(header: &ArchiveHeader, batches: &[Batch]) -> Content {
        let mut parts = Parts::new(header, batches.iter());
        let (mut hasher, mut part) = (ContentHasher::default(), Vec::new());
        while parts.next(&mut part) {
            hasher.update(&part);
            part.clear();
        }
        parts.content(hasher.digest())
    }
}

/// The lines of an object: the header, and then those of each batch.
struct Parts<'a, I> {
    header: &'a ArchiveHeader,
    has_header: bool,
    batches: I,
    bytes: u64,
}

impl<'a, I: Iterator<Item: Borrow<Batch>>> Parts<'a, I> {
    fn new(header: &'a ArchiveHeader, batches: I) -> Self {
        Self {
            header,
            has_header: false,
            batches,
            bytes: 0,
        }
    }

    /// Appends the next lines. Returns whether there were any.
    fn next(&mut self, part: &mut Vec<u8>) -> bool {
        let start = part.len();
        if !self.has_header {
            self.has_header = true;
            push_json(part, self.header);
        } else if let Some(batch) = self.batches.next() {
            push_batch(part, batch.borrow());
        } else {
            return false;
        }
        self.bytes += (part.len() - start) as u64;
        true
    }

    /// What was appended, of this digest.
    fn content(&self, digest: ContentDigest) -> Content {
        Content {
            lines: self.header.records + 1,
            bytes: self.bytes,
            digest,
        }
    }
}

/// What is wrong with an object of the archive.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ArchiveError {
    /// A line cannot be read.
    #[error("{0}")]
    Read(String),
    /// The first line is no header.
    #[error("line 1: it is no header of an object of the archive: {0}")]
    Header(String),
    /// The header has another version.
    #[error(
        "line 1: it has format version {0} and this program reads version {VERSION}; read it with the program that wrote it"
    )]
    Version(u32),
    /// The header is that of another object.
    #[error("line 1: it is the header of {0}")]
    OtherObject(ArchiveKey),
    /// A line is no record, or one that cannot be there.
    #[error("line {line}: {why}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The object has another number of records than its header.
    #[error("it has {found} records, and its header says {expected}")]
    Records {
        /// The number that the header says.
        expected: u64,
        /// The number of records.
        found: u64,
    },
}

#[cfg(test)]
mod tests;
