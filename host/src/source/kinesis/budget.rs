//! The memory that all shards of a process together may use for reading. A call of `GetRecords` waits
//! until what it may bring has room; what has not been taken yet by the transform keeps its room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one call takes while it is under way: `GetRecords` gives at most 10 MB, which come as JSON with
/// base64 (a third more), are decoded, and packed into batches.
const CALL_MAX_BYTES: u64 = 36 << 20;

/// Room is counted in this many bytes, so that a semaphore can count it.
const UNIT_BYTES: u64 = 4 << 10;

/// The room of a process.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    /// How many calls wait for room.
    waiting: Arc<AtomicUsize>,
}

/// Room that a shard has.
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
    /// Gives back all but what `bytes` need.
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
