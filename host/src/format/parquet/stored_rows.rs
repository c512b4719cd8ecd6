//! Reads the rows of a file of a table: it can have an older schema, or another program has written it again, with the
//! columns in another order. Columns are found by their [field ids](StoredColumns), and one that is missing is null.

use std::borrow::Cow;
use std::io;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader};
use sluice_schema::{Column, ColumnValue};

use super::field_ids::StoredColumns;
use super::reading::{BATCH_ROWS, Reader, TableRow, caught};
use super::values::{text, value};
use super::{CHUNK, LINE, REST, SHARD, TableSchema};

/// What is read of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowParts {
    /// Where it comes from.
    Origin,
    /// And its event, with the value of the column at this position of the schema.
    Event {
        /// The position of the column.
        key: Option<usize>,
    },
}

/// A row of a file.
#[derive(Debug)]
pub struct StoredRow<'a> {
    /// The shard of its chunk; `None` if Sluice has not written the row.
    pub shard: Option<&'a str>,
    /// The first record of its chunk.
    pub chunk: Option<&'a str>,
    /// The place of its event in the object of its chunk, from 1.
    pub line: Option<i64>,
    /// Its event, or why its columns make none; `None` if it is not read.
    pub event: Option<Result<String, String>>,
    /// The value of the column that is asked for.
    pub key: Option<ColumnValue<'a>>,
}

impl TableSchema {
    /// Reads the rows of a file of a table in their order, and returns their number.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn for_each_stored_row(
        &self,
        file: Bytes,
        columns: &StoredColumns,
        parts: RowParts,
        mut each: impl FnMut(&StoredRow<'_>),
    ) -> io::Result<u64> {
        caught(|| {
            let mut rows = 0;
            for batch in self.open_stored(file, columns, parts)? {
                let batch = batch.map_err(io::Error::other)?;
                rows += batch.num_rows() as u64;
                self.read_stored(&batch, columns, parts, &mut each);
            }
            Ok(rows)
        })
    }

    fn open_stored(
        &self,
        file: Bytes,
        columns: &StoredColumns,
        parts: RowParts,
    ) -> io::Result<ParquetRecordBatchReader> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let reader = Reader::try_new_with_options(file, options)?;
        let of_event = self.schema.columns().iter().map(Column::name).chain([REST]);
        let of_event = of_event.filter(|_| parts != RowParts::Origin);
        let wanted = of_event.chain([SHARD, CHUNK, LINE]);
        let wanted = columns.roots(reader.schema().fields(), wanted);
        let mask = ProjectionMask::roots(reader.parquet_schema(), wanted);
        Ok(reader
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()?)
    }

    fn read_stored(
        &self,
        batch: &RecordBatch,
        stored: &StoredColumns,
        parts: RowParts,
        each: &mut impl FnMut(&StoredRow<'_>),
    ) {
        let columns = self.schema.columns().iter();
        let columns = columns.map(|known| stored.column(batch, known));
        let columns: Vec<_> = columns.collect();
        let own = |name| stored.own_column(batch, name);
        let (rest, shards, chunks, lines) = (own(REST), own(SHARD), own(CHUNK), own(LINE));
        let lines = lines.as_ref();
        let lines = lines.and_then(|lines| lines.as_primitive_opt::<Int64Type>());
        for row in 0..batch.num_rows() {
            let table_row = || self.stored_row(&columns, rest.as_ref(), row);
            let assembled = |row: TableRow<'_>| {
                let event = self.assemble(&row).map(Cow::into_owned);
                event.map_err(|error| error.to_string())
            };
            let event = match parts {
                RowParts::Origin => None,
                RowParts::Event { .. } => Some(table_row().and_then(assembled)),
            };
            let key = match parts {
                RowParts::Event { key: Some(key) } => self.stored_value(key, &columns, row),
                _ => None,
            };
            let line = lines.filter(|lines| !lines.is_null(row));
            each(&StoredRow {
                shard: text_of(shards.as_ref(), row),
                chunk: text_of(chunks.as_ref(), row),
                line: line.map(|lines| lines.value(row)),
                event,
                key,
            });
        }
    }

    /// The value of a column, if it has one.
    fn stored_value<'a>(
        &self,
        at: usize,
        columns: &'a [Option<ArrayRef>],
        row: usize,
    ) -> Option<ColumnValue<'a>> {
        let column = self.schema.columns().get(at)?;
        value(column.column_type(), columns.get(at)?.as_ref()?, row).ok()?
    }

    /// The values of a row; `columns` are those of the schema.
    fn stored_row<'a>(
        &self,
        columns: &'a [Option<ArrayRef>],
        rest: Option<&'a ArrayRef>,
        row: usize,
    ) -> Result<TableRow<'a>, String> {
        let pairs = self.schema.columns().iter().zip(columns);
        let values = pairs.map(|(column, array)| match array {
            None => Ok(None),
            Some(array) => value(column.column_type(), array, row)
                .map_err(|_| format!("the value of {} is not of its type", column.name())),
        });
        let values: Vec<_> = values.collect::<Result<_, _>>()?;
        let rest = text_of(rest, row);
        let is_object = rest.is_none_or(|rest| rest.starts_with('{'));
        if !is_object && values.iter().any(Option::is_some) {
            return Err("_rest is no JSON object, and columns have values".into());
        }
        let rest = rest.map(Cow::Borrowed);
        Ok(TableRow { values, rest })
    }
}

/// The text of a row, if there is one.
fn text_of(array: Option<&ArrayRef>, row: usize) -> Option<&str> {
    let array = array.filter(|array| !array.is_null(row))?;
    text(array, row)
}
