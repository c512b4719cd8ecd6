//! The memory that all shards of a process together may use for reading. A call of `GetRecords` waits
//! until there is room for its answer. Records keep their room until the transform receives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory of one call: `GetRecords` returns at most 10 MB, which come as JSON with base64 (a third
/// more), are decoded, and packed into batches.
const CALL_MAX_BYTES: u64 = 36 << 20;

/// Room is counted in this many bytes, so that a semaphore can count it.
const UNIT_BYTES: u64 = 4 << 10;

/// The memory for reading of a process.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    /// The number of calls that wait for room.
    waiting: Arc<AtomicUsize>,
}

/// The part of the budget that a call has reserved.
#[derive(Debug)]
pub struct Room(OwnedSemaphorePermit);

impl Budget {
    /// Room for `bytes`, or for one call if that is more.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units = units(bytes.max(CALL_MAX_BYTES)) as usize;
        Self {
            units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
        }
    }

    /// Waits for the room of a call; `None` when the process is ending.
    pub async fn call(&self) -> Option<Room> {
        let _until_it_has_room = Waiting::new(self.waiting.clone());
        let room = self.units.clone().acquire_many_owned(units(CALL_MAX_BYTES));
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
    }
}
