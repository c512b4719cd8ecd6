//! Quarantines records whose events exceed a limit of their chunk.

use std::collections::BTreeSet;

use sluice_engine::outcome::{Event, Fault, Quarantined, Reason, Transformed};
use sluice_engine::partition::PartitionPath;

use super::Chunk;
use super::packs::escaped_bytes;
use crate::layout::Destination;

impl Chunk {
    /// Quarantines whole records whose events would open more partitions than a chunk may have. This is
    /// decided record by record, and a quarantined record opens no partition, so the result does not
    /// depend on the batches.
    pub(super) fn quarantine_excess_partitions(&self, outcome: &mut Transformed) {
        if self.lake_partitions + outcome.partitions.len() <= self.rules.pins.limits.partitions {
            return;
        }
        let mut opened = BTreeSet::new();
        let mut quarantined = BTreeSet::new();
        for of_record in outcome.events.chunk_by(|a, b| a.record == b.record) {
            let in_lake = of_record.iter().filter(|event| event.routes.lake);
            let new: BTreeSet<_> = in_lake
                .map(|event| &outcome.partitions[event.partition as usize])
                .filter(|path| !opened.contains(path) && !self.has_opened(path))
                .collect();
            if self.lake_partitions + opened.len() + new.len() <= self.rules.pins.limits.partitions
            {
                opened.extend(new);
            } else {
                quarantined.extend(of_record.first().map(|event| event.record));
            }
        }
        let limit = self.rules.pins.limits.partitions;
        let why = format!("this chunk has opened {limit} partitions, limits.partitions");
        quarantine(
            outcome,
            &quarantined,
            &Reason::fault(Fault::TooManyPartitions, why),
        );
    }

    fn has_opened(&self, path: &PartitionPath) -> bool {
        self.destinations
            .contains_key(&Destination::Lake(path.clone()))
    }

    /// Quarantines whole records with an event that is too large for a message and has no object that the
    /// message could point to.
    pub(super) fn quarantine_oversized_messages(&self, outcome: &mut Transformed) {
        let Some(limit) = self.rules.pins.message_bytes else {
            return;
        };
        let data = &outcome.data;
        let bytes = |event: &Event| escaped_bytes(&data[event.start as usize..event.end as usize]);
        let lost = |event: &&Event| !event.routes.lake && bytes(event) > limit;
        let quarantined: BTreeSet<_> = outcome
            .events
            .iter()
            .filter(lost)
            .map(|e| e.record)
            .collect();
        if !quarantined.is_empty() {
            let why = format!("an event for the bus alone has more than {limit} bytes");
            quarantine(
                outcome,
                &quarantined,
                &Reason::fault(Fault::MessageTooLarge, why),
            );
        }
    }
}

fn quarantine(outcome: &mut Transformed, quarantined: &BTreeSet<u32>, reason: &Reason) {
    outcome
        .events
        .retain(|event| !quarantined.contains(&event.record));
    outcome
        .quarantined
        .extend(quarantined.iter().map(|record| Quarantined {
            record: *record,
            reason: reason.clone(),
        }));
    outcome
        .quarantined
        .sort_by_key(|quarantined| quarantined.record);
}

#[cfg(test)]
mod tests {
    use sluice_engine::limits::Limits;
    use sluice_engine::outcome::{ResourceFault, Routes};
    use sluice_engine::record::{Batch, Position, Record, SequenceNumber, ShardId};
    use sluice_release::bundle::ReleaseBundle;

    use super::*;
    use crate::layout::chunk::{ChunkLimits, ChunkRules};
    use crate::ledger::Ledger;
    use crate::ledger::pins::Pins;

    /// The partitions of each record's events.
    const RECORDS: [&[&str]; 6] = [&["a"], &["b", "c"], &["d"], &["a", "d"], &["b"], &["a"]];

