//! Learns which columns the events of a type have, and notices if they have one no more.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::format::parquet::{ColumnSample, TypeSample, WatchedColumns};

/// A column vanishes only if at least this many sampled events had it usually, from the first one that had it to the last.
const USUAL_EVENTS_MIN: u64 = 100;

/// Usually is in at least this share of them, percent.
const USUAL_PERCENT: u64 = 90;

/// The sampled events in a row that do not have a column that has vanished. If each event has the column with 90 %, by
/// chance, so many in a row never come. Producers send in bursts, so they are from at least two objects: a sample of one
/// object is smaller.
const ABSENT_EVENTS_MIN: u64 = 100;

/// Counts are halved at this number of events, so that the share is one of the last ones.
const EVENTS_MAX: u64 = 10_000;

/// The columns that the events of a type have had.
#[derive(Debug, Default)]
pub(super) struct TypeColumns {
    columns: BTreeMap<u32, ColumnHistory>,
}

#[derive(Debug, Default)]
struct ColumnHistory {
    /// Events that had it.
    present: u64,
    /// Events that could have it, up to the last one that had it.
    events: u64,
    /// Events after that.
    absent_in_row: u64,
    has_vanished: bool,
}

/// What a sample shows of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PresenceChange {
    /// It has vanished.
    Vanished,
    /// It has vanished before, and is still missing.
    StillMissing,
    /// It had vanished, and is there again.
    CameBack,
}

/// A column of which something is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChangedColumn {
    pub(super) column: u32,
    pub(super) change: PresenceChange,
    /// The sampled events in a row without it.
    pub(super) absent_in_row: u64,
}

impl ColumnHistory {
    /// The next events, of which `out_of` could have the column. `found` says which had it; `None` if none had.
    fn add(&mut self, out_of: u64, found: Option<&ColumnSample>) -> Option<PresenceChange> {
        let Some(found) = found else {
            self.absent_in_row += out_of;
            return self.missing(out_of > 0);
        };
        let came_back = self.has_vanished;
        if came_back {
            // What is usual is learned anew.
            *self = Self::default();
        }
        let absent = u64::from(found.absent_in_row);
        self.events += self.absent_in_row + out_of.saturating_sub(absent);
        self.present += u64::from(found.present);
        self.absent_in_row = absent;
        if self.events > EVENTS_MAX {
            self.events /= 2;
            self.present /= 2;
        }
        came_back.then_some(PresenceChange::CameBack)
    }

    fn missing(&mut self, is_changed: bool) -> Option<PresenceChange> {
        if self.has_vanished {
            return is_changed.then_some(PresenceChange::StillMissing);
        }
        let was_usual =
            self.events >= USUAL_EVENTS_MIN && 100 * self.present >= USUAL_PERCENT * self.events;
        self.has_vanished = was_usual && self.absent_in_row >= ABSENT_EVENTS_MIN;
        self.has_vanished.then_some(PresenceChange::Vanished)
    }
}

impl TypeColumns {
    /// Adds a sample of an object. Up to `columns_left` more columns are learned. Returns what has changed, and whether all
    /// columns of the sample are known now.
    pub(super) fn add(
        &mut self,
        watched: &WatchedColumns,
        sample: &TypeSample,
        columns_left: &mut usize,
    ) -> (Vec<ChangedColumn>, bool) {
        let mut is_complete = true;
        for found in &sample.columns {
            if let Entry::Vacant(new) = self.columns.entry(found.column) {
                if *columns_left == 0 {
                    is_complete = false;
                    continue;
                }
                *columns_left -= 1;
                new.insert(ColumnHistory::default());
            }
        }
        let changed = self.columns.iter_mut().filter_map(|(column, history)| {
            let out_of = match watched.parent(*column as usize) {
                None => sample.events,
                Some(parent) => find(sample, parent).map_or(0, |parent| parent.structs.into()),
            };
            let change = history.add(out_of, find(sample, *column as usize))?;
            Some(ChangedColumn {
                column: *column,
                change,
                absent_in_row: history.absent_in_row,
            })
        });
        (changed.collect(), is_complete)
    }
}

fn find(sample: &TypeSample, column: usize) -> Option<&ColumnSample> {
    let columns = &sample.columns;
    let position = columns.binary_search_by_key(&column, |found| found.column as usize);
    columns.get(position.ok()?)
}
