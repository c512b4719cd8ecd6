//! The location of a catalog.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use iceberg::Catalog;
use sluice_storage::aws::arn::Arn;
use sluice_storage::retry::RetryPolicy;

use super::super::outside::Outside;
use super::super::warehouse::Warehouse;
use super::sqlite;

/// The location of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogLocation {
    /// A file of `SQLite`, with the tables that pyiceberg and others use too.
    Sqlite(PathBuf),
    /// The Glue Data Catalog of the account and the region.
    Glue,
    /// A table bucket of S3 Tables, by its ARN.
    S3Tables(String),
    /// A server of Iceberg's REST catalog API.
    Rest(RestLocation),
}

/// A server of Iceberg's REST catalog API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestLocation {
    /// Its URI, without a slash at the end. Requests are made below `URI/v1`.
    pub uri: String,
    /// The warehouse that its configuration is asked for.
    pub warehouse: Option<String>,
}

/// The forms that a catalog has.
const FORMS: &str = "sqlite:FILE, glue, s3tables:ARN or rest:URI";

impl fmt::Display for CatalogLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Glue => f.write_str("glue"),
            Self::S3Tables(arn) => write!(f, "s3tables:{arn}"),
            Self::Rest(RestLocation { uri, warehouse }) => {
                write!(f, "rest:{uri}")?;
                match warehouse {
                    Some(warehouse) => write!(f, "?warehouse={warehouse}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl CatalogLocation {
    /// Parses a location.
    ///
    /// # Errors
    /// Says what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "glue" {
            return has_feature(cfg!(feature = "table-glue"), "glue", "table-glue")
                .map(|()| Self::Glue);
        }
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() && !file.starts_with("//") => {
                Ok(Self::Sqlite(PathBuf::from(file)))
            }
            Some(("s3tables", arn)) => {
                has_feature(
                    cfg!(feature = "table-s3tables"),
                    "s3tables:",
                    "table-s3tables",
                )?;
                region_of(arn)?;
                Ok(Self::S3Tables(arn.to_owned()))
            }
            Some(("rest", uri)) => {
                has_feature(cfg!(feature = "table-rest"), "rest:", "table-rest")?;
                RestLocation::parse(uri).map(Self::Rest)
            }
            _ => Err(format!("{text:?} is not {FORMS}")),
        }
    }

    /// Checks that a catalog takes the names of a table and its namespace.
    ///
    /// # Errors
    /// Says which name is wrong.
    pub fn check_names(&self, namespace: &str, table: &str) -> Result<(), String> {
        let Self::S3Tables(_) = self else {
            return Ok(());
        };
        if namespace.starts_with('_') || table.starts_with('_') {
            return Err("a name in S3 Tables begins with a letter or a digit".into());
        }
        if namespace.starts_with("aws") {
            return Err("a namespace in S3 Tables does not begin with aws".into());
        }
        Ok(())
    }

    /// Opens the catalog of a warehouse. A file is created if there is none. A service is asked nothing yet.
    ///
    /// # Errors
    /// It cannot be read or created, or AWS is not configured.
    pub async fn open(
        &self,
        warehouse: Warehouse,
        retries: RetryPolicy,
    ) -> anyhow::Result<(Arc<dyn Catalog>, Warehouse)> {
        let region = match self {
            Self::Sqlite(file) => {
                let opened = sqlite::open(file, &warehouse).await;
                let opened = opened.with_context(|| {
                    format!(
                        "cannot open the catalog {self}; the file and its folder must be writable"
                    )
                })?;
                return Ok((opened, warehouse));
            }
            Self::S3Tables(arn) => Some(region_of(arn).map_err(anyhow::Error::msg)?),
            Self::Glue | Self::Rest(_) => None,
        };
        let warehouse = warehouse.reaching(Outside::new(retries, region));
        let opened = self.open_service(&warehouse).await;
        let opened = opened.with_context(|| format!("cannot open table.catalog {self}"))?;
        Ok((opened, warehouse))
    }

    /// As [`open`](Self::open), to read only: a catalog in a file is not created, and it and its folder stay as they are.
    ///
    /// # Errors
    /// It cannot be read, or AWS is not configured.
    pub async fn open_to_read(
        &self,
        warehouse: Warehouse,
        retries: RetryPolicy,
    ) -> anyhow::Result<(Arc<dyn Catalog>, Warehouse)> {
        let Self::Sqlite(file) = self else {
            return self.open(warehouse, retries).await;
        };
        let opened = sqlite::open_to_read(file, &warehouse).await;
        let opened = opened.with_context(|| format!("cannot read the catalog {self}"))?;
        Ok((opened, warehouse))
    }

    async fn open_service(&self, warehouse: &Warehouse) -> anyhow::Result<Arc<dyn Catalog>> {
        match self {
            #[cfg(feature = "table-glue")]
            Self::Glue => super::glue::open(self.to_string(), warehouse).await,
            #[cfg(feature = "table-s3tables")]
            Self::S3Tables(arn) => super::s3tables::open(self.to_string(), arn, warehouse).await,
            #[cfg(feature = "table-rest")]
            Self::Rest(server) => super::rest::open(self.to_string(), server, warehouse).await,
            // One without its feature is none that `parse` makes.
            _ => {
                let _unused_without_features = warehouse;
                anyhow::bail!("this program was built without this kind of catalog")
            }
        }
    }

    /// Whether there is a catalog. One that is a service exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        match self {
            Self::Sqlite(file) => file.exists(),
            Self::Glue | Self::S3Tables(_) | Self::Rest(_) => true,
        }
    }
}

