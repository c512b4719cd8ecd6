//! Reads the objects of a plan in its order, and hands them over in waves.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use sluice_storage::object_store::{Found, ObjectStore};
use tokio::sync::{Semaphore, mpsc};

use super::context::Limits;
use super::error::FilesError;
use super::plan::{Plan, PlannedObject};

/// An object as it was read.
pub(super) struct Fetched {
    /// Its position in the plan.
    pub(super) object: u32,
    pub(super) bytes: Vec<u8>,
}

/// What is handed over.
pub(super) enum Delivery {
    /// The next objects.
    Wave(Vec<Fetched>),
    /// There are no more. Without it, the reader has failed or was cancelled.
    End,
}

/// The unit of the bytes that are in memory.
const PERMIT_BYTES: u64 = 1 << 10;

/// Reads all objects. `has_runs` says whether those of another partition of the lake have batches of their own. Ends early
/// if nobody takes them any more, who reports why.
///
/// # Errors
/// An object does not exist or cannot be read.
pub(super) async fn send_objects(
    lake: Arc<dyn ObjectStore>,
    plan: &Plan,
    has_runs: bool,
    limits: &Limits,
    to: mpsc::Sender<Delivery>,
) -> Result<(), FilesError> {
    let permits = permits(limits.fetched_bytes);
    let budget = Semaphore::new(permits as usize);
    let mut run = None;
    let reads = (0_u32..).zip(&plan.objects).map(|(position, object)| {
        let before = run.replace(object.partition);
        let starts_run = has_runs && before != Some(object.partition);
        let weight = weight(object, starts_run, limits);
        let (lake, budget) = (&lake, &budget);
        async move {
            let needed = self::permits(weight).min(permits);
            // The semaphore is never closed.
            let permit = budget.acquire_many(needed).await;
            let bytes = read(lake.as_ref(), object).await?;
            Ok::<_, FilesError>((position, weight, bytes, permit))
        }
    });
    let mut reads = stream::iter(reads).buffered(lake.operations_at_once(limits.threads).max(1));
    let (mut wave, mut wave_bytes) = (Vec::new(), 0);
    while let Some(read) = reads.next().await {
        let (object, weight, bytes, permit) = read?;
        wave.push(Fetched { object, bytes });
        drop(permit);
        wave_bytes += weight;
        if wave_bytes >= limits.wave_bytes {
            wave_bytes = 0;
            let full = std::mem::take(&mut wave);
            if to.send(Delivery::Wave(full)).await.is_err() {
                return Ok(());
            }
        }
    }
    for last in [Delivery::Wave(wave), Delivery::End] {
        if to.send(last).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// What an object takes in a wave, bytes.
fn weight(object: &PlannedObject, starts_run: bool, limits: &Limits) -> u64 {
    let batches = match starts_run {
        true => object.lines.min(limits.batches_of_object),
        false => 0,
    };
    let around = limits.object_bytes + batches * limits.batch_bytes;
    object.bytes.saturating_add(around)
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES))
        .unwrap_or(u32::MAX)
        .clamp(1, u32::MAX >> 4)
}

async fn read(lake: &dyn ObjectStore, object: &PlannedObject) -> Result<Vec<u8>, FilesError> {
    match lake.get(&object.key, usize::MAX).await? {
        Found::Content(bytes) => Ok(bytes),
        Found::Nothing => Err(FilesError::Missing(lake.place(&object.key))),
        Found::TooLarge(bytes) => Err(FilesError::Damaged {
            place: lake.place(&object.key),
            why: format!("it has {bytes} bytes, which this machine cannot address"),
        }),
    }
}
