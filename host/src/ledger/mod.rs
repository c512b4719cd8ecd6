//! The ledger: a small document per shard that says what is committed and what is pending. It makes
//! delivery exactly once: nothing is put before everything that decides an outcome or a byte is pinned
//! here, so a run after a crash can only write the same objects again.
//!
//! ```text
//! idle ──pin(range)──▶ pending ──commit──▶ idle
//!                            └── a new run replays exactly this range
//! ```

pub mod decoding;
mod document;
pub mod error;
pub mod file;
mod group;
pub mod groups;
pub mod heads;
pub mod lease;
mod lease_entry;
pub mod lost_range;
pub mod messages;
pub mod misplaced_records;
pub mod pins;
pub mod resource_faults;
pub mod s3;
mod sent;
pub mod source_file;
pub mod store;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sluice_engine::digest::Digest;
use sluice_engine::record::{Bounds, SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

pub use self::document::DocumentName;
pub use self::error::LedgerError;
pub use self::lease_entry::LeaseEntry;
pub use self::sent::Sent;
use crate::ledger::lost_range::LostRange;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::source_file::{FileName, FilePrefix};

/// The format version of the document; a reader rejects any other. It also stands for the constants and
/// the rules of the program that decide an outcome, so that a range is never finished by a program with others.
const VERSION: u32 = 4;

/// The part of a document that every version has.
#[derive(Deserialize)]
pub(crate) struct DocumentVersion {
    pub(crate) version: u32,
}

/// The state of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u32,
    shard: ShardId,
    committed: Option<Committed>,
    pending: Option<Pending>,
    /// The moment that reading started at, if not at the oldest record: milliseconds since the Unix
    /// epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_at: Option<i64>,
    /// The first record of the shard that a function received: its event source mapping chose the
    /// start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_with: Option<SequenceNumber>,
    /// Whether the shard is closed and all of it is committed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finished: bool,
    /// The part of the shard that the lake is for, if it is the lake of a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<Bounds>,
    /// The file that the shard is read from. A shard of a stream has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<FileName>,
    /// The content of the file up to the end of the pending range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending_file: Option<FilePrefix>,
    /// How many messages of the pending range the bus has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
    /// When the stream of the shard was created, milliseconds since the Unix epoch. A file has no stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_created_at: Option<i64>,
    /// How long the stream kept records when the shard was last opened, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_retention_ms: Option<i64>,
    /// Ranges whose records may be lost, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<LostRange>,
    /// The lease of the shard. A ledger in a folder has a lock instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseEntry>,
}

/// The committed records: their events are in the lake and on the bus, or they are quarantined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// The last committed record.
    pub last: SequenceNumber,
    /// The digest of that record's bytes, which tells a file that was replaced from one that
    /// has grown.
    pub last_digest: Digest,
    /// The number of committed records of the shard.
    pub records: u64,
    /// The committed part of a file. A shard of a stream has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FilePrefix>,
}

/// A range that is about to be written, or was when its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Its records.
    pub range: Range,
    /// The release that transforms it, and no other may.
    pub release: ReleaseId,
    /// The settings that decide an outcome or a byte.
    pub pins: Pins,
    /// Its records that exceeded a resource, which another attempt could decide otherwise.
    #[serde(default, skip_serializing_if = "ResourceFaults::is_empty")]
    pub resource_faults: ResourceFaults,
}

/// A contiguous range of records of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first record.
    pub first: SequenceNumber,
    /// The last record.
    pub last: SequenceNumber,
    /// How many there are.
    pub count: u64,
}

fn purpose(replay: Option<Bounds>) -> String {
    match replay {
        None => "a run".into(),
        Some(bounds) => format!("the replay {bounds}"),
    }
}

