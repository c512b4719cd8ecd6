//! Makes events of the edits that a call returns.
//!
//! The order of checks is that of all calls: the values of all events of a record, the number of its edits, the size
//! of its events, and then, event by event, routes, partition, and what readers of the lake need.

use std::ops::Range;

use json_scan::edit::{Edit, Object, put};
use json_scan::profile::is_simple;

use super::ScannedBatch;
use super::lists::check_lists;
use crate::bindings::exports::sluice::transform::fields::EditBatch;
use crate::outcome::{Reason, Routes};
use crate::output_validation::{
    OutputValidator, Violation, check_partition, check_routes, flatten_lines, invalid, offset,
};
use crate::partition::PartitionPath;

/// The output of a call for some objects of a batch. Its lists fit together.
struct Edits<'o> {
    output: &'o EditBatch,
    writes: usize,
    /// For each destination, the index of its partition in the outcome, or [`UNUSED`].
    partitions: Vec<u32>,
}

/// Stands for the partition of a destination that no event has used.
const UNUSED: u32 = u32::MAX;

/// The edits of one event.
#[derive(Clone, Copy)]
struct EventEdits<'o> {
    values: &'o [u8],
    /// The end of each value, and where the first one begins.
    ends: &'o [u32],
    start: u32,
    /// The items of this event that are removed, and the item of its first write.
    removed: &'o [u32],
    first_item: u32,
    /// Whether the event begins with `{}` instead of the record.
    is_empty: bool,
}

impl<'o> EventEdits<'o> {
    #[inline(always)]
    fn value(&self, write: usize) -> &'o [u8] {
        let start = match write {
            0 => self.start,
            _ => self.ends[write - 1],
        };
        &self.values[start as usize..self.ends[write] as usize]
    }

    #[inline(always)]
    fn edit(&self, write: usize) -> Edit<'o> {
        let value = self.value(write);
        let item = self.first_item + offset(write);
        if !value.is_empty() {
            Edit::Set(value)
        } else if !self.removed.is_empty() && self.removed.binary_search(&item).is_ok() {
            Edit::Remove
        } else {
            Edit::Keep
        }
    }

    /// The object that the event begins with.
    fn base<'r>(&self, record: Object<'r>) -> Object<'r> {
        if self.is_empty { Object::EMPTY } else { record }
    }
}

impl<'o> Edits<'o> {
    #[inline(always)]
    fn event(&self, event: usize) -> EventEdits<'o> {
        let first = event * self.writes;
        let items = first..first + self.writes;
        let output = self.output;
        EventEdits {
            values: &output.values,
            ends: &output.ends[items.clone()],
            start: match first {
                0 => 0,
                _ => output.ends[first - 1],
            },
            removed: items_of(&output.removed, items),
            first_item: offset(first),
            is_empty: !items_of(&output.empty_events, event..event + 1).is_empty(),
        }
    }

    /// The index of the partition of an event in the outcome, and its routes, if an event before had the same
    /// destination.
    #[inline(always)]
    fn known_destination(&self, event: usize) -> Option<(u32, Routes)> {
        let destination = self.output.destination_indexes[event] as usize;
        let partition = self.partitions[destination];
        let routes = self.output.destinations[destination].routes;
        (partition != UNUSED).then_some((partition, routes.into()))
    }

    /// Forgets the partitions from this index on, which the events of a record had.
    #[cold]
    fn forget_partitions(&mut self, from: u32, events: Range<usize>) {
        for &destination in &self.output.destination_indexes[events] {
            let partition = &mut self.partitions[destination as usize];
            if *partition >= from {
                *partition = UNUSED;
            }
        }
    }
}

/// The numbers of a list in ascending order that are in `range`.
#[inline(always)]
fn items_of(list: &[u32], range: Range<usize>) -> &[u32] {
    if list.is_empty() {
        return list;
    }
    let before = |end: usize| list.partition_point(|item| (*item as usize) < end);
    &list[before(range.start)..before(range.end)]
}

