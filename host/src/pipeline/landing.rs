//! Writes the objects and messages of a chunk.

use std::sync::Arc;
use std::time::Instant;

use sluice_engine::record::ShardId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{RunContext, Sinks};
use crate::layout::chunk::Chunk;
use crate::layout::chunk_manifest::ChunkManifest;
use crate::layout::{Content, Destination, object_notification};
use crate::ledger::messages::Messages;
use crate::pipeline::error::PipelineError;
use crate::sink::Lake;

/// Encodes and puts all objects of the chunk, with enough concurrent puts to keep the cores busy. Returns what
/// they hold.
pub(super) async fn put_objects(
    context: &Arc<RunContext>,
    sinks: &Sinks,
    chunk: &Arc<Chunk>,
) -> Result<Vec<(Destination, Content)>, PipelineError> {
    let at_once = Arc::new(Semaphore::new(
        sinks.lake.puts_at_once(context.compute.threads()),
    ));
    let (mut puts, mut contents) = (JoinSet::new(), Vec::new());
    for destination in chunk.destinations().cloned() {
        let permit = at_once.clone().acquire_owned().await?;
        let (context, lake, chunk) = (context.clone(), sinks.lake.clone(), chunk.clone());
        puts.spawn(async move {
            let _until_written = permit;
            put_object(&context, &lake, chunk, destination).await
        });
        while let Some(put) = puts.try_join_next() {
            contents.push(put??);
        }
    }
    while let Some(put) = puts.join_next().await {
        contents.push(put??);
    }
    Ok(contents)
}

async fn put_object(
    context: &RunContext,
    lake: &Lake,
    chunk: Arc<Chunk>,
    destination: Destination,
) -> Result<(Destination, Content), PipelineError> {
    let level = context.level;
    let put = destination.clone();
    let in_lake = matches!(put, Destination::Lake(_));
    let encode = move || chunk.encode(&destination, level);
    let object = context
        .compute
        .spawn(encode)
        .finish()
        .await
        .map_err(PipelineError::Encode)?;
    let (bytes, content) = (object.body.len() as u64, object.content);
    let started = Instant::now();
    lake.put(object).await?;
    context.progress.times.put.observe(started.elapsed());
    context.progress.put(bytes, in_lake);
    Ok((put, content))
}

/// Sends the messages of the chunk. They may point to its objects, so these must be put first.
pub(super) async fn send_messages(
    context: &RunContext,
    sinks: &Sinks,
    chunk: &Chunk,
) -> Result<(), PipelineError> {
    let Some(messages) = chunk.pins().messages else {
        return Ok(());
    };
    let Some(bus) = &sinks.bus else {
        warn_without_bus(&sinks.shard, chunk);
        context.progress.not_sent(chunk.messages_sent());
        return Ok(());
    };
    let started = Instant::now();
    let sent = match messages {
        Messages::Objects => {
            let messages = object_notification::of(chunk, &sinks.lake_name);
            if !messages.is_empty() {
                bus.notify(&chunk.origin(), &messages).await?;
            }
            messages.len() as u64
        }
        Messages::Events => {
            let messages = chunk.messages().len() as u64;
            if messages > 0 {
                bus.send(chunk).await?;
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

/// A range that was pinned with a bus is finished without one.
fn warn_without_bus(shard: &ShardId, chunk: &Chunk) {
    let messages = chunk.messages_sent();
    if messages > 0 {
        tracing::warn!(
            %shard,
            messages,
            "an interrupted run had pinned this range with a bus, and this run has none: its messages are not sent"
        );
    }
}

/// Puts the manifest of the chunk. It names the objects, so these must be put first.
pub(super) async fn put_manifest(
    context: &RunContext,
    sinks: &Sinks,
    manifest: &ChunkManifest,
) -> Result<(), PipelineError> {
    let started = Instant::now();
    sinks.lake.put_manifest(manifest).await?;
    context.progress.times.manifest.observe(started.elapsed());
    Ok(())
}
