//! Reads the events of an object again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::values::{text, value};
use super::{CHUNK, LINE, REST, RowOrigin, SCHEMA_KEY, SHARD, TableSchema};

/// The number of rows that are in memory as arrays at once.
const BATCH_ROWS: usize = 4 << 10;

/// The reader of an object.
pub(super) type Reader = ParquetRecordBatchReaderBuilder<Bytes>;

impl TableSchema {
    /// Decodes an object into events, one a line, each with its end. An event has its members and values again. The order
    /// of members, white space and escapes in strings can be others (see [`sluice_schema::is_same_event`]).
    ///
    /// # Errors
    /// The object is damaged, is not of this schema, or its rows name another origin.
    pub fn decode(&self, object: &[u8], origin: RowOrigin<'_>) -> io::Result<Vec<u8>> {
        caught(|| {
            let mut lines = Lines {
                schema: self,
                shard: origin.shard,
                chunk: origin.chunk.to_string(),
                rows: 0,
                lines: Vec::new(),
            };
            for batch in self.open(object)? {
                lines.add(&batch.map_err(io::Error::other)?)?;
            }
            Ok(lines.lines)
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

/// The events that are read, as lines.
struct Lines<'a> {
    schema: &'a TableSchema,
    shard: &'a str,
    chunk: String,
    rows: usize,
    lines: Vec<u8>,
}

impl Lines<'_> {
    fn add(&mut self, batch: &RecordBatch) -> io::Result<()> {
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
            let values: Vec<_> = values.collect::<io::Result<_>>()?;
            let rest = (!rest.is_null(row)).then(|| text(rest, row)).flatten();
            if rest.is_some_and(|rest| !rest.starts_with('{')) {
                // An event that is no object.
                self.lines
                    .extend_from_slice(rest.unwrap_or_default().as_bytes());
            } else {
                let event = self.schema.mapper.assemble(&values, rest);
                let event = event.map_err(|error| damaged(format!("row {number}: {error}")))?;
                self.lines.extend_from_slice(event.as_bytes());
            }
            self.lines.push(b'\n');
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
