//! Writes the objects and messages of a chunk.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use sluice_engine::record::{Batch, ShardId};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use super::chunk_encoding::ChunkToEncode;
use super::{RunContext, Sinks};
use crate::format::Level;
use crate::format::parquet::{DriftSample, UnmappedValues};
use crate::layout::archive::{ARCHIVE_FORMAT, ArchiveHeader, ArchiveObject};
use crate::layout::chunk::Chunk;
use crate::layout::chunk_manifest::{ChunkManifest, ManifestArchive};
use crate::layout::{Content, Destination, Object, object_notification};
use crate::ledger::Sent;
use crate::ledger::messages::Messages;
use crate::ledger::store::LedgerStore;
use crate::observe::drift::ChunkDrift;
use crate::output::with_causes;
use crate::pipeline::error::PipelineError;
use crate::sink::bus::{Bus, SendProgress};
use crate::sink::{Archive, Lake};

/// The objects of a shard that are encoded and not put yet, bytes. Enough for most objects of most chunks, so that slow
/// puts do not keep the events of the chunk in memory.
const WAITING_BYTES: usize = 8 << 20;

/// What an object counts at least among these, bytes, so that there are not too many of them.
const WAITING_LEAST_BYTES: usize = 64 << 10;

/// How much of the work on objects is done at once.
struct Slots {
    encode: Arc<Semaphore>,
    waiting: Semaphore,
    put: Semaphore,
}

impl Slots {
    fn new(threads: usize, puts: usize) -> Self {
        Self {
            encode: Arc::new(Semaphore::new(2 * threads)),
            waiting: Semaphore::new(WAITING_BYTES),
            put: Semaphore::new(puts),
        }
    }

    /// Waits until an encoded object of this many bytes may wait to be put.
    async fn wait(&self, bytes: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        let bytes = bytes.clamp(WAITING_LEAST_BYTES, WAITING_BYTES);
        self.waiting
            .acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX))
            .await
    }
}

/// What the objects of a chunk hold.
#[derive(Default)]
pub(super) struct ObjectContents {
    /// Each of them.
    pub(super) contents: Vec<(Destination, Content)>,
    /// What no column of them has.
    pub(super) unmapped: UnmappedValues,
    /// Samples of their events.
    pub(super) drift: ChunkDrift,
}

impl ObjectContents {
    fn add(&mut self, put: PutObject) {
        self.contents.push((put.destination, put.content));
        self.unmapped.absorb(&put.unmapped);
        if let Some(sample) = put.drift {
            self.drift.add(sample);
        }
    }
}

/// What an object that was put holds.
struct PutObject {
    destination: Destination,
    content: Content,
    unmapped: UnmappedValues,
    drift: Option<DriftSample>,
}

/// Encodes and puts all objects of the chunk, with enough concurrent puts to keep the cores busy. Returns what
/// they hold. The chunk is dropped when the last object is encoded, which can be long before all are put.
pub(super) async fn put_objects(
    context: &Arc<RunContext>,
    sinks: &Sinks,
    chunk: Arc<ChunkToEncode>,
) -> Result<ObjectContents, PipelineError> {
    let threads = context.compute.threads();
    let slots = Arc::new(Slots::new(threads, sinks.lake.puts_at_once(threads)));
    let destinations: Vec<_> = chunk.destinations().cloned().collect();
    let (mut puts, mut contents) = (JoinSet::new(), ObjectContents::default());
    for destination in destinations {
        let slot = slots.encode.clone().acquire_owned().await?;
        let (context, lake) = (context.clone(), sinks.lake.clone());
        let (chunk, slots) = (chunk.clone(), slots.clone());
        puts.spawn(async move {
            let encoded = encode(&context, chunk, destination).await;
            let object = encoded.map_err(PipelineError::Encode)?;
            let _until_put = slots.wait(object.body.len()).await?;
            drop(slot);
            let _until_put = slots.put.acquire().await?;
            put_object(&context, &lake, object).await
        });
        while let Some(put) = puts.try_join_next() {
            contents.add(put??);
        }
    }
    drop(chunk);
    while let Some(put) = puts.join_next().await {
        contents.add(put??);
    }
    Ok(contents)
}

