//! Checks records between two chunks. They are correct if a release makes no object of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluice_engine::outcome::Transformed;
use sluice_engine::record::Batch;
use sluice_engine::sandbox::SandboxError;
use sluice_release::admission::Release;

use super::Audit;
use super::finding::{Finding, Kind, rid};
use super::report::{Counts, Report};
use crate::layout::Destination;
use crate::layout::object_key::ShortId;
use crate::sink::Messages;

/// The records between two chunks.
pub(super) struct Gap {
    audit: Arc<Audit>,
    /// The releases of the chunks before and after it, which are tried first.
    neighbours: Arc<[Arc<Release>]>,
    names: Vec<ShortId>,
}

impl Gap {
    /// The gap between chunks of these releases.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn new(audit: &Arc<Audit>, mut names: Vec<ShortId>) -> anyhow::Result<Self> {
        names.dedup();
        let mut neighbours = Vec::new();
        for name in &names {
            neighbours.extend(audit.releases.get(*name).await?.ok());
        }
        Ok(Self {
            audit: audit.clone(),
            neighbours: neighbours.into(),
            names,
        })
    }

    /// Finds a release for each record of a batch by which the record leaves no object.
    ///
    /// # Errors
    /// The lake cannot be read, or a release fails outside of any record.
    pub(super) async fn check(&self, batch: Batch) -> anyhow::Result<Report> {
        self.audit.context.progress.read(&batch);
        let batch = Arc::new(batch);
        let left = Left::all(batch.len(), self.with_bus());
        let mut left = self.narrow(left, &batch, self.neighbours.clone()).await?;
        let accounted_for = left.dropped + left.bus_only;
        if !left.records.is_empty() {
            let others = self.audit.releases.all_but(&self.names).await?;
            left = self.narrow(left, &batch, others.into()).await?;
        }
        let mut report = Report {
            counts: Counts {
                dropped: left.dropped,
                bus_only: left.bus_only,
                wrong: left.records.len() as u64,
                by_other_releases: left.dropped + left.bus_only - accounted_for,
                ..Counts::default()
            },
            ..Report::default()
        };
        for (record, place) in left.records {
            report
                .findings
                .add(|| missing_record(&batch, record, place));
        }
        Ok(report)
    }

    /// Whether messages are in files, whose names would show the chunk.
    fn with_bus(&self) -> bool {
        self.audit.bus.is_some() && self.audit.messages == Messages::Events
    }

    async fn narrow(
        &self,
        mut left: Left,
        batch: &Arc<Batch>,
        releases: Arc<[Arc<Release>]>,
    ) -> Result<Left, SandboxError> {
        let batch = batch.clone();
        let narrowed = self.audit.context.compute.spawn(move || {
            for release in releases.iter() {
                if left.records.is_empty() {
                    break;
                }
                left.narrow(&release.run(&batch, &[])?);
            }
            Ok(left)
        });
        narrowed.finish().await
    }
}

fn missing_record(batch: &Batch, record: u32, place: Option<String>) -> Finding {
    let position = batch.positions()[record as usize];
    let id = rid(batch.shard(), position);
    let message = match place {
        Some(place) => format!("{id} is missing; it belongs in {place}"),
        None => format!("{id} is missing, and the lake has no release to tell where it belongs"),
    };
    Finding::new(Kind::MissingRecord, batch.shard(), message).of(position)
}

/// The records of a batch that leave an object by every release tried so far, with its place.
struct Left {
    records: BTreeMap<u32, Option<String>>,
    with_bus: bool,
    dropped: u64,
    bus_only: u64,
}

impl Left {
    fn all(records: usize, with_bus: bool) -> Self {
        let records = 0..u32::try_from(records).unwrap_or(u32::MAX);
        Self {
            records: records.map(|record| (record, None)).collect(),
            with_bus,
            dropped: 0,
            bus_only: 0,
        }
    }

    /// Removes the records that leave nothing by one more release.
    fn narrow(&mut self, outcome: &Transformed) {
        let mut places = BTreeMap::new();
        let mut with_events = BTreeSet::new();
        for event in &outcome.events {
            with_events.insert(event.record);
            if event.routes.lake {
                let partition = &outcome.partitions[event.partition as usize];
                let folder = || Destination::Lake(partition.clone()).folder();
                places.entry(event.record).or_insert_with(folder);
            } else if event.routes.bus && self.with_bus {
                places.entry(event.record).or_insert_with(|| "bus:".into());
            }
        }
        for quarantined in &outcome.quarantined {
            let quarantine = Destination::Quarantine(quarantined.reason.code.clone());
            places.insert(quarantined.record, quarantine.folder());
        }
        let (dropped, bus_only) = (&mut self.dropped, &mut self.bus_only);
        self.records.retain(|record, place| {
            let Some(found) = places.remove(record) else {
                *if with_events.contains(record) {
                    &mut *bus_only
                } else {
                    &mut *dropped
                } += 1;
                return false;
            };
            place.get_or_insert(found);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::{Event, Fault, Quarantined, Reason, Routes};
    use sluice_engine::partition::PartitionPath;

    use super::*;

    /// Record 0 goes to the lake, 1 to the bus alone, 2 to quarantine; all others are dropped.
    fn outcome() -> Transformed {
        let event = |record, lake| Event {
            record,
            start: 0,
            end: 0,
            partition: 0,
            routes: Routes { lake, bus: true },
        };
        let partition = PartitionPath::from_pairs(&[("t", "a")]).unwrap();
        Transformed {
            events: vec![event(0, true), event(1, false)],
            partitions: vec![partition],
            quarantined: vec![Quarantined {
                record: 2,
                reason: Reason::fault(Fault::Trap, ""),
            }],
            ..Transformed::default()
        }
    }

    fn left(with_bus: bool, outcomes: &[Transformed]) -> (Vec<(u32, String)>, [u64; 2]) {
        let mut left = Left::all(4, with_bus);
        outcomes.iter().for_each(|outcome| left.narrow(outcome));
        let records = left.records.into_iter();
        let records = records.map(|(record, place)| (record, place.unwrap_or_default()));
        (records.collect(), [left.dropped, left.bus_only])
    }

    #[test]
    fn records_with_an_object_remain() {
        let lake = (0, "t=a".to_owned());
        let quarantine = (2, "_sluice/quarantine/reason=trap".to_owned());
        let expected = (vec![lake.clone(), quarantine.clone()], [1, 1]);
        assert_eq!(left(false, &[outcome()]), expected);
        let bus = (1, "bus:".to_owned());
        let expected = (vec![lake, bus, quarantine], [1, 0]);
        assert_eq!(left(true, &[outcome()]), expected);
    }

    #[test]
    fn a_release_that_drops_a_record_is_enough() {
        let drops_all = Transformed::default();
        assert_eq!(left(false, &[drops_all, outcome()]), (vec![], [4, 0]));
        assert_eq!(
            left(true, &[outcome(), Transformed::default()]),
            (vec![], [4, 0])
        );
        assert_eq!(left(false, &[]).0.len(), 4);
    }
}
