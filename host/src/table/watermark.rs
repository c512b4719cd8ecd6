//! The watermark of a table: how far it has each shard of its lake.
//!
//! It is a document that is written once, before the commit whose files it belongs to, and never changed. A property of the
//! table names it, so it holds from the moment of this commit on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_engine::record::{SequenceNumber, ShardId};
use thiserror::Error;

use crate::format::parquet::UnmappedValues;
use crate::ledger::DocumentVersion;
use crate::table::duplicates::{DedupeRule, KeysMark};

/// The format version of the document; a reader rejects any other.
const VERSION: u32 = 2;

/// A watermark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    version: u32,
    /// The attempt that has committed it, or has tried to; empty for a table without files.
    pub attempt: String,
    /// The attempt of the watermark before; empty for the first one.
    pub after: String,
    /// The shards of which the table has chunks.
    pub shards: BTreeMap<ShardId, ShardMark>,
    /// The documents of ledgers whose committed chunks are all in the table, by their keys below the lake, with the tags
    /// that they had in a list then. As long as a document has this tag, there is nothing new in it.
    pub ledgers: BTreeMap<String, String>,
    /// The ids of the columns that the files were written with, by their full names. Readers find values by these ids, so a
    /// name that has another id does not have the values of earlier files.
    pub columns: BTreeMap<String, i32>,
    /// All bytes of events as lines that the table has.
    pub event_bytes: u64,
    /// All bytes of the files in which they were written.
    pub file_bytes: u64,
    /// All values that no column had.
    pub unmapped: UnmappedValues,
    /// What is known of the keys of events; `None` if the table has no rule for duplicates.
    pub keys: Option<KeysMark>,
}

/// How far a table has a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardMark {
    /// The last record of the last chunk.
    pub last: SequenceNumber,
    /// The number of chunks.
    pub chunks: u64,
    /// The number of events that are rows.
    pub rows: u64,
    /// The number of events that were dropped as duplicates.
    pub dropped: u64,
}

/// A document that cannot be used.
#[derive(Debug, Error)]
pub enum WatermarkError {
    /// The document has another format version.
    #[error(
        "it has format version {0} and this program reads version {VERSION}; use the program that wrote it"
    )]
    Version(u32),
    /// The text is no watermark.
    #[error("{0}")]
    Document(#[from] serde_json::Error),
}

impl Default for Watermark {
    /// That of a table without files.
    fn default() -> Self {
        Self {
            version: VERSION,
            attempt: String::new(),
            after: String::new(),
            shards: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            columns: BTreeMap::new(),
            event_bytes: 0,
            file_bytes: 0,
            unmapped: UnmappedValues::default(),
            keys: None,
        }
    }
}

impl Watermark {
    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`WatermarkError`]
    pub fn parse(text: &[u8]) -> Result<Self, WatermarkError> {
        let DocumentVersion { version } = serde_json::from_slice(text)?;
        if version != VERSION {
            return Err(WatermarkError::Version(version));
        }
        Ok(serde_json::from_slice(text)?)
    }

    /// The document.
    ///
    /// # Errors
    /// None is expected: it is written to memory.
    pub fn json(&self) -> Result<Vec<u8>, WatermarkError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The watermark of an attempt that follows this one: `shards` and `ledgers` are those after its chunks, and the files
    /// have these columns, bytes of events, bytes, and values that no column has. Its `keys` are still those of this one.
    #[must_use]
    pub fn next(
        &self,
        attempt: &str,
        shards: BTreeMap<ShardId, ShardMark>,
        ledgers: BTreeMap<String, String>,
        columns: BTreeMap<String, i32>,
        (event_bytes, file_bytes): (u64, u64),
        unmapped: &UnmappedValues,
    ) -> Self {
        let mut next = Self {
            version: VERSION,
            attempt: attempt.to_owned(),
            after: self.attempt.clone(),
            shards,
            ledgers,
            columns,
            event_bytes: self.event_bytes.saturating_add(event_bytes),
            file_bytes: self.file_bytes.saturating_add(file_bytes),
            unmapped: self.unmapped.clone(),
            keys: self.keys.clone(),
        };
        next.unmapped.absorb(unmapped);
        next
    }

    /// The number of events in the table.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shards.values().map(|mark| mark.rows).sum()
    }

    /// The number of events that were dropped as duplicates.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shards.values().map(|mark| mark.dropped).sum()
    }

    /// The rule for duplicates that it was written with; `None` if there is none.
    #[must_use]
    pub fn rule(&self) -> Option<&DedupeRule> {
        self.keys.as_ref().map(|keys| &keys.rule)
    }
}
