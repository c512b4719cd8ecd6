//! Validates the output of a transform against the contract. The checks are the same for a batch and for a
//! single record, so that the outcome does not depend on how the transform is called.

use std::collections::HashMap;

use json_scan::SyntaxError;
use json_scan::profile::{ProfileChecker, ProfileError};

use super::bindings::exports::sluice::transform::{batch, rules};
use super::limits::{JsonProfile, Limits};
use super::outcome::{Event, Fault, Quarantined, Reason, ResourceFault, Routes, Transformed};
use crate::partition::PartitionPath;
use crate::record::span;

/// Why the events of a record are not accepted.
enum Violation {
    /// They violate the contract or a limit of the record.
    OfRecord(Reason),
    /// They do not fit their batch. In another batch they may, so this is a resource fault.
    OfBatch(Reason),
}

impl From<Reason> for Violation {
    fn from(reason: Reason) -> Self {
        Self::OfRecord(reason)
    }
}

/// Validates the output for one batch, record by record, and collects the outcome.
pub(super) struct OutputValidator<'a> {
    limits: &'a Limits,
    record: u32,
    transformed: Transformed,
    /// The index of each partition.
    known: HashMap<PartitionPath, u32>,
    /// The size of the names of partitions, in bytes.
    names: usize,
    json: JsonChecker,
}

