//! The whole flow of a shard, the same in every mode.
//!
//! ```text
//! source → chunk → transform (slices, sandbox) → partition → encode → lake + bus + quarantine → ledger
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, block_in_place, spawn_blocking};

use crate::chunk::{Chunk, ChunkLimits};
use crate::compute::{Compute, Task};
use crate::encode::{Format, Level};
use crate::error::PipelineError;
use crate::files::Scratch;
use crate::ledger::Range;
use crate::ledger::store::LedgerFile;
use crate::progress::Progress;
use crate::record::{SequenceNumber, ShardId, Slice};
use crate::sink::Destination;
use crate::sink::directory::{DirectoryBus, DirectoryLake};
use crate::source::Slices;
use crate::transform::admit::Release;
use crate::transform::outcome::Transformed;
use crate::transform::sandbox::SandboxError;

/// What all shards of a run share.
pub struct Host {
    /// Transforms and encodes.
    pub compute: Compute,
    /// Where events go.
    pub lake: DirectoryLake,
    /// Where messages go.
    pub bus: Option<DirectoryBus>,
    /// When a fresh chunk closes.
    pub chunk_limits: ChunkLimits,
    /// The most partitions that a chunk may open.
    pub max_partitions: usize,
    /// The format of a fresh chunk's objects.
    pub format: Format,
    /// How hard they are compressed.
    pub level: Level,
    /// What has been done so far.
    pub progress: Progress,
}

/// One shard that this process holds.
pub struct Shard {
    /// Its records from behind what is committed.
    pub slices: Slices,
    /// Its ledger.
    pub ledger: LedgerFile,
    /// Where its objects are made.
    pub lake_scratch: Arc<Scratch>,
    /// Where its bus files are made.
    pub bus_scratch: Option<Arc<Scratch>>,
}

/// How the next chunk is made.
pub struct Plan {
    /// By which release.
    pub release: Arc<Release>,
    /// In which format.
    pub format: Format,
    /// Of exactly which records; a fresh chunk closes by its limits.
    pub range: Option<Range>,
    /// Which of them ran out of wall time before.
    pub condemned: Arc<[SequenceNumber]>,
}

/// Lands a shard to its end, chunk by chunk; the next is transformed while one is landed. `replay` is
/// the plan of a range that was pending, which comes first.
///
/// # Errors
/// The first fault that is not a record's. What was committed stays committed, and a later run takes
/// up from there.
pub async fn run_shard(
    host: &Arc<Host>,
    shard: &mut Shard,
    replay: Option<&Plan>,
    fresh: &Plan,
) -> Result<(), PipelineError> {
    let id = shard.ledger.ledger().shard().clone();
    let first = replay.unwrap_or(fresh);
    let mut ready = build(host, &id, &mut shard.slices, first).await?;
    let mut format = first.format;
    while let Some(chunk) = ready {
        let scratch = (&shard.lake_scratch, shard.bus_scratch.as_ref());
        let landing = land(host, &mut shard.ledger, scratch, chunk, format);
        let building = build(host, &id, &mut shard.slices, fresh);
        ((), ready) = tokio::try_join!(landing, building)?;
        format = fresh.format;
    }
    Ok(())
}

/// Reads and transforms the next chunk; `None` at the end of the shard.
async fn build(
    host: &Host,
    shard: &ShardId,
    slices: &mut Slices,
    plan: &Plan,
) -> Result<Option<Chunk>, PipelineError> {
    let with_messages = host.bus.is_some();
    let mut chunk = Chunk::new(
        shard.clone(),
        plan.release.id(),
        with_messages,
        host.max_partitions,
    );
    let mut gate = Gate::new(host.chunk_limits, plan.range);
    let mut in_flight = VecDeque::new();
    loop {
        while gate.is_open() && in_flight.len() < 2 * host.compute.threads() {
            match slices.next().await? {
                Some(slice) => {
                    host.progress.read(&slice);
                    if !slice.is_empty() {
                        gate.let_in(&slice)?;
                        in_flight.push_back(transform(host, plan, slice));
                    }
                }
                None => gate.close(),
            }
        }
        let Some(next) = in_flight.pop_front() else {
            break;
        };
        let (slice, outcome) = next.finish().await;
        chunk.absorb(&slice, outcome?);
        if plan.range.is_none() && chunk.is_overgrown(&host.chunk_limits) {
            gate.close();
            slices.unread(take_back(in_flight.drain(..)).await);
        }
    }
    gate.check_complete()?;
    Ok(chunk.last_digest().is_some().then_some(chunk))
}

type Transforming = Task<(Slice, Result<Transformed, SandboxError>)>;

fn transform(host: &Host, plan: &Plan, slice: Slice) -> Transforming {
    let (release, condemned) = (plan.release.clone(), plan.condemned.clone());
    host.compute.spawn(move || {
        let outcome = release.run(&slice, &condemned);
        (slice, outcome)
    })
}

