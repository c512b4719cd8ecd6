//! The flow of a shard's records, the same in every mode.
//!
//! ```text
//! source → chunk → transform (batches, sandbox) → partition → encode → lake + quarantine + archive → bus →
//! chunk manifest → ledger
//! ```

mod chunk_encoding;
mod chunk_window;
pub mod compute;
pub mod error;
mod landing;
mod run_context;
mod trial;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sluice_engine::outcome::Transformed;
use sluice_engine::record::{Batch, Rid};
use sluice_engine::sandbox::SandboxError;
use tokio::time::Instant;

use self::chunk_encoding::{ChunkEncoded, ChunkToEncode, UntilEncoded};
use self::chunk_window::ChunkWindow;
use self::landing::{ObjectContents, put_archive, put_manifest, put_objects, send_messages};
use crate::layout::chunk::{Chunk, ChunkLimits};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::ledger::store::LedgerStore;
use crate::observe::drift::log_drift;
use crate::pipeline::compute::Task;
use crate::pipeline::error::PipelineError;
use crate::source::ShardBatches;
use crate::source::file::FilePart;

pub use self::run_context::{ChunkPlan, ChunkSpec, NewChunks, RunContext, Shard, Sinks};
pub(crate) use self::trial::try_encoding;

/// Lands a shard to its end, chunk by chunk: one chunk is transformed while the one before is landed. A
/// pending range is replayed first, by the plan `replay`.
///
/// # Errors
/// The first error that does not concern a single record. Committed records stay committed, and the
/// next run resumes after them.
pub async fn run_shard(
    context: &Arc<RunContext>,
    shard: &mut Shard,
    replay: Option<ChunkPlan>,
    new_chunks: &NewChunks,
) -> Result<(), PipelineError> {
    let Shard {
        batches,
        ledger,
        sinks,
    } = shard;
    let replay = replay.map(|plan| ChunkSpec::Replay(Box::new(plan)));
    let first = replay.unwrap_or(ChunkSpec::New(new_chunks));
    let mut ready = build(context, context.chunk_limits(), batches, first, None).await?;
    while let Some(built) = ready {
        let (until_encoded, encoded) = UntilEncoded::new();
        let landing = land(context, sinks, ledger, built, until_encoded);
        let spec = ChunkSpec::New(new_chunks);
        let limits = context.chunk_limits();
        let next = build(context, limits, batches, spec, Some(encoded));
        ((), ready) = tokio::try_join!(landing, next)?;
    }
    Ok(())
}

/// How far a chunk grows while the one before is encoded: to one part in this many of its limit. The same threads
/// transform and encode, so nothing is lost, and the events of two whole chunks are not in memory at once.
const PART_WHILE_ENCODING: u64 = 8;

/// A chunk with its plan, and when its first batch arrived.
pub(crate) struct BuiltChunk {
    pub(crate) chunk: Chunk,
    plan: ChunkPlan,
    opened_at: Instant,
    /// The file up to the end of the chunk, if it is of a file.
    file: Option<FilePart>,
}

/// Reads and transforms the next chunk; `None` at the end of the shard. The chunk stays small until the
/// one before, if there is one, is encoded.
///
/// # Errors
/// The source cannot be read, or the release fails outside of any record.
pub(crate) async fn build(
    context: &RunContext,
    limits: ChunkLimits,
    batches: &mut ShardBatches,
    spec: ChunkSpec<'_>,
    mut before: Option<ChunkEncoded>,
) -> Result<Option<BuiltChunk>, PipelineError> {
    let mut window = ChunkWindow::new(limits, spec.range());
    let (mut plan, mut chunk) = (None, None);
    let mut in_flight = VecDeque::new();
    let mut given = 0;
    loop {
        while window.is_open() && in_flight.len() < 2 * context.compute.threads() {
            match window.next_batch(batches).await? {
                Some(batch)
                    if plan
                        .as_ref()
                        .is_some_and(|plan| spec.ends_before(plan, &batch)) =>
                {
                    window.close();
                    batches.unread(vec![batch]);
                }
                Some(batch) => {
                    let plan = plan.get_or_insert_with(|| spec.plan(&batch));
                    let records = batch.len();
                    in_flight.push_back(transform(context, plan, given, batch));
                    given += records as u64;
                }
                None => window.close(),
            }
        }
        let (Some(next), Some(plan)) = (in_flight.pop_front(), &plan) else {
            break;
        };
        let FinishedBatch {
            batch,
            outcome,
            took,
        } = next.finish().await;
        let (release, outcome) = (plan.release.id(), outcome?);
        context.count_batch(plan, batch.len(), &outcome, took);
        let chunk = chunk.get_or_insert_with(|| Chunk::new(plan.rules(&batch), release));
        chunk.absorb(&batch, outcome);
        context.progress.read(&batch);
        chunk.keep_for_archive(batch);
        if let Some(before) = before.take_if(|_| chunk.takes_a_part(&limits, PART_WHILE_ENCODING)) {
            before.wait().await;
        }
        if plan.range.is_none() && chunk.has_outgrown(&limits) {
            window.close();
            batches.unread(finish_batches(in_flight.drain(..)).await);
        }
    }
    window.check_complete()?;
    let pending = chunk.as_ref().and_then(Chunk::pending);
    let file = pending.and_then(|pending| batches.file_up_to(pending.range.last));
    Ok(match (chunk, plan, window.opened_at()) {
        (Some(chunk), Some(plan), Some(opened_at)) => Some(BuiltChunk {
            chunk,
            plan,
            opened_at,
            file,
        }),
        _ => None,
    })
}

