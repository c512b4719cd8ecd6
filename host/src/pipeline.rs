//! The whole flow of a shard, the same in every mode.
//!
//! ```text
//! source → chunk → transform (slices, sandbox) → partition → encode → lake + bus + quarantine → ledger
//! ```

mod gate;
mod host;
mod landing;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use self::gate::Gate;
use self::landing::{put_objects, send_messages};
use crate::chunk::{Chunk, ChunkLimits, ChunkRules};
use crate::compute::Task;
use crate::error::PipelineError;
use crate::ledger::store::LedgerStore;
use crate::record::Slice;
use crate::source::Slices;
use crate::transform::outcome::Transformed;
use crate::transform::sandbox::SandboxError;

pub use self::host::{Host, Plan, Shard, Sinks};

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
    let Shard {
        slices,
        ledger,
        sinks,
    } = shard;
    let mut plan = replay.unwrap_or(fresh);
    let rules = || (sinks.chunk_rules(host), host.chunk_limits());
    let mut ready = build(host, rules(), slices, plan).await?;
    while let Some(built) = ready {
        let landing = land(host, sinks, ledger, built, plan);
        ((), ready) = tokio::try_join!(landing, build(host, rules(), slices, fresh))?;
        plan = fresh;
    }
    Ok(())
}

/// A chunk, and when its first slice came.
pub(crate) struct Built {
    pub(crate) chunk: Chunk,
    opened_at: Instant,
}

/// Reads and transforms the next chunk; `None` at the end of the shard.
///
/// # Errors
/// A source that cannot be read on, or a release that fails outside of any record.
pub(crate) async fn build(
    host: &Host,
    (rules, limits): (ChunkRules, ChunkLimits),
    slices: &mut Slices,
    plan: &Plan,
) -> Result<Option<Built>, PipelineError> {
    let mut chunk = Chunk::new(rules, plan.release.id());
    let mut gate = Gate::new(limits, plan.range);
    let mut in_flight = VecDeque::new();
    loop {
        while gate.is_open() && in_flight.len() < 2 * host.compute.threads() {
            match gate.next_slice(slices).await? {
                Some(slice) => in_flight.push_back(transform(host, plan, slice)),
                None => gate.close(),
            }
        }
        let Some(next) = in_flight.pop_front() else {
            break;
        };
        let (slice, outcome) = next.finish().await;
        chunk.absorb(&slice, outcome?);
        host.progress.read(&slice);
        if plan.range.is_none() && chunk.is_overgrown(&limits) {
            gate.close();
            slices.unread(take_back(in_flight.drain(..)).await);
        }
    }
    gate.check_complete()?;
    Ok(gate.opened_at().map(|opened_at| Built { chunk, opened_at }))
}

type Transforming = Task<(Slice, Result<Transformed, SandboxError>)>;

fn transform(host: &Host, plan: &Plan, slice: Slice) -> Transforming {
    let (release, condemned) = (plan.release.clone(), plan.condemned.clone());
    let timing = host.progress.times.transform.clone();
    host.compute.spawn(move || {
        let started = Instant::now();
        let outcome = release.run(&slice, &condemned);
        timing.took(started.elapsed());
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

/// Pins the chunk, writes everything that came of it, and only then commits it.
async fn land(
    host: &Arc<Host>,
    sinks: &Sinks,
    ledger: &mut LedgerStore,
    built: Built,
    plan: &Plan,
) -> Result<(), PipelineError> {
    let Built { chunk, opened_at } = built;
    let format = plan.format;
    let pending = chunk.pending(format, plan.outsiders);
    let (Some(pending), Some(last_digest)) = (pending, chunk.last_digest()) else {
        return Ok(());
    };
    let range = pending.range;
    ledger.pin(pending).await?;
    let chunk = Arc::new(chunk);
    put_objects(host, sinks, &chunk, format).await?;
    send_messages(host, sinks, &chunk, format).await?;
    ledger.commit(range, last_digest).await?;
    host.progress.landed(chunk.counts());
    host.progress.times.chunk.took(opened_at.elapsed());
    host.health.committed(&sinks.shard, range.last);
    Ok(())
}
