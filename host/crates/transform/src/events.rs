//! The events of a batch, as edits of their records.

use std::io::Write as _;

use json_scan::edit::append;

use crate::declaration::Write;
use crate::destinations::{Destinations, Routes};
use crate::json;
use crate::number_text::NumberText;
use crate::raw_text::RawText;
use crate::time::Timestamp;

/// The events of a batch of records. They have the layout of the contract's `edit-batch`, so that nothing is copied at
/// the end: the event `e` has the write `w` in item `e * writes + w`.
#[derive(Debug)]
pub struct Events {
    declared: Vec<Write>,
    pub(crate) values: Vec<u8>,
    pub(crate) ends: Vec<u32>,
    pub(crate) removed: Vec<u32>,
    pub(crate) empty_events: Vec<u32>,
    pub(crate) destinations: Destinations,
    pub(crate) destination_indexes: Vec<u32>,
    /// The items that were set to a text that may not be JSON, in ascending order.
    pub(crate) unchecked: Vec<u32>,
}

/// How many events and destinations there were before a record.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    events: usize,
    destinations: usize,
}

impl Events {
    pub(crate) fn new(declared: &[Write], records: usize, bytes: usize) -> Self {
        Self {
            declared: declared.to_vec(),
            values: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(records * declared.len()),
            removed: Vec::new(),
            empty_events: Vec::new(),
            destinations: Destinations::default(),
            destination_indexes: Vec::with_capacity(records),
            unchecked: Vec::new(),
        }
    }

    /// Begins an event that is the record, with the edits that are made on the result. It is written when all of the
    /// record is transformed, in the order of these calls.
    ///
    /// `partition` has the columns of the lake partition, outermost first: `&[("event_type", "lesson")]`. The empty
    /// text means that there is no value. With an empty list, the event is written at the top of the lake.
    #[inline(always)]
    pub fn event(&mut self, routes: Routes, partition: &[(&str, &str)]) -> Event<'_> {
        self.begin(routes, partition)
    }

    /// As [`event`](Self::event), with values that are bytes of UTF-8. This saves the validation of text that comes
    /// from the record, such as [`RawText::decode_bytes`].
    #[inline(always)]
    pub fn event_at(&mut self, routes: Routes, partition: &[(&str, &[u8])]) -> Event<'_> {
        self.begin(routes, partition)
    }

    /// Begins an event that is `{}`, with the edits that are made on the result.
    #[inline(always)]
    pub fn empty_event(&mut self, routes: Routes, partition: &[(&str, &str)]) -> Event<'_> {
        self.empty_events
            .push(offset(self.destination_indexes.len()));
        self.begin(routes, partition)
    }

    #[inline(always)]
    pub(crate) fn begin<V: AsRef<[u8]>>(
        &mut self,
        routes: Routes,
        partition: &[(&str, V)],
    ) -> Event<'_> {
        self.complete();
        let first_item = self.ends.len();
        let destination = self.destinations.index(routes, partition);
        self.destination_indexes.push(destination);
        Event {
            events: self,
            first_item,
        }
    }

    /// Ends the items of the last event.
    #[inline(always)]
    fn complete(&mut self) {
        self.pad(self.destination_indexes.len() * self.declared.len());
    }

    #[inline(always)]
    fn pad(&mut self, items: usize) {
        while self.ends.len() < items {
            self.ends.push(offset(self.values.len()));
        }
    }

    #[inline(always)]
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            events: self.destination_indexes.len(),
            destinations: self.destinations.len(),
        }
    }

    /// Ends a record. Returns the number of its events.
    #[inline(always)]
    pub(crate) fn end_record(&mut self, mark: Mark) -> u32 {
        self.complete();
        offset(self.destination_indexes.len() - mark.events)
    }

    /// Removes the events of a record that is rejected.
    #[cold]
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        let items = mark.events * self.declared.len();
        let last = items.checked_sub(1);
        let values = last.and_then(|last| self.ends.get(last)).copied();
        self.values.truncate(values.unwrap_or_default() as usize);
        self.ends.truncate(items);
        truncate_at(&mut self.removed, items);
        truncate_at(&mut self.unchecked, items);
        truncate_at(&mut self.empty_events, mark.events);
        self.destination_indexes.truncate(mark.events);
        if self.destinations.len() > mark.destinations {
            self.destinations.truncate(mark.destinations);
        }
    }

    /// Forgets all events, but not their destinations.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.ends.clear();
        self.removed.clear();
        self.empty_events.clear();
        self.destination_indexes.clear();
        self.unchecked.clear();
    }

    /// The value of an item.
    #[inline(always)]
    pub(crate) fn value(&self, item: usize) -> &[u8] {
        let end = |item: usize| self.ends.get(item).copied().unwrap_or_default() as usize;
        let start = item.checked_sub(1).map_or(0, end);
        self.values.get(start..end(item)).unwrap_or_default()
    }

    /// Moves the bytes from `start` on, which were appended for an item that has its place already, to this place.
    #[cold]
    fn replace(&mut self, item: usize, start: usize) {
        let value = self.values.split_off(start);
        let number = offset(item);
        if let Ok(at) = self.removed.binary_search(&number) {
            self.removed.remove(at);
        }
        let from = item.checked_sub(1).and_then(|before| self.ends.get(before));
        let from = from.copied().unwrap_or_default() as usize;
        let Some((end, later)) = self.ends.get_mut(item..).and_then(<[u32]>::split_first_mut)
        else {
            return;
        };
        let before = *end;
        self.values
            .splice(from..before as usize, value.iter().copied());
        *end = offset(from + value.len());
        for end_later in later {
            *end_later = *end_later - before + *end;
        }
    }
}