impl RestLocation {
    fn parse(text: &str) -> Result<Self, String> {
        let (uri, query) = text.split_once('?').unwrap_or((text, ""));
        let is_http = uri.starts_with("http://") || uri.starts_with("https://");
        let host = uri.split("://").nth(1).unwrap_or_default();
        // Before any error that has the text.
        let authority = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            let why =
                "has a name or a password in its URI; give a token in SLUICE_TABLE_CATALOG_TOKEN";
            return Err(format!("rest: {why}"));
        }
        if !is_http || host.is_empty() || host.starts_with('/') || uri.contains(char::is_whitespace)
        {
            return Err(format!(
                "rest:{text} has no URI such as http://HOST:PORT/PATH"
            ));
        }
        let warehouse = match query {
            "" => None,
            query => match query.strip_prefix("warehouse=") {
                Some(name) if !name.is_empty() && !name.contains('&') => Some(name.to_owned()),
                _ => {
                    return Err(format!(
                        "rest:{text} has another query than ?warehouse=NAME"
                    ));
                }
            },
        };
        let uri = uri.trim_end_matches('/').to_owned();
        Ok(Self { uri, warehouse })
    }
}

fn has_feature(is_built: bool, form: &str, feature: &str) -> Result<(), String> {
    let missing =
        || format!("{form} needs a program that is built with the cargo feature `{feature}`");
    is_built.then_some(()).ok_or_else(missing)
}

/// The region of a table bucket.
pub(super) fn region_of(arn: &str) -> Result<String, String> {
    let wrong = |why: String| {
        format!(
            "{arn:?} is not the ARN of a table bucket, such as arn:aws:s3tables:eu-central-1:123456789012:bucket/NAME: {why}"
        )
    };
    let parsed = Arn::parse(arn, "s3tables").map_err(wrong)?;
    let name = parsed.resource.strip_prefix("bucket/");
    match name.is_some_and(|name| !name.is_empty() && !name.contains('/')) {
        true => Ok(parsed.region),
        false => Err(wrong("its resource is not bucket/NAME".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3tables:eu-central-1:123456789012:bucket/tables";

    #[test]
    #[cfg(all(
        feature = "table-glue",
        feature = "table-rest",
        feature = "table-s3tables"
    ))]
    fn a_location_is_written_as_it_is_read() {
        for text in [
            "sqlite:a/catalog.sqlite",
            "sqlite:/a?b",
            "glue",
            &format!("s3tables:{ARN}"),
            "rest:http://localhost:8181/iceberg",
            "rest:https://host?warehouse=a/b",
        ] {
            let location = CatalogLocation::parse(text).unwrap();
            assert_eq!(location.to_string(), text);
        }
        let location = CatalogLocation::parse("rest:http://h/x/").unwrap();
        assert_eq!(location.to_string(), "rest:http://h/x");
    }

    #[test]
    fn a_location_that_is_wrong_says_what_is_right() {
        for (text, why) in [
            ("", FORMS),
            ("glue:", FORMS),
            ("sqlite:", FORMS),
            ("sqlite://x", FORMS),
            ("hive:x", FORMS),
            ("s3tables:tables", "has 1 parts"),
            (
                "s3tables:arn:aws:s3:eu-central-1:123456789012:bucket/x",
                "its service is",
            ),
            (
                "s3tables:arn:aws:s3tables:eu-central-1:123456789012:bucket/x/table/y",
                "bucket/NAME",
            ),
            ("rest:localhost:8181", "http://HOST:PORT/PATH"),
            ("rest:http:///x", "http://HOST:PORT/PATH"),
            ("rest:http://a:b@host", "SLUICE_TABLE_CATALOG_TOKEN"),
            ("rest:http://host?prefix=x", "?warehouse=NAME"),
            ("rest:http://host?warehouse=", "?warehouse=NAME"),
            ("rest:http://host?warehouse=x&y=z", "?warehouse=NAME"),
        ] {
            let error = CatalogLocation::parse(text).unwrap_err();
            assert!(
                error.contains(why) || error.contains("cargo feature"),
                "{text}: {error}"
            );
            assert!(!error.contains("a:b@"), "{error}");
        }
    }

    #[test]
    fn each_catalog_has_its_rules_for_names() {
        let bucket = CatalogLocation::S3Tables(ARN.into());
        bucket.check_names("sluice", "events").unwrap();
        for (namespace, table) in [("_s", "events"), ("sluice", "_e"), ("aws_s", "events")] {
            assert!(bucket.check_names(namespace, table).is_err());
            CatalogLocation::Glue.check_names(namespace, table).unwrap();
        }
    }
}
