//! A catalog in a file of `SQLite`, with the tables that pyiceberg and others use too.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use iceberg::{Catalog, CatalogBuilder as _};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalogBuilder};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use super::super::warehouse::Warehouse;
use super::super::warehouse_files::WarehouseFiles;
use super::CATALOG_NAME;

/// Opens a catalog to change it. It is created if there is none.
pub(super) async fn open(file: &Path, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let options = SqliteConnectOptions::new().filename(file);
    let options = options.create_if_missing(true);
    // A reader does not hold up a commit then. The file keeps the mode.
    let options = options.journal_mode(SqliteJournalMode::Wal);
    drop(options.connect().await?);
    load(file, "mode=rwc", warehouse).await
}

/// Opens a catalog that exists, and changes neither it nor its folder.
///
/// To read a file in the mode WAL, `SQLite` needs the files of the log beside it, and creates those that are missing. They
/// exist while a process has the catalog open, and after one was killed. Otherwise all is in the file itself, which is
/// read as one that nobody changes meanwhile: without files beside it, and also in a folder that cannot be written.
pub(super) async fn open_to_read(
    file: &Path,
    warehouse: &Warehouse,
) -> anyhow::Result<Arc<dyn Catalog>> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let mode = match Path::new(&log).exists() {
        true => "mode=ro",
        false => "mode=ro&immutable=true",
    };
    load(file, mode, warehouse).await
}

async fn load(file: &Path, mode: &str, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
    let file = std::path::absolute(file)?;
    let file = file.to_str().context("its path is not UTF-8")?;
    let catalog = SqlCatalogBuilder::default()
        .with_storage_factory(WarehouseFiles::of(warehouse))
        .uri(format!("sqlite://{}?{mode}", escape(file)))
        .warehouse_location(warehouse.uri())
        .sql_bind_style(SqlBindStyle::QMark)
        .prop("pool.max-connections", "2")
        .load(CATALOG_NAME, HashMap::new());
    Ok(Arc::new(catalog.await?))
}

/// Escapes what ends a path in a URL.
fn escape(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}
