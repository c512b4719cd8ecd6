//! The partitions of the table: which one a row belongs to.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sluice_schema::{ColumnType, ColumnValue, Schema};

use super::FileLayout;
use super::error::FilesError;

/// Microseconds of a day.
const DAY_MICROSECONDS: i64 = 24 * 60 * 60 * 1_000_000;

/// The values of a partition. A part that the layout does not have is `None`, and so is one of rows without the value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartitionKey {
    /// Days since 1970-01-01.
    pub(super) day: Option<i32>,
    pub(super) event_type: Option<String>,
}

/// The values of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowKey<'a> {
    day: Option<i32>,
    event_type: Option<&'a str>,
}

/// Where the values of partitions are in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Partitions {
    day: Option<usize>,
    event_type: Option<usize>,
}

impl Partitions {
    /// Finds the columns of a layout.
    ///
    /// # Errors
    /// [`FilesError::Column`]: the schema does not have the column, or has it with another type.
    pub(super) fn new(schema: &Schema, layout: &FileLayout) -> Result<Self, FilesError> {
        let find = |name: &Option<String>, types: &str, fits: fn(&ColumnType) -> bool| {
            let Some(name) = name else { return Ok(None) };
            let error = |why: String| FilesError::Column {
                column: name.clone(),
                why,
            };
            let columns = schema.columns();
            let position = columns.iter().position(|column| column.name() == name);
            let position = position.ok_or_else(|| {
                error("the table is partitioned by it, and the schema does not have it".into())
            })?;
            match columns[position].column_type() {
                found if fits(found) => Ok(Some(position)),
                found => Err(error(format!(
                    "the table is partitioned by it, so its type is {types}, not {found}"
                ))),
            }
        };
        Ok(Self {
            day: find(&layout.day_of, "timestamp or date", |found| {
                matches!(found, ColumnType::Timestamp { .. } | ColumnType::Date)
            })?,
            event_type: find(&layout.by_event_type, "string", |found| {
                *found == ColumnType::String
            })?,
        })
    }

    /// Whether there is more than one.
    pub(super) fn are_many(&self) -> bool {
        self.day.is_some() || self.event_type.is_some()
    }

    /// Whether the day of the event is a part of them.
    pub(super) fn have_day(&self) -> bool {
        self.day.is_some()
    }

    /// Whether the type of the event is a part of them.
    pub(super) fn have_event_type(&self) -> bool {
        self.event_type.is_some()
    }

    /// The partition of a row.
    pub(super) fn key<'r>(&self, values: &'r [Option<ColumnValue<'_>>]) -> RowKey<'r> {
        let value = |position: Option<usize>| position.and_then(|at| values.get(at)?.as_ref());
        RowKey {
            day: value(self.day).and_then(day),
            event_type: match value(self.event_type) {
                Some(ColumnValue::String(text)) => Some(text),
                _ => None,
            },
        }
    }
}

/// The day of a point in time, as Iceberg's transform `day` gives it.
fn day(value: &ColumnValue<'_>) -> Option<i32> {
    match value {
        ColumnValue::Timestamp(time) => i32::try_from(time.div_euclid(DAY_MICROSECONDS)).ok(),
        ColumnValue::Date(day) => Some(*day),
        _ => None,
    }
}

impl RowKey<'_> {
    pub(super) fn is_of(self, key: &PartitionKey) -> bool {
        self.day == key.day && self.event_type == key.event_type.as_deref()
    }

    pub(super) fn to_key(self) -> PartitionKey {
        PartitionKey {
            day: self.day,
            event_type: self.event_type.map(ToOwned::to_owned),
        }
    }

    pub(super) fn hash(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.day, self.event_type).hash(&mut hasher);
        hasher.finish()
    }
}

impl PartitionKey {
    /// That of its rows.
    pub(super) fn hash(&self) -> u64 {
        RowKey {
            day: self.day,
            event_type: self.event_type.as_deref(),
        }
        .hash()
    }
}
