//! Validates the output of a batch call.

use std::collections::HashMap;

use super::{OutputValidator, check_partition, check_routes, flatten_lines, has_breaks, offset};
use crate::bindings::exports::sluice::transform::{batch, rules};
use crate::outcome::{Event, Reason, Transformed};
use crate::partition::PartitionPath;
use crate::record::span;

impl OutputValidator<'_> {
    /// Validates the output of a batch call for `records` records. Returns `None` if its lists do not match
    /// or are too large, because that is not the fault of a single record.
    #[must_use]
    pub(crate) fn batch(
        mut self,
        records: usize,
        outcome: batch::OutcomeBatch,
    ) -> Option<Transformed> {
        let partitions: Vec<_> = outcome
            .partitions
            .iter()
            .map(|pairs| check_partition(pairs))
            .collect();
        let names = partitions
            .iter()
            .flatten()
            .map(|path| 2 * path.as_str().len());
        self.names = names.sum();
        if let Err(why) = self.check_lists(records, &outcome) {
            tracing::warn!("{why}, continuing record by record");
            return None;
        }
        let mut rejections = outcome.rejections.into_iter().peekable();
        let with_breaks = has_breaks(&outcome.data);
        self.transformed.data = outcome.data;
        self.transformed.events.reserve(outcome.data_ends.len());
        let mut next_event = 0;
        for count in outcome.event_counts {
            let events = next_event..next_event + count as usize;
            next_event = events.end;
            if let Some((_, rejection)) = rejections.next_if(|(index, _)| *index == self.record) {
                self.reject(Reason::rejected(&rejection.code, rejection.message));
            } else if events.is_empty() {
                self.transformed.dropped += 1;
                self.record += 1;
            } else {
                let columns = Columns {
                    ends: &outcome.data_ends,
                    partitions: &partitions,
                    partition_indexes: &outcome.partition_indexes,
                    routes: &outcome.routes,
                    with_breaks,
                };
                self.batch_record(events, &columns);
            }
        }
        self.transformed.partitions = compact(partitions, &mut self.transformed.events);
        Some(self.transformed)
    }

    fn check_lists(
        &self,
        records: usize,
        outcome: &batch::OutcomeBatch,
    ) -> Result<(), &'static str> {
        if !fits_together(records, outcome) {
            return Err("the lists of an outcome batch do not match");
        }
        self.check_room(outcome.data.len(), outcome.data_ends.len())
            .map_err(|_too_much| "an outcome batch is too large")
    }

    fn batch_record(&mut self, events: std::ops::Range<usize>, columns: &Columns<'_>) {
        let mark = self.transformed.events.len();
        let bytes = span(columns.ends, events.end - 1).end - span(columns.ends, events.start).start;
        let verdict = self.check_record(bytes).and_then(|()| {
            events
                .into_iter()
                .try_for_each(|i| self.batch_event(i, columns))
        });
        match verdict {
            Ok(()) => self.record += 1,
            Err(reason) => {
                self.transformed.events.truncate(mark);
                self.reject(reason);
            }
        }
    }

    fn batch_event(&mut self, index: usize, columns: &Columns<'_>) -> Result<(), Reason> {
        let routes = check_routes(columns.routes[index])?;
        let partition = columns.partition_indexes[index];
        if let Err(reason) = &columns.partitions[partition as usize] {
            return Err(reason.clone());
        }
        let span = span(columns.ends, index);
        let data = &self.transformed.data[span.clone()];
        self.json.check(data, routes)?;
        if columns.with_breaks {
            flatten_lines(&mut self.transformed.data[span.clone()]);
        }
        self.transformed.events.push(Event {
            record: self.record,
            start: offset(span.start),
            end: offset(span.end),
            partition,
            routes,
        });
        Ok(())
    }
}

/// The lists of an outcome batch that have an item for each event.
struct Columns<'a> {
    ends: &'a [u32],
    partitions: &'a [Result<PartitionPath, Reason>],
    partition_indexes: &'a [u32],
    routes: &'a [rules::Routes],
    /// Whether there is a line break anywhere in their data.
    with_breaks: bool,
}

fn fits_together(records: usize, outcome: &batch::OutcomeBatch) -> bool {
    let events = outcome.data_ends.len();
    let counted: u64 = outcome
        .event_counts
        .iter()
        .map(|count| u64::from(*count))
        .sum();
    let rising = outcome
        .rejections
        .windows(2)
        .all(|pair| pair[0].0 < pair[1].0);
    let rejected_without_events = outcome
        .rejections
        .iter()
        .all(|(index, _)| outcome.event_counts.get(*index as usize) == Some(&0));
    outcome.event_counts.len() == records
        && counted == events as u64
        && outcome.partition_indexes.len() == events
        && outcome.routes.len() == events
        && outcome.data_ends.is_sorted()
        && outcome.data_ends.last().copied().unwrap_or(0) as usize == outcome.data.len()
        && outcome
            .partition_indexes
            .iter()
            .all(|i| (*i as usize) < outcome.partitions.len())
        && rising
        && rejected_without_events
}

/// Removes the partitions that violate the contract (no remaining event refers to them), and merges those
/// with the same path, so that their lines keep the order of the records.
fn compact(
    partitions: Vec<Result<PartitionPath, Reason>>,
    events: &mut [Event],
) -> Vec<PartitionPath> {
    let mut kept = Vec::with_capacity(partitions.len());
    let mut known = HashMap::with_capacity(partitions.len());
    let moved: Vec<u32> = partitions
        .into_iter()
        .map(|partition| {
            let Ok(path) = partition else { return 0 };
            *known.entry(path).or_insert_with_key(|path| {
                kept.push(path.clone());
                offset(kept.len() - 1)
            })
        })
        .collect();
    for event in events {
        event.partition = moved[event.partition as usize];
    }
    kept
}
