//! Writes events as the rows of an object.

use std::io;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use sluice_schema::{NoEvent, Row};

use super::builder::ColumnBuilder;
use super::drift::{DriftSampler, Sampling};
use super::properties::properties;
use super::unmapped::UnmappedCounter;
use super::{EncodedRows, RowOrigin, TableSchema};
use crate::format::codec::Level;
use crate::format::rows::Rows;

/// Rows are given to the writer when they have this many bytes of events, or when there are this many. Between, they
/// are in memory as arrays; what is written is compressed.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 8 << 10;

impl TableSchema {
    /// Encodes events as one object. The same events, origin and level give the same bytes, with the same version of
    /// the writer and of the compressor. If zstd does not have the level, it uses its default.
    ///
    /// # Errors
    /// The writer fails; none is expected, since it writes to memory.
    pub fn encode(
        &self,
        level: Level,
        rows: Rows<'_>,
        origin: RowOrigin<'_>,
    ) -> io::Result<EncodedRows> {
        self.encode_sampled(level, rows, origin, None)
    }

    /// As [`encode`](Self::encode), and samples the events for [`EncodedRows::drift`]. The bytes do not depend on it.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode).
    pub fn encode_sampled(
        &self,
        level: Level,
        rows: Rows<'_>,
        origin: RowOrigin<'_>,
        sampling: Option<Sampling<'_>>,
    ) -> io::Result<EncodedRows> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties(self.digest, level, rows))
            // Readers take the types of Parquet, which are exact.
            .with_skip_arrow_metadata(true);
        let written = self.written.clone();
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), written, options)?;
        let mut unmapped = UnmappedCounter::default();
        let mut sampler = sampling.map(|sampling| {
            DriftSampler::new(&self.watched, sampling, rows.count(), origin.seed())
        });
        let mut batch = Batch::new(self, origin);
        for event in rows.iter() {
            let row = self.mapper.map_valid(event);
            if let Some(sampler) = &mut sampler {
                sampler.add(event, &row);
            }
            let added = batch.add(event, row, &mut unmapped);
            added.map_err(io::Error::other)?;
            if batch.is_full() {
                writer.write(&batch.finish().map_err(io::Error::other)?)?;
            }
        }
        writer.write(&batch.finish().map_err(io::Error::other)?)?;
        Ok(EncodedRows {
            bytes: writer.into_inner()?,
            digest: rows.digest(),
            unmapped: unmapped.finish(),
            drift: sampler.map(DriftSampler::finish),
        })
    }
}

/// Rows that are not written yet.
struct Batch<'a> {
    schema: &'a TableSchema,
    origin: RowOrigin<'a>,
    columns: Vec<ColumnBuilder>,
    rest: StringBuilder,
    lines: Int64Builder,
    /// The bytes of its events.
    bytes: usize,
    rows: usize,
    /// The rows of the object so far.
    last_line: i64,
}

impl<'a> Batch<'a> {
    fn new(schema: &'a TableSchema, origin: RowOrigin<'a>) -> Self {
        let columns = schema.schema.columns().iter();
        Self {
            columns: columns
                .map(|column| ColumnBuilder::new(column.column_type()))
                .collect(),
            schema,
            origin,
            rest: StringBuilder::new(),
            lines: Int64Builder::new(),
            bytes: 0,
            rows: 0,
            last_line: 0,
        }
    }

    fn add(
        &mut self,
        event: &[u8],
        row: Result<Row<'_>, NoEvent>,
        unmapped: &mut UnmappedCounter,
    ) -> Result<(), ArrowError> {
        match row {
            Ok(row) => {
                for (column, value) in self.columns.iter_mut().zip(&row.values) {
                    column.append(value.as_ref())?;
                }
                self.rest.append_option(row.rest.as_deref());
                unmapped.add(&row.unmapped);
            }
            // With `--lake-json any`, an event can be any value.
            Err(_) => {
                for column in &mut self.columns {
                    column.append(None)?;
                }
                self.rest.append_value(String::from_utf8_lossy(event));
                unmapped.add_event();
            }
        }
        self.last_line += 1;
        self.lines.append_value(self.last_line);
        self.bytes += event.len();
        self.rows += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.rows >= BATCH_ROWS
    }

    /// The rows as arrays. The batch is empty then.
    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish);
        let mut columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        columns.push(Arc::new(self.rest.finish()));
        columns.push(repeated(self.origin.shard, rows)?);
        columns.push(repeated(&self.origin.chunk.to_string(), rows)?);
        columns.push(Arc::new(self.lines.finish()));
        RecordBatch::try_new(self.schema.written.clone(), columns)
    }
}

/// A text that all rows have.
fn repeated(text: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let keys = Int32Array::from_value(0, rows);
    let values = Arc::new(StringArray::from_iter_values([text]));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
        keys, values,
    )?))
}
