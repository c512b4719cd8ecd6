//! Where the tables of a command are.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use iceberg::TableIdent;
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use crate::config::{ConfigError, parse_store};
use crate::table::catalog::CatalogLocation;
use crate::table::manage::Tables;
use crate::table::warehouse::Warehouse;

/// The retry timeout of a request to the lake or the warehouse.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// The namespace of a table whose name has none.
const NAMESPACE: &str = "sluice";

/// The file of the catalog in a warehouse that is a folder.
const CATALOG_FILE: &str = "catalog.sqlite";

/// Which table, and where.
#[derive(Clone, Debug, Args)]
pub struct LocationArgs {
    /// The table, as `NAME` or `NAMESPACE.NAME`. The namespace of `NAME` is `sluice`.
    #[arg(
        long = "name",
        value_name = "NAME",
        env = "SLUICE_TABLE_NAME",
        default_value = "events"
    )]
    pub(crate) table_name: String,

    /// The catalog: `sqlite:FILE`, `glue`, `s3tables:ARN` of a table bucket, or `rest:URI` of an Iceberg REST catalog, with
    /// `?warehouse=NAME` if it has several. [default: `catalog.sqlite` in a warehouse that is a folder]
    #[arg(long = "catalog", value_name = "CATALOG", env = "SLUICE_TABLE_CATALOG")]
    pub(crate) table_catalog: Option<String>,

    /// The folder or the prefix of a bucket for the files of tables: `file:DIR` or `s3://BUCKET/PREFIX`. Not in the lake. With
    /// `s3tables:`, it has only what Sluice keeps beside a table.
    /// [default: beside a lake that is a folder, with `.warehouse` after its name]
    #[arg(
        long = "warehouse",
        value_name = "TARGET",
        env = "SLUICE_TABLE_WAREHOUSE"
    )]
    pub(crate) table_warehouse: Option<String>,
}

/// The lake, and the table of its events.
#[derive(Clone, Debug, Args)]
pub(super) struct TableArgs {
    /// The lake that has the events: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET", env = "SLUICE_LAKE")]
    pub(super) lake: String,

    #[command(flatten)]
    pub(super) location: LocationArgs,
}

/// A table as the settings name it.
#[derive(Clone, Debug)]
pub(crate) struct TableLocation {
    pub(crate) lake: StoreLocation,
    pub(crate) warehouse: StoreLocation,
    pub(crate) catalog: CatalogLocation,
    pub(crate) table: TableIdent,
}

impl TableArgs {
    /// The table.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn location(&self) -> Result<TableLocation, ConfigError> {
        self.location.of(parse_store("lake", &self.lake)?)
    }
}

impl LocationArgs {
    /// Whether the warehouse and the catalog are the default ones.
    pub(super) fn is_usual(&self) -> bool {
        self.table_warehouse.is_none() && self.table_catalog.is_none()
    }

    /// The table of a lake.
    ///
    /// # Errors
    /// Wrong usage.
    pub(crate) fn of(&self, lake: StoreLocation) -> Result<TableLocation, ConfigError> {
        let warehouse = match &self.table_warehouse {
            Some(target) => parse_store("table.warehouse", target)?,
            None => beside(&lake)?,
        };
        check_apart(&lake, &warehouse)?;
        let catalog = match &self.table_catalog {
            Some(catalog) => parse_catalog(catalog)?,
            None => in_warehouse(&warehouse)?,
        };
        let table = parse_name(&self.table_name)?;
        let namespace = table.namespace().to_url_string();
        catalog
            .check_names(&namespace, table.name())
            .map_err(|why| ConfigError::new("table.name", format!("{table}: {why}")))?;
        Ok(TableLocation {
            lake,
            warehouse,
            catalog,
            table,
        })
    }
}

impl TableLocation {
    /// Opens the catalog and the warehouse.
    ///
    /// # Errors
    /// They cannot be opened.
    pub(crate) async fn open(&self) -> anyhow::Result<Tables> {
        self.open_with(RetryPolicy::new(RETRY_TIMEOUT)).await
    }

    async fn open_with(&self, retries: RetryPolicy) -> anyhow::Result<Tables> {
        let warehouse = Warehouse::open(&self.warehouse, retries.clone()).await?;
        let (catalog, warehouse) = self.catalog.open(warehouse, retries).await?;
        Ok(Tables {
            catalog,
            catalog_name: self.catalog.to_string(),
            warehouse,
        })
    }

    /// Opens the catalog and the warehouse, if there is a catalog: a command that only reads creates none.
    ///
    /// # Errors
    /// They cannot be opened, or do not exist.
    pub(crate) async fn open_existing(&self) -> anyhow::Result<Tables> {
        let retries = RetryPolicy::new(RETRY_TIMEOUT);
        self.open_existing_with(retries).await
    }

    /// As [`open_existing`](Self::open_existing), with a retry policy whose retries are counted.
    ///
    /// # Errors
    /// They cannot be opened, or do not exist.
    pub(super) async fn open_existing_with(&self, retries: RetryPolicy) -> anyhow::Result<Tables> {
        if !self.catalog.exists() {
            anyhow::bail!(
                "there is no catalog {}; create a table with `sluice table create`",
                self.catalog
            );
        }
        self.open_with(retries).await
    }
}

