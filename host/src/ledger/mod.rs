//! The ledger: one small document for each shard that says what has been committed and what was
//! about to be written. It is what makes delivery exactly once: nothing is put before the range, the
//! release and the format are pinned here, so a run that was interrupted can only write the same
//! objects again.
//!
//! ```text
//! settled ──pin(range)──▶ pending ──commit──▶ settled
//!                            └── a new run replays exactly this range
//! ```

pub mod file;
pub mod holding;
pub mod s3;
pub mod store;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::encode::Format;
use crate::record::{Bounds, Position, SequenceNumber, ShardId};
use crate::source::aggregate::Outsiders;
use crate::transform::release::{Digest, ReleaseId};

/// The version of the document; a reader refuses a later one.
const VERSION: u32 = 1;

/// What has become of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u32,
    shard: ShardId,
    committed: Option<Committed>,
    pending: Option<Pending>,
    /// Where reading began, of a shard that was not to be read from its oldest record: milliseconds
    /// since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_at: Option<i64>,
    /// The first record that a function was given of the shard: its mapping chose where to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_with: Option<SequenceNumber>,
    /// Whether the shard is closed and all of it is committed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finished: bool,
    /// The part of the shard that the lake is for; a replay's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<Bounds>,
    /// Who holds the shard; a ledger in a folder is held by a lock instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
}

/// Who holds a shard, in a ledger that is changed by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The process that has it; none after it was given back.
    pub owner: Option<String>,
    /// How many times it has been taken.
    pub fence: u64,
    /// Different after every write. A lease whose nonce stays the same is not being renewed.
    pub nonce: String,
    /// A process that has too few shards and asks for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_by: Option<String>,
}

/// Everything up to here is in the lake, on the bus or in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// The last record that is done.
    pub last: SequenceNumber,
    /// The digest of that record's bytes, by which a file that was replaced is told from one that
    /// has grown.
    pub last_digest: Digest,
    /// How many records of the shard are done.
    pub records: u64,
}

/// A range that is about to be written, or was when its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Its records.
    pub range: Range,
    /// The release that transforms it, and no other may.
    pub release: ReleaseId,
    /// The format of its objects, part of their names.
    pub format: Format,
    /// Its records that ran out of wall time. Another run may decide otherwise, so a replay is given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timed_out: Vec<Position>,
    /// What became of records of its aggregates that belong to other shards.
    #[serde(default, skip_serializing_if = "Outsiders::are_kept")]
    pub outsiders: Outsiders,
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

/// A step that the ledger does not allow: a fault of the program, or of whoever edited the file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LedgerError {
    /// The document is of a later version.
    #[error("version {0} is not one that this program knows (it knows {VERSION})")]
    Version(u32),
    /// The document belongs to another shard.
    #[error("it belongs to shard {0}")]
    Shard(ShardId),
    /// A range is pinned that does not follow what is committed.
    #[error("range {first}..{last} does not follow what is committed")]
    Order {
        /// The range's first record.
        first: SequenceNumber,
        /// The range's last record.
        last: SequenceNumber,
    },
    /// Another range is pending.
    #[error("range {first}..{last} is pending and has to be finished first")]
    Pending {
        /// The pending range's first record.
        first: SequenceNumber,
        /// The pending range's last record.
        last: SequenceNumber,
    },
    /// The lake is for another part of the shard, or for all of it.
    #[error("this lake belongs to {lake}, and {wanted} needs a lake of its own")]
    Replay {
        /// What the lake is for.
        lake: String,
        /// What it was to be used for.
        wanted: String,
    },
    /// A pending range is repeated, and of its records another ran out of wall time than before. Objects
    /// may have landed in which that record is an event, or none.
    #[error(
        "record {0} of a range that was begun before ran out of time in one attempt and not in the \
         other; this passes when the machine is less busy, or with a larger limits.time"
    )]
    TimedOut(Position),
    /// A commit of a range that is not pinned.
    #[error("nothing is pending that could be committed")]
    Nothing,
}

impl Pending {
    /// Whether a repetition is what it repeats.
    fn check_repeated(&self, again: &Self) -> Result<(), LedgerError> {
        let same = self.range == again.range
            && self.release == again.release
            && self.format == again.format
            && self.outsiders == again.outsiders;
        if !same {
            let Range { first, last, .. } = self.range;
            return Err(LedgerError::Pending { first, last });
        }
        let one_has = |one: &Self, other: &Self| {
            let mut timed_out = one.timed_out.iter();
            timed_out.find(|at| !other.timed_out.contains(at)).copied()
        };
        let differs = one_has(again, self).or_else(|| one_has(self, again));
        differs.map_or(Ok(()), |at| Err(LedgerError::TimedOut(at)))
    }
}

fn whose(replay: Option<Bounds>) -> String {
    match replay {
        None => "a run".into(),
        Some(bounds) => format!("the replay {bounds}"),
    }
}

