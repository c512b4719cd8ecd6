//! Objects of quarantine, and their records.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read as _};

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ObjectStore};
use thiserror::Error;

use crate::format::{Format, lines_of};
use crate::layout::Content;
use crate::layout::chunk::ArrivalTimes;
use crate::layout::object_key::{ChunkName, ParsedKey};
use crate::layout::quarantine::{QuarantineHasher, QuarantinedRecord};
use crate::ledger::decoding::RecordDecoding;
use crate::redrive::RedriveId;

/// What a line has at most besides the bytes of its record, in bytes. The most of it is the key, which can be as large as a
/// record of Kinesis, 10 MiB. JSON writes a byte in at most six.
const LINE_OTHERS_MAX_BYTES: u64 = 64 << 20;

/// JSON writes a byte of a record in at most so many.
const ESCAPED_BYTES: u64 = 6;

/// The buffer of lines that are read, bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// An object of quarantined records of a committed chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineObject {
    /// Its key in the lake.
    pub key: String,
    /// The reason of its records.
    pub reason: ReasonCode,
    /// The shard whose chunk has it.
    pub shard: ShardId,
    /// The chunk.
    pub chunk: ChunkName,
    /// The release that quarantined its records.
    pub release: ReleaseId,
    /// The number of its records.
    pub records: u64,
    /// The bytes of these records.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: ContentDigest,
    /// When the records of its chunk arrived; `None` if their source has no times.
    pub arrived_at: Option<ArrivalTimes>,
    /// When it was put, milliseconds since the Unix epoch, by its store.
    pub put_at: i64,
    /// The format of its chunk, not of the object: quarantine of Parquet is lines.
    pub format: Format,
    /// The schema of its chunk's objects of events, if they have columns.
    pub schema: Option<Digest>,
    /// The columns of the partitions of its chunk; none if all records of the chunk are quarantined.
    pub columns: BTreeSet<String>,
    /// How the records of its chunk were decoded.
    pub decoding: RecordDecoding,
    /// Whether its records are as the source has them. Others were decoded before they were quarantined.
    pub is_undecoded: bool,
    /// The redrive that has claimed it.
    pub claimed_by: Option<RedriveId>,
    /// The ordinal of its first record in this redrive.
    pub first_ordinal: Option<u64>,
    /// How many of its records, from the first one on, this redrive has committed. They are where the redrive has put them,
    /// and the others are still quarantined here.
    pub redriven: u64,
    /// Whether this redrive has gone on behind it without its records. They stay quarantined here: the redrive reads them
    /// no more, and no other one takes them.
    pub is_left_behind: bool,
}

impl QuarantineObject {
    /// Its content, as the manifest of its chunk names it.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            lines: self.records,
            bytes: self.bytes,
            digest: self.digest,
        }
    }

    /// The number of records that are quarantined here now.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.records.saturating_sub(self.redriven)
    }

    /// Whether a redrive has committed all of its records.
    #[must_use]
    pub fn is_redriven(&self) -> bool {
        self.remaining() == 0
    }
}

/// Why an object of quarantine cannot be read.
#[derive(Debug, Error)]
pub enum ObjectProblem {
    /// There is none.
    #[error("it does not exist")]
    Missing,
    /// It has more bytes than are read.
    #[error("it has {bytes} bytes, and at most {max} are read here")]
    TooLarge {
        /// Its size as it is stored.
        bytes: u64,
        /// The most that are read.
        max: usize,
    },
    /// Its lines have more bytes than are read.
    #[error("it has more than {max} bytes when it is decompressed, and no more are read here")]
    TooManyLines {
        /// The most that are read.
        max: usize,
    },
    /// It does not have the content that its chunk manifest names.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads an object of quarantine as lines, each with its end, and checks that it has this content. It is decompressed up
/// to the first line that is not of this content.
///
/// # Errors
/// [`ObjectProblem`]
pub async fn read_object(
    store: &dyn ObjectStore,
    key: &str,
    content: Content,
) -> Result<Vec<u8>, ObjectProblem> {
    read_object_up_to(store, key, content, usize::MAX).await
}

/// Reads an object as [`read_object`] does, unless it has more than `max` bytes, as it is stored or as lines.
///
/// # Errors
/// [`ObjectProblem`]
pub async fn read_object_up_to(
    store: &dyn ObjectStore,
    key: &str,
    content: Content,
    max: usize,
) -> Result<Vec<u8>, ObjectProblem> {
    match store.get(key, max).await? {
        Found::Content(object) => lines(key, &object, content, max),
        Found::TooLarge(bytes) => Err(ObjectProblem::TooLarge { bytes, max }),
        Found::Nothing => Err(ObjectProblem::Missing),
    }
}

/// The lines of an object. They are decompressed one after the other, up to the first one that is not of this content: a
/// small object can be compressed from any number of bytes.
///
/// # Errors
/// What is wrong with it.
fn lines(key: &str, object: &[u8], content: Content, max: usize) -> Result<Vec<u8>, ObjectProblem> {
    let damaged = ObjectProblem::Damaged;
    let failed = |error: io::Error| ObjectProblem::Damaged(error.to_string());
    let others =
        || damaged("its records are not those that the manifest of its chunk names".into());
    let parsed = ParsedKey::parse(key);
    let parsed = parsed.ok_or_else(|| damaged("its name is none of Sluice's".into()))?;
    let reader = lines_of(parsed.format, object).map_err(failed)?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
    let line_max = content.bytes.saturating_mul(ESCAPED_BYTES);
    let line_max = line_max.saturating_add(LINE_OTHERS_MAX_BYTES);
    let (mut lines, mut number) = (Vec::new(), 0_u64);
    let mut hasher = QuarantineHasher::default();
    loop {
        let start = lines.len();
        // One byte more shows that there are more.
        let room = (max as u64).saturating_sub(start as u64).saturating_add(1);
        let mut next = reader.by_ref().take(line_max.min(room));
        let read = next.read_until(b'\n', &mut lines).map_err(failed)?;
        if lines.len() > max {
            return Err(ObjectProblem::TooManyLines { max });
        }
        if read == 0 {
            break;
        }
        number += 1;
        let record = QuarantinedRecord::parse(&lines[start..]);
        let data = record.as_ref().and_then(QuarantinedRecord::data);
        let (Some(record), Some(data)) = (&record, &data) else {
            return Err(damaged(match read as u64 == line_max {
                true => format!("line {number} is longer than a quarantined record can be"),
                false => format!("line {number} is not a quarantined record"),
            }));
        };
        hasher.add(&record.rid, &record.reason, data);
        if number > content.lines || hasher.bytes() > content.bytes {
            return Err(others());
        }
    }
    match hasher.digest() == content.digest {
        true => Ok(lines),
        false => Err(others()),
    }
}

/// The records of lines that [`read_object`] has read: one of each line, in their order.
pub fn records(lines: &[u8]) -> impl Iterator<Item = QuarantinedRecord<'_>> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines.filter_map(QuarantinedRecord::parse)
}
