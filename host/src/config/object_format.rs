//! The format of objects, as the settings name it.

use std::path::Path;

use super::ConfigError;
use super::compression::Compression;
use super::table_source::TableSource;
use crate::format::Format;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ObjectFormat {
    /// Newline-delimited JSON.
    Ndjson,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl ObjectFormat {
    /// The format of objects, and the schema of those that have columns.
    ///
    /// # Errors
    /// Settings that do not go together, or a file that cannot be read or is no schema.
    pub fn validate(
        self,
        compression: Compression,
        schema: Option<&Path>,
    ) -> Result<(Format, Option<TableSource>), ConfigError> {
        match (self, compression, schema) {
            (Self::Ndjson, _, Some(_)) => {
                let why = "only Parquet has a schema; give --format parquet too, or leave this out";
                Err(ConfigError::new("schema", why))
            }
            (Self::Ndjson, compression, None) => Ok((compression.format(), None)),
            (Self::Parquet, Compression::Zstd, schema) => {
                let table = schema.map(TableSource::parse).transpose()?;
                Ok((Format::PARQUET, Some(table.unwrap_or_default())))
            }
            (Self::Parquet, Compression::None | Compression::Gzip, _) => {
                let why = "Parquet is always compressed with zstd; leave this out, or give zstd";
                Err(ConfigError::new("compression", why))
            }
        }
    }
}