impl Ledger {
    /// The ledger of a shard of which nothing has been read.
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
            lease: None,
        }
    }

    /// Who holds the shard.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.lease.as_ref()?.owner.as_deref()
    }

    /// The lease, where the ledger has one.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The ledger with another owner.
    #[must_use]
    pub fn taken_by(&self, owner: &str) -> Self {
        self.leased(Some(owner.to_owned()), 1)
    }

    /// The ledger without an owner, left to who has asked for it.
    #[must_use]
    pub fn given_back(&self) -> Self {
        let mut given = self.leased(None, 0);
        if let (Some(now), Some(before)) = (&mut given.lease, &self.lease) {
            now.wanted_by.clone_from(&before.wanted_by);
        }
        given
    }

    /// The ledger with a wish of another process to have the shard.
    #[must_use]
    pub fn wanted_by(&self, process: &str) -> Self {
        let mut wanted = self.clone();
        if let Some(lease) = &mut wanted.lease {
            lease.wanted_by = Some(process.to_owned());
        }
        wanted
    }

    /// The ledger without a wish of another process.
    #[must_use]
    pub fn unwanted(&self) -> Self {
        let mut unwanted = self.clone();
        if let Some(lease) = &mut unwanted.lease {
            lease.wanted_by = None;
        }
        unwanted
    }

    /// Where reading began, of a shard that was not to be read from its oldest record.
    #[must_use]
    pub fn began_at(&self) -> Option<i64> {
        self.began_at
    }

    /// The ledger of a shard that is read from a moment on, milliseconds since the Unix epoch.
    #[must_use]
    pub fn begun_at(&self, moment: i64) -> Self {
        Self {
            began_at: Some(moment),
            ..self.clone()
        }
    }

    /// The first record that a function was given of the shard. What came before it was not for this
    /// pipeline.
    #[must_use]
    pub fn began_with(&self) -> Option<SequenceNumber> {
        self.began_with
    }

    /// The ledger of a shard of which a function is given this record first; as it is, where something
    /// is known of the shard already.
    #[must_use]
    pub fn begun_with(self, first: SequenceNumber) -> Self {
        let known = self.committed.is_some() || self.pending.is_some() || self.began_at.is_some();
        let first = (!known).then_some(first);
        Self {
            began_with: self.began_with.or(first),
            ..self
        }
    }

    /// The ledger for a run, or for a replay of a part of the shard. It is one or the other from the
    /// start, so that neither goes on where the other ended.
    ///
    /// # Errors
    /// [`LedgerError::Replay`]
    pub fn for_replay(&self, wanted: Option<Bounds>) -> Result<Self, LedgerError> {
        let untouched = self.committed.is_none() && self.pending.is_none();
        if self.replay != wanted && !(untouched && self.replay.is_none()) {
            let (lake, wanted) = (whose(self.replay), whose(wanted));
            return Err(LedgerError::Replay { lake, wanted });
        }
        Ok(Self {
            replay: wanted,
            ..self.clone()
        })
    }

    /// The part of the shard that the lake is for, of a replay.
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

    fn leased(&self, owner: Option<String>, taken: u64) -> Self {
        let fence = self.lease.as_ref().map_or(0, |lease| lease.fence);
        let fence = fence.saturating_add(taken);
        Self {
            lease: Some(Lease {
                owner,
                fence,
                nonce: String::new(),
                wanted_by: None,
            }),
            ..self.clone()
        }
    }

    /// The ledger as it is written once.
    #[must_use]
    pub fn with_nonce(mut self, nonce: String) -> Self {
        if let Some(lease) = &mut self.lease {
            lease.nonce = nonce;
        }
        self
    }

    /// Checks a document that was read for `shard`.
    ///
    /// # Errors
    /// [`LedgerError::Version`] and [`LedgerError::Shard`].
    pub fn check(self, shard: &ShardId) -> Result<Self, LedgerError> {
        if self.version != VERSION {
            return Err(LedgerError::Version(self.version));
        }
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

    /// What is done.
    #[must_use]
    pub fn committed(&self) -> Option<&Committed> {
        self.committed.as_ref()
    }

    /// What was about to be written.
    #[must_use]
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The ledger with `pending` pinned. A pending range may be pinned again exactly as it stands: that is
    /// a replay.
    ///
    /// # Errors
    /// [`LedgerError::Order`], [`LedgerError::Pending`] and [`LedgerError::TimedOut`].
    pub fn pin(&self, pending: Pending) -> Result<Self, LedgerError> {
        if let Some(held) = &self.pending {
            held.check_repeated(&pending)?;
        }
        let Range { first, last, .. } = pending.range;
        let follows = self.committed.as_ref().is_none_or(|done| done.last < first);
        if !follows || first > last || pending.range.count == 0 {
            return Err(LedgerError::Order { first, last });
        }
        Ok(Self {
            pending: Some(pending),
            ..self.clone()
        })
    }

    /// The ledger with the pending range done. `last_digest` is that of its last record's bytes. One
    /// that is done already stays so: the answer to its commit was lost.
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
            committed: Some(Committed {
                last: range.last,
                last_digest,
                records: before.saturating_add(range.count),
            }),
            pending: None,
            ..self.clone()
        })
    }
}
