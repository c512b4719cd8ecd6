//! Encodes the events of a chunk that is not landed, as a dry run does.

use std::sync::Arc;

use super::RunContext;
use crate::format::parquet::UnmappedValues;
use crate::layout::Destination;
use crate::layout::chunk::Chunk;
use crate::observe::drift::{ChunkDrift, log_drift};
use crate::pipeline::error::PipelineError;

/// Encodes the events of a chunk with columns, and counts what no column has and how they drift from the schema, as landing
/// does. Nothing is kept of the objects.
///
/// # Errors
/// The chunk cannot be encoded.
pub(crate) async fn try_encoding(context: &RunContext, chunk: Chunk) -> Result<(), PipelineError> {
    if chunk.pins().format.has_lines() {
        return Ok(());
    }
    let chunk = Arc::new(chunk);
    let in_lake = chunk
        .destinations()
        .filter(|to| matches!(to, Destination::Lake(_)));
    let tasks = in_lake.cloned().map(|destination| {
        let (chunk, level) = (chunk.clone(), context.level);
        context.compute.spawn(move || {
            let encoded = chunk.encode(&destination, level);
            encoded.map(|object| (object.unmapped, object.drift))
        })
    });
    let (mut unmapped, mut drift) = (UnmappedValues::default(), ChunkDrift::default());
    for task in tasks.collect::<Vec<_>>() {
        let (values, sample) = task.finish().await.map_err(PipelineError::Encode)?;
        unmapped.absorb(&values);
        if let Some(sample) = sample {
            drift.add(sample);
        }
    }
    context.progress.found_unmapped(&unmapped);
    log_drift(&context.progress.found_drift(drift));
    Ok(())
}
