//! The errors that end a run. A fault of a single record does not: the record is quarantined.

use std::io;

use sluice_engine::outcome::Fault;
use sluice_engine::sandbox::SandboxError;
use sluice_release::registry::RegistryError;
use sluice_storage::error::{ErrorKind, RequestError, StorageError};
use thiserror::Error;

use crate::ledger::Range;
use crate::ledger::store::StoreError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::source::kinesis::KinesisError;

/// Why a shard could not be landed to its end.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The transform as a whole failed.
    #[error("the transform failed outside of any record")]
    Transform(#[from] SandboxError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The release cannot be stored in the lake.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The lake or the bus cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// An object could not be compressed.
    #[error("cannot compress an object: {0}")]
    Encode(io::Error),
    /// The source no longer has the pinned records.
    #[error(
        "an interrupted run had pinned the {} records from {} to {}, and the source no longer has exactly \
         these records; restore the source",
        .0.count, .0.first, .0.last
    )]
    RangeChanged(Range),
    /// In the repetition of a pinned range, a record failed that did not when the range was pinned. Objects
    /// with its events may exist already.
    #[error(
        "record {record} failed ({}) in the repetition of a pinned range, and did not when the range was \
         pinned; nothing was written. Try again when the machine is less busy, or finish the range with the \
         version of the program that pinned it",
        .fault.code()
    )]
    NewFault {
        /// The id of the record.
        record: String,
        /// How it failed.
        fault: Fault,
    },
    /// A task of the run was cancelled or panicked.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The run is shutting down.
    #[error("the run is ending")]
    Ending(#[from] tokio::sync::AcquireError),
}

impl PipelineError {
    /// The kind of the error of a file system or a service.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Source(error) => error.kind(),
            Self::Ledger(error) => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Sink(error) => error.kind(),
            Self::Transform(_)
            | Self::Encode(_)
            | Self::RangeChanged(_)
            | Self::NewFault { .. }
            | Self::Task(_)
            | Self::Ending(_) => None,
        }
    }
}

/// The kind of the error of a file system or a service that caused a run's error, if one did.
#[must_use]
pub fn error_kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let request = cause.downcast_ref().map(RequestError::kind);
        let storage = || cause.downcast_ref().map(StorageError::kind);
        let stream = || cause.downcast_ref().map(KinesisError::kind);
        let ledger = || cause.downcast_ref().and_then(StoreError::kind);
        let registry = || cause.downcast_ref().and_then(RegistryError::kind);
        let sink = || cause.downcast_ref().and_then(SinkError::kind);
        let pipeline = || cause.downcast_ref().and_then(PipelineError::kind);
        request
            .or_else(storage)
            .or_else(stream)
            .or_else(ledger)
            .or_else(registry)
            .or_else(sink)
            .or_else(pipeline)
    })
}

/// The ledger error that caused a run's error, if one did.
#[must_use]
pub fn ledger_error(error: &anyhow::Error) -> Option<&StoreError> {
    match error.downcast_ref() {
        Some(PipelineError::Ledger(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}