/// Removes the numbers of a list in ascending order from `end` on.
fn truncate_at(list: &mut Vec<u32>, end: usize) {
    list.truncate(list.partition_point(|item| (*item as usize) < end));
}

/// An event of a record. The methods set and remove members, in any order. A member that no edit names stays as it is
/// in the record. It costs least to set the members in their declared order.
///
/// # Panics
/// All methods panic if the transform has not declared the write, or has declared another one with its number.
#[derive(Debug)]
pub struct Event<'e> {
    events: &'e mut Events,
    first_item: usize,
}

impl Event<'_> {
    /// Sets a member to a text.
    #[inline]
    #[track_caller]
    pub fn set_text(&mut self, write: &Write, text: &str) -> &mut Self {
        self.set(write, |out| json::quote(text, out))
    }

    /// Sets a member to a text of a record, or a part of it, with the escapes that it has there.
    #[inline(always)]
    #[track_caller]
    pub fn set_raw_text(&mut self, write: &Write, text: RawText<'_>) -> &mut Self {
        self.set(write, |out| {
            out.push(b'"');
            append(text.as_bytes(), out);
            out.push(b'"');
        })
    }

    /// Sets a member to one JSON value, such as one of the record: `if let Some(json) = record.raw(&READ)`. If it is
    /// not JSON, the record goes to quarantine as `invalid_output`.
    #[inline]
    #[track_caller]
    pub fn set_json(&mut self, write: &Write, json: impl AsRef<[u8]>) -> &mut Self {
        let json = json.as_ref();
        let number = offset(self.item(write));
        insert(number, &mut self.events.unchecked);
        self.set(write, |out| {
            // An empty item would be no edit.
            let json = if json.is_empty() { b" " } else { json };
            append(json, out);
        })
    }

    /// Sets a member to a number: an integer, a float, or a number of a record with its digits. A float that is not
    /// finite is not JSON, so the record goes to quarantine as `invalid_output`.
    #[inline]
    #[track_caller]
    pub fn set_number(&mut self, write: &Write, number: impl Number) -> &mut Self {
        if !number.is_finite() {
            return self.set_json(write, b"NaN");
        }
        self.set(write, |out| number.append_to(out))
    }

    /// Sets a member to `true` or `false`.
    #[inline]
    #[track_caller]
    pub fn set_bool(&mut self, write: &Write, value: bool) -> &mut Self {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.set(write, |out| append(text, out))
    }

    /// Sets a member to `null`.
    #[inline(always)]
    #[track_caller]
    pub fn set_null(&mut self, write: &Write) -> &mut Self {
        self.set(write, |out| out.extend_from_slice(b"null"))
    }

    /// Sets a member to the text of a moment: `"2023-11-14T22:13:20Z"`.
    #[inline(always)]
    #[track_caller]
    pub fn set_time(&mut self, write: &Write, time: &Timestamp) -> &mut Self {
        self.set(write, |out| {
            out.push(b'"');
            time.append_to(out);
            out.push(b'"');
        })
    }

    /// Removes a member, if the record has it.
    #[inline]
    #[track_caller]
    pub fn remove(&mut self, write: &Write) -> &mut Self {
        let item = self.item(write);
        self.set(write, |_| {});
        insert(offset(item), &mut self.events.removed);
        self
    }

    #[inline(always)]
    #[track_caller]
    fn set(&mut self, write: &Write, value: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let item = self.item(write);
        let events = &mut *self.events;
        let is_next = events.ends.len() <= item;
        events.pad(item);
        let start = events.values.len();
        value(&mut events.values);
        if is_next {
            events.ends.push(offset(events.values.len()));
        } else {
            events.replace(item, start);
        }
        self
    }

    #[inline(always)]
    #[track_caller]
    fn item(&self, write: &Write) -> usize {
        if !write.is_in(&self.events.declared) {
            undeclared(write);
        }
        self.first_item + write.number() as usize
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn undeclared(write: &Write) -> ! {
    let (name, number) = (write.shown_name(), write.number());
    panic!(
        "`{name}` is set or removed, but is not the item {number} of the list that `writes` returns"
    );
}

/// Inserts an item into a list in ascending order, usually at the end.
#[inline]
fn insert(item: u32, items: &mut Vec<u32>) {
    let place = items.partition_point(|known| *known < item);
    if items.get(place) != Some(&item) {
        items.insert(place, item);
    }
}

/// An offset of the contract. A component's memory ends where `u32` does.
#[inline(always)]
pub(crate) fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A number that can be written as JSON.
pub trait Number: Copy + sealed::Sealed {
    /// Whether JSON has such a number.
    fn is_finite(self) -> bool;

    /// Appends its JSON text.
    fn append_to(self, out: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}

        impl Number for $integer {
            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }

            #[inline]
            fn append_to(self, out: &mut Vec<u8>) {
                // Writing to a vector never fails.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl sealed::Sealed for f64 {}

impl Number for f64 {
    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }

    #[inline]
    fn append_to(self, out: &mut Vec<u8>) {
        // Writing to a vector never fails. This notation has an exponent if the number is very large or small.
        let _ = write!(out, "{self:?}");
    }
}

impl sealed::Sealed for NumberText<'_> {}

impl Number for NumberText<'_> {
    #[inline(always)]
    fn is_finite(self) -> bool {
        true
    }

    #[inline]
    fn append_to(self, out: &mut Vec<u8>) {
        append(self.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests;
