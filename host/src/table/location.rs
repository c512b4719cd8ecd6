//! Where tables are, of the settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iceberg::{Catalog, TableIdent};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use super::catalog::CatalogLocation;
use super::manage::Tables;
use super::rebuild::is_reserved;
use super::warehouse::Warehouse;
use crate::config::{ConfigError, LocationArgs, parse_store};

/// The retry timeout of a request to the lake or the warehouse.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// How a builder that goes on repeats requests to the lake and the warehouse.
#[must_use]
pub fn builder_retries() -> RetryPolicy {
    RetryPolicy::new(RETRY_TIMEOUT)
}

/// How a command repeats requests to the lake and the warehouse.
#[must_use]
pub fn command_retries() -> RetryPolicy {
    builder_retries().without_waiting_for_permission()
}

/// The table that is meant if no name is given.
pub(super) const EVENTS: &str = "events";

/// The namespace of a table whose name has none.
pub(super) const NAMESPACE: &str = "sluice";

/// The file of the catalog in a warehouse that is a folder.
const CATALOG_FILE: &str = "catalog.sqlite";

/// A table as the settings name it.
#[derive(Clone, Debug)]
pub struct TableLocation {
    /// The lake that has the events.
    pub lake: StoreLocation,
    /// Where the files of the table are.
    pub warehouse: StoreLocation,
    /// The catalog that has the table.
    pub catalog: CatalogLocation,
    /// The table.
    pub table: TableIdent,
}

impl LocationArgs {
    /// The table of a lake.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn of(&self, lake: StoreLocation) -> Result<TableLocation, ConfigError> {
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
        check_name(&catalog, &table)?;
        Ok(TableLocation {
            lake,
            warehouse,
            catalog,
            table,
        })
    }

    /// Checks what is given, as [`of`](Self::of) does. Other processes may have what is missing.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn check(&self, lake: &StoreLocation) -> Result<(), ConfigError> {
        let table = parse_name(&self.table_name)?;
        check_not_reserved(&table)?;
        if let Some(target) = &self.table_warehouse {
            check_apart(lake, &parse_store("table.warehouse", target)?)?;
        }
        match &self.table_catalog {
            Some(catalog) => check_name(&parse_catalog(catalog)?, &table),
            None => Ok(()),
        }
    }
}

impl TableLocation {
    /// Checks the name of a table that is to be created.
    ///
    /// # Errors
    /// A rebuild gives such names itself.
    pub fn check_new_name(&self) -> Result<(), ConfigError> {
        check_not_reserved(&self.table)
    }

    /// Opens the catalog and the warehouse.
    ///
    /// # Errors
    /// They cannot be opened.
    pub async fn open(&self) -> anyhow::Result<Tables> {
        self.open_with(command_retries()).await
    }

    async fn open_with(&self, retries: RetryPolicy) -> anyhow::Result<Tables> {
        let warehouse = Warehouse::open(&self.warehouse, retries.clone()).await?;
        Ok(self.tables(self.catalog.open(warehouse, retries).await?))
    }

    fn tables(&self, (catalog, warehouse): (Arc<dyn Catalog>, Warehouse)) -> Tables {
        Tables {
            catalog,
            catalog_name: self.catalog.to_string(),
            create: self.command("create", &self.table),
            warehouse,
        }
    }

    /// Opens the catalog and the warehouse, if there is a catalog: a command that only reads creates none.
    ///
    /// # Errors
    /// They cannot be opened, or do not exist.
    pub async fn open_existing(&self) -> anyhow::Result<Tables> {
        self.open_existing_with(command_retries()).await
    }

    /// As [`open_existing`](Self::open_existing), with a retry policy whose retries are counted.
    ///
    /// # Errors
    /// They cannot be opened, or do not exist.
    pub async fn open_existing_with(&self, retries: RetryPolicy) -> anyhow::Result<Tables> {
        self.check_exists()?;
        self.open_with(retries).await
    }

