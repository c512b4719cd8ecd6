//! Reads the events of an object again.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use sluice_engine::digest::Digest;
use sluice_schema::{AssembleError, ColumnValue};

use super::values::{text, value};
use super::{CHUNK, LINE, REST, RowOrigin, SCHEMA_KEY, SHARD, TableSchema};
use crate::format::codec::too_large;

/// The number of rows that are in memory as arrays at once.
pub(super) const BATCH_ROWS: usize = 4 << 10;

/// The reader of an object.
pub(super) type Reader = ParquetRecordBatchReaderBuilder<Bytes>;

/// A row: an event as the columns of a schema, and `_rest`.
pub(super) struct TableRow<'a> {
    pub(super) values: Vec<Option<ColumnValue<'a>>>,
    pub(super) rest: Option<Cow<'a, str>>,
}

impl TableSchema {
    /// Decodes an object into events, one a line, each with its end. An event has its members and values again. The order
    /// of members, white space and escapes in strings can be others (see [`sluice_schema::is_same_event`]).
    ///
    /// # Errors
    /// The object is damaged, is not of this schema, or its rows name another origin.
    pub fn decode(&self, object: &[u8], origin: RowOrigin<'_>) -> io::Result<Vec<u8>> {
        self.decode_up_to(object, origin, usize::MAX)
    }

    /// Decodes an object as [`Self::decode`] does, and stops where its lines have more than `max` bytes.
    ///
    /// # Errors
    /// Those of [`Self::decode`], or there are more bytes; then the error is [`io::ErrorKind::FileTooLarge`].
    pub fn decode_up_to(
        &self,
        object: &[u8],
        origin: RowOrigin<'_>,
        max: usize,
    ) -> io::Result<Vec<u8>> {
        let (mut lines, mut number) = (Vec::new(), 0_usize);
        self.for_each_row(object, origin, |row| {
            number += 1;
            let event = self.assemble(&row);
            let event = event.map_err(|error| damaged(format!("row {number}: {error}")))?;
            lines.extend_from_slice(event.as_bytes());
            lines.push(b'\n');
            match lines.len() > max {
                true => Err(too_large(max)),
                false => Ok(()),
            }
        })?;
        Ok(lines)
    }

    pub(super) fn assemble<'r>(
        &self,
        row: &'r TableRow<'_>,
    ) -> Result<Cow<'r, str>, AssembleError> {
        match row.rest.as_deref() {
            // An event that is no object.
            Some(rest) if !rest.starts_with('{') => Ok(Cow::Borrowed(rest)),
            rest => self.mapper.assemble(&row.values, rest).map(Cow::Owned),
        }
    }

    /// Reads the rows of an object in their order.
    ///
    /// # Errors
    /// The object is damaged, is not of this schema, or its rows name another origin; or an error of `each`.
    pub(super) fn for_each_row(
        &self,
        object: &[u8],
        origin: RowOrigin<'_>,
        mut each: impl FnMut(TableRow<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        caught(|| {
            let mut rows = StoredRows {
                schema: self,
                shard: origin.shard,
                chunk: origin.chunk.to_string(),
                rows: 0,
            };
            for batch in self.open(object)? {
                rows.read(&batch.map_err(io::Error::other)?, &mut each)?;
            }
            Ok(())
        })
    }

    /// Opens an object, and checks that it has the columns of this schema.
    fn open(&self, object: &[u8]) -> io::Result<ParquetRecordBatchReader> {
        let reader = reader(object)?;
        let expected = self.digest.to_string();
        match schema_of(&reader) {
            Some(found) if found == expected => {}
            Some(found) => return Err(damaged(format!("its schema is {found}, not {expected}"))),
            None => return Err(damaged("it does not name its schema".into())),
        }
        if *reader.schema().fields() != self.read {
            return Err(damaged(format!(
                "its columns are not those of its schema {expected}"
            )));
        }
        Ok(reader.with_batch_size(BATCH_ROWS).build()?)
    }
}

/// Opens an object with the types of Parquet.
pub(super) fn reader(object: &[u8]) -> io::Result<Reader> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let object = Bytes::copy_from_slice(object);
    Ok(Reader::try_new_with_options(object, options)?)
}

/// The digest of the schema that an object names; `None` if it names none, and so is none of Sluice's.
///
/// # Errors
/// The object is damaged.
pub fn schema_digest(object: &[u8]) -> io::Result<Option<Digest>> {
    caught(|| Ok(schema_of(&reader(object)?).and_then(|digest| digest.parse().ok())))
}

/// The digest of the schema that an object names.
pub(super) fn schema_of(reader: &Reader) -> Option<&str> {
    let entries = reader.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == SCHEMA_KEY)?;
    entry.value.as_deref()
}

/// The reader is made for files that are whole: of others, it can panic.
pub(super) fn caught<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged("the reader of Parquet fails on it".into())))
}

fn damaged(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The rows that are read.
struct StoredRows<'a> {
    schema: &'a TableSchema,
    shard: &'a str,
    chunk: String,
    /// The number of rows so far.
    rows: usize,
}

impl StoredRows<'_> {
    fn read(
        &mut self,
        batch: &RecordBatch,
        each: &mut impl FnMut(TableRow<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let columns = self.schema.schema.columns();
        let column = |name: &str| {
            let found = batch.column_by_name(name);
            found.ok_or_else(|| damaged(format!("it has no column {name}")))
        };
        let (rest, shards) = (column(REST)?, column(SHARD)?);
        let (chunks, numbers) = (column(CHUNK)?, column(LINE)?);
        for row in 0..batch.num_rows() {
            self.rows += 1;
            let number = self.rows;
            self.check_origin(shards, chunks, numbers, row)?;
            let pairs = columns.iter().zip(batch.columns());
            let values = pairs.map(|(column, array)| {
                value(column.column_type(), array, row).map_err(|_| {
                    let name = column.name();
                    damaged(format!(
                        "row {number}: the value of {name} is not of its type"
                    ))
                })
            });
            let rest = (!rest.is_null(row)).then(|| text(rest, row)).flatten();
            each(TableRow {
                values: values.collect::<io::Result<_>>()?,
                rest: rest.map(Cow::Borrowed),
            })?;
        }
        Ok(())
    }

    /// Checks that a row leads back to its event.
    fn check_origin(
        &self,
        shards: &dyn Array,
        chunks: &dyn Array,
        numbers: &dyn Array,
        row: usize,
    ) -> io::Result<()> {
        let number = self.rows;
        let wrong = |name: &str, found: &str, expected: &str| {
            Err(damaged(format!(
                "row {number}: {name} is {found}, not {expected}"
            )))
        };
        for (name, array, expected) in [(SHARD, shards, self.shard), (CHUNK, chunks, &self.chunk)] {
            match text(array, row) {
                Some(found) if found == expected => {}
                found => return wrong(name, found.unwrap_or("none"), expected),
            }
        }
        let line = numbers.as_primitive_opt::<Int64Type>();
        let line = line.map_or(0, |lines| lines.value(row));
        match u64::try_from(line) == Ok(number as u64) {
            true => Ok(()),
            false => wrong(LINE, &line.to_string(), &number.to_string()),
        }
    }
}
