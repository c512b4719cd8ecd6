//! Validates the edits of a call, and makes events of them.

use std::ops::Range;

use json_scan::edit::{Edit, Object, append};
use json_scan::profile::is_simple;

use super::ScannedBatch;
use crate::bindings::exports::sluice::transform::fields::{Destination, EditBatch};
use crate::bindings::exports::sluice::transform::rules::Rejection;
use crate::outcome::{Reason, Routes};
use crate::output_validation::{
    OutputValidator, Violation, check_partition, check_routes, flatten_lines, offset,
};
use crate::partition::PartitionPath;
use crate::record::span;

/// The output of a call for some objects of a batch, whose lists fit together.
struct Edits<'o> {
    output: &'o EditBatch,
    writes: usize,
    destinations: Vec<KnownDestination>,
    /// The next item of `removed` and of `empty_events`: events are taken in order.
    removed: usize,
    empty_events: usize,
}

/// A destination that has been validated.
struct KnownDestination {
    valid: Result<(PartitionPath, Routes), Reason>,
    /// The index of its partition in the outcome, if an event has used it.
    partition: Option<u32>,
}

impl KnownDestination {
    fn new(destination: &Destination) -> Self {
        let routes = check_routes(destination.routes);
        let valid = routes
            .and_then(|routes| check_partition(&destination.partition).map(|path| (path, routes)));
        Self {
            valid,
            partition: None,
        }
    }
}

impl KnownDestination {
    /// The index of the partition in the outcome, and the routes, if an event has used this destination.
    #[inline(always)]
    fn ready(&self) -> Option<(u32, Routes)> {
        match (&self.valid, self.partition) {
            (Ok((_, routes)), Some(partition)) => Some((partition, *routes)),
            _ => None,
        }
    }
}

/// What the edits of one event are.
struct EventEdits<'e> {
    values: &'e [u8],
    /// The end of each value, and where the first one begins.
    ends: &'e [u32],
    start: u32,
    /// The items of this event that are removed, and the item that its first write is.
    removed: &'e [u32],
    first_item: u32,
}

impl<'e> EventEdits<'e> {
    #[inline(always)]
    fn value(&self, write: usize) -> &'e [u8] {
        let start = match write {
            0 => self.start,
            _ => self.ends[write - 1],
        };
        &self.values[start as usize..self.ends[write] as usize]
    }

    #[inline(always)]
    fn of(&self, write: usize) -> Edit<'e> {
        let value = self.value(write);
        if !value.is_empty() {
            return Edit::Set(value);
        }
        if !self.removed.is_empty() && self.removed.contains(&(self.first_item + offset(write))) {
            return Edit::Remove;
        }
        Edit::Keep
    }
}