async fn encode(
    context: &RunContext,
    chunk: Arc<ChunkToEncode>,
    destination: Destination,
) -> io::Result<Object> {
    let level = context.level;
    let encode = move || chunk.encode(&destination, level);
    context.compute.spawn(encode).finish().await
}

async fn put_object(
    context: &RunContext,
    lake: &Lake,
    mut object: Object,
) -> Result<PutObject, PipelineError> {
    let bytes = object.body.len() as u64;
    let put = PutObject {
        destination: object.destination.clone(),
        content: object.content,
        unmapped: std::mem::take(&mut object.unmapped),
        drift: object.drift.take(),
    };
    let in_lake = matches!(put.destination, Destination::Lake(_));
    let started = Instant::now();
    lake.put(object).await?;
    context.progress.times.put.observe(started.elapsed());
    context.progress.put(bytes, in_lake);
    Ok(put)
}

/// Encodes and puts the records of the chunk into the archive of its plan, if it has one. Returns what its manifest says
/// about them.
pub(super) async fn put_archive(
    context: &RunContext,
    archive: Option<&Archive>,
    header: ArchiveHeader,
    batches: Vec<Batch>,
    chunk: Arc<ChunkToEncode>,
) -> Result<Option<ManifestArchive>, PipelineError> {
    let Some(archive) = archive else {
        return Ok(None);
    };
    let is_zstd = chunk.pins().format.codec() == ARCHIVE_FORMAT.codec();
    let level = if is_zstd {
        context.level
    } else {
        Level::default()
    };
    let encode = move || {
        let encoded = ArchiveObject::encode(&header, batches, level);
        drop(chunk);
        encoded
    };
    let encoded = context.compute.spawn(encode).finish().await;
    let object = encoded.map_err(PipelineError::Encode)?;
    let archived = ManifestArchive::new(&object.key, object.content);
    let bytes = object.body.len() as u64;
    let started = Instant::now();
    archive.put(object).await?;
    context.progress.times.put.observe(started.elapsed());
    context.progress.put_into_archive(bytes);
    Ok(Some(archived))
}

/// Sends the messages of the chunk. They may point to its objects, so these must be put first. `ledger` notes how far it
/// has come.
pub(super) async fn send_messages(
    context: &RunContext,
    sinks: &Sinks,
    ledger: &mut LedgerStore,
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
        Messages::Events | Messages::Packed if chunk.messages().len() == 0 => 0,
        Messages::Events | Messages::Packed => {
            send_events(context, bus.as_ref(), ledger, chunk).await?
        }
    };
    if sent > 0 {
        context.progress.times.send.observe(started.elapsed());
        context.progress.sent(sent);
    }
    Ok(())
}

/// Sends the messages about the events of a chunk, and notes meanwhile how many the bus has, so that a repetition sends only the
/// others. Returns how many were sent.
async fn send_events(
    context: &RunContext,
    bus: &dyn Bus,
    ledger: &mut LedgerStore,
    chunk: &Chunk,
) -> Result<u64, PipelineError> {
    let (Some(id), Some(pending)) = (bus.id(), chunk.pending()) else {
        return Ok(bus.send(chunk, &SendProgress::new(None)).await?);
    };
    let progress = SendProgress::new(ledger.ledger().await.sent_to(id));
    let accepted = |messages| Sent {
        bus: id,
        messages,
        of: progress.messages(),
    };
    let sending = async {
        let sent = bus.send(chunk, &progress).await;
        progress.end();
        Ok(sent)
    };
    let noting = async {
        while let Some(messages) = progress.next_note().await {
            ledger.note_sent(pending.range, accepted(messages)).await?;
        }
        Ok::<_, PipelineError>(())
    };
    let (sent, ()) = tokio::try_join!(sending, noting)?;
    if sent.is_err()
        && let Some(messages) = progress.unnoted()
    {
        let noted = ledger.note_sent(pending.range, accepted(messages));
        if let Err(error) = noted.await {
            let error = with_causes(&error.into());
            tracing::warn!(
                error,
                "cannot note which messages are sent: a repetition sends them again"
            );
        }
    }
    let sent = sent?;
    context.progress.known_as_sent(progress.known());
    Ok(sent)
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
