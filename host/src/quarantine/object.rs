//! Objects of quarantine, and their records.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ObjectStore};
use thiserror::Error;

use crate::format::{Format, decode_up_to};
use crate::layout::Content;
use crate::layout::chunk::ArrivalTimes;
use crate::layout::object_key::{ChunkName, ParsedKey};
use crate::layout::quarantine::QuarantinedRecord;
use crate::ledger::decoding::RecordDecoding;
use crate::output::counted;
use crate::redrive::RedriveId;

/// What a line has at most besides the bytes of its record, in bytes: the message and the backtrace of its reason, its ids and
/// its key. Each is limited, and JSON writes a byte in at most six.
const LINE_MAX_BYTES: u64 = 64 << 10;

/// JSON writes a byte of a record in at most so many.
const ESCAPED_BYTES: u64 = 6;

/// An object may always have so many bytes as lines: it is decoded, and then compared with its manifest.
const ALWAYS_DECODED_BYTES: u64 = 16 << 20;

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

/// Reads an object of quarantine as lines, each with its end, and checks that it has this content. It is decompressed no
/// further than this content can go.
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

/// The lines of an object.
///
/// # Errors
/// What is wrong with it.
fn lines(key: &str, object: &[u8], content: Content, max: usize) -> Result<Vec<u8>, ObjectProblem> {
    let damaged = ObjectProblem::Damaged;
    let parsed = ParsedKey::parse(key);
    let parsed = parsed.ok_or_else(|| damaged("its name is none of Sluice's".into()))?;
    let possible = lines_max_bytes(content);
    let decoded = decode_up_to(parsed.format, object, possible.min(max));
    let lines = decoded.map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge if max < possible => ObjectProblem::TooManyLines { max },
        ErrorKind::FileTooLarge => {
            let records = counted(content.lines, "record");
            let of =
                format!("which the {records} that the manifest of its chunk names cannot have");
            damaged(format!("{error}, {of}"))
        }
        _ => damaged(error.to_string()),
    })?;
    match Content::of_quarantine(&lines) {
        Some(found) if found.digest == content.digest => Ok(lines),
        Some(_) => Err(damaged(
            "its records are not those that the manifest of its chunk names".into(),
        )),
        None => Err(damaged(match unreadable_line(&lines) {
            Some(number) => format!("line {number} is not a quarantined record"),
            None => "a line is not a quarantined record".into(),
        })),
    }
}

/// The most bytes that the lines of such content can have.
fn lines_max_bytes(content: Content) -> usize {
    let records = content.bytes.saturating_mul(ESCAPED_BYTES);
    let others = content.lines.saturating_mul(LINE_MAX_BYTES);
    let all = records.saturating_add(others);
    usize::try_from(all.saturating_add(ALWAYS_DECODED_BYTES)).unwrap_or(usize::MAX)
}

/// The number of the first line that is no quarantined record, from 1.
fn unreadable_line(lines: &[u8]) -> Option<usize> {
    let mut lines = lines.split_inclusive(|byte| *byte == b'\n');
    let is_record = |line| QuarantinedRecord::parse(line).is_some_and(|read| read.data().is_some());
    lines.position(|line| !is_record(line)).map(|at| at + 1)
}

/// The records of lines that [`read_object`] has read: one of each line, in their order.
pub fn records(lines: &[u8]) -> impl Iterator<Item = QuarantinedRecord<'_>> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines.filter_map(QuarantinedRecord::parse)
}
