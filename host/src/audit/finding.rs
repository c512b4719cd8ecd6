//! The findings of an audit.

use serde::Serialize;

use sluice_engine::record::{Position, Rid, ShardId};

use crate::layout::object_key::ChunkName;

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
    /// Records that are in two chunks.
    OverlappingChunks,
    /// An object of records that the ledger says are neither committed nor pending.
    BeyondLedger,
    /// A chunk of a release that is not in the lake, or is not admitted any more.
    UnknownRelease,
    /// A chunk whose schema is not in the lake, or is damaged.
    UnknownSchema,
    /// A chunk that begins or ends with a record that the source does not have.
    UnknownRange,
    /// The ledger counts another number of records than the chunk manifests.
    LedgerCount,
    /// The source has lost or changed the last committed record.
    SourceChanged,
    /// A record after the end of a shard that the ledger says is finished.
    NeverRead,
    /// A record that exceeded a resource in the audit, but not when it was landed.
    NewFault,
    /// A chunk manifest that does not exist, although the ledger has committed its records.
    MissingManifest,
    /// A chunk manifest that cannot be read, or that differs from what its records make.
    ChangedManifest,
    /// A file between the chunk manifests that is none.
    ExtraManifest,
    /// The ledger names other bytes for its last record than the chunk manifest.
    LedgerDigest,
    /// A file of the source that cannot be audited.
    UnreadableSource,
    /// A ledger that cannot be read.
    DamagedLedger,
    /// A ledger that does not exist or has nothing committed, although its shard has chunks.
    MissingLedger,
    /// A redrive that has a ledger, chunks or claims, and no list.
    MissingRedrive,
    /// A list of a redrive that cannot be read, or that says something else of an object than its chunk manifest.
    DamagedRedrive,
    /// A claim that cannot be read.
    DamagedClaim,
    /// A file between the claims that is not the claim of an object.
    ExtraClaim,
    /// A claim of an object that the list of its redrive does not have.
    UnlistedClaim,
    /// A claim of an object that no committed chunk has.
    UnknownQuarantine,
    /// A redrive has records of objects that it has not claimed.
    MissingClaim,
    /// A redrive has claimed an object and landed its records nowhere.
    UnredrivenClaim,
}

impl Kind {
    /// Its name, as in JSON.
    #[must_use]
    pub(super) fn name(self) -> String {
        let name = serde_json::to_value(self).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Its kind.
    pub(super) kind: Kind,
    /// The shard; `None` for a file that belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<ShardId>,
    /// The record's id; the first one's if it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    /// The last record's id, if it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_record: Option<String>,
    /// The object's key in the lake, `archive:` and a key in the archive, or `bus:` and the name of a file on the bus.
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
            shard: Some(shard.clone()),
            ..Self::of_file(kind, message)
        }
    }

    /// A finding about a chunk, named by its manifest.
    #[must_use]
    pub(super) fn of_chunk(kind: Kind, shard: &ShardId, chunk: ChunkName, why: &str) -> Self {
        let key = chunk.manifest_key(shard);
        let finding = Self::new(kind, shard, format!("{key}: {why}")).at(key);
        finding.between(chunk.first, chunk.last)
    }

    /// A finding about a file that belongs to no shard.
    #[must_use]
    pub(super) fn of_file(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            shard: None,
            record: None,
            last_record: None,
            object: None,
            line: None,
            message: message.into(),
        }
    }

    fn rid(&self, position: Position) -> Option<String> {
        self.shard.as_ref().map(|shard| rid(shard, position))
    }

    /// The finding about one record.
    #[must_use]
    pub(super) fn of(mut self, position: impl Into<Position>) -> Self {
        self.record = self.rid(position.into());
        self
    }

    /// The finding about records from one to another.
    #[must_use]
    pub(super) fn between(mut self, first: impl Into<Position>, last: impl Into<Position>) -> Self {
        let last = self.rid(last.into());
        self = self.of(first);
        self.last_record = last.filter(|last| self.record.as_ref() != Some(last));
        self
    }

    /// The finding about the record with this id, which may be one of another shard: a redrive has such records.
    #[must_use]
    pub(super) fn of_record(self, id: String) -> Self {
        Self {
            record: Some(id),
            ..self
        }
    }

    /// The finding about records from one to another, by their ids.
    #[must_use]
    pub(super) fn of_records(self, first: String, last: String) -> Self {
        let last = (first != last).then_some(last);
        Self {
            last_record: last,
            ..self.of_record(first)
        }
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

    /// Keeps the number only.
    pub(super) fn forget(&mut self) {
        self.kept = Vec::new();
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
