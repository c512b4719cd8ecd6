//! Objects of quarantine, and their records.

use std::collections::BTreeSet;

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ObjectStore};
use thiserror::Error;

use crate::format::{Format, decode};
use crate::layout::Content;
use crate::layout::chunk::ArrivalTimes;
use crate::layout::object_key::{ChunkName, ParsedKey};
use crate::layout::quarantine::QuarantinedRecord;
use crate::ledger::decoding::RecordDecoding;
use crate::redrive::RedriveId;

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
    /// It does not have the content that its chunk manifest names.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Reads an object of quarantine as lines, each with its end, and checks that it has this digest.
///
/// # Errors
/// [`ObjectProblem`]
pub async fn read_object(
    store: &dyn ObjectStore,
    key: &str,
    digest: ContentDigest,
) -> Result<Vec<u8>, ObjectProblem> {
    read_object_up_to(store, key, digest, usize::MAX).await
}

/// Reads an object as [`read_object`] does, unless it has more than `max` bytes as it is stored.
///
/// # Errors
/// [`ObjectProblem`]
pub async fn read_object_up_to(
    store: &dyn ObjectStore,
    key: &str,
    digest: ContentDigest,
    max: usize,
) -> Result<Vec<u8>, ObjectProblem> {
    match store.get(key, max).await? {
        Found::Content(object) => lines(key, &object, digest).map_err(ObjectProblem::Damaged),
        Found::TooLarge(bytes) => Err(ObjectProblem::TooLarge { bytes, max }),
        Found::Nothing => Err(ObjectProblem::Missing),
    }
}

/// The lines of an object.
///
/// # Errors
/// What is wrong with it.
fn lines(key: &str, object: &[u8], digest: ContentDigest) -> Result<Vec<u8>, String> {
    let parsed = ParsedKey::parse(key).ok_or("its name is none of Sluice's")?;
    let lines = decode(parsed.format, object).map_err(|error| error.to_string())?;
    match Content::of_quarantine(&lines) {
        Some(content) if content.digest == digest => Ok(lines),
        Some(_) => Err("its records are not those that the manifest of its chunk names".into()),
        None => Err(match unreadable_line(&lines) {
            Some(number) => format!("line {number} is not a quarantined record"),
            None => "a line is not a quarantined record".into(),
        }),
    }
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
