//! Writes the objects and messages of a chunk.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{RunContext, Sinks};
use crate::format::Format;
use crate::layout::Destination;
use crate::layout::chunk::Chunk;
use crate::layout::object_notification;
use crate::pipeline::error::PipelineError;
use crate::sink::{Lake, Messages};

/// Encodes and puts all objects of the chunk, with enough concurrent puts to keep the cores busy.
pub(super) async fn put_objects(
    context: &Arc<RunContext>,
    sinks: &Sinks,
    chunk: &Arc<Chunk>,
    format: Format,
) -> Result<(), PipelineError> {
    let at_once = Arc::new(Semaphore::new(
        sinks.lake.puts_at_once(context.compute.threads()),
    ));
    let mut puts = JoinSet::new();
    for destination in chunk.destinations().cloned() {
        let permit = at_once.clone().acquire_owned().await?;
        let (context, lake, chunk) = (context.clone(), sinks.lake.clone(), chunk.clone());
        puts.spawn(async move {
            let _until_written = permit;
            put_object(&context, &lake, chunk, destination, format).await
        });
        while let Some(put) = puts.try_join_next() {
            put??;
        }
    }
    while let Some(put) = puts.join_next().await {
        put??;
    }
    Ok(())
}

async fn put_object(
    context: &RunContext,
    lake: &Lake,
    chunk: Arc<Chunk>,
    destination: Destination,
    format: Format,
) -> Result<(), PipelineError> {
    let (level, with_digest) = (context.level, lake.wants_digests());
    let in_lake = matches!(destination, Destination::Lake(_));
    let encode = move || chunk.encode(&destination, format, level, with_digest);
    let object = context
        .compute
        .spawn(encode)
        .finish()
        .await
        .map_err(PipelineError::Encode)?;
    let bytes = object.body.len() as u64;
    let started = Instant::now();
    lake.put(object).await?;
    context.progress.times.put.observe(started.elapsed());
    context.progress.put(bytes, in_lake);
    Ok(())
}

/// Sends the messages of the chunk. They may point to its objects, so these must be put first.
pub(super) async fn send_messages(
    context: &RunContext,
    sinks: &Sinks,
    chunk: &Chunk,
    format: Format,
) -> Result<(), PipelineError> {
    let Some(bus) = &sinks.bus else {
        return Ok(());
    };
    let started = Instant::now();
    let sent = match sinks.messages {
        Messages::Objects => {
            let messages = object_notification::of(chunk, format, &sinks.lake_name);
            if !messages.is_empty() {
                bus.notify(&chunk.origin(), &messages).await?;
            }
            messages.len() as u64
        }
        Messages::Events => {
            let messages = chunk.messages().len() as u64;
            if messages > 0 {
                bus.send(chunk, format).await?;
            }
            messages
        }
    };
    if sent > 0 {
        context.progress.times.send.observe(started.elapsed());
        context.progress.sent(sent);
    }
    Ok(())
}
