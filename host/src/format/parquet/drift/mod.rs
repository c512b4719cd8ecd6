//! A sample of the events of an object: which columns they have, and which of their values drift from the schema.
//!
//! The mapping of an event to its row finds all of this anyway. So a sample costs next to nothing, and events that are not
//! sampled cost nothing.

mod picks;
#[cfg(test)]
mod tests;
mod watched;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_schema::inference::ValueKind;
use sluice_schema::{ColumnValue, NoEvent, Reason, Row, Unmapped, event_type};

use self::picks::Picks;
pub use self::watched::WatchedColumns;
use self::watched::{ColumnNode, OBJECT};
use super::unmapped::cut;

/// The most events of an object that are sampled.
pub const OBJECT_EVENTS_MAX: usize = 64;

/// The most paths of one type of events whose drift a sample tells apart.
const PATHS_MAX: usize = 64;

/// The most types of events that a sample of one object tells apart, if its partition does not name one type.
const TYPES_MAX: usize = 64;

/// How events drift from a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// A value for which there is no column.
    NewPath,
    /// A value that the type of its column does not have.
    NewType,
    /// Events do not have a column any more that they used to have.
    Vanished,
}

impl DriftKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NewPath, Self::NewType, Self::Vanished];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewPath => "new_path",
            Self::NewType => "new_type",
            Self::Vanished => "vanished",
        }
    }
}

/// How the events of an object are sampled.
#[derive(Clone, Copy, Debug)]
pub struct Sampling<'a> {
    /// The type of the events, `""` if they have none; `None` if each event says its own.
    pub event_type: Option<&'a str>,
    /// The most events that are sampled.
    pub events_max: usize,
}

/// A sample of the events of an object.
#[derive(Clone, Debug)]
pub struct DriftSample {
    /// The columns of the schema.
    pub watched: Arc<WatchedColumns>,
    /// What was seen, by the type of the events.
    pub types: Vec<TypeSample>,
    /// Sampled events of further types, of which nothing is known.
    pub further_events: u64,
}

/// A sample of the events of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSample {
    /// The type.
    pub event_type: String,
    /// The number of events.
    pub events: u64,
    /// The columns that at least one event has, in their order.
    pub columns: Vec<ColumnSample>,
    /// The values that drift, in the order of their paths.
    pub drifting: Vec<DriftingValues>,
    /// The number of those at further paths.
    pub further_values: u64,
}

/// A column in a sample. Null in the event counts as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSample {
    /// The number of the column among the [watched](WatchedColumns) ones.
    pub column: u32,
    /// Events that have it, in whatever type.
    pub present: u32,
    /// The last ones in a row that do not have it, of those that could: that have the struct that it is in.
    pub absent_in_row: u32,
    /// Events in which it is a struct, and so could have the columns of this struct.
    pub structs: u32,
}

impl ColumnSample {
    fn new(column: u32) -> Self {
        Self {
            column,
            present: 0,
            absent_in_row: 0,
            structs: 0,
        }
    }
}

/// Values at one path that drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftingValues {
    /// Where they are in events.
    pub path: String,
    /// How they drift.
    pub drift: DriftKind,
    /// The type of their column, as a schema names it; `None` if there is no column.
    pub column_type: Option<String>,
    /// The kind of the first of them.
    pub kind: ValueKind,
    /// How many of them are in the sample.
    pub values: u64,
}

/// Samples the events of one object.
pub(super) struct DriftSampler<'a> {
    watched: &'a Arc<WatchedColumns>,
    event_type: Option<&'a str>,
    picks: Picks,
    types: Vec<TypeSampler>,
    further_events: u64,
}

impl<'a> DriftSampler<'a> {
    /// Samples an object with this many rows. `seed` decides which of them.
    pub(super) fn new(
        watched: &'a Arc<WatchedColumns>,
        sampling: Sampling<'a>,
        rows: usize,
        seed: u64,
    ) -> Self {
        Self {
            watched,
            event_type: sampling.event_type,
            picks: Picks::new(rows, sampling.events_max, seed),
            types: Vec::new(),
            further_events: 0,
        }
    }

    /// Looks at the next event, if it is sampled.
    pub(super) fn add(&mut self, event: &[u8], row: &Result<Row<'_>, NoEvent>) {
        if !self.picks.takes_next() {
            return;
        }
        let watched = self.watched;
        let Some(of_type) = self.of_type(event) else {
            self.further_events += 1;
            return;
        };
        match row {
            Ok(row) => of_type.add(watched, row),
            Err(_) => of_type.add_value("$", DriftKind::NewType, event, || Some(OBJECT.to_owned())),
        }
    }