async fn take_back(tasks: impl Iterator<Item = Transforming>) -> Vec<Slice> {
    let mut slices = Vec::new();
    for task in tasks {
        slices.push(task.finish().await.0);
    }
    slices
}

/// Lets slices into a chunk until it is full, or until exactly the pinned range is in.
struct Gate {
    limits: ChunkLimits,
    range: Option<Range>,
    bytes: u64,
    records: u64,
    last: Option<SequenceNumber>,
    closed: bool,
}

impl Gate {
    fn new(limits: ChunkLimits, range: Option<Range>) -> Self {
        Self {
            limits,
            range,
            bytes: 0,
            records: 0,
            last: None,
            closed: false,
        }
    }

    fn is_open(&self) -> bool {
        !self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn let_in(&mut self, slice: &Slice) -> Result<(), PipelineError> {
        let last = slice.positions().last().map(|position| position.sequence);
        if self.records == 0
            && let Some(range) = self.range
        {
            let first = slice.positions().first().map(|position| position.sequence);
            if first != Some(range.first) {
                return Err(PipelineError::RangeChanged(range));
            }
        }
        self.bytes += slice.data().len() as u64;
        self.records += slice.len() as u64;
        self.last = last;
        self.closed = match self.range {
            Some(range) => last >= Some(range.last),
            None => self.bytes >= self.limits.bytes || self.records >= self.limits.records,
        };
        Ok(())
    }

    /// A pinned range that cannot be read as it was must not be committed.
    fn check_complete(&self) -> Result<(), PipelineError> {
        match self.range {
            Some(range) if self.last != Some(range.last) || self.records != range.count => {
                Err(PipelineError::RangeChanged(range))
            }
            _ => Ok(()),
        }
    }
}

/// Pins the chunk, writes everything that came of it, and only then commits it.
async fn land(
    host: &Arc<Host>,
    ledger: &mut LedgerFile,
    (lake_scratch, bus_scratch): (&Arc<Scratch>, Option<&Arc<Scratch>>),
    chunk: Chunk,
    format: Format,
) -> Result<(), PipelineError> {
    let (Some(pending), Some(last_digest)) = (chunk.pending(format), chunk.last_digest()) else {
        return Ok(());
    };
    block_in_place(|| ledger.pin(pending, lake_scratch))?;
    let chunk = Arc::new(chunk);
    let counts = chunk.counts();
    put_objects(host, lake_scratch, &chunk, format).await?;
    if let (Some(bus), Some(scratch)) = (&host.bus, bus_scratch) {
        send_messages(host, bus, scratch, &chunk).await?;
    }
    drop(chunk);
    block_in_place(|| ledger.commit(last_digest, lake_scratch))?;
    host.progress.landed(&counts);
    Ok(())
}

/// Encodes and puts each object of the chunk, as many at a time as keep the cores busy.
async fn put_objects(
    host: &Arc<Host>,
    scratch: &Arc<Scratch>,
    chunk: &Arc<Chunk>,
    format: Format,
) -> Result<(), PipelineError> {
    let at_once = Arc::new(Semaphore::new(4 * host.compute.threads()));
    let mut puts = JoinSet::new();
    for destination in chunk.destinations().cloned() {
        let permit = at_once.clone().acquire_owned().await?;
        let (host, scratch, chunk) = (host.clone(), scratch.clone(), chunk.clone());
        puts.spawn(async move {
            let _until_written = permit;
            put_object(&host, scratch, chunk, destination, format).await
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
    host: &Host,
    scratch: Arc<Scratch>,
    chunk: Arc<Chunk>,
    destination: Destination,
    format: Format,
) -> Result<(), PipelineError> {
    let level = host.level;
    let key = chunk.origin().object_key(&destination, format);
    let in_lake = matches!(destination, Destination::Lake(_));
    let object = host
        .compute
        .spawn(move || chunk.encode(&destination, format, level));
    let object = object.finish().await.map_err(PipelineError::Encode)?;
    let bytes = object.len() as u64;
    let lake = host.lake.clone();
    spawn_blocking(move || lake.put(&scratch, &key, &object, format)).await??;
    host.progress.put(bytes, in_lake);
    Ok(())
}

async fn send_messages(
    host: &Host,
    bus: &DirectoryBus,
    scratch: &Arc<Scratch>,
    chunk: &Arc<Chunk>,
) -> Result<(), PipelineError> {
    let messages = chunk.messages().len() as u64;
    if messages > 0 {
        let (bus, scratch, chunk) = (bus.clone(), scratch.clone(), chunk.clone());
        spawn_blocking(move || bus.send(&scratch, &chunk)).await??;
        host.progress.sent(messages);
    }
    Ok(())
}