impl Ledger {
    /// The ledger of a new shard.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        Self {
            version: VERSION,
            shard,
            committed: None,
            pending: None,
            began_at: None,
            began_with: None,
            finished: false,
            replay: None,
            file: None,
            pending_file: None,
            sent: None,
            stream_created_at: None,
            stream_retention_ms: None,
            lost: Vec::new(),
            lease: None,
        }
    }

    /// The moment that reading started at, if not at the oldest record.
    #[must_use]
    pub fn began_at(&self) -> Option<i64> {
        self.began_at
    }

    /// The ledger of a shard that is read from a moment on, milliseconds since the Unix epoch.
    #[must_use]
    pub fn begin_at(&self, moment: i64) -> Self {
        Self {
            began_at: Some(moment),
            ..self.clone()
        }
    }

    /// The first record of the shard that a function received. Earlier records are not part of the
    /// pipeline.
    #[must_use]
    pub fn began_with(&self) -> Option<SequenceNumber> {
        self.began_with
    }

    /// The ledger of a new shard of which a function received this record first; unchanged if the shard
    /// is not new.
    #[must_use]
    pub fn begin_with(self, first: SequenceNumber) -> Self {
        let known = self.committed.is_some() || self.pending.is_some() || self.began_at.is_some();
        let first = (!known).then_some(first);
        Self {
            began_with: self.began_with.or(first),
            ..self
        }
    }

    /// The ledger bound to a run, or to a replay of a part of the shard. It is one or the other from
    /// the start, so that neither resumes where the other ended.
    ///
    /// # Errors
    /// [`LedgerError::Replay`]
    pub fn for_replay(&self, wanted: Option<Bounds>) -> Result<Self, LedgerError> {
        let untouched = self.committed.is_none() && self.pending.is_none();
        if self.replay != wanted && !(untouched && self.replay.is_none()) {
            let (lake, wanted) = (purpose(self.replay), purpose(wanted));
            return Err(LedgerError::Replay { lake, wanted });
        }
        Ok(Self {
            replay: wanted,
            ..self.clone()
        })
    }

    /// The file that the shard is read from.
    #[must_use]
    pub fn file(&self) -> Option<&FileName> {
        self.file.as_ref()
    }

    /// The ledger of a shard that is read from a file, which may have another name than before.
    #[must_use]
    pub fn read_from(self, file: Option<&FileName>) -> Self {
        Self {
            file: file.cloned().or(self.file),
            ..self
        }
    }

    /// The ledger with the content of its file up to the end of the range that was pinned now. A range that was
    /// pinned before keeps what was pinned.
    #[must_use]
    pub fn with_pending_file(self, prefix: Option<FilePrefix>) -> Self {
        Self {
            pending_file: self.pending_file.or(prefix),
            ..self
        }
    }

    /// The content of the file up to the end of the pending range.
    #[must_use]
    pub fn pending_file(&self) -> Option<&FilePrefix> {
        self.pending_file.as_ref()
    }

    /// A part of the file that this ledger knows: what is committed, or else what is pending.
    #[must_use]
    pub fn known_part(&self) -> Option<&FilePrefix> {
        let committed = self.committed.as_ref();
        let part = committed.and_then(|committed| committed.file.as_ref());
        part.or(self.pending_file.as_ref())
    }

    /// The ledger with the committed part of its file, after a commit.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Option<FilePrefix>) -> Self {
        if let (Some(committed), Some(prefix)) = (&mut self.committed, prefix) {
            committed.file = Some(prefix);
        }
        self
    }

    /// The part of the shard that a replay's lake is for.
    #[must_use]
    pub fn replay(&self) -> Option<Bounds> {
        self.replay
    }

    /// Whether the shard is closed and all of it is committed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The ledger of a closed shard whose last record is committed.
    ///
    /// # Errors
    /// [`LedgerError::Pending`]
    pub fn finish(&self) -> Result<Self, LedgerError> {
        if let Some(Pending { range, .. }) = &self.pending {
            let (first, last) = (range.first, range.last);
            return Err(LedgerError::Pending { first, last });
        }
        Ok(Self {
            finished: true,
            ..self.clone()
        })
    }

    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`LedgerError::Version`] and [`LedgerError::Document`].
    pub fn parse(text: &[u8]) -> Result<Self, LedgerError> {
        let damaged = |error: serde_json::Error| LedgerError::Document(error.to_string());
        let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(LedgerError::Version(version));
        }
        let ledger: Self = serde_json::from_slice(text).map_err(damaged)?;
        let is_within = |pending: &Pending| pending.resource_faults.are_within(pending.range.count);
        if !ledger.pending.as_ref().is_none_or(is_within) {
            let why = "pending.resource_faults: a position behind the range";
            return Err(LedgerError::Document(why.into()));
        }
        ledger.check_sent()
    }

    /// Checks that a document belongs to `shard`.
    ///
    /// # Errors
    /// [`LedgerError::Shard`].
    pub fn check(self, shard: &ShardId) -> Result<Self, LedgerError> {
        if self.shard != *shard {
            return Err(LedgerError::Shard(self.shard));
        }
        Ok(self)
    }

    /// The shard.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// The committed records.
    #[must_use]
    pub fn committed(&self) -> Option<&Committed> {
        self.committed.as_ref()
    }

    /// The pending range.
    #[must_use]
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The ledger with `pending` pinned. A pending range may be pinned again unchanged: that is a
    /// replay.
    ///
    /// # Errors
    /// [`LedgerError::Order`] and [`LedgerError::Pending`].
    pub fn pin(&self, pending: Pending) -> Result<Self, LedgerError> {
        if let Some(pinned) = self.pending.as_ref().filter(|pinned| **pinned != pending) {
            let Range { first, last, .. } = pinned.range;
            return Err(LedgerError::Pending { first, last });
        }
        let Range { first, last, .. } = pending.range;
        let follows = self.committed.as_ref().is_none_or(|done| done.last < first);
        if !follows || first > last || pending.range.count == 0 {
            return Err(LedgerError::Order { first, last });
        }
        Ok(Self {
            sent: self.sent.filter(|_| self.pending.is_some()),
            pending: Some(pending),
            ..self.clone()
        })
    }

    /// The ledger with the pending range committed. `last_digest` is the digest of its last record's
    /// bytes. A range that is committed already stays so: the answer to its commit was lost.
    ///
    /// # Errors
    /// [`LedgerError::Nothing`].
    pub fn commit(&self, range: Range, last_digest: Digest) -> Result<Self, LedgerError> {
        let before = match (&self.pending, &self.committed) {
            (Some(pending), done) if pending.range == range => {
                done.as_ref().map_or(0, |d| d.records)
            }
            (None, Some(done)) if done.last == range.last => return Ok(self.clone()),
            _ => return Err(LedgerError::Nothing),
        };
        Ok(Self {
            lost: self.lost_before(range.first),
            committed: Some(Committed {
                last: range.last,
                last_digest,
                records: before.saturating_add(range.count),
                file: None,
            }),
            pending: None,
            pending_file: None,
            sent: None,
            ..self.clone()
        })
    }
}
