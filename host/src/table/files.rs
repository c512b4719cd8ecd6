//! Writes the events of chunks as the files of a table.
//!
//! ```text
//! objects ─read─▶ wave ─check, map─▶ rows by partition ─┬─▶ files of up to eight open partitions
//!    (in the order of their event types)    ▲           └─▶ files of other rows ─┐
//!                                           └────────────────────────────────────┘
//! ```
//!
//! Each event of each object is one row. A wave is mapped on all threads while the one before is encoded. The rows of
//! partitions without an open file wait in local files, each partition in one of a few, and are then processed in the same
//! way. So any number of partitions takes bounded memory and few open files.

mod columns;
mod content;
mod context;
mod dropped;
mod encoding;
mod error;
mod fetch;
mod folder;
mod keys;
mod level;
mod partition;
mod plan;
mod rows;
mod source;
mod spill;
#[cfg(test)]
mod tests;
mod unit;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use sluice_storage::object_store::ObjectStore;
use tokio::sync::mpsc;

pub use self::columns::TableColumns;
use self::context::{Context, Limits};
use self::dropped::DroppedLines;
pub use self::error::FilesError;
use self::error::at;
use self::fetch::send_objects;
pub use self::folder::AttemptFolder;
use self::folder::CancelOnDrop;
pub use self::keys::WrittenKeys;
use self::keys::find_duplicates;
use self::level::{Outcome, write_all};
use self::partition::Partitions;
use self::plan::Plan;
use self::source::Source;
use crate::format::parquet::{UnmappedValues, of_table_files};
use crate::sink::SchemaStore;
use crate::table::known_keys::KnownKeys;
use crate::table::news::NewChunk;

/// The partitions of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLayout {
    /// The column whose day is a part of the partition: a timestamp or a date that is no part of another column.
    pub day_of: Option<String>,
    /// The column of strings whose value is a part of the partition, usually `event_type`.
    pub by_event_type: Option<String>,
}

/// How files are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSettings {
    /// A folder for this attempt alone. It is removed at the start, and when the files are no longer needed.
    pub scratch: PathBuf,
    /// A file is closed when it has this many bytes of Parquet.
    pub file_bytes: u64,
    /// The memory for all buffers, bytes. The largest object that is read comes on top if it is larger than a sixteenth, and
    /// about 300 bytes for each object and each file.
    pub memory: u64,
    /// The number of threads that map and encode.
    pub threads: usize,
    /// The level of zstd, 1 to 22.
    pub zstd_level: i32,
}

impl FilesSettings {
    /// 128 MiB: what a query engine gives to one task.
    pub const FILE_BYTES: u64 = 128 << 20;
    /// 256 MiB.
    pub const MEMORY: u64 = 256 << 20;
    /// Level 3: tables are read more often than they are written.
    pub const ZSTD_LEVEL: i32 = 3;

    /// The default settings.
    #[must_use]
    pub fn new(scratch: PathBuf, threads: usize) -> Self {
        Self {
            scratch,
            file_bytes: Self::FILE_BYTES,
            memory: Self::MEMORY,
            threads,
            zstd_level: Self::ZSTD_LEVEL,
        }
    }
}

/// A file of the table: rows of one partition, on the local disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Where it is.
    pub path: PathBuf,
    /// The day of its rows, days since 1970-01-01, if the layout has days; `None` if they have none.
    pub day: Option<i32>,
    /// The type of its events, if the layout has types; `None` if they have none.
    pub event_type: Option<String>,
    /// The number of its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

impl TableFile {
    /// Reads its metadata: row groups with the sizes, bounds and null counts of columns. There can be thousands of files,
    /// so this is not kept in memory.
    ///
    /// # Errors
    /// [`FilesError::Scratch`] and [`FilesError::Encoding`]
    pub fn metadata(&self) -> Result<ParquetMetaData, FilesError> {
        let file = File::open(&self.path).map_err(at(&self.path))?;
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        Ok(reader.parse_and_finish(&file)?)
    }
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The files, in the order of their partitions.
    pub files: Vec<TableFile>,
    /// The number of all rows, which is that of all events that are not dropped.
    pub rows: u64,
    /// The bytes of all events as lines.
    pub event_bytes: u64,
    /// The values that no column has, which are in `_rest`.
    pub unmapped: UnmappedValues,
    /// What is left of the keys, if the table has a rule for duplicates.
    pub keys: Option<WrittenKeys>,
    /// The folder of the files, which is removed when this is dropped.
    pub folder: AttemptFolder,
}