    /// The sampler of the type of an event; `None` if there are too many types.
    fn of_type(&mut self, event: &[u8]) -> Option<&mut TypeSampler> {
        let of_event = match self.event_type {
            Some(of_object) => Cow::Borrowed(of_object),
            None => event_type(event).unwrap_or_default(),
        };
        let name = cut(&of_event);
        let known = self.types.iter();
        let position = { known }.position(|known| known.sample.event_type == name);
        let position = match position {
            Some(position) => position,
            None if self.types.len() < TYPES_MAX => {
                self.types.push(TypeSampler::new(name, self.watched));
                self.types.len() - 1
            }
            None => return None,
        };
        self.types.get_mut(position)
    }

    pub(super) fn finish(self) -> DriftSample {
        DriftSample {
            watched: self.watched.clone(),
            types: self.types.into_iter().map(TypeSampler::finish).collect(),
            further_events: self.further_events,
        }
    }
}

/// Samples events of one type.
struct TypeSampler {
    sample: TypeSample,
    /// The columns, by their numbers.
    columns: Vec<ColumnSample>,
    drifting: BTreeMap<Box<str>, DriftingValues>,
}

impl TypeSampler {
    fn new(event_type: &str, watched: &WatchedColumns) -> Self {
        let numbers = 0..u32::try_from(watched.count()).unwrap_or(u32::MAX);
        Self {
            sample: TypeSample {
                event_type: event_type.to_owned(),
                ..TypeSample::default()
            },
            columns: numbers.map(ColumnSample::new).collect(),
            drifting: BTreeMap::new(),
        }
    }

    fn add(&mut self, watched: &WatchedColumns, row: &Row<'_>) {
        self.sample.events += 1;
        let mut misfits = Vec::new();
        for Unmapped { path, reason, text } in &row.unmapped {
            let target = || watched.target(path);
            match reason {
                // An object without members at a path that leads to columns is not new, and a null says nothing.
                Reason::NoColumn if *text == b"null" || target().is_some() => {}
                Reason::NoColumn => self.add_value(path, DriftKind::NewPath, text, || None),
                Reason::Misfit => {
                    misfits.extend(target().and_then(|target| target.column));
                    let column_type = || target().map(|target| target.column_type.clone());
                    self.add_value(path, DriftKind::NewType, text, column_type);
                }
                Reason::Repeated => misfits.extend(target().and_then(|target| target.column)),
                Reason::Null | Reason::Notation => {}
            }
        }
        misfits.sort_unstable();
        self.add_columns(&watched.top, &row.values, &misfits);
    }

    /// Notes which columns have a value. `misfits` are those that are null because their value has another type.
    fn add_columns(
        &mut self,
        nodes: &[ColumnNode],
        values: &[Option<ColumnValue<'_>>],
        misfits: &[usize],
    ) {
        for (node, value) in nodes.iter().zip(values) {
            let Some(column) = self.columns.get_mut(node.column) else {
                continue;
            };
            let is_there = match value {
                Some(ColumnValue::Json(text)) => *text != "null",
                Some(_) => true,
                None => misfits.binary_search(&node.column).is_ok(),
            };
            if is_there {
                column.present += 1;
                column.absent_in_row = 0;
            } else {
                column.absent_in_row += 1;
            }
            if let Some(ColumnValue::Struct(values)) = value {
                column.structs += 1;
                self.add_columns(&node.columns, values, misfits);
            }
        }
    }

    fn add_value(
        &mut self,
        path: &str,
        drift: DriftKind,
        value: &[u8],
        column_type: impl FnOnce() -> Option<String>,
    ) {
        let path = cut(path);
        if let Some(known) = self.drifting.get_mut(path) {
            known.values += 1;
        } else if self.drifting.len() < PATHS_MAX {
            let new = DriftingValues {
                path: path.to_owned(),
                drift,
                column_type: column_type(),
                kind: ValueKind::of(value),
                values: 1,
            };
            self.drifting.insert(path.into(), new);
        } else {
            self.sample.further_values += 1;
        }
    }

    fn finish(self) -> TypeSample {
        let columns = self.columns.into_iter();
        let columns = columns.filter(|column| column.present > 0);
        TypeSample {
            columns: columns.collect(),
            drifting: self.drifting.into_values().collect(),
            ..self.sample
        }
    }
}
