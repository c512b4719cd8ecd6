//! Runs the rules as a run does, and takes the results apart by record.

use std::collections::BTreeMap;

use sluice_engine::outcome::{Reason, Routes, Transformed};
use sluice_engine::record::{Record, Rid, ShardId};
use sluice_engine::usage::RecordUsage;
use sluice_release::admission::Release;
use sluice_release::compare::fields::Difference;

use super::difference;
use super::input::Records;
use super::origin::Origin;
use crate::layout::chunk::{Chunk, ChunkLimits, ChunkRules};
use crate::ledger::pins::Pins;

/// Where a chunk of a file closes by default. It limits the partitions, and the memory that is used here.
const CHUNK_LIMITS: ChunkLimits = ChunkLimits {
    bytes: 32 << 20,
    records: 1_000_000,
    age: None,
};

/// The rules at work.
pub(crate) struct Trial {
    release: Release,
    /// The open chunk of each shard.
    chunks: BTreeMap<ShardId, Chunk>,
}

/// A record, and what becomes of it.
pub(crate) struct Tried<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) shard: &'a ShardId,
    pub(crate) record: Record<'a>,
    pub(crate) outcome: Outcome,
    pub(crate) usage: RecordUsage,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It becomes events.
    Events(Vec<TriedEvent>),
    /// It goes to quarantine.
    Quarantined(Reason),
    /// The rules drop it.
    Dropped,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriedEvent {
    /// Its JSON.
    pub(crate) json: String,
    /// The path of its partition; empty for the top of the lake.
    pub(crate) partition: String,
    pub(crate) routes: Routes,
}

impl Trial {
    pub(crate) fn new(release: Release) -> Self {
        Self {
            release,
            chunks: BTreeMap::new(),
        }
    }

    /// Transforms records. The outcomes are those of a run with the default settings and without a bus: by the same
    /// call, and with the limits of a chunk. Then each record is measured in a call of its own.
    ///
    /// # Errors
    /// The component fails outside of any record.
    pub(crate) fn run<'a>(&mut self, records: &'a Records) -> anyhow::Result<Vec<Tried<'a>>> {
        let transformed = self.transform(records)?;
        self.measure(records, transformed)
    }

    /// Transforms records, as [`run`](Self::run) does.
    ///
    /// # Errors
    /// The component fails outside of any record.
    pub(crate) fn transform(&mut self, records: &Records) -> anyhow::Result<Transformed> {
        let mut transformed = self.release.run(&records.batch, &[])?;
        self.apply_limits(records, &mut transformed);
        Ok(transformed)
    }

    /// Takes the results apart by record, and measures each record.
    ///
    /// # Errors
    /// The component fails outside of any record.
    pub(crate) fn measure<'a>(
        &self,
        records: &'a Records,
        transformed: Transformed,
    ) -> anyhow::Result<Vec<Tried<'a>>> {
        let batch = &records.batch;
        let usages = self.release.program().measure_each(batch)?;
        let outcomes = outcomes(batch.len(), transformed);
        let parts = batch.records().zip(&records.origins);
        let parts = parts.zip(outcomes.into_iter().zip(usages));
        let tried = parts.map(|((record, origin), (outcome, usage))| Tried {
            origin,
            shard: batch.shard(),
            record,
            outcome,
            usage,
        });
        Ok(tried.collect())
    }

    /// Quarantines the records that a chunk would have no room for.
    fn apply_limits(&mut self, records: &Records, transformed: &mut Transformed) {
        let shard = records.batch.shard();
        let id = self.release.id();
        let rules = || ChunkRules {
            shard: shard.clone(),
            pins: Pins::default(),
            with_positions: false,
            table: None,
        };
        let chunk = self.chunks.entry(shard.clone());
        let chunk = chunk.or_insert_with(|| Chunk::new(rules(), id));
        chunk.apply_limits(transformed);
        chunk.absorb(&records.batch, transformed.clone());
        let counts = chunk.counts();
        let is_full = counts.bytes >= CHUNK_LIMITS.bytes || counts.records >= CHUNK_LIMITS.records;
        if is_full || chunk.has_outgrown(&CHUNK_LIMITS) {
            self.chunks.remove(shard);
        }
    }
}

/// The outcome of each of `records` records, in order.
pub(crate) fn outcomes(records: usize, transformed: Transformed) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Dropped; records];
    for event in &transformed.events {
        let tried = TriedEvent {
            json: String::from_utf8_lossy(transformed.event_data(event)).into_owned(),
            partition: transformed.partitions[event.partition as usize]
                .as_str()
                .to_owned(),
            routes: event.routes,
        };
        match &mut outcomes[event.record as usize] {
            Outcome::Events(events) => events.push(tried),
            outcome => *outcome = Outcome::Events(vec![tried]),
        }
    }
    for quarantined in transformed.quarantined {
        outcomes[quarantined.record as usize] = Outcome::Quarantined(quarantined.reason);
    }
    outcomes
}

impl Tried<'_> {
    /// The id of the record.
    pub(crate) fn rid(&self) -> String {
        let (shard, position) = (self.shard, self.record.position);
        Rid { shard, position }.to_string()
    }

    /// The place of the record within the record of the source that it was decoded from.
    pub(crate) fn sub(&self) -> Option<u32> {
        self.record.position.sub
    }

    /// How an event differs from the record; with members that stay the same if `full` is set.
    pub(crate) fn differences(&self, event: &TriedEvent, full: bool) -> Vec<Difference> {
        difference::of(self.record.data, &event.json, full)
    }

    /// Whether its events are not the record itself: another number than one, or other members or values.
    pub(crate) fn is_changed(&self) -> bool {
        match &self.outcome {
            Outcome::Events(events) => match &**events {
                [event] => difference::changes(&self.differences(event, false)),
                _ => true,
            },
            Outcome::Quarantined(_) | Outcome::Dropped => false,
        }
    }
}

impl TriedEvent {
    /// The names of the routes.
    pub(crate) fn routes(&self) -> Vec<&'static str> {
        let routes = [(self.routes.lake, "lake"), (self.routes.bus, "bus")];
        let given = routes.into_iter().filter(|(is_given, _)| *is_given);
        given.map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::{Event, Quarantined};
    use sluice_engine::partition::PartitionPath;

    use super::*;

    #[test]
    fn each_record_has_one_outcome() {
        let routes = Routes {
            lake: true,
            bus: false,
        };
        let event = |record, start, end| Event {
            record,
            start,
            end,
            partition: 0,
            routes,
        };
        let tried = |json: &str| TriedEvent {
            json: json.to_owned(),
            partition: "t=a".to_owned(),
            routes,
        };
        let reason = Reason::rejected("not_wanted", "why".into());
        let transformed = Transformed {
            data: b"123".to_vec(),
            events: vec![event(1, 0, 1), event(1, 1, 2), event(3, 2, 3)],
            partitions: vec![PartitionPath::from_pairs(&[("t", "a")]).unwrap()],
            quarantined: vec![Quarantined {
                record: 2,
                reason: reason.clone(),
            }],
            dropped: 1,
            ..Transformed::default()
        };
        assert_eq!(
            outcomes(4, transformed),
            [
                Outcome::Dropped,
                Outcome::Events(vec![tried("1"), tried("2")]),
                Outcome::Quarantined(reason),
                Outcome::Events(vec![tried("3")]),
            ]
        );
        assert_eq!(tried("1").routes(), ["lake"]);
    }
}
