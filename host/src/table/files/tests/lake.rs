//! A lake of a test, and what is read from the files that are written of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema as ArrowSchema};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sluice_engine::digest::Digest;
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_schema::is_same_event;
use sluice_storage::folder::FolderStore;
use tokio::sync::mpsc;

use super::super::context::Limits;
use super::super::fetch::{Delivery, send_objects};
use super::super::partition::Partitions;
use super::super::plan::Plan;
use super::super::{
    FileLayout, FilesError, FilesSettings, TableColumns, TableFile, Written, write,
};
use crate::format::parquet::{RowOrigin, TableSchema, column_value, written};
use crate::format::{ByteSpan, Format, Level, Rows, encode};
use crate::layout::chunk::{ArrivalTimes, ChunkCounts, ChunkOutline};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::object_key::Origin;
use crate::layout::{Content, Destination};
use crate::ledger::Range;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::sink::SchemaStore;
use crate::sink::schema_store::KnownSchemas;
use crate::table::known_keys::KnownKeys;
use crate::table::news::NewChunk;

/// Columns of most tests.
pub(super) const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_type", "type": "string"},
    {"name": "items", "type": {"list": {"struct": [{"name": "x", "type": "long"}]}}},
    {"name": "n", "type": "long"},
    {"name": "props", "type": {"map": "string"}},
    {"name": "ts", "type": "timestamp(3)"}
]}"#;

pub(super) fn schema(document: &str) -> Arc<TableSchema> {
    Arc::new(TableSchema::parse(document.as_bytes()).unwrap())
}

/// A row or an event, with its origin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    pub(super) shard: String,
    pub(super) chunk: String,
    pub(super) line: i64,
    pub(super) event: String,
}

/// An event: its partition in the lake, and its text.
pub(super) type Event = (Option<String>, String);

pub(super) fn event(event_type: &str, text: impl Into<String>) -> Event {
    (Some(event_type.to_owned()), text.into())
}

/// A lake in a folder.
pub(super) struct TestLake {
    pub(super) folder: tempfile::TempDir,
    pub(super) chunks: Vec<NewChunk>,
    pub(super) events: Vec<Placed>,
    /// When the records of the next chunks arrived.
    pub(super) arrived_at: Option<ArrivalTimes>,
    /// The keys of the table, if it has a rule for duplicates.
    pub(super) known: Option<KnownKeys>,
    schemas: SchemaStore,
}