impl<'a> OutputValidator<'a> {
    /// Creates a validator for one batch.
    #[must_use]
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            record: 0,
            transformed: Transformed::default(),
            known: HashMap::new(),
            names: 0,
            json: JsonChecker::new(limits.lake_json),
        }
    }

    /// Quarantines the next record.
    pub(super) fn reject(&mut self, reason: Reason) {
        self.transformed.quarantined.push(Quarantined {
            record: self.record,
            reason,
        });
        self.record += 1;
    }

    /// Quarantines the next record because of a fault that another run may not repeat.
    pub(super) fn reject_resource_fault(&mut self, fault: Fault, reason: Reason) {
        let record = self.record;
        self.transformed
            .resource_faults
            .push(ResourceFault { record, fault });
        self.reject(reason);
    }

    /// Adds the events of the next record; without events, the record is dropped.
    pub(super) fn events(&mut self, events: &[rules::Event]) {
        if events.is_empty() {
            self.transformed.dropped += 1;
            self.record += 1;
            return;
        }
        let (data_mark, events_mark) = (self.transformed.data.len(), self.transformed.events.len());
        let partitions_mark = self.transformed.partitions.len();
        let Err(violation) = self.try_events(events) else {
            self.record += 1;
            return;
        };
        self.transformed.data.truncate(data_mark);
        self.transformed.events.truncate(events_mark);
        self.forget_partitions(partitions_mark);
        match violation {
            Violation::OfRecord(reason) => self.reject(reason),
            Violation::OfBatch(reason) => {
                self.reject_resource_fault(Fault::InvalidOutput, reason);
            }
        }
    }

    fn try_events(&mut self, events: &[rules::Event]) -> Result<(), Violation> {
        let total = events.iter().map(|event| event.data.len()).sum();
        self.check_record(total)?;
        self.check_room(total, events.len())?;
        events.iter().try_for_each(|event| self.event(event))
    }

    fn event(&mut self, event: &rules::Event) -> Result<(), Violation> {
        let routes = check_routes(event.routes)?;
        let path = check_partition(&event.partition)?;
        self.json.check(&event.data, routes)?;
        let partition = self.intern(path)?;
        let start = self.transformed.data.len();
        self.transformed.data.extend_from_slice(&event.data);
        flatten_lines(&mut self.transformed.data[start..]);
        self.transformed.events.push(Event {
            record: self.record,
            start: offset(start),
            end: offset(self.transformed.data.len()),
            partition,
            routes,
        });
        Ok(())
    }

    /// The index of a partition, which is added if it is new.
    fn intern(&mut self, path: PartitionPath) -> Result<u32, Violation> {
        if let Some(index) = self.known.get(&path) {
            return Ok(*index);
        }
        let bytes = 2 * path.as_str().len();
        self.check_room(bytes, 0)?;
        self.names += bytes;
        let index = offset(self.transformed.partitions.len());
        self.transformed.partitions.push(path.clone());
        self.known.insert(path, index);
        Ok(index)
    }

    /// Removes the partitions of a record that is rejected.
    fn forget_partitions(&mut self, mark: usize) {
        for path in self.transformed.partitions.drain(mark..) {
            self.names -= 2 * path.as_str().len();
            self.known.remove(&path);
        }
    }

    fn check_record(&self, bytes: usize) -> Result<(), Reason> {
        let limit = self.limits.output_bytes;
        if bytes > limit {
            return invalid(format!(
                "{bytes} bytes of events, limits.output_bytes is {limit}"
            ));
        }
        Ok(())
    }

    /// Checks that `events` more events of `bytes` in total do not exceed the size limit.
    fn check_room(&self, bytes: usize, events: usize) -> Result<(), Violation> {
        let limit = self.limits.batch_output_bytes;
        let overhead = (self.transformed.events.len() + events) * Event::OVERHEAD_BYTES;
        if self.transformed.data.len() + bytes + overhead + self.names > limit {
            let why = format!(
                "the events of this batch would take more than {limit} bytes, {} for each besides its JSON",
                Event::OVERHEAD_BYTES
            );
            let reason = Reason::fault(Fault::InvalidOutput, why);
            return Err(Violation::OfBatch(reason));
        }
        Ok(())
    }

    /// The outcome of the batch.
    #[must_use]
    pub(super) fn finish(self) -> Transformed {
        self.transformed
    }

    /// Validates the output of a batch call for `records` records. Returns `None` if its lists do not match
    /// or are too large, because that is not the fault of a single record.
    #[must_use]
    pub(super) fn batch(
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

fn check_routes(routes: rules::Routes) -> Result<Routes, Reason> {
    if routes == rules::Routes::empty() {
        return invalid("an event without a route; to drop a record return no events".into());
    }
    Ok(Routes {
        lake: routes.contains(rules::Routes::LAKE),
        bus: routes.contains(rules::Routes::BUS),
    })
}

fn check_partition(pairs: &[(String, String)]) -> Result<PartitionPath, Reason> {
    PartitionPath::from_pairs(pairs).or_else(|error| invalid(error.to_string()))
}

/// Checks that events are JSON in UTF-8, and that those for the lake keep to a profile.
pub struct JsonChecker {
    lake_json: JsonProfile,
    profile: Box<ProfileChecker>,
}

impl JsonChecker {
    /// Creates a checker for many events.
    #[must_use]
    pub fn new(lake_json: JsonProfile) -> Self {
        Self {
            lake_json,
            profile: Box::default(),
        }
    }

    /// Checks one event. The profile does not matter for an event that goes to the bus only.
    ///
    /// # Errors
    /// [`Fault::InvalidOutput`] with the position of a syntax error, or [`Fault::NotInteroperable`]
    /// with the path of the value that breaks the profile.
    pub fn check(&mut self, data: &[u8], routes: Routes) -> Result<(), Reason> {
        if !routes.lake || self.lake_json == JsonProfile::Any {
            return json_scan::check(data).map(drop).or_else(not_json);
        }
        self.profile.check(data).or_else(|error| match error {
            ProfileError::Syntax(error) => not_json(error),
            ProfileError::Violation(violation) => Err(Reason::fault(
                Fault::NotInteroperable,
                format!("readers of the lake fail on the event at {violation}"),
            )),
        })
    }
}

fn not_json(error: SyntaxError) -> Result<(), Reason> {
    invalid(format!("an event is not JSON: {error}"))
}

/// Replaces line breaks by spaces, because an event must be one line. In JSON, a line break can only be
/// between tokens, where a space is equivalent.
fn flatten_lines(data: &mut [u8]) {
    if has_breaks(data) {
        for byte in data {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn has_breaks(data: &[u8]) -> bool {
    memchr::memchr2(b'\n', b'\r', data).is_some()
}

fn invalid<T>(message: String) -> Result<T, Reason> {
    Err(Reason::fault(Fault::InvalidOutput, message))
}

/// Offsets and indexes within a batch, whose data is limited to far less than 4 GiB.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