impl OutputValidator<'_> {
    /// Adds the outcome of a call for these objects, and the records before them that no transform may see.
    ///
    /// # Errors
    /// Why the lists of the output do not fit together. Nothing is added then.
    pub(crate) fn edits(
        &mut self,
        scanned: &ScannedBatch<'_>,
        objects: Range<usize>,
        output: &EditBatch,
    ) -> Result<(), String> {
        let writes = scanned.declared().writes.len();
        check_lists(objects.len(), writes, output)?;
        let mut edits = Edits {
            output,
            writes,
            destinations: output
                .destinations
                .iter()
                .map(KnownDestination::new)
                .collect(),
            removed: 0,
            empty_events: 0,
        };
        let mut rejections = (0..).zip(&output.rejections).peekable();
        let mut next_event = 0;
        let before = self.data_len();
        for (index, object) in objects.enumerate() {
            self.reject_before(scanned, scanned.record(object));
            let events = next_event..next_event + output.event_counts[index] as usize;
            next_event = events.end;
            let rejected = |(_, (at, _)): &(usize, &(u32, Rejection))| *at as usize == index;
            if let Some((_, (_, rejection))) = rejections.next_if(rejected) {
                self.reject(Reason::rejected(&rejection.code, rejection.message.clone()));
            } else if !self.usual_record(scanned, object, events.clone(), &edits) {
                self.edited_record(scanned, object, events, &mut edits);
            }
        }
        flatten_lines(self.data_from(before));
        Ok(())
    }

    /// Quarantines the records up to `record` that no transform may see.
    pub(crate) fn reject_before(&mut self, scanned: &ScannedBatch<'_>, record: u32) {
        while self.next_record() < record {
            let next = self.next_record();
            let found = scanned
                .rejected()
                .binary_search_by_key(&next, |(record, _)| *record);
            match found {
                Ok(at) => self.reject(scanned.rejected()[at].1.clone()),
                // Objects are added in order, so a record before the next one is rejected.
                Err(_) => return,
            }
        }
    }

    /// Adds a record that is as records usually are: it has one event, which is the record with simple values
    /// appended, and its partition is known. Returns `false` for any other record, and adds nothing then.
    #[inline(always)]
    fn usual_record(
        &mut self,
        scanned: &ScannedBatch<'_>,
        object: usize,
        events: Range<usize>,
        edits: &Edits<'_>,
    ) -> bool {
        let output = edits.output;
        let event = events.start;
        let nothing_else = output.removed.is_empty() && output.empty_events.is_empty();
        if events.len() != 1 || !nothing_else || !scanned.is_certain(object) {
            return false;
        }
        let destination = output.destination_indexes[event] as usize;
        let Some((partition, routes)) = edits.destinations[destination].ready() else {
            return false;
        };
        let Object { text, outline } = scanned.object(object);
        if outline.count == 0 || !outline.written.is_empty() {
            return false;
        }
        let names = &scanned.declared().names;
        let values = edits.values(event);
        let mut total = text.len();
        for (write, value) in values.clone().enumerate() {
            if !value.is_empty() {
                if !is_simple(value) {
                    return false;
                }
                total += names.prefix(write).len() + value.len();
            }
        }
        if !self.has_room_for(total) {
            return false;
        }
        let edited = |data: &mut Vec<u8>| {
            let (before, behind) = text.split_at(outline.end);
            data.extend_from_slice(before);
            for (write, value) in values.enumerate() {
                if !value.is_empty() {
                    append(names.prefix(write), data);
                    append(value, data);
                }
            }
            append(behind, data);
        };
        self.add_event(total, partition, routes, edited);
        true
    }

    fn edited_record(
        &mut self,
        scanned: &ScannedBatch<'_>,
        object: usize,
        events: Range<usize>,
        edits: &mut Edits<'_>,
    ) {
        if events.is_empty() {
            self.drop_record();
            return;
        }
        let mark = self.mark();
        let added = self.edited_events(scanned, object, events.clone(), edits);
        if let Err(violation) = added {
            edits.skip_to(events.end);
            let partitions = self.take_back(mark, violation);
            edits.forget_partitions(partitions);
        } else {
            self.end_record();
        }
    }

    fn edited_events(
        &mut self,
        scanned: &ScannedBatch<'_>,
        object: usize,
        events: Range<usize>,
        edits: &mut Edits<'_>,
    ) -> Result<(), Violation> {
        let record = scanned.object(object);
        let names = &scanned.declared().names;
        let (removed, empty_events) = (edits.removed, edits.empty_events);
        let mut total = 0;
        for event in events.clone() {
            let (base, of_event) = edits.next(event, record);
            total += base.edited_length(names, |write| of_event.of(write));
        }
        self.check_record(total)?;
        self.check_room(total, events.len())?;
        (edits.removed, edits.empty_events) = (removed, empty_events);
        for event in events {
            let (base, of_event) = edits.next(event, record);
            let destination = edits.output.destination_indexes[event] as usize;
            let (partition, routes) = self.destination(&mut edits.destinations[destination])?;
            // An event that begins with `{}` has nothing of the record.
            let is_empty = base.outline.count == 0;
            let mut certain = scanned.is_certain(object) || is_empty && !names.has_similar_writes();
            for (write, name) in scanned.declared().writes.iter().enumerate() {
                let value = of_event.value(write);
                if !value.is_empty() {
                    certain &= self.check_member(name, value)?;
                }
            }
            let start = self.append_event(&base, names, |write| of_event.of(write));
            if !certain {
                self.check_event(start, routes)?;
            }
            self.push_event(start, partition, routes);
        }
        Ok(())
    }

    #[inline]
    fn destination(
        &mut self,
        destination: &mut KnownDestination,
    ) -> Result<(u32, Routes), Violation> {
        let (path, routes) = match &destination.valid {
            Ok(valid) => valid,
            Err(reason) => return Err(reason.clone().into()),
        };
        let partition = match destination.partition {
            Some(partition) => partition,
            None => self.intern(path.clone())?,
        };
        destination.partition = Some(partition);
        Ok((partition, *routes))
    }
}

