//! Why the files of a table cannot be written.

use std::io;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use sluice_storage::error::StorageError;
use thiserror::Error;

use crate::sink::schema_store::SchemaStoreError;
use crate::table::documents::DocumentError;

/// Why the files cannot be written. None of them is part of the table then.
#[derive(Debug, Error)]
pub enum FilesError {
    /// An object of a committed chunk is gone.
    #[error(
        "{0} does not exist, but its chunk is committed; perhaps a lifecycle rule of the lake has removed it. Restore it, \
         for example from an earlier version in the bucket, and run the command again. Nothing was committed to the table"
    )]
    Missing(String),
    /// An object is not what its chunk manifest says.
    #[error(
        "{place}: {why}; its chunk manifest says otherwise. Find out what has changed it (`sluice audit` lists all such \
         objects), restore it, and run the command again. Nothing was committed to the table"
    )]
    Damaged {
        /// The object.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The schema of an object cannot be read.
    #[error("the schema of {place} cannot be used: {source}")]
    Schema {
        /// The object.
        place: String,
        /// Why.
        source: SchemaStoreError,
    },
    /// The lake cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys of earlier attempts cannot be read.
    #[error(transparent)]
    Keys(#[from] DocumentError),
    /// A column of the schema or of the partitions does not fit the table.
    #[error("column {column}: {why}")]
    Column {
        /// Its name; of a part of a column, the names that lead to it.
        column: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A local file cannot be written or read.
    #[error(
        "cannot use {path}: {source}; free some space there, or choose another folder for temporary files"
    )]
    Scratch {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rows cannot be written as Parquet.
    #[error("cannot write rows as Parquet: {0}")]
    Encoding(#[from] ParquetError),
    /// The threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(String),
    /// The files have another number of rows than the objects have events.
    #[error(
        "the files have {rows} rows, and the objects {lines} events that are no duplicates; this is a bug of Sluice. Nothing was committed"
    )]
    OtherRows {
        /// The number of rows.
        rows: u64,
        /// The number of events.
        lines: u64,
    },
    /// The work was cancelled, or one of its tasks has failed.
    #[error("writing the files of the table was cancelled")]
    Cancelled,
}

impl From<ArrowError> for FilesError {
    fn from(error: ArrowError) -> Self {
        Self::Encoding(error.into())
    }
}

/// The error of a local file.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> FilesError {
    move |source| FilesError::Scratch {
        path: path.to_owned(),
        source,
    }
}
