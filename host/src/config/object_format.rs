//! The format of objects, as the settings name it.

use std::path::Path;
use std::sync::Arc;

use super::ConfigError;
use super::compression::Compression;
use crate::format::Format;
use crate::format::parquet::TableSchema;

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
    /// Settings that do not go together, or a schema that cannot be read or is none.
    pub fn validate(
        self,
        compression: Compression,
        schema: Option<&Path>,
    ) -> Result<(Format, Option<Arc<TableSchema>>), ConfigError> {
        match (self, compression, schema) {
            (Self::Ndjson, _, Some(_)) => {
                let why = "only Parquet has a schema; give --format parquet too, or leave this out";
                Err(ConfigError::new("schema", why))
            }
            (Self::Ndjson, compression, None) => Ok((compression.format(), None)),
            (Self::Parquet, Compression::Zstd, schema) => {
                let table = schema.map_or(Ok(TableSchema::builtin()), read)?;
                Ok((Format::PARQUET, Some(table)))
            }
            (Self::Parquet, Compression::None | Compression::Gzip, _) => {
                let why = "Parquet is always compressed with zstd; leave this out, or give zstd";
                Err(ConfigError::new("compression", why))
            }
        }
    }
}

fn read(file: &Path) -> Result<Arc<TableSchema>, ConfigError> {
    let name = file.display();
    let wrong = |why: String| ConfigError::new("schema", why);
    let document =
        std::fs::read(file).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
    let schema = TableSchema::parse(&document);
    schema
        .map(Arc::new)
        .map_err(|error| wrong(format!("{name}: {error}")))
}
