//! Compares the rows of two objects.

use std::io;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::reading::{caught, reader, schema_of};

/// Whether two objects have the same schema and the same rows, in the same order, however they are written: row groups,
/// pages, encodings, compression, statistics and the version of the writer do not count.
///
/// # Errors
/// One of them is damaged.
pub fn have_same_rows(one: &[u8], other: &[u8]) -> io::Result<bool> {
    caught(|| {
        let (one, other) = (reader(one)?, reader(other)?);
        let has_same_schema = schema_of(&one) == schema_of(&other);
        if !has_same_schema || one.schema().fields() != other.schema().fields() {
            return Ok(false);
        }
        let (mut one, mut other) = (Batches::new(one.build()?), Batches::new(other.build()?));
        loop {
            let rows = one.rows()?.min(other.rows()?);
            if rows == 0 {
                return Ok(one.rows()? == other.rows()?);
            }
            if one.take(rows) != other.take(rows) {
                return Ok(false);
            }
        }
    })
}

/// The rows of an object that are left.
struct Batches {
    reader: ParquetRecordBatchReader,
    next: Option<RecordBatch>,
}

impl Batches {
    fn new(reader: ParquetRecordBatchReader) -> Self {
        Self { reader, next: None }
    }

    /// How many rows are in memory; 0 at the end.
    fn rows(&mut self) -> io::Result<usize> {
        while self.next.as_ref().is_none_or(|next| next.num_rows() == 0) {
            match self.reader.next() {
                Some(batch) => self.next = Some(batch.map_err(io::Error::other)?),
                None => return Ok(0),
            }
        }
        Ok(self.next.as_ref().map_or(0, RecordBatch::num_rows))
    }

    /// Takes the next rows, which are in memory.
    fn take(&mut self, rows: usize) -> Option<RecordBatch> {
        let batch = self.next.take()?;
        self.next = Some(batch.slice(rows, batch.num_rows() - rows));
        Some(batch.slice(0, rows))
    }
}
