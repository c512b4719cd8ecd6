//! What all parts of the work share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parquet::file::properties::WriterPropertiesPtr;
use sluice_storage::object_store::ObjectStore;

use super::FilesSettings;
use super::columns::TableColumns;
use super::dropped::DroppedLines;
use super::error::FilesError;
use super::partition::Partitions;
use super::plan::Plan;

/// The most files that are open at once, each with the rows of a partition in memory.
pub(super) const WRITERS_MAX: usize = 8;

/// The number of files that rows of other partitions are spread over.
pub(super) const BUCKETS: usize = 64;

/// What is kept about an object while it is in memory, besides its events.
const OBJECT_BYTES: u64 = 512;

/// What the values of a few rows in a column take besides themselves: an array, and buffers of at least 64 bytes.
const ARRAY_BYTES: u64 = 1 << 10;

/// The bounds of what is in memory, bytes.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) threads: usize,
    /// Objects that are read ahead, by the bytes of their events.
    pub(super) fetched_bytes: u64,
    /// Events that are mapped at once. There are two such waves: one is mapped and one is encoded.
    pub(super) wave_bytes: u64,
    /// What an object takes in a wave on top of its events.
    pub(super) object_bytes: u64,
    /// What a batch takes on top of its events, however few rows it has: its columns.
    pub(super) batch_bytes: u64,
    /// The most batches that an object makes which shares none with the one before.
    pub(super) batches_of_object: u64,
    /// Events that one thread maps as one batch.
    pub(super) unit_bytes: usize,
    /// What open files have in memory between two waves.
    pub(super) writers_bytes: usize,
    /// Events that are encoded before the size of a file is looked at again.
    pub(super) step_bytes: u64,
    /// Keys of events that are in memory before they are written to a local file. Nothing else is then, but events that
    /// are read.
    pub(super) keys_bytes: u64,
    /// The rows of one file of spilled rows.
    pub(super) spill_block_bytes: usize,
    /// A file is closed at this size.
    pub(super) file_bytes: u64,
}

impl Limits {
    /// Shares out the memory: an eighth for objects that are read ahead, a half for open files, an eighth for spilled
    /// rows. A wave takes a sixteenth as lines and about as much as columns, twice. What small objects and partitions take
    /// besides their events is counted with them. Keys are sorted before a file is open.
    pub(super) fn new(
        settings: &FilesSettings,
        columns: &TableColumns,
        partitions: &Partitions,
    ) -> Self {
        let part = |parts: u64, least: u64, most: u64| (settings.memory / parts).clamp(least, most);
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let file_bytes = settings.file_bytes.max(1);
        Self {
            threads: settings.threads.max(1),
            fetched_bytes: part(8, 64 << 10, u64::MAX),
            wave_bytes: part(16, 16 << 10, 64 << 20),
            object_bytes: OBJECT_BYTES,
            batch_bytes: ARRAY_BYTES * columns.stored.num_columns() as u64,
            // Those of open partitions, and of others.
            batches_of_object: match partitions.have_day() {
                true => 2 * WRITERS_MAX as u64,
                false => 1,
            },
            unit_bytes: size(part(128, 4 << 10, 2 << 20).min(file_bytes)),
            writers_bytes: size(part(2, 256 << 10, u64::MAX)),
            keys_bytes: part(4, 4 << 10, u64::MAX),
            step_bytes: part(64, 16 << 10, 8 << 20).min(file_bytes),
            spill_block_bytes: size(part(8 * BUCKETS as u64, 1 << 10, 512 << 10)),
            file_bytes,
        }
    }
}

/// What all parts of the work share.
pub(super) struct Context {
    pub(super) lake: Arc<dyn ObjectStore>,
    pub(super) plan: Arc<Plan>,
    pub(super) columns: TableColumns,
    pub(super) partitions: Partitions,
    /// The events that become no rows.
    pub(super) dropped: DroppedLines,
    pub(super) properties: WriterPropertiesPtr,
    pub(super) limits: Limits,
    /// The folder of all files.
    pub(super) folder: PathBuf,
    /// The number of files so far, which names the next one.
    pub(super) files: AtomicU64,
    /// Whether nobody waits for the files any more.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Context {
    /// The path of a new file.
    pub(super) fn next_file(&self, extension: &str) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{number:06}.{extension}"))
    }

    /// # Errors
    /// [`FilesError::Cancelled`]
    pub(super) fn check_cancelled(&self) -> Result<(), FilesError> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(FilesError::Cancelled),
            false => Ok(()),
        }
    }
}