    /// What is in each object when records come in batches of `size`, and two partitions may be opened.
    fn lines(size: usize) -> Vec<(String, u64)> {
        let shard = ShardId::new("shard").unwrap();
        let limits = Limits {
            partitions: 2,
            ..Limits::default()
        };
        let rules = ChunkRules {
            shard: shard.clone(),
            pins: Pins {
                limits,
                ..Pins::default()
            },
            with_positions: false,
            table: None,
        };
        let release = ReleaseBundle::new(b"component".to_vec(), "{}").unwrap();
        let mut chunk = Chunk::new(rules, release.manifest().id());
        for (at, records) in RECORDS.chunks(size).enumerate() {
            let mut batch = Batch::new(shard.clone());
            let mut outcome = Transformed::default();
            for (record, names) in (0..).zip(records) {
                let sequence = SequenceNumber::from((at * size) as u64 + u64::from(record));
                batch.push(Record {
                    data: b"{}",
                    partition_key: "",
                    position: Position::from(sequence),
                    arrived_at: 0,
                });
                for name in *names {
                    event(&mut outcome, record, name);
                }
            }
            chunk.apply_limits(&mut outcome);
            let before = outcome.clone();
            chunk.apply_limits(&mut outcome);
            assert_eq!(outcome, before, "a second time");
            chunk.absorb(&batch, outcome);
        }
        let objects = chunk.objects();
        objects
            .map(|(to, lines)| (format!("{to:?}"), lines))
            .collect()
    }

    fn event(outcome: &mut Transformed, record: u32, name: &str) {
        let pairs = [("k".to_owned(), name.to_owned())];
        let path = PartitionPath::from_pairs(&pairs).unwrap();
        let known = outcome.partitions.iter().position(|known| *known == path);
        let partition = known.unwrap_or_else(|| {
            outcome.partitions.push(path);
            outcome.partitions.len() - 1
        });
        let start = u32::try_from(outcome.data.len()).unwrap();
        outcome.data.extend_from_slice(b"{}");
        outcome.events.push(Event {
            record,
            start,
            end: start + 2,
            partition: u32::try_from(partition).unwrap(),
            routes: Routes {
                lake: true,
                bus: false,
            },
        });
    }

    /// Every second record of a batch fails by a resource.
    fn half_faulty(shard: &ShardId, first: u64) -> (Batch, Transformed) {
        let mut batch = Batch::new(shard.clone());
        let mut outcome = Transformed::default();
        for record in 0..1_000 {
            batch.push(Record {
                data: b"{}",
                partition_key: "",
                position: SequenceNumber::from(first + u64::from(record)).into(),
                arrived_at: 0,
            });
            if record % 2 == 0 {
                let fault = Fault::OutOfFuel;
                outcome
                    .resource_faults
                    .push(ResourceFault { record, fault });
                outcome.quarantined.push(Quarantined {
                    record,
                    reason: Reason::fault(fault, ""),
                });
            }
        }
        (batch, outcome)
    }

    #[test]
    fn a_chunk_closes_before_its_pin_is_too_large_for_a_ledger() {
        let shard = ShardId::new("shard").unwrap();
        let rules = ChunkRules {
            shard: shard.clone(),
            pins: Pins::default(),
            with_positions: false,
            table: None,
        };
        let release = ReleaseBundle::new(b"component".to_vec(), "{}").unwrap();
        let mut chunk = Chunk::new(rules, release.manifest().id());
        let mut batches = 0;
        while !chunk.has_outgrown(&ChunkLimits::NONE) {
            let (batch, outcome) = half_faulty(&shard, batches * 1_000);
            chunk.absorb(&batch, outcome);
            batches += 1;
        }
        assert_eq!(batches, 20);
        let ledger = Ledger::new(shard).pin(chunk.pending().unwrap()).unwrap();
        let bytes = serde_json::to_vec_pretty(&ledger).unwrap().len();
        assert!(bytes < 2 << 20, "{bytes} bytes");
    }

    #[test]
    fn batches_make_no_difference_to_what_is_quarantined() {
        let whole = lines(RECORDS.len());
        assert_eq!(whole.len(), 3, "two partitions and a reason: {whole:?}");
        for size in 1..RECORDS.len() {
            assert_eq!(lines(size), whole, "batches of {size}");
        }
    }
}
