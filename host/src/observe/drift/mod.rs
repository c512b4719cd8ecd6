//! Notices that events drift from the schema of Parquet, and says so once.
//!
//! ```text
//! encode an object ─▶ DriftSample ─▶ ChunkDrift ─▶ commit ─▶ DriftDetector ─▶ log, counts, status
//! ```
//!
//! Memory is bounded, whatever names producers make up: by `TYPES_MAX`, `COLUMNS_MAX`, and the number of entries. What
//! exceeds that is counted.

mod columns;
mod found;
mod log;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::columns::{ChangedColumn, PresenceChange, TypeColumns};
pub use self::found::FoundDrift;
use self::found::{ALL_MAX, OF_TYPE_MAX};
pub use self::log::log_drift;
use crate::format::parquet::{DriftKind, DriftSample, DriftingValues, TypeSample, WatchedColumns};

/// The most types of events that are watched.
const TYPES_MAX: usize = 1_000;

/// The most columns that are watched for their absence, in all types of events together.
const COLUMNS_MAX: usize = 100_000;

/// The most paths that the samples of a chunk keep.
const CHUNK_PATHS_MAX: usize = 10_000;

/// The samples of the objects of a chunk.
#[derive(Debug, Default)]
pub struct ChunkDrift {
    watched: Option<Arc<WatchedColumns>>,
    types: Vec<TypeSample>,
    paths: usize,
    further_events: u64,
}

impl ChunkDrift {
    /// Adds the sample of an object.
    pub fn add(&mut self, sample: DriftSample) {
        self.further_events += sample.further_events;
        self.watched = Some(sample.watched);
        for mut of_type in sample.types {
            let room = CHUNK_PATHS_MAX - self.paths;
            if of_type.drifting.len() > room {
                let further = of_type.drifting.split_off(room);
                of_type.further_values += further.iter().map(|values| values.values).sum::<u64>();
            }
            self.paths += of_type.drifting.len();
            self.types.push(of_type);
        }
    }
}

/// What the samples of a chunk show that was not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftNews {
    /// What is to say: each drift once, and a column that vanishes again after it came back.
    pub found: Vec<FoundDrift>,
    /// Sampled events, those of further types too.
    pub sampled_events: u64,
    /// Those of them whose type, or one of whose columns, is not watched.
    pub unwatched_events: u64,
    /// Values of sampled events that drift at paths that are not told apart.
    pub unwatched_values: u64,
    /// Whether these are the first ones that are not watched.
    pub is_first_unwatched: bool,
}

/// Compares samples with the schema and with what was learned of earlier ones.
#[derive(Debug, Default)]
pub struct DriftDetector {
    /// The columns of the schema that is watched.
    watched: Option<Arc<WatchedColumns>>,
    types: HashMap<String, TypeState>,
    /// Columns that are watched, in all types together.
    columns: usize,
    found: Vec<FoundDrift>,
    has_unwatched: bool,
}

/// What is known of the events of a type.
#[derive(Debug, Default)]
struct TypeState {
    columns: TypeColumns,
    /// The entries of values by their paths, as positions among all that was found.
    values: HashMap<String, usize>,
    /// The entries of columns that have vanished, by their numbers.
    vanished: HashMap<u32, usize>,
}

impl DriftDetector {
    /// Adds the samples of a committed chunk. A chunk of another schema begins anew.
    pub fn add(&mut self, chunk: ChunkDrift, now: DateTime<Utc>) -> DriftNews {
        let mut news = DriftNews {
            unwatched_events: chunk.further_events,
            sampled_events: chunk.further_events,
            ..DriftNews::default()
        };
        let Some(watched) = chunk.watched else {
            return news;
        };
        if !self.watches(&watched) {
            *self = Self {
                watched: Some(watched.clone()),
                ..Self::default()
            };
        }
        for sample in &chunk.types {
            self.add_type(&watched, sample, now, &mut news);
        }
        let has_unwatched = news.unwatched_events + news.unwatched_values > 0;
        news.is_first_unwatched = has_unwatched && !self.has_unwatched;
        self.has_unwatched |= has_unwatched;
        news
    }

