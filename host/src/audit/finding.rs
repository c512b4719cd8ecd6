//! The findings of an audit.

use serde::Serialize;

use sluice_engine::record::{Position, Rid, ShardId};

/// The number of findings that are kept to be shown; all are counted.
pub(super) const FINDINGS_KEPT: usize = 1_000;

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A record's line is not in its object, or a record is in no object at all.
    MissingRecord,
    /// A line that belongs to no record.
    ExtraLine,
    /// A line that differs from what its record produces.
    ChangedLine,
    /// A line out of record order.
    MovedLine,
    /// A line that is repeated in its object.
    RepeatedLine,
    /// An object that does not exist.
    MissingObject,
    /// An object that the records of its range do not produce.
    ExtraObject,
    /// An object that cannot be decoded.
    DamagedObject,
    /// Records that are in the objects of two chunks.
    OverlappingChunks,
    /// An object of records that the ledger says are neither committed nor pending.
    BeyondLedger,
    /// An object of a release that is not in the lake, or is not admitted any more.
    UnknownRelease,
    /// An object whose range begins or ends with a record that the source does not have.
    UnknownRange,
    /// The ledger counts another number of records than the source has.
    LedgerCount,
    /// The source has lost or changed the last committed record.
    SourceChanged,
    /// A record after the end of a shard that the ledger says is finished.
    NeverRead,
    /// A record that ran out of wall time in the audit, but not when it was landed.
    OutOfTime,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Its kind.
    pub(super) kind: Kind,
    /// The shard.
    pub(super) shard: ShardId,
    /// The record's id; the first one's if it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    /// The last record's id, if it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_record: Option<String>,
    /// The object's key in the lake, or `bus:` and the name of a file on the bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    /// The line of the object, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    /// The finding in words.
    pub(super) message: String,
}

impl Finding {
    /// A finding about a shard.
    #[must_use]
    pub(super) fn new(kind: Kind, shard: &ShardId, message: impl Into<String>) -> Self {
        Self {
            kind,
            shard: shard.clone(),
            record: None,
            last_record: None,
            object: None,
            line: None,
            message: message.into(),
        }
    }

    /// The finding about one record.
    #[must_use]
    pub(super) fn of(mut self, position: impl Into<Position>) -> Self {
        self.record = Some(rid(&self.shard, position.into()));
        self
    }

    /// The finding about records from one to another.
    #[must_use]
    pub(super) fn between(mut self, first: impl Into<Position>, last: impl Into<Position>) -> Self {
        let last = rid(&self.shard, last.into());
        self = self.of(first);
        self.last_record = Some(last).filter(|last| self.record.as_ref() != Some(last));
        self
    }

    /// The finding about an object.
    #[must_use]
    pub(super) fn at(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// The finding about a line of an object, from 0.
    #[must_use]
    pub(super) fn line(mut self, line: usize) -> Self {
        self.line = Some(line + 1);
        self
    }
}

/// The id of a record.
#[must_use]
pub(super) fn rid(shard: &ShardId, position: Position) -> String {
    Rid { shard, position }.to_string()
}

/// Findings: the first ones, and the number of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    total: u64,
}

impl Findings {
    /// Adds a finding. `finding` is called only if the finding is kept.
    pub(super) fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.total += 1;
        if self.kept.len() < FINDINGS_KEPT {
            self.kept.push(finding());
        }
    }

    /// Adds other findings.
    pub(super) fn absorb(&mut self, others: Self) {
        self.total += others.total;
        let room = FINDINGS_KEPT.saturating_sub(self.kept.len());
        self.kept.extend(others.kept.into_iter().take(room));
    }

    /// The first ones.
    #[must_use]
    pub(super) fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The number of all findings.
    #[must_use]
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_findings_are_counted_and_the_first_are_kept() {
        let shard = ShardId::new("s").unwrap();
        let mut all = Findings::default();
        for n in 0..2_500 {
            let mut one = Findings::default();
            one.add(|| Finding::new(Kind::ExtraLine, &shard, n.to_string()));
            all.absorb(one);
        }
        assert_eq!((all.kept().len(), all.total()), (FINDINGS_KEPT, 2_500));
        assert_eq!(all.kept()[999].message, "999");
    }
}
