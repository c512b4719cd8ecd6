//! Puts the files of an attempt into the warehouse.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use iceberg::spec::{DataFile, Literal};
use iceberg::table::Table;
use sluice_storage::object_store::Payload;
use tokio::sync::Semaphore;

use super::data_file::NewDataFile;
use super::files::{TableFile, Written};
use super::progress::TableProgress;
use super::state::TableState;
use super::warehouse::Warehouse;

/// The most files that are uploaded at once, and the most MiB of them, since they are in memory then. A larger file is
/// uploaded alone.
const UPLOADS_AT_ONCE: usize = 16;
const UPLOADED_MIB: u32 = 128;

/// Where files are uploaded to.
pub(super) struct Upload<'a> {
    pub(super) warehouse: &'a Warehouse,
    /// The table that they are for.
    pub(super) state: &'a TableState,
    pub(super) progress: &'a TableProgress,
}

/// The URI of the folder of the files of an attempt.
pub(super) fn folder(
    warehouse: &Warehouse,
    table: &Table,
    attempt: &str,
) -> anyhow::Result<String> {
    let location = warehouse.uri_of(warehouse.name(table.metadata().location())?);
    let location = location.trim_end_matches('/');
    Ok(format!("{location}/data/{attempt}/"))
}

impl Upload<'_> {
    /// Puts the files into the warehouse, and describes them.
    pub(super) async fn all(
        &self,
        attempt: &str,
        written: &Written,
    ) -> anyhow::Result<Vec<DataFile>> {
        let folder = folder(self.warehouse, &self.state.table, attempt)?;
        let in_memory = Semaphore::new(UPLOADED_MIB as usize);
        let uploads = written.files.iter().enumerate().map(|(number, file)| {
            let uri = format!("{folder}{number:05}.parquet");
            self.one(file, uri, &in_memory)
        });
        let uploads = stream::iter(uploads).buffered(UPLOADS_AT_ONCE);
        uploads.try_collect().await
    }

    /// Puts documents of keys and dropped events.
    pub(super) async fn documents(&self, attempt: &str, files: &[PathBuf]) -> anyhow::Result<()> {
        for path in files {
            let content = tokio::fs::read(path).await;
            let content = content.with_context(|| path.display().to_string())?;
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let documents = &self.state.documents;
            documents.put_duplicates(attempt, name, content).await?;
            self.progress.step();
        }
        Ok(())
    }

    async fn one(
        &self,
        file: &TableFile,
        uri: String,
        in_memory: &Semaphore,
    ) -> anyhow::Result<DataFile> {
        let mib = u32::try_from(file.bytes >> 20).unwrap_or(u32::MAX);
        let _uploaded = in_memory
            .acquire_many(mib.saturating_add(1).min(UPLOADED_MIB))
            .await?;
        let path = file.path.display();
        let bytes = tokio::fs::read(&file.path).await;
        let bytes = bytes.with_context(|| format!("{path}"))?;
        let payload = Payload {
            bytes: bytes.into(),
            content_type: Some("application/vnd.apache.parquet"),
        };
        self.warehouse.put(&uri, payload).await?;
        self.progress.step();
        let state = self.state;
        let metadata = state.table.metadata();
        let day = state
            .layout
            .day_of
            .iter()
            .map(|_| file.day.map(Literal::date));
        let value = state.layout.value_of.iter();
        let value = value.map(|_| file.event_type.as_ref().map(Literal::string));
        let described = NewDataFile {
            uri,
            bytes: file.bytes,
            spec: metadata.default_partition_spec_id(),
            partition: day.chain(value).collect(),
            schema: metadata.current_schema(),
        };
        Ok(described.describe(&file.metadata()?)?)
    }
}
