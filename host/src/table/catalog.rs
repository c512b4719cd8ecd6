//! Catalogs: where the name of a table leads to its current metadata.
//!
//! A commit is an append that requires the snapshot that it was built on, and each catalog compares and swaps:
//!
//! | catalog | what it compares |
//! | --- | --- |
//! | SQLite | the location of the metadata that was read, in the `WHERE` of an update |
//! | Glue | the `VersionId` of the table that was read; the requirements are checked on that table |
//! | S3 Tables | the version token of the table that was read; the requirements are checked on that table |
//! | REST | the requirements, on the server |

#[cfg(feature = "table-s3tables")]
mod aws_failure;
#[cfg(feature = "table-glue")]
mod glue;
#[cfg(any(
    feature = "table-glue",
    feature = "table-rest",
    feature = "table-s3tables"
))]
mod guarded;
mod location;
#[cfg(feature = "table-rest")]
mod rest;
#[cfg(feature = "table-s3tables")]
mod s3tables;
mod sqlite;

pub use self::location::{CatalogLocation, RestLocation};

/// The name of the catalog in the rows of a file. Readers give the same.
pub const CATALOG_NAME: &str = "sluice";