/// The warehouse beside a lake.
fn beside(lake: &StoreLocation) -> Result<StoreLocation, ConfigError> {
    let StoreLocation::Folder(folder) = lake else {
        let why =
            "missing; give a bucket or a prefix outside of the lake, such as s3://BUCKET/warehouse";
        return Err(ConfigError::new("table.warehouse", why));
    };
    // `.` and `..` have no name of their own.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
    let name = folder.file_name().ok_or_else(|| {
        ConfigError::new(
            "table.warehouse",
            "missing; the folder of the lake has no name, so give one",
        )
    })?;
    let mut name = name.to_owned();
    name.push(".warehouse");
    Ok(StoreLocation::Folder(folder.with_file_name(name)))
}

/// The catalog in a warehouse.
fn in_warehouse(warehouse: &StoreLocation) -> Result<CatalogLocation, ConfigError> {
    match warehouse {
        StoreLocation::Folder(folder) => Ok(CatalogLocation::Sqlite(folder.join(CATALOG_FILE))),
        StoreLocation::S3 { .. } => {
            let why = "missing; give `glue`, `s3tables:ARN`, `rest:URI` or `sqlite:FILE`: a warehouse in a bucket has no place \
                       for a file";
            Err(ConfigError::new("table.catalog", why))
        }
    }
}

/// A lake lists its files and refuses those of others.
fn check_apart(lake: &StoreLocation, warehouse: &StoreLocation) -> Result<(), ConfigError> {
    let is_within = match (lake, warehouse) {
        (StoreLocation::Folder(lake), StoreLocation::Folder(warehouse)) => {
            let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let (lake, warehouse) = (whole(lake), whole(warehouse));
            warehouse.starts_with(&lake) || lake.starts_with(&warehouse)
        }
        (
            StoreLocation::S3 { bucket, prefix },
            StoreLocation::S3 {
                bucket: other,
                prefix: other_prefix,
            },
        ) => {
            bucket == other
                && (other_prefix.starts_with(prefix) || prefix.starts_with(other_prefix))
        }
        _ => false,
    };
    match is_within {
        false => Ok(()),
        true => {
            let why =
                format!("{warehouse} and the lake {lake} are one in the other; give another place");
            Err(ConfigError::new("table.warehouse", why))
        }
    }
}

fn parse_catalog(catalog: &str) -> Result<CatalogLocation, ConfigError> {
    CatalogLocation::parse(catalog).map_err(|why| ConfigError::new("table.catalog", why))
}

fn parse_name(name: &str) -> Result<TableIdent, ConfigError> {
    let parts: Vec<_> = name.split('.').collect();
    let is_plain = |part: &&str| {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !part.is_empty() && part.len() <= 100 && part.chars().all(is_allowed)
    };
    let parts = parts.iter().all(is_plain).then_some(parts);
    let ident = match parts.as_deref() {
        Some([name]) => TableIdent::from_strs([NAMESPACE, name]),
        Some([namespace, name]) => TableIdent::from_strs([*namespace, *name]),
        _ => {
            let why = format!(
                "{name:?} is no name of a table: NAME or NAMESPACE.NAME of lower-case letters, digits and underscores"
            );
            return Err(ConfigError::new("table.name", why));
        }
    };
    ident.map_err(|error| ConfigError::new("table.name", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(lake: &str, warehouse: Option<&str>) -> Result<TableLocation, ConfigError> {
        let args = LocationArgs {
            table_name: "events".into(),
            table_catalog: None,
            table_warehouse: warehouse.map(str::to_owned),
        };
        args.of(parse_store("lake", lake).unwrap())
    }

    #[test]
    fn the_warehouse_is_beside_a_folder_and_never_in_the_lake() {
        let beside = located("file:/nowhere/x/lake", None).unwrap();
        let warehouse = StoreLocation::Folder("/nowhere/x/lake.warehouse".into());
        assert_eq!(beside.warehouse, warehouse);
        assert_eq!(
            beside.catalog.to_string(),
            "sqlite:/nowhere/x/lake.warehouse/catalog.sqlite"
        );
        assert_eq!(beside.table.to_string(), "sluice.events");
        for (lake, warehouse) in [
            ("file:/nowhere/x", Some("file:/nowhere/x/y")),
            ("file:/nowhere/x/y", Some("file:/nowhere/x")),
            ("s3://bucket/a", Some("s3://bucket/a/b")),
            ("s3://bucket", Some("s3://bucket/b")),
            ("s3://bucket/a", None),
        ] {
            let error = located(lake, warehouse).unwrap_err();
            assert_eq!(error.key, "table.warehouse", "{lake}");
        }
        let bucket = located("s3://bucket/a", Some("s3://bucket/ab"));
        assert_eq!(bucket.unwrap_err().key, "table.catalog");
    }

    #[test]
    fn names_are_those_that_every_catalog_takes() {
        assert_eq!(parse_name("a.b_1").unwrap().to_string(), "a.b_1");
        for name in ["", "A", "a.b.c", "a-b", "a."] {
            assert!(parse_name(name).is_err(), "{name}");
        }
    }
}
