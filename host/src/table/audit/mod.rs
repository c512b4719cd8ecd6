//! Proves that the rows of a table are the events of its lake up to the watermark, each once. It writes nothing.
//!
//! ```text
//! chunk manifests ─▶ objects ─▶ expected ─┐
//!                                         ├─▶ account of each chunk ─▶ findings
//! snapshot ─▶ data files ─▶ rows ─────────┘
//! ```
//!
//! The files of a table have another order than the objects of the lake, and other programs may write them again. So the
//! account of a chunk (`account`) is a sum over its rows, in any order, of a hash of each row's line and event. Columns are
//! found by their field ids (`columns`), so others may rename them.

mod account;
mod columns;
mod data_files;
mod finding;
mod lake;
mod report;

use std::sync::Arc;

use iceberg::TableIdent;
use sluice_storage::object_store::ObjectStore;

use self::account::Accounts;
use self::columns::stored_columns;
use self::data_files::DataFiles;
use self::finding::Findings;
pub use self::finding::TableFinding;
use self::lake::LakeEvents;
pub use self::report::{ShardRows, TableReport};
use super::manage::Tables;
use super::state::TableParts;
use crate::format::parquet::TableSchema;
use crate::sink::SchemaStore;

/// How a table is audited.
#[derive(Clone, Copy, Debug)]
pub struct TableAuditSettings {
    /// Whether only the number and the lines of rows are compared with the chunk manifests, and no object is read.
    pub is_quick: bool,
    /// The number of threads.
    pub threads: usize,
    /// Objects of records that arrived before this may have expired, milliseconds since the Unix epoch.
    pub expired_before: Option<u64>,
}

/// Audits a table. `progress` is called with what has been read so far, in words.
///
/// # Errors
/// The lake, the catalog or the warehouse cannot be read, or the table has files of deletes.
pub async fn audit(
    tables: &Tables,
    table: &TableIdent,
    lake: Arc<dyn ObjectStore>,
    schemas: SchemaStore,
    settings: TableAuditSettings,
    progress: &dyn Fn(String),
) -> anyhow::Result<TableReport> {
    let present = tables.load(table).await?;
    let parts = TableParts::read(&present, &tables.warehouse).await?;
    parts.history?;
    let (schema, watermark) = (parts.schema?, parts.watermark?);
    if watermark.shards.is_empty() {
        anyhow::bail!(
            "the table {table} has no events of the lake yet; run `sluice table sync` first"
        );
    }
    let columns = stored_columns(&present, &schema, &watermark.columns)?;
    let mut accounts = Accounts::new(&watermark.shards);
    let mut findings = Findings::default();
    let events = LakeEvents {
        reads_at_once: lake.operations_at_once(settings.threads),
        lake,
        schemas,
        settings,
    };
    events.read(&mut accounts, &mut findings, progress).await?;
    let files = DataFiles {
        warehouse: &tables.warehouse,
        schema: Arc::new(TableSchema::new(schema)),
        columns: Arc::new(columns),
        settings,
    };
    let files = files
        .read(&present, &mut accounts, &mut findings, progress)
        .await?;
    accounts.compare(settings.is_quick, &mut findings);
    Ok(TableReport::new(
        &present, settings, files, &accounts, findings,
    ))
}