    /// As [`open_existing_with`](Self::open_existing_with), to read only: a catalog in a file and its folder stay as they are.
    ///
    /// # Errors
    /// They cannot be read, or do not exist.
    pub async fn open_to_read(&self, retries: RetryPolicy) -> anyhow::Result<Tables> {
        self.check_exists()?;
        let warehouse = Warehouse::open(&self.warehouse, retries.clone()).await?;
        let opened = self.catalog.open_to_read(warehouse, retries).await?;
        Ok(self.tables(opened))
    }

    fn check_exists(&self) -> anyhow::Result<()> {
        if !self.catalog.exists() {
            anyhow::bail!(
                "there is no catalog {}; create a table with `{}`",
                self.catalog,
                self.command("create", &self.table)
            );
        }
        Ok(())
    }
}

/// The warehouse beside a lake.
pub(super) fn beside(lake: &StoreLocation) -> Result<StoreLocation, ConfigError> {
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
pub(super) fn in_warehouse(warehouse: &StoreLocation) -> Result<CatalogLocation, ConfigError> {
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
    let (in_lake, has_lake) = match (lake, warehouse) {
        (StoreLocation::Folder(lake), StoreLocation::Folder(warehouse)) => {
            let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let (lake, warehouse) = (whole(lake), whole(warehouse));
            (warehouse.starts_with(&lake), lake.starts_with(&warehouse))
        }
        (
            StoreLocation::S3 { bucket, prefix },
            StoreLocation::S3 {
                bucket: other,
                prefix: other_prefix,
            },
        ) if bucket == other => (
            other_prefix.starts_with(prefix),
            prefix.starts_with(other_prefix),
        ),
        _ => (false, false),
    };
    let why = match (in_lake, has_lake) {
        (false, false) => return Ok(()),
        (true, true) => format!("{warehouse} is the lake"),
        (true, false) => format!("{warehouse} is inside the lake {lake}"),
        (false, true) => format!("the lake {lake} is inside {warehouse}"),
    };
    Err(ConfigError::new(
        "table.warehouse",
        format!("{why}; give another place"),
    ))
}

/// Checks that a rebuild does not give such a name itself.
fn check_not_reserved(table: &TableIdent) -> Result<(), ConfigError> {
    let name = table.name();
    if !is_reserved(name) {
        return Ok(());
    }
    let why = format!(
        "`sluice table rebuild` itself gives names such as {name}, with `__rebuild` at the end or `__before_` in it; give \
         another name"
    );
    Err(ConfigError::new("table.name", why))
}

/// Checks whether a catalog takes the name of a table.
fn check_name(catalog: &CatalogLocation, table: &TableIdent) -> Result<(), ConfigError> {
    let namespace = table.namespace().to_url_string();
    let checked = catalog.check_names(&namespace, table.name());
    checked.map_err(|why| ConfigError::new("table.name", format!("{table}: {why}")))
}

fn parse_catalog(catalog: &str) -> Result<CatalogLocation, ConfigError> {
    CatalogLocation::parse(catalog).map_err(|why| ConfigError::new("table.catalog", why))
}

pub(super) fn parse_name(name: &str) -> Result<TableIdent, ConfigError> {
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
            table_name: EVENTS.into(),
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
    fn names_of_rebuilds_are_reserved() {
        for (name, is_free) in [
            ("events", true),
            ("events__rebuild", false),
            ("events__before_0123abcd", false),
            ("rebuild", true),
        ] {
            let mut location = located("file:lake", None).unwrap();
            location.table = parse_name(name).unwrap();
            assert_eq!(location.check_new_name().is_ok(), is_free, "{name}");
        }
    }

    #[test]
    fn names_are_those_that_every_catalog_takes() {
        assert_eq!(parse_name("a.b_1").unwrap().to_string(), "a.b_1");
        for name in ["", "A", "a.b.c", "a-b", "a."] {
            assert!(parse_name(name).is_err(), "{name}");
        }
    }
}
