//! Catalogs: where the name of a table leads to its current metadata.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use iceberg::{Catalog, CatalogBuilder as _};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalogBuilder};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use super::warehouse::{Warehouse, WarehouseFiles};

/// The name of the catalog in the rows of a file. Readers give the same.
pub const CATALOG_NAME: &str = "sluice";

/// The location of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogLocation {
    /// A file of `SQLite`, with the tables that pyiceberg and others use too.
    Sqlite(PathBuf),
}

impl fmt::Display for CatalogLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
        }
    }
}

impl CatalogLocation {
    /// Opens the catalog, which is created if there is none.
    ///
    /// # Errors
    /// It cannot be read or created.
    pub async fn open(&self, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
        let Self::Sqlite(file) = self;
        let opened = open_sqlite(file, warehouse).await;
        opened.with_context(|| {
            format!("cannot open the catalog {self}; the file and its folder must be writable, also to read it")
        })
    }

    /// Whether there is a catalog.
    #[must_use]
    pub fn exists(&self) -> bool {
        let Self::Sqlite(file) = self;
        file.exists()
    }
}

async fn open_sqlite(file: &PathBuf, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let options = SqliteConnectOptions::new().filename(file);
    let options = options.create_if_missing(true);
    // A reader does not hold up a commit then. The file keeps the mode.
    let options = options.journal_mode(SqliteJournalMode::Wal);
    drop(options.connect().await?);
    let file = std::path::absolute(file)?;
    let file = file.to_str().context("its path is not UTF-8")?;
    let catalog = SqlCatalogBuilder::default()
        .with_storage_factory(WarehouseFiles::of(warehouse))
        .uri(format!("sqlite://{}?mode=rwc", escape(file)))
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