/// A batch with its outcome and the time that it took.
struct FinishedBatch {
    batch: Batch,
    outcome: Result<Transformed, SandboxError>,
    took: Duration,
}

type TransformTask = Task<FinishedBatch>;

/// Transforms a batch that begins with the record at position `begin` of its chunk.
fn transform(context: &RunContext, plan: &ChunkPlan, begin: u64, batch: Batch) -> TransformTask {
    let release = plan.release.clone();
    let known = plan.resource_faults.of_batch(begin, batch.len());
    let shadow = plan
        .shadow
        .clone()
        .map(|shadow| (shadow, context.shadow.clone()));
    let timing = context.progress.times.transform.clone();
    context.compute.spawn(move || {
        let started = Instant::now();
        let outcome = release.run(&batch, &known);
        let took = started.elapsed();
        timing.observe(took);
        if let (Some((shadow, seen)), Ok(outcome)) = (shadow, &outcome) {
            seen.compare(&shadow, &batch, outcome, took);
        }
        FinishedBatch {
            batch,
            outcome,
            took,
        }
    })
}

async fn finish_batches(tasks: impl Iterator<Item = TransformTask>) -> Vec<Batch> {
    let mut batches = Vec::new();
    for task in tasks {
        batches.push(task.finish().await.batch);
    }
    batches
}

/// Stores the release and the schema in the lake, pins the chunk, writes its objects, its records into the archive, its
/// messages and its manifest, and only then commits it.
async fn land(
    context: &Arc<RunContext>,
    sinks: &Sinks,
    ledger: &mut LedgerStore,
    built: BuiltChunk,
    until_encoded: UntilEncoded,
) -> Result<(), PipelineError> {
    let BuiltChunk {
        mut chunk,
        plan,
        opened_at,
        file,
    } = built;
    let (Some(pending), Some(last_digest)) = (chunk.pending(), chunk.last_digest()) else {
        return Ok(());
    };
    if plan.range.is_some() {
        check_faults(&chunk, &plan)?;
    }
    let range = pending.range;
    sinks.registry.keep(plan.release.bundle()).await?;
    if let Some(table) = &plan.table {
        sinks.schemas.keep(table).await?;
    }
    let part = file.as_ref().map(|part| (&part.name, part.prefix));
    let prefix = file.as_ref().map(|part| part.prefix);
    ledger.pin(pending, part).await?;
    let outline = chunk.outline();
    let after = ledger.ledger().await.committed().map(|done| done.last);
    let (header, batches) = (outline.archive_header(after), chunk.take_batches());
    let chunk = Arc::new(chunk);
    // Without messages, nobody reads the events again after they are encoded.
    let for_messages = outline.pins.messages.map(|_| chunk.clone());
    let chunk = ChunkToEncode::new(chunk, until_encoded);
    let archive = plan.archive.as_ref();
    let archiving = put_archive(context, archive, header, batches, chunk.clone());
    let (objects, archived) = tokio::try_join!(put_objects(context, sinks, chunk), archiving)?;
    let ObjectContents {
        contents,
        unmapped,
        drift,
    } = objects;
    if let Some(chunk) = for_messages {
        send_messages(context, sinks, ledger, &chunk).await?;
    }
    let counts = outline.counts.clone();
    let manifest = ChunkManifest::new(outline, after, last_digest, contents).with_archive(archived);
    put_manifest(context, sinks, &manifest).await?;
    ledger.commit(range, last_digest, prefix).await?;
    let (progress, release) = (&context.progress, plan.release.id());
    progress.landed(&sinks.shard, release, &counts);
    progress.found_unmapped(&unmapped);
    // A repetition has the schema that it was pinned with, which can be an older one.
    if plan.range.is_none() {
        log_drift(&progress.found_drift(drift));
    }
    context.progress.times.chunk.observe(opened_at.elapsed());
    context.health.committed(&sinks.shard, range.last);
    Ok(())
}

/// Checks that in a repetition only those records fail by a resource that did when the range was pinned.
fn check_faults(chunk: &Chunk, plan: &ChunkPlan) -> Result<(), PipelineError> {
    let new = chunk.new_faults(&plan.resource_faults).next();
    new.map_or(Ok(()), |faulty| {
        let (shard, position, fault) = (&faulty.shard, faulty.position, faulty.fault);
        let record = Rid { shard, position }.to_string();
        Err(PipelineError::NewFault { record, fault })
    })
}
