//! Parquet: the events of an object as rows of typed columns.
//!
//! A row has the columns of a [schema](sluice_schema), then `_rest`, a JSON text of what is in no column, and what leads
//! back to the event: `_shard`, `_chunk` (the first record of its chunk) and `_line` (its place in the object, from 1).
//! [`TableSchema::decode`] gives the events again. [`TableSchema::match_rows`] compares rows with those of the expected
//! events, so an audit proves Parquet as it proves lines.

mod builder;
mod columns;
mod comparison;
mod drift;
mod field_ids;
mod matching;
mod properties;
mod reading;
mod stored_rows;
#[cfg(test)]
mod tests;
mod unmapped;
mod values;
mod writing;

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow_schema::{Fields, SchemaRef};
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::record::SequenceNumber;
use sluice_schema::{Column, ColumnType, InvalidSchema, Mapper, Schema};

#[cfg(feature = "table")]
pub(crate) use self::builder::ColumnBuilder;
pub(crate) use self::columns::written;
pub use self::comparison::have_same_rows;
pub use self::drift::{
    ColumnSample, DriftKind, DriftSample, DriftingValues, OBJECT_EVENTS_MAX, Sampling, TypeSample,
    WatchedColumns,
};
pub use self::field_ids::{FieldIds, StoredColumns};
#[cfg(feature = "table")]
pub(crate) use self::properties::of_table_files;
pub use self::reading::schema_digest;
pub use self::stored_rows::{RowParts, StoredRow};
#[cfg(feature = "table")]
pub(crate) use self::unmapped::UnmappedCounter;
pub use self::unmapped::UnmappedValues;
#[cfg(test)]
pub(crate) use self::values::value as column_value;

/// The columns that each object has after those of its schema.
const REST: &str = "_rest";
const SHARD: &str = "_shard";
const CHUNK: &str = "_chunk";
const LINE: &str = "_line";

/// The key of the digest of the schema in the metadata of an object.
const SCHEMA_KEY: &str = "sluice.schema";

/// A schema, ready to encode and decode objects.
pub struct TableSchema {
    schema: Schema,
    document: String,
    digest: Digest,
    mapper: Mapper,
    /// What is watched for drift.
    watched: Arc<WatchedColumns>,
    /// As it is given to the writer: values that all rows share are a dictionary.
    written: SchemaRef,
    /// The columns as they are read.
    read: Fields,
}

/// Where the rows of an object come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOrigin<'a> {
    /// The shard of the chunk.
    pub shard: &'a str,
    /// The first record of the chunk.
    pub chunk: SequenceNumber,
}

impl RowOrigin<'_> {
    /// A number that is another one for another chunk.
    fn seed(&self) -> u64 {
        let add = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(byte.into());
        self.chunk.to_string().bytes().fold(0, add)
    }
}

/// An encoded object.
#[derive(Clone, Debug)]
pub struct EncodedRows {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The digest of its events as lines, each with its end, whatever the schema and the version of the writer.
    pub digest: ContentDigest,
    /// What no column has.
    pub unmapped: UnmappedValues,
    /// A sample of its events, if one was asked for.
    pub drift: Option<DriftSample>,
}

impl TableSchema {
    /// Prepares a schema.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        let document = schema.document();
        Self {
            digest: Digest::of(document.as_bytes()),
            document,
            mapper: Mapper::new(&schema),
            watched: Arc::new(WatchedColumns::new(&schema)),
            written: written(&schema),
            read: columns::read(&schema),
            schema,
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidSchema`] names the place.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidSchema> {
        Schema::parse(document).map(Self::new)
    }

    /// The schema of the events of the built-in transform `enrich`, for runs without another one.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<TableSchema>> = LazyLock::new(|| {
            let columns = [
                ("event_uuid", ColumnType::String),
                ("event_name", ColumnType::String),
                ("created_at", ColumnType::Double),
                ("created_datetime", ColumnType::String),
                ("event_type", ColumnType::String),
                ("event_subtype", ColumnType::String),
            ];
            let columns = columns.map(|(name, column_type)| Column::new(name, column_type));
            match Schema::new(columns.into()) {
                Ok(schema) => Arc::new(TableSchema::new(schema)),
                Err(error) => unreachable!("its names are different and not reserved: {error}"),
            }
        });
        BUILTIN.clone()
    }

    /// The digest of its document, which names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What maps events to its columns.
    #[cfg(feature = "table")]
    pub(crate) fn mapper(&self) -> &Mapper {
        &self.mapper
    }

    /// Its document in the canonical form.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }
}

impl PartialEq for TableSchema {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TableSchema {}

impl fmt::Debug for TableSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableSchema").field(&self.digest).finish()
    }
}