    fn watches(&self, watched: &Arc<WatchedColumns>) -> bool {
        let mut known = self.watched.iter();
        known.any(|known| Arc::ptr_eq(known, watched))
    }

    /// All that was found, in the order in which it was.
    #[must_use]
    pub fn found(&self) -> &[FoundDrift] {
        &self.found
    }

    fn add_type(
        &mut self,
        watched: &WatchedColumns,
        sample: &TypeSample,
        now: DateTime<Utc>,
        news: &mut DriftNews,
    ) {
        news.sampled_events += sample.events;
        news.unwatched_values += sample.further_values;
        if !self.types.contains_key(&sample.event_type) && self.types.len() >= TYPES_MAX {
            news.unwatched_events += sample.events;
            return;
        }
        let state = self.types.entry(sample.event_type.clone()).or_default();
        let mut left = COLUMNS_MAX.saturating_sub(self.columns);
        let before = left;
        let (changed, is_complete) = state.columns.add(watched, sample, &mut left);
        self.columns += before - left;
        if !is_complete {
            news.unwatched_events += sample.events;
        }
        let mut entries = TypeEntries {
            event_type: &sample.event_type,
            state,
            found: &mut self.found,
            now,
            news,
        };
        for values in &sample.drifting {
            entries.add_values(values);
        }
        for column in changed {
            entries.add_column(watched, column);
        }
    }
}

/// The entries of one type of events.
struct TypeEntries<'a> {
    event_type: &'a str,
    state: &'a mut TypeState,
    found: &'a mut Vec<FoundDrift>,
    now: DateTime<Utc>,
    news: &'a mut DriftNews,
}

impl TypeEntries<'_> {
    fn add_values(&mut self, values: &DriftingValues) {
        if let Some(position) = self.state.values.get(&values.path) {
            if let Some(known) = self.found.get_mut(*position) {
                known.count += values.values;
            }
            return;
        }
        let added = self.push(FoundDrift {
            event_type: self.event_type.to_owned(),
            path: values.path.clone(),
            drift: values.drift,
            column_type: values.column_type.clone(),
            value_kind: Some(values.kind),
            first_seen: self.now,
            count: values.values,
            came_back: false,
        });
        match added {
            Some(position) => drop(self.state.values.insert(values.path.clone(), position)),
            None => self.news.unwatched_values += values.values,
        }
    }

    fn add_column(&mut self, watched: &WatchedColumns, changed: ChangedColumn) {
        let has_vanished = changed.change == PresenceChange::Vanished;
        let position = self.state.vanished.get(&changed.column);
        if let Some(known) = position.and_then(|position| self.found.get_mut(*position)) {
            known.came_back = changed.change == PresenceChange::CameBack;
            known.count = changed.absent_in_row;
            if has_vanished {
                self.news.found.push(known.clone());
            }
            return;
        }
        let Some((path, column_type)) = watched.column(changed.column as usize) else {
            return;
        };
        if !has_vanished {
            return;
        }
        let added = self.push(FoundDrift {
            event_type: self.event_type.to_owned(),
            path: path.to_owned(),
            drift: DriftKind::Vanished,
            column_type: Some(column_type.to_owned()),
            value_kind: None,
            first_seen: self.now,
            count: changed.absent_in_row,
            came_back: false,
        });
        match added {
            Some(position) => drop(self.state.vanished.insert(changed.column, position)),
            None => self.news.unwatched_values += 1,
        }
    }

    /// Adds an entry, which is news; `None` if there are too many.
    fn push(&mut self, found: FoundDrift) -> Option<usize> {
        let of_type = self.state.values.len() + self.state.vanished.len();
        if of_type >= OF_TYPE_MAX || self.found.len() >= ALL_MAX {
            return None;
        }
        self.news.found.push(found.clone());
        self.found.push(found);
        Some(self.found.len() - 1)
    }
}
