//! What a chunk becomes: its objects, their keys, quarantine lines, notifications and its manifest. Everything
//! here is pure: no client, no clock, no file.

pub mod archive;
pub mod arrival_times;
pub mod chunk;
pub mod chunk_manifest;
pub mod event_type;
pub mod object_key;
pub mod object_notification;
pub mod partition_columns;
pub mod quarantine;
pub mod quarantine_filter;

use sluice_engine::content_digest::ContentDigest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::partition::PartitionPath;

use crate::format::Format;
use crate::format::parquet::{DriftSample, UnmappedValues};
use crate::layout::object_key::Origin;
use crate::layout::quarantine::{QuarantineHasher, QuarantinedRecord};

/// The destination of a line of a chunk. Each destination is one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Events of a partition of the lake.
    Lake(PartitionPath),
    /// Quarantined records of one reason.
    Quarantine(ReasonCode),
}

impl Destination {
    /// The format of its object in a chunk of this format. Quarantined records are always lines.
    #[must_use]
    pub fn format(&self, of_chunk: Format) -> Format {
        match self {
            Self::Quarantine(_) if !of_chunk.has_lines() => Format::NDJSON_ZST,
            Self::Lake(_) | Self::Quarantine(_) => of_chunk,
        }
    }
}

/// An encoded object to put.
#[derive(Debug)]
pub struct Object {
    /// Its key in the lake.
    pub key: String,
    /// Its encoded bytes.
    pub body: Vec<u8>,
    /// The format of these bytes.
    pub format: Format,
    /// Its content.
    pub content: Content,
    /// The destination of its lines.
    pub destination: Destination,
    /// The chunk and the release that it comes from.
    pub origin: Origin,
    /// What no column of it has, if it has columns.
    pub unmapped: UnmappedValues,
    /// A sample of its events, which says how they drift from the schema.
    pub drift: Option<DriftSample>,
}

/// What an object holds, whatever its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The number of its lines.
    pub lines: u64,
    /// The bytes of its events as lines, each with its end. Of quarantined records: the bytes of the records.
    pub bytes: u64,
    /// The digest of these lines. Of quarantined records: that of a [`QuarantineHasher`].
    pub digest: ContentDigest,
}

impl Content {
    /// The content of an object that was decoded into lines, unless it is one of quarantine.
    #[must_use]
    pub fn of_lines(lines: &[u8]) -> Self {
        Self {
            lines: memchr::memchr_iter(b'\n', lines).count() as u64,
            bytes: lines.len() as u64,
            digest: ContentDigest::of(lines),
        }
    }

    /// The content of an object of quarantine that was decoded into lines; `None` if one of them is no
    /// quarantined record.
    #[must_use]
    pub fn of_quarantine(lines: &[u8]) -> Option<Self> {
        let mut hasher = QuarantineHasher::default();
        let mut records = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let record = QuarantinedRecord::parse(line)?;
            hasher.add(&record.rid, &record.reason, &record.data()?);
            records += 1;
        }
        Some(Self {
            lines: records,
            bytes: hasher.bytes(),
            digest: hasher.digest(),
        })
    }
}
