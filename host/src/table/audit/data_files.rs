//! The rows of a table: those of the data files of its present snapshot.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use iceberg::spec::{DataFileFormat, ManifestContentType};
use iceberg::table::Table;
use sluice_schema::EventHasher;
use sluice_storage::object_store::Found;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::TableAuditSettings;
use super::account::{Accounts, FileRows};
use super::finding::{Findings, Kind, TableFinding};
use super::keys::{FileKeys, KeyAccount};
use crate::format::parquet::{RowParts, StoredColumns, StoredRow, TableSchema};
use crate::output::counted;
use crate::table::duplicates::key_hash;
use crate::table::warehouse::Warehouse;

/// The data files that are in memory at once have at most this many bytes, or there is only one.
const MEMORY_MIB: u32 = 512;

/// The number of rows of a file that make no event of which each is named.
const DAMAGED_NAMED: u64 = 10;

/// Reads data files.
pub(super) struct DataFiles<'a> {
    pub(super) warehouse: &'a Warehouse,
    pub(super) schema: Arc<TableSchema>,
    pub(super) columns: Arc<StoredColumns>,
    pub(super) settings: TableAuditSettings,
    /// The position of the column of the keys, if they are compared.
    pub(super) key: Option<usize>,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileCounts {
    pub(super) files: u64,
    pub(super) rows: u64,
}

/// A data file as the metadata of the table describes it.
struct DataFile {
    uri: String,
    format: DataFileFormat,
    rows: u64,
    bytes: u64,
}

/// What a data file has.
#[derive(Default)]
struct FileContent {
    rows: FileRows,
    keys: FileKeys,
    count: u64,
    /// The number of rows that make no event.
    damaged: u64,
    /// The first of these, and why.
    reasons: Vec<(u64, String)>,
}

impl DataFiles<'_> {
    /// Reads the rows of a table into the accounts of their chunks.
    ///
    /// # Errors
    /// The warehouse cannot be read, or the table has files of deletes.
    pub(super) async fn read(
        &self,
        table: &Table,
        accounts: &mut Accounts,
        mut keys: Option<&mut KeyAccount>,
        findings: &mut Findings,
        progress: &dyn Fn(String),
    ) -> anyhow::Result<FileCounts> {
        let files = data_files(table).await?;
        let (memory, all) = (Semaphore::new(MEMORY_MIB as usize), files.len());
        let reads = stream::iter(files).map(|file| self.read_file(file, &memory));
        let mut reads = reads.buffered(self.settings.threads.max(1));
        let mut counts = FileCounts::default();
        while let Some(read) = reads.next().await {
            let (file, content) = read?;
            counts.files += 1;
            match content {
                Err(why) => {
                    findings.add(|| TableFinding::of_file(Kind::DamagedFile, &file.uri, &why));
                }
                Ok(content) => {
                    counts.rows += content.count;
                    content.report(&file, findings);
                    accounts.add(content.rows);
                    if let Some(keys) = &mut keys {
                        keys.add_file(content.keys)?;
                    }
                }
            }
            progress(format!(
                "{} of {all} data files read, {}",
                counts.files,
                counted(counts.rows, "row")
            ));
        }
        Ok(counts)
    }

    /// Reads a file, or says why it cannot be read.
    async fn read_file(
        &self,
        file: DataFile,
        memory: &Semaphore,
    ) -> anyhow::Result<(DataFile, Result<FileContent, String>)> {
        let mib = u32::try_from(file.bytes >> 20).unwrap_or(u32::MAX);
        let _in_memory = memory.acquire_many(mib.clamp(1, MEMORY_MIB)).await?;
        if file.format != DataFileFormat::Parquet {
            let why = format!("it is a file of {}, and only Parquet is read", file.format);
            return Ok((file, Err(why)));
        }
        let bytes = match self.warehouse.name(&file.uri) {
            Err(error) => return Ok((file, Err(error.message().to_owned()))),
            Ok(_) => self.warehouse.find(&file.uri, usize::MAX).await?,
        };
        let Found::Content(bytes) = bytes else {
            return Ok((file, Err("it does not exist".into())));
        };
        let (schema, columns) = (self.schema.clone(), self.columns.clone());
        let parts = match self.settings.is_quick {
            true => RowParts::Origin,
            false => RowParts::Event { key: self.key },
        };
        let read = move || FileContent::read(&schema, &columns, bytes.into(), parts);
        let read = spawn_blocking(read).await?;
        Ok((
            file,
            read.map_err(|error| format!("it cannot be read: {error}")),
        ))
    }
}

