//! What ends a run: every fault that is not a record's.

use std::io;

use thiserror::Error;

use crate::ledger::Range;
use crate::ledger::store::StoreError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::transform::registry::RegistryError;
use crate::transform::sandbox::SandboxError;

/// Why a shard could not be landed to its end.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The source cannot be read on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The transform as a whole failed.
    #[error("the transform failed outside of any record: {0}")]
    Transform(#[from] SandboxError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The release cannot be kept beside what it writes.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The lake or the bus cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// An object could not be compressed.
    #[error("cannot compress an object: {0}")]
    Encode(io::Error),
    /// The source does not give a pinned range as it was.
    #[error(
        "an interrupted run had begun to write the {} records from {} to {}, and the source does not \
         give these records any more; bring the source back as it was",
        .0.count, .0.first, .0.last
    )]
    RangeChanged(Range),
    /// A task of the run was cancelled or panicked.
    #[error("a task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The run is being torn down.
    #[error("the run is ending")]
    Ending(#[from] tokio::sync::AcquireError),
}

/// What a ledger said, where that is what a run's error is about.
#[must_use]
pub fn ledger_error(error: &anyhow::Error) -> Option<&StoreError> {
    match error.downcast_ref() {
        Some(PipelineError::Ledger(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}
