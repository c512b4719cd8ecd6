//! Maps the rows of a unit to columns, by partition.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use sluice_schema::Row;

use super::context::Context;
use super::error::FilesError;
use super::partition::{PartitionKey, RowKey};
use super::unit::{RowRef, Unit};
use crate::format::parquet::{ColumnBuilder, UnmappedCounter, UnmappedValues};

/// A unit whose rows are mapped.
pub(super) struct MappedUnit {
    pub(super) run: u32,
    pub(super) sets: Vec<RowSet>,
    /// Rows of other partitions, each with the hash of its own.
    pub(super) spilled: Vec<(u64, RowRef)>,
}

/// Rows of one partition.
pub(super) struct RowSet {
    pub(super) key: PartitionKey,
    pub(super) batch: RecordBatch,
    pub(super) unmapped: UnmappedValues,
    /// The rows before they were mapped, if there can be more than one partition.
    pub(super) refs: Vec<RowRef>,
    /// The bytes of their events.
    pub(super) bytes: u64,
}

/// Which partitions get a set of rows: those that have an open file, and some others, those that come first.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) open: Vec<PartitionKey>,
    pub(super) others: usize,
}

/// Maps the rows of a unit.
///
/// # Errors
/// None is expected: the parts of an array fit together.
pub(super) fn map_unit(
    context: &Context,
    contents: &[Vec<u8>],
    unit: &Unit,
    wanted: &Wanted,
) -> Result<MappedUnit, FilesError> {
    let mut builder = UnitBuilder {
        context,
        wanted,
        others: wanted.others,
        sets: Vec::new(),
        last: 0,
        spilled: Vec::new(),
        objects: Vec::new(),
    };
    unit.for_each(contents, |row, event| builder.add(row, event))?;
    builder.finish(unit.run)
}

struct UnitBuilder<'a> {
    context: &'a Context,
    wanted: &'a Wanted,
    /// The number of sets that can still be opened for others.
    others: usize,
    sets: Vec<SetBuilder>,
    /// The set of the row before.
    last: usize,
    spilled: Vec<(u64, RowRef)>,
    /// The objects of the rows, in their order.
    objects: Vec<u32>,
}

struct SetBuilder {
    key: PartitionKey,
    columns: Vec<ColumnBuilder>,
    rest: StringBuilder,
    /// The positions of the objects of its rows in those of the unit.
    objects: Vec<i32>,
    lines: Vec<i64>,
    refs: Vec<RowRef>,
    unmapped: UnmappedCounter,
    bytes: u64,
}

impl UnitBuilder<'_> {
    fn add(&mut self, row: RowRef, event: &[u8]) -> Result<(), FilesError> {
        if self.context.dropped.has(row.object, row.line) {
            return Ok(());
        }
        let mapped = self.context.columns.schema.mapper().map_valid(event).ok();
        let key = match &mapped {
            Some(mapped) => self.context.partitions.key(&mapped.values),
            None => RowKey::default(),
        };
        let Some(position) = self.set_of(key) else {
            self.spilled.push((key.hash(), row));
            return Ok(());
        };
        self.last = position;
        if self.objects.last() != Some(&row.object) {
            self.objects.push(row.object);
        }
        let object = i32::try_from(self.objects.len() - 1).unwrap_or(i32::MAX);
        let is_partitioned = self.context.partitions.are_many();
        let set = &mut self.sets[position];
        if is_partitioned {
            set.refs.push(row);
        }
        set.objects.push(object);
        set.lines.push(row.line.cast_signed());
        set.add(mapped.as_ref(), event)
    }

    /// The set of a partition; `None` if it gets none.
    fn set_of(&mut self, key: RowKey<'_>) -> Option<usize> {
        if (self.sets.get(self.last)).is_some_and(|set| key.is_of(&set.key)) {
            return Some(self.last);
        }
        if let Some(known) = self.sets.iter().position(|set| key.is_of(&set.key)) {
            return Some(known);
        }
        if !self.wanted.open.iter().any(|open| key.is_of(open)) {
            self.others = self.others.checked_sub(1)?;
        }
        self.sets.push(SetBuilder::new(self.context, key.to_key()));
        Some(self.sets.len() - 1)
    }

    fn finish(self, run: u32) -> Result<MappedUnit, FilesError> {
        let plan = &self.context.plan;
        let objects = || self.objects.iter().map(|object| plan.object(*object));
        let shards = objects().map(|object| object.shard.as_str());
        let chunks = objects().map(|object| object.chunk.to_string());
        let origins: [ArrayRef; 2] = [
            Arc::new(StringArray::from_iter_values(shards)),
            Arc::new(StringArray::from_iter_values(chunks)),
        ];
        let sets = self.sets.into_iter();
        let sets = sets.map(|set| set.finish(self.context, &origins));
        Ok(MappedUnit {
            run,
            sets: sets.collect::<Result<_, _>>()?,
            spilled: self.spilled,
        })
    }
}

impl SetBuilder {
    fn new(context: &Context, key: PartitionKey) -> Self {
        let columns = context.columns.schema.schema().columns().iter();
        Self {
            key,
            columns: columns
                .map(|column| ColumnBuilder::new(column.column_type()))
                .collect(),
            rest: StringBuilder::with_capacity(0, 0),
            objects: Vec::new(),
            lines: Vec::new(),
            refs: Vec::new(),
            unmapped: UnmappedCounter::default(),
            bytes: 0,
        }
    }

    /// Adds an event, which is not mapped if it is no object.
    fn add(&mut self, row: Option<&Row<'_>>, event: &[u8]) -> Result<(), FilesError> {
        match row {
            Some(row) => {
                for (column, value) in self.columns.iter_mut().zip(&row.values) {
                    column.append(value.as_ref())?;
                }
                self.rest.append_option(row.rest.as_deref());
                self.unmapped.add(&row.unmapped);
            }
            // With `--lake-json any`, an event can be any value.
            None => {
                for column in &mut self.columns {
                    column.append(None)?;
                }
                self.rest.append_value(String::from_utf8_lossy(event));
                self.unmapped.add_event();
            }
        }
        self.bytes += event.len() as u64;
        Ok(())
    }

    fn finish(mut self, context: &Context, origins: &[ArrayRef; 2]) -> Result<RowSet, FilesError> {
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish);
        let mut columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        columns.push(Arc::new(self.rest.finish()));
        let objects = Int32Array::from(self.objects);
        for values in origins {
            let values = DictionaryArray::<Int32Type>::try_new(objects.clone(), values.clone())?;
            columns.push(Arc::new(values));
        }
        columns.push(Arc::new(Int64Array::from(self.lines)));
        Ok(RowSet {
            key: self.key,
            batch: RecordBatch::try_new(context.columns.written.clone(), columns)?,
            unmapped: self.unmapped.finish(),
            refs: self.refs,
            bytes: self.bytes,
        })
    }
}