impl FileContent {
    fn read(
        schema: &TableSchema,
        columns: &StoredColumns,
        bytes: Bytes,
        parts: RowParts,
    ) -> std::io::Result<Self> {
        let (mut content, mut hasher) = (Self::default(), EventHasher::default());
        let add = |row: &StoredRow<'_>| content.add(row, &mut hasher);
        schema.for_each_stored_row(bytes, columns, parts, add)?;
        Ok(content)
    }

    fn add(&mut self, row: &StoredRow<'_>, hasher: &mut EventHasher) {
        self.count += 1;
        let Some(shard) = row.shard else {
            self.rows.foreign += 1;
            return;
        };
        // No line is negative or zero, so neither is that of an event.
        let line = row.line.and_then(|line| u64::try_from(line).ok());
        let line = line.unwrap_or(0);
        let hash = match &row.event {
            None => hasher.hash(line, b""),
            Some(Ok(event)) => hasher.hash(line, event.as_bytes()),
            Some(Err(why)) => {
                self.damaged += 1;
                if self.damaged <= DAMAGED_NAMED {
                    self.reasons.push((self.count, why.clone()));
                }
                hasher.hash(line, b"")
            }
        };
        let chunk = row.chunk.unwrap_or_default();
        if let Some(key) = key_hash(row.key.as_ref()) {
            self.keys.add(shard, chunk, line, key);
        }
        self.rows.add(shard, chunk, hash);
    }

    /// Reports what is wrong with the file, whatever its rows are.
    fn report(&self, file: &DataFile, findings: &mut Findings) {
        if self.count != file.rows {
            let why = format!(
                "it has {}, and the metadata of the table says {}",
                counted(self.count, "row"),
                file.rows
            );
            findings.add(|| TableFinding::of_file(Kind::ChangedFile, &file.uri, &why));
        }
        for (row, why) in &self.reasons {
            let why = format!("row {row}: {why}");
            findings.add(|| TableFinding::of_file(Kind::DamagedRow, &file.uri, &why));
        }
        let more = self.damaged - self.reasons.len() as u64;
        if more > 0 {
            let why = format!("{} make no event either", counted(more, "further row"));
            findings.add(|| TableFinding::of_file(Kind::DamagedRow, &file.uri, &why));
        }
    }
}

/// The data files of the present snapshot.
///
/// # Errors
/// The metadata cannot be read, or there are files of deletes.
async fn data_files(table: &Table) -> anyhow::Result<Vec<DataFile>> {
    let Some(snapshot) = table.metadata().current_snapshot() else {
        return Ok(Vec::new());
    };
    let list = table.manifest_list_reader(snapshot).load().await;
    let list = list.context("the list of manifests of the table")?;
    let mut files = Vec::new();
    for manifest in list.entries() {
        let loaded = manifest.load_manifest(table.file_io()).await;
        let loaded = loaded.with_context(|| manifest.manifest_path.clone())?;
        let alive = loaded.entries().iter().filter(|entry| entry.is_alive());
        for entry in alive {
            if manifest.content == ManifestContentType::Deletes {
                let (table, uri) = (table.identifier(), entry.file_path());
                anyhow::bail!(
                    "the table {table} has files of deletes, such as {uri}, which an audit does not apply; rewrite its data files \
                     without them, such as by Spark's `CALL system.rewrite_data_files(table => '{table}', options => \
                     map('delete-file-threshold', '1'))`, and audit again"
                );
            }
            files.push(DataFile {
                uri: entry.file_path().to_owned(),
                format: entry.file_format(),
                rows: entry.record_count(),
                bytes: entry.file_size_in_bytes(),
            });
        }
    }
    Ok(files)
}
