//! The memory that all shards of a process together may use for reading. A call of `GetRecords` waits
//! until there is room for its answer. What was read has room until the pipeline takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in this many bytes, so that a semaphore can count it.
const UNIT_BYTES: u64 = 4 << 10;

/// The memory for reading of a process.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    /// The part of it that batches may take: the rest is always left to a call.
    for_batches: Arc<Semaphore>,
    /// The number of calls that wait for room.
    waiting: Arc<AtomicUsize>,
}

/// The part of the budget that a call has reserved.
#[derive(Debug)]
pub struct Room(OwnedSemaphorePermit);

/// The part of the budget that a batch has.
#[derive(Debug)]
pub struct BatchMemory {
    _units: OwnedSemaphorePermit,
    _for_batches: OwnedSemaphorePermit,
}

impl Default for Budget {
    /// Without a limit.
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Budget {
    /// The memory of one call: `GetRecords` returns at most 10 MB, which come as JSON with base64 (a third
    /// more), are decoded, and packed into batches.
    pub const CALL_MAX_BYTES: u64 = 36 << 20;

    /// Room for `bytes`, or for one call and a quarter of that for batches if this is more.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let call = units(Self::CALL_MAX_BYTES) as usize;
        let for_batches = bytes.saturating_sub(Self::CALL_MAX_BYTES).max(bytes / 4);
        let for_batches = (units(for_batches) as usize).min(Semaphore::MAX_PERMITS - call);
        Self {
            units: Arc::new(Semaphore::new(call + for_batches)),
            for_batches: Arc::new(Semaphore::new(for_batches)),
            waiting: Arc::default(),
        }
    }

    /// The memory of a batch, until it is dropped; `None` if there is no room for it now.
    #[must_use]
    pub fn batch(&self, bytes: u64) -> Option<BatchMemory> {
        let units = units(bytes);
        let for_batches = self.for_batches.clone().try_acquire_many_owned(units);
        let all = self.units.clone().try_acquire_many_owned(units);
        Some(BatchMemory {
            _for_batches: for_batches.ok()?,
            _units: all.ok()?,
        })
    }

    /// Waits for the room of a call; `None` when the process is ending.
    pub async fn call(&self) -> Option<Room> {
        let _until_it_has_room = Waiting::new(self.waiting.clone());
        let room = self
            .units
            .clone()
            .acquire_many_owned(units(Self::CALL_MAX_BYTES));
        room.await.ok().map(Room)
    }

    /// Whether a call waits for room.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

impl Room {
    /// Returns all but what `bytes` need.
    pub fn shrink_to(&mut self, bytes: u64) {
        let kept = units(bytes) as usize;
        let surplus = self.0.num_permits().saturating_sub(kept);
        drop(self.0.split(surplus));
    }
}

/// A call that waits, until it is dropped.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(waiting: Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_MAX_BYTES: u64 = Budget::CALL_MAX_BYTES;

    #[tokio::test]
    async fn a_call_waits_until_others_have_given_back_enough() {
        let budget = Budget::new(2 * CALL_MAX_BYTES);
        let mut first = budget.call().await.unwrap();
        let second = budget.call().await.unwrap();
        assert_eq!(budget.units.available_permits(), 0);
        first.shrink_to(10 << 20);
        let third = tokio::spawn({
            let budget = budget.clone();
            async move { budget.call().await.is_some() }
        });
        assert!(budget.units.available_permits() < units(CALL_MAX_BYTES) as usize);
        while !budget.is_short() {
            tokio::task::yield_now().await;
        }
        drop(second);
        assert!(third.await.unwrap());
        assert!(!budget.is_short());
        drop(first);
        assert_eq!(
            budget.units.available_permits(),
            2 * units(CALL_MAX_BYTES) as usize
        );
    }

    #[tokio::test]
    async fn there_is_always_room_for_one_call() {
        assert!(Budget::new(1).call().await.is_some());
        let budget = Budget::new(2 * CALL_MAX_BYTES);
        let batches: Vec<_> = (0..).map_while(|_| budget.batch(8 << 20)).collect();
        assert_eq!(batches.len(), 4);
        let _one = budget.call().await.unwrap();
        drop(batches);
        assert!(budget.call().await.is_some());
    }

    #[tokio::test]
    async fn batches_get_what_calls_leave() {
        let budget = Budget::new(2 * CALL_MAX_BYTES);
        let _first = budget.call().await.unwrap();
        let mut second = budget.call().await.unwrap();
        assert!(budget.batch(1).is_none());
        second.shrink_to(CALL_MAX_BYTES - (1 << 20));
        let batch = budget.batch(1 << 20);
        assert!(batch.is_some() && budget.batch(1).is_none());
        drop(batch);
        assert!(budget.batch(1 << 20).is_some());
    }

    #[test]
    fn without_a_limit_there_is_room_for_any_batch() {
        let budget = Budget::default();
        assert!(budget.batch(u64::from(u32::MAX)).is_some());
    }
}