impl OutputValidator<'_> {
    /// Adds the outcome of a call for these objects, and the records before them that no transform may see.
    ///
    /// # Errors
    /// Why the lists of the output do not fit together. Nothing is added then.
    pub(crate) fn add_edits(
        &mut self,
        scanned: &ScannedBatch<'_>,
        objects: Range<usize>,
        output: &EditBatch,
    ) -> Result<(), String> {
        let writes = scanned.declared().writes.len();
        check_lists(objects.len(), writes, self.events_max(), output)?;
        let mut edits = Edits {
            output,
            writes,
            partitions: vec![UNUSED; output.destinations.len()],
        };
        let mut rejections = output.rejections.iter().peekable();
        let mut next_event = 0;
        let before = self.data_len();
        for (index, object) in objects.enumerate() {
            self.reject_before(scanned, scanned.record(object));
            let events = next_event..next_event + output.event_counts[index] as usize;
            next_event = events.end;
            if let Some((_, rejection)) = rejections.next_if(|(at, _)| *at as usize == index) {
                self.reject(Reason::rejected(&rejection.code, rejection.message.clone()));
            } else if !self.add_usual_record(scanned, object, events.clone(), &edits) {
                self.add_edited_record(scanned, object, events, &mut edits);
            }
        }
        flatten_lines(self.data_from(before));
        Ok(())
    }

    /// Quarantines the records up to `record` that no transform may see.
    #[inline]
    pub(crate) fn reject_before(&mut self, scanned: &ScannedBatch<'_>, record: u32) {
        while self.next_record() < record {
            match scanned.rejection_of(self.next_record()) {
                Some(reason) => self.reject(reason.clone()),
                // Objects are added in order, so a record before the next one is rejected.
                None => return,
            }
        }
    }

    /// Adds a record of the usual kind: it has one event, which is the record with simple values appended, and its
    /// destination is known. Returns `false` for any other record, and adds nothing then.
    #[inline(always)]
    fn add_usual_record(
        &mut self,
        scanned: &ScannedBatch<'_>,
        object: usize,
        events: Range<usize>,
        edits: &Edits<'_>,
    ) -> bool {
        let output = edits.output;
        let has_only_values = output.removed.is_empty() && output.empty_events.is_empty();
        if events.len() != 1 || !has_only_values || !scanned.is_certain(object) {
            return false;
        }
        let Some((partition, routes)) = edits.known_destination(events.start) else {
            return false;
        };
        let Object { text, outline } = scanned.object(object);
        if outline.count == 0 || !outline.written.is_empty() {
            return false;
        }
        let names = &scanned.declared().names;
        let event = edits.event(events.start);
        let mut total = text.len();
        for write in 0..edits.writes {
            let value = event.value(write);
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
        let (before, behind) = text.split_at(outline.end);
        self.add_event(total, partition, routes, |mut out| {
            put(before, &mut out);
            for write in 0..edits.writes {
                let value = event.value(write);
                if !value.is_empty() {
                    put(names.prefix(write), &mut out);
                    put(value, &mut out);
                }
            }
            put(behind, &mut out);
        });
        true
    }

    fn add_edited_record(
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
        match self.add_edited_events(scanned, object, events.clone(), edits) {
            Ok(()) => self.end_record(),
            Err(violation) => {
                let partitions = self.roll_back(mark, violation);
                edits.forget_partitions(partitions, events);
            }
        }
    }

    fn add_edited_events(
        &mut self,
        scanned: &ScannedBatch<'_>,
        object: usize,
        events: Range<usize>,
        edits: &mut Edits<'_>,
    ) -> Result<(), Violation> {
        let record = scanned.object(object);
        let names = &scanned.declared().names;
        let are_certain = self.check_values(scanned, events.clone(), edits)?;
        record.check_cuts(events.len()).or_else(invalid)?;
        let lengths = events.clone().map(|event| {
            let event = edits.event(event);
            event
                .base(record)
                .edited_length(names, |write| event.edit(write))
        });
        let total = lengths.sum();
        self.check_record(total)?;
        self.check_room(total, events.len())?;
        for event in events {
            let of_event = edits.event(event);
            let base = of_event.base(record);
            let (partition, routes) = check_destination(edits, event)?;
            let start = self.append_event(&base, names, |write| of_event.edit(write));
            // An event that begins with `{}` has nothing of the record.
            let is_empty = base.outline.count == 0 && !names.has_similar_names();
            if !are_certain || !(is_empty || scanned.is_certain(object)) {
                self.check_event(start, routes)?;
            }
            let partition = self.intern(partition)?;
            edits.partitions[edits.output.destination_indexes[event] as usize] = partition;
            self.push_event(start, partition, routes);
        }
        Ok(())
    }

    /// Checks that all values of a record's events are JSON. Returns whether they certainly keep to the profile.
    fn check_values(
        &mut self,
        scanned: &ScannedBatch<'_>,
        events: Range<usize>,
        edits: &Edits<'_>,
    ) -> Result<bool, Reason> {
        let mut are_certain = true;
        for event in events {
            let event = edits.event(event);
            for (write, name) in scanned.declared().writes.iter().enumerate() {
                let value = event.value(write);
                if !value.is_empty() {
                    are_certain &= self.check_member(name, value)?;
                }
            }
        }
        Ok(are_certain)
    }
}

/// The partition and the routes of an event, if they follow the contract.
fn check_destination(edits: &Edits<'_>, event: usize) -> Result<(PartitionPath, Routes), Reason> {
    let destination = edits.output.destination_indexes[event] as usize;
    let destination = &edits.output.destinations[destination];
    let routes = check_routes(destination.routes)?;
    Ok((check_partition(&destination.partition)?, routes))
}