impl TestLake {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metadata = FolderStore::shared(folder.path().join("lake/_sluice"));
        Self {
            schemas: SchemaStore::new(Arc::new(metadata), KnownSchemas::default()),
            folder,
            chunks: Vec::new(),
            events: Vec::new(),
            arrived_at: None,
            known: None,
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// Adds a chunk of events, whose objects have columns if a schema is given.
    pub(super) async fn add(
        &mut self,
        shard: &str,
        first: u64,
        format: Format,
        rows: Option<&Arc<TableSchema>>,
        events: &[Event],
    ) {
        let origin = Origin {
            shard: ShardId::new(shard).unwrap(),
            range: Range {
                first: first.into(),
                last: first.into(),
                count: 1,
            },
            release: Digest::of(b"release"),
        };
        if let Some(rows) = rows {
            self.schemas.keep(rows).await.unwrap();
        }
        let mut partitions: Vec<_> = events
            .iter()
            .map(|(partition, _)| partition.clone())
            .collect();
        partitions.sort();
        partitions.dedup();
        let mut contents = Vec::new();
        for partition in partitions {
            let of_partition = events.iter().filter(|(other, _)| *other == partition);
            let texts: Vec<_> = of_partition.map(|(_, text)| text.as_str()).collect();
            let pairs: Vec<_> = partition
                .iter()
                .map(|value| ("event_type", value.as_str()))
                .collect();
            let destination = Destination::Lake(PartitionPath::from_pairs(&pairs).unwrap());
            let (bytes, content) = object(&texts, format, rows, (shard, first.into()));
            let path = self.root().join(origin.object_key(&destination, format));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
            contents.push((destination, content));
            self.events
                .extend((1..).zip(texts).map(|(line, text)| Placed {
                    shard: shard.to_owned(),
                    chunk: first.to_string(),
                    line,
                    event: text.to_owned(),
                }));
        }
        let pins = Pins {
            format,
            schema: rows.map(|rows| rows.digest()),
            ..Pins::default()
        };
        let outline = ChunkOutline {
            origin,
            pins,
            resource_faults: ResourceFaults::default(),
            counts: ChunkCounts {
                events: events.len() as u64,
                arrived_at: self.arrived_at,
                ..ChunkCounts::default()
            },
            messages_sent: 0,
        };
        let manifest = ChunkManifest::new(outline, None, Digest::of(b"last"), contents);
        self.chunks.push(NewChunk {
            manifest: manifest.into(),
            put_at: 0,
        });
    }

    /// Writes the files with columns of a schema.
    pub(super) async fn write(
        &self,
        columns: &Arc<TableSchema>,
        layout: &FileLayout,
        settings: &FilesSettings,
    ) -> Result<Written, FilesError> {
        let store = Arc::new(FolderStore::shared(self.root()));
        let columns = TableColumns::new(columns.clone(), &table(columns)).unwrap();
        write(
            store,
            &self.schemas,
            &self.chunks,
            &columns,
            layout,
            self.known.as_ref(),
            settings,
        )
        .await
    }

    /// The bounds of a layout.
    pub(super) fn limits(
        columns: &Arc<TableSchema>,
        layout: &FileLayout,
        settings: &FilesSettings,
    ) -> Limits {
        let partitions = Partitions::new(columns.schema(), layout).unwrap();
        let columns = TableColumns::new(columns.clone(), &table(columns)).unwrap();
        Limits::new(settings, &columns, &partitions)
    }

    /// The number of objects in each wave in which they are read.
    pub(super) async fn waves(&self, has_runs: bool, limits: &Limits) -> Vec<usize> {
        let store = Arc::new(FolderStore::shared(self.root()));
        let plan = Plan::new(store.as_ref(), &self.schemas, &self.chunks).await;
        let (plan, (sender, mut receiver)) = (plan.unwrap(), mpsc::channel(1));
        let receive = async {
            let mut waves = Vec::new();
            while let Some(Delivery::Wave(wave)) = receiver.recv().await {
                waves.push(wave.len());
            }
            waves
        };
        let send = send_objects(store, &plan, has_runs, limits, sender);
        let (sent, waves) = tokio::join!(send, receive);
        sent.unwrap();
        waves
    }

    pub(super) fn settings(&self) -> FilesSettings {
        FilesSettings::new(self.scratch(), 2)
    }

    /// Little memory, so that there are many waves.
    pub(super) fn small(&self) -> FilesSettings {
        FilesSettings {
            memory: 1,
            ..self.settings()
        }
    }

    /// Checks that the files have each event once, and returns the rows of each.
    pub(super) fn check(&self, written: &Written, columns: &TableSchema) -> Vec<Vec<Placed>> {
        let files = rows(written, columns);
        let mut rows = files.concat();
        rows.sort();
        let mut events = self.events.clone();
        events.sort();
        assert_eq!(written.rows, events.len() as u64);
        assert_eq!(rows.len(), events.len());
        let bytes: usize = events.iter().map(|event| event.event.len() + 1).sum();
        assert_eq!(written.event_bytes, bytes as u64);
        let place = |row: &Placed| (row.shard.clone(), row.chunk.clone(), row.line);
        // The objects of a chunk share the numbers of lines, so each row looks for its event.
        let mut left = events;
        for row in &rows {
            let same = |event: &Placed| {
                place(event) == place(row)
                    && (event.event == row.event
                        || is_same_event(event.event.as_bytes(), row.event.as_bytes()))
            };
            let start = left.partition_point(|event| place(event) < place(row));
            let found = left[start..].iter().position(same);
            let found = found.unwrap_or_else(|| panic!("no event for {row:?}"));
            left[start + found].event = "taken".into();
        }
        files
    }
}

/// The rows of each file.
pub(super) fn rows(written: &Written, columns: &TableSchema) -> Vec<Vec<Placed>> {
    let files = written.files.iter();
    files.map(|file| rows_of(file, columns)).collect()
}

fn object(
    events: &[&str],
    format: Format,
    schema: Option<&Arc<TableSchema>>,
    (shard, chunk): (&str, SequenceNumber),
) -> (Vec<u8>, Content) {
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for event in events {
        let start = buffer.len() as u32;
        buffer.extend_from_slice(event.as_bytes());
        let end = buffer.len() as u32;
        spans.push(ByteSpan {
            buffer: 0,
            start,
            end,
        });
    }
    let buffers = [buffer];
    let rows = Rows::new(&buffers, &spans);
    let content = Content {
        lines: rows.count() as u64,
        bytes: rows.bytes() + rows.count() as u64,
        digest: rows.digest(),
    };
    let bytes = match schema {
        Some(schema) => {
            let origin = RowOrigin { shard, chunk };
            schema.encode(Level::default(), rows, origin).unwrap().bytes
        }
        None => encode(format, Level::default(), rows).unwrap().bytes,
    };
    (bytes, content)
}

/// A table with the columns of a schema, and an id for each part of them.
pub(super) fn table(schema: &TableSchema) -> ArrowSchema {
    let mut last = 0;
    ArrowSchema::new(numbered(written(schema.schema()).fields(), &mut last))
}

fn numbered(fields: &Fields, last: &mut i32) -> Fields {
    let fields = fields.iter().map(|field| numbered_field(field, last));
    fields.collect()
}

fn numbered_field(field: &FieldRef, last: &mut i32) -> FieldRef {
    *last += 1;
    let id = [(PARQUET_FIELD_ID_META_KEY.to_owned(), last.to_string())];
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::List(item) => DataType::List(numbered_field(item, last)),
        DataType::Struct(fields) => DataType::Struct(numbered(fields, last)),
        DataType::Map(entries, sorted) => DataType::Map(numbered_field(entries, last), *sorted),
        other => other.clone(),
    };
    let field = Field::new(field.name(), data_type, true);
    Arc::new(field.with_metadata(id.into()))
}