/// Writes the events of chunks as Parquet files: a row for each event of each object, in the order of event types, shards
/// and chunks. With `known` keys, the objects are read twice, and duplicates are no rows. `schemas` are those of the lake.
/// If the future is dropped, the work ends soon, and its folder is removed.
///
/// # Errors
/// [`FilesError`]. There are no files then.
pub async fn write(
    lake: Arc<dyn ObjectStore>,
    schemas: &SchemaStore,
    chunks: &[NewChunk],
    columns: &TableColumns,
    layout: &FileLayout,
    known: Option<&KnownKeys>,
    settings: &FilesSettings,
) -> Result<Written, FilesError> {
    let partitions = Partitions::new(columns.schema.schema(), layout)?;
    let limits = Limits::new(settings, columns, &partitions);
    let properties = of_table_files(columns.schema.digest(), settings.zstd_level)?;
    let plan = Arc::new(Plan::new(lake.as_ref(), schemas, chunks).await?);
    let cancelled = Arc::new(AtomicBool::new(false));
    let _cancel = CancelOnDrop(cancelled.clone());
    let folder = AttemptFolder::create(settings.scratch.clone())?;
    let context = Context {
        lake: lake.clone(),
        plan: plan.clone(),
        columns: columns.clone(),
        partitions,
        dropped: DroppedLines::default(),
        properties: Arc::new(properties),
        limits: limits.clone(),
        folder: settings.scratch.clone(),
        files: AtomicU64::new(0),
        cancelled,
    };
    let has_runs = context.partitions.have_event_type();
    let (context, keys) = match known {
        None => (context, None),
        Some(known) => {
            let (context, keys) = find_duplicates(context, known).await?;
            (context, Some(keys))
        }
    };
    let (sender, receiver) = mpsc::channel(1);
    let writer = on_a_thread(move || write_files(&context, receiver, folder));
    let sent = send_objects(lake, &plan, has_runs, &limits, sender).await;
    let written = writer.await;
    // If the objects cannot be read, the writer ends without them.
    sent?;
    Ok(Written { keys, ..written? })
}

/// Begins work on a thread that may block.
fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> impl Future<Output = Result<T, FilesError>> {
    let work = tokio::task::spawn_blocking(work);
    async move {
        match work.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(FilesError::Cancelled),
            },
        }
    }
}

/// Does work on threads of their own.
fn in_threads<T: Send>(
    context: &Context,
    work: impl FnOnce() -> Result<T, FilesError> + Send,
) -> Result<T, FilesError> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(context.limits.threads)
        .thread_name(|number| format!("table-{number}"))
        .build()
        .map_err(|error| FilesError::Threads(error.to_string()))?;
    threads.install(work)
}

/// Writes the files on threads of their own.
fn write_files(
    context: &Context,
    objects: mpsc::Receiver<fetch::Delivery>,
    folder: AttemptFolder,
) -> Result<Written, FilesError> {
    let outcome = in_threads(context, || write_all(context, Source::Objects(objects)))?;
    let Outcome {
        mut files,
        rows,
        unmapped,
    } = outcome;
    let (of_files, lines) = (
        files.iter().map(|file| file.rows).sum(),
        context.plan.lines() - context.dropped.total(),
    );
    if rows != lines || rows != of_files {
        let rows = of_files;
        return Err(FilesError::OtherRows { rows, lines });
    }
    let place = |file: &TableFile| (file.day, file.event_type.clone(), file.path.clone());
    files.sort_by_cached_key(place);
    Ok(Written {
        files,
        rows,
        event_bytes: context.plan.bytes(),
        unmapped,
        keys: None,
        folder,
    })
}