impl<'o> Edits<'o> {
    /// The values of an event, one for each write.
    #[inline(always)]
    fn values(&self, event: usize) -> impl Iterator<Item = &'o [u8]> + Clone {
        let first = event * self.writes;
        let output = self.output;
        let mut start = match first {
            0 => 0,
            _ => output.ends[first - 1] as usize,
        };
        let ends = output.ends[first..first + self.writes].iter();
        ends.map(move |end| {
            let value = start..*end as usize;
            start = value.end;
            &output.values[value]
        })
    }

    /// The object that an event begins with, and its edits. Events are taken in order.
    #[inline(always)]
    fn next<'r>(&mut self, event: usize, record: Object<'r>) -> (Object<'r>, EventEdits<'o>) {
        let first = event * self.writes;
        let items = first..first + self.writes;
        let start = match first {
            0 => 0,
            _ => self.output.ends[first - 1],
        };
        let removed = &self.output.removed;
        let from = self.removed;
        while removed
            .get(self.removed)
            .is_some_and(|item| (*item as usize) < items.end)
        {
            self.removed += 1;
        }
        let is_empty = self
            .output
            .empty_events
            .get(self.empty_events)
            .is_some_and(|empty| *empty as usize == event);
        self.empty_events += usize::from(is_empty);
        let edits = EventEdits {
            values: &self.output.values,
            ends: &self.output.ends[items],
            start,
            removed: &removed[from..self.removed],
            first_item: offset(first),
        };
        (if is_empty { Object::EMPTY } else { record }, edits)
    }

    /// Skips what belongs to events before `event`.
    #[cold]
    fn skip_to(&mut self, event: usize) {
        let items = event * self.writes;
        let removed = &self.output.removed;
        self.removed = removed.partition_point(|item| (*item as usize) < items);
        let empty = &self.output.empty_events;
        self.empty_events = empty.partition_point(|empty| (*empty as usize) < event);
    }

    /// Forgets the partitions from this index on, which the outcome does not have any more.
    #[cold]
    fn forget_partitions(&mut self, from: u32) {
        for destination in &mut self.destinations {
            destination.partition = destination.partition.filter(|index| *index < from);
        }
    }
}

/// Checks that the lists of an output fit together, for so many records and writes.
fn check_lists(records: usize, writes: usize, output: &EditBatch) -> Result<(), String> {
    let events = output.destination_indexes.len();
    let counted = output.event_counts.iter();
    let counted: u64 = counted.map(|count| u64::from(*count)).sum();
    let is_rising = |list: &[u32]| list.windows(2).all(|pair| pair[0] < pair[1]);
    let is_below =
        |list: &[u32], bound: usize| list.last().is_none_or(|last| (*last as usize) < bound);
    let rejected = output.rejections.iter().map(|(record, _)| *record);
    let rejected: Vec<u32> = rejected.collect();
    let is_value = |item: &u32| !span(&output.ends, *item as usize).is_empty();
    let has_events = |record: &u32| output.event_counts[*record as usize] != 0;
    let checks: [(&str, &dyn Fn() -> bool); 11] = [
        (
            "`event-counts` does not have one item for each record",
            &|| output.event_counts.len() == records,
        ),
        (
            "`event-counts` and `destination-indexes` disagree about the number of events",
            &|| counted == events as u64,
        ),
        (
            "`ends` does not have one item for each event and write",
            &|| Some(output.ends.len()) == events.checked_mul(writes),
        ),
        ("`ends` falls", &|| output.ends.is_sorted()),
        ("`ends` does not end where `values` does", &|| {
            output.ends.last().copied().unwrap_or(0) as usize == output.values.len()
        }),
        (
            "`removed` is not in ascending order, or has an item that is not there",
            &|| is_rising(&output.removed) && is_below(&output.removed, output.ends.len()),
        ),
        ("`removed` has an item that has a value", &|| {
            !output.removed.iter().any(is_value)
        }),
        (
            "`empty-events` is not in ascending order, or has an event that is not there",
            &|| is_rising(&output.empty_events) && is_below(&output.empty_events, events),
        ),
        (
            "`destination-indexes` has an index that is not there",
            &|| {
                let indexes = output.destination_indexes.iter();
                indexes
                    .max()
                    .is_none_or(|most| (*most as usize) < output.destinations.len())
            },
        ),
        (
            "`rejections` is not in ascending order, or has a record that is not there",
            &|| is_rising(&rejected) && is_below(&rejected, records),
        ),
        ("`rejections` has a record with events", &|| {
            !rejected.iter().any(has_events)
        }),
    ];
    match checks.iter().find(|(_, holds)| !holds()) {
        None => Ok(()),
        Some((fault, _)) => Err(format!(
            "the lists of an edit batch do not fit together: {fault}"
        )),
    }
}
