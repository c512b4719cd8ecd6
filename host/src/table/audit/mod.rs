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
mod dropped;
mod finding;
mod keys;
mod lake;
mod report;

use std::sync::Arc;

use iceberg::TableIdent;
use sluice_schema::Schema;
use sluice_storage::object_store::ObjectStore;

use self::account::Accounts;
use self::columns::stored_columns;
use self::data_files::DataFiles;
use self::dropped::DroppedEvents;
use self::finding::Findings;
pub use self::finding::TableFinding;
use self::keys::KeyAccount;
use self::lake::LakeEvents;
pub use self::report::{ShardRows, TableReport};
use super::manage::Tables;
use super::scratch;
use super::state::TableParts;
use super::watermark::Watermark;
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
    let mut keys = keys(&schema, &watermark, settings)?;
    let schema = Arc::new(TableSchema::new(schema));
    let key = keys.as_ref().map(|keys| keys.position);
    let events = LakeEvents {
        reads_at_once: lake.operations_at_once(settings.threads),
        lake,
        schemas,
        settings,
        dropped: DroppedEvents::read(&parts.documents, watermark.keys.as_ref()).await?,
        key: key.map(|key| (schema.clone(), key)),
    };
    events
        .read(&mut accounts, keys.as_mut(), &mut findings, progress)
        .await?;
    let files = DataFiles {
        warehouse: &tables.warehouse,
        schema,
        columns: Arc::new(columns),
        settings,
        key,
    };
    let files = files
        .read(
            &present,
            &mut accounts,
            keys.as_mut(),
            &mut findings,
            progress,
        )
        .await?;
    accounts.compare(settings.is_quick, &mut findings);
    if let Some(keys) = keys {
        progress("comparing keys".into());
        tokio::task::block_in_place(|| keys.compare(&mut findings))?;
    }
    Ok(TableReport::new(
        &present, settings, files, &accounts, findings,
    ))
}

/// The account of the keys of a table with a rule for duplicates, unless only numbers and places are compared. The rule is
/// that of the watermark: it holds for all events that are there.
fn keys(
    schema: &Schema,
    watermark: &Watermark,
    settings: TableAuditSettings,
) -> anyhow::Result<Option<KeyAccount>> {
    match watermark.rule() {
        Some(rule) if !settings.is_quick => {
            let name = format!("audit-{:08x}", rand::random::<u32>());
            let folder = scratch::folder(&std::env::temp_dir(), &name);
            KeyAccount::new(rule.clone(), schema, folder).map(Some)
        }
        _ => Ok(None),
    }
}
