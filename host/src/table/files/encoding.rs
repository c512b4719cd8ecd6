//! Encodes the rows of a partition as files, column by column on all threads.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use super::TableFile;
use super::context::Context;
use super::error::{FilesError, at};
use super::partition::PartitionKey;

/// A row group ends at this many rows, or at about this many bytes of Parquet: what readers hold at once, and what they
/// share out.
const GROUP_MAX_ROWS: usize = 1_000_000;
const GROUP_MAX_BYTES: usize = 64 << 20;

/// With fewer rows, it takes longer to share out the columns than to encode them.
const PARALLEL_ROWS: usize = 256;

/// A partition: the rows that are not encoded yet, and its open file.
pub(super) struct OpenPartition {
    pub(super) key: PartitionKey,
    queue: Vec<(RecordBatch, u64)>,
    writer: Option<FileWriter>,
}

/// A file that is being written.
struct FileWriter {
    path: PathBuf,
    file: SerializedFileWriter<File>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// The number of leaves of each column.
    leaves: Vec<usize>,
    /// The writers of all leaves; none if the row group has no rows.
    group: Vec<ArrowColumnWriter>,
    group_rows: usize,
    rows: u64,
}

impl OpenPartition {
    pub(super) fn new(key: PartitionKey) -> Self {
        Self {
            key,
            queue: Vec::new(),
            writer: None,
        }
    }

    /// Adds rows whose events have this many bytes.
    pub(super) fn push(&mut self, batch: RecordBatch, bytes: u64) {
        self.queue.push((batch, bytes));
    }

    /// Encodes the rows that were added. Returns the files that are full.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn encode(&mut self, context: &Context) -> Result<Vec<TableFile>, FilesError> {
        let (mut files, mut step, mut step_bytes) = (Vec::new(), Vec::new(), 0);
        for (batch, bytes) in std::mem::take(&mut self.queue) {
            step.push(batch);
            step_bytes += bytes;
            if step_bytes >= context.limits.step_bytes {
                files.extend(self.write(context, &step)?);
                step.clear();
                step_bytes = 0;
            }
        }
        files.extend(self.write(context, &step)?);
        Ok(files)
    }

    /// Encodes the rows that were added, and closes the last file.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn finish(mut self, context: &Context) -> Result<Vec<TableFile>, FilesError> {
        let mut files = self.encode(context)?;
        files.extend(self.close()?);
        Ok(files)
    }

    /// The memory of its open row group, bytes.
    pub(super) fn memory(&self) -> usize {
        self.writer.as_ref().map_or(0, FileWriter::memory)
    }

    /// Ends its open row group.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn end_group(&mut self) -> Result<(), FilesError> {
        self.writer.as_mut().map_or(Ok(()), FileWriter::end_group)
    }

    fn write(
        &mut self,
        context: &Context,
        batches: &[RecordBatch],
    ) -> Result<Option<TableFile>, FilesError> {
        if batches.is_empty() {
            return Ok(None);
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(FileWriter::create(context)?),
        };
        writer.write(batches)?;
        match writer.bytes() >= context.limits.file_bytes {
            true => self.close(),
            false => Ok(None),
        }
    }

    fn close(&mut self) -> Result<Option<TableFile>, FilesError> {
        let Some(writer) = self.writer.take() else {
            return Ok(None);
        };
        let (path, rows) = (writer.path.clone(), writer.rows);
        let bytes = writer.close()?;
        Ok(Some(TableFile {
            path,
            day: self.key.day,
            event_type: self.key.event_type.clone(),
            rows,
            bytes,
        }))
    }
}

impl FileWriter {
    fn create(context: &Context) -> Result<Self, FilesError> {
        let path = context.next_file("parquet");
        let file = File::create_new(&path).map_err(at(&path))?;
        let stored = &context.columns.stored;
        let file =
            SerializedFileWriter::new(file, stored.root_schema_ptr(), context.properties.clone())?;
        let schema = context.columns.written.clone();
        let mut leaves = vec![0; schema.fields().len()];
        for leaf in 0..stored.num_columns() {
            leaves[stored.get_column_root_idx(leaf)] += 1;
        }
        Ok(Self {
            factory: ArrowRowGroupWriterFactory::new(&file, schema.clone()),
            path,
            file,
            schema,
            leaves,
            group: Vec::new(),
            group_rows: 0,
            rows: 0,
        })
    }

    fn write(&mut self, batches: &[RecordBatch]) -> Result<(), FilesError> {
        if self.group.is_empty() {
            let number = self.file.flushed_row_groups().len();
            self.group = self.factory.create_column_writers(number)?;
        }
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        self.encode_columns(batches, rows)
            .map_err(|error| self.failed(error))?;
        self.group_rows += rows;
        self.rows += rows as u64;
        if self.group_rows >= GROUP_MAX_ROWS || self.group_bytes() >= GROUP_MAX_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    fn encode_columns(&mut self, batches: &[RecordBatch], rows: usize) -> Result<(), ParquetError> {
        let schema = &self.schema;
        let encode = |(position, writers): (usize, &mut [ArrowColumnWriter])| {
            for batch in batches {
                let leaves = compute_leaves(schema.field(position), batch.column(position))?;
                for (leaf, writer) in leaves.iter().zip(writers.iter_mut()) {
                    writer.write(leaf)?;
                }
            }
            Ok(())
        };
        let mut rest = self.group.as_mut_slice();
        let mut columns = Vec::with_capacity(self.leaves.len());
        for (position, leaves) in self.leaves.iter().enumerate() {
            let (own, others) = rest.split_at_mut(*leaves);
            rest = others;
            columns.push((position, own));
        }
        match rows < PARALLEL_ROWS {
            true => columns.into_iter().try_for_each(encode),
            false => columns.into_par_iter().try_for_each(encode),
        }
    }

    fn memory(&self) -> usize {
        self.group.iter().map(ArrowColumnWriter::memory_size).sum()
    }

    fn group_bytes(&self) -> usize {
        let bytes = self
            .group
            .iter()
            .map(ArrowColumnWriter::get_estimated_total_bytes);
        bytes.sum()
    }

    /// About the bytes of the file if it ended here.
    fn bytes(&self) -> u64 {
        (self.file.bytes_written() + self.group_bytes()) as u64
    }

    fn end_group(&mut self) -> Result<(), FilesError> {
        self.append_group().map_err(|error| self.failed(error))
    }

    fn append_group(&mut self) -> Result<(), ParquetError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.group);
        let columns: Vec<_> = match self.group_rows < PARALLEL_ROWS {
            true => columns
                .into_iter()
                .map(ArrowColumnWriter::close)
                .collect::<Result<_, _>>(),
            false => (columns.into_par_iter().map(ArrowColumnWriter::close)).collect(),
        }?;
        self.group_rows = 0;
        let mut group = self.file.next_row_group()?;
        for column in columns {
            column.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file. Returns its bytes.
    fn close(mut self) -> Result<u64, FilesError> {
        self.end_group()?;
        self.file.finish().map_err(|error| self.failed(error))?;
        Ok(self.file.bytes_written() as u64)
    }

    /// An error of the file, if it is one.
    fn failed(&self, error: ParquetError) -> FilesError {
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => at(&self.path)(*source),
                Err(other) => FilesError::Encoding(ParquetError::External(other)),
            },
            other => FilesError::Encoding(other),
        }
    }
}