/// The rows of a file as events.
fn rows_of(file: &TableFile, schema: &TableSchema) -> Vec<Placed> {
    let bytes = fs::metadata(&file.path).unwrap().len();
    assert_eq!(bytes, file.bytes);
    let rows: Vec<_> = batches(&file.path)
        .iter()
        .flat_map(|batch| {
            (0..batch.num_rows())
                .map(|row| placed(batch, row, schema))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(rows.len() as u64, file.rows);
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.file_metadata().num_rows(), file.rows.cast_signed());
    rows
}

pub(super) fn batches(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

fn placed(batch: &RecordBatch, row: usize, schema: &TableSchema) -> Placed {
    let text = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        let is_null = column.is_null(row);
        (!is_null).then(|| column.as_string::<i32>().value(row).to_owned())
    };
    let rest = text("_rest");
    let columns = schema.schema().columns().iter().zip(batch.columns());
    let values = columns.map(|(column, array)| column_value(column.column_type(), array, row));
    let values: Vec<_> = values.collect::<Result<_, _>>().unwrap();
    let lines = batch.column_by_name("_line").unwrap();
    Placed {
        shard: text("_shard").unwrap(),
        chunk: text("_chunk").unwrap(),
        line: lines.as_primitive::<Int64Type>().value(row),
        event: match rest.as_deref() {
            Some(rest) if !rest.starts_with('{') => rest.to_owned(),
            rest => schema.mapper().assemble(&values, rest).unwrap(),
        },
    }
}
