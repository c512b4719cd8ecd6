//! How many calls of a service are under way at once: as many as the service takes without throttling.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls at once, at most. With 10 ms for a call, these are 6,400 calls per second.
pub const CALLS_AT_ONCE: usize = 64;

/// The calls of a service. Clones share their limit.
#[derive(Clone, Debug)]
pub struct Calls {
    slots: Arc<Semaphore>,
    limit: Arc<Mutex<Limit>>,
    /// What the limit grows to.
    most: usize,
    metrics: CallMetrics,
}

/// The metrics of a service's calls.
#[derive(Clone, Debug, Default)]
pub struct CallMetrics {
    /// Calls, those that failed included.
    pub calls: Counter,
    /// The limit of calls at once.
    pub limit: Gauge,
}

#[derive(Debug)]
struct Limit {
    calls: usize,
    /// Slots to give up when their calls end.
    surplus: usize,
    /// Successes since the limit changed.
    successes: usize,
    /// How often the limit was lowered.
    epoch: u64,
}

/// A call under way.
#[derive(Debug)]
pub struct Slot {
    slot: Option<OwnedSemaphorePermit>,
    epoch: u64,
    calls: Calls,
}

impl Calls {
    /// Calls of which `most` are under way at once, but never more than [`CALLS_AT_ONCE`], and at least one.
    #[must_use]
    pub fn new(metrics: CallMetrics, most: usize) -> Self {
        let most = most.clamp(1, CALLS_AT_ONCE);
        metrics.limit.set(most as i64);
        Self {
            slots: Arc::new(Semaphore::new(most)),
            limit: Arc::new(Mutex::new(Limit {
                calls: most,
                surplus: 0,
                successes: 0,
                epoch: 0,
            })),
            most,
            metrics,
        }
    }

    /// Waits for a slot.
    pub async fn slot(&self) -> Slot {
        // The semaphore is never closed.
        let slot = self.slots.clone().acquire_owned().await.ok();
        Slot {
            slot,
            epoch: self.with(|limit| limit.epoch),
            calls: self.clone(),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Limit) -> T) -> T {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut limit);
        self.metrics.limit.set(limit.calls as i64);
        changed
    }
}

impl Slot {
    /// A call is made.
    pub fn called(&self) {
        self.calls.metrics.calls.inc();
    }

    /// The call succeeded: after a round of successes, one more is made at once.
    pub fn succeeded(&self) {
        let (slots, most) = (&self.calls.slots, self.calls.most);
        self.calls.with(|limit| {
            limit.successes += 1;
            if limit.calls == most || limit.successes < limit.calls {
                return;
            }
            limit.successes = 0;
            limit.calls += 1;
            match limit.surplus.checked_sub(1) {
                Some(surplus) => limit.surplus = surplus,
                None => slots.add_permits(1),
            }
        });
    }

    /// The service throttled the call, or did not answer it in time: half as many are made at once. The calls that were under
    /// way then do not lower the limit again.
    pub fn throttled(&mut self) {
        let slots = &self.calls.slots;
        let epoch = self.epoch;
        self.epoch = self.calls.with(|limit| {
            if limit.epoch == epoch && limit.calls > 1 {
                let calls = limit.calls / 2;
                let surplus = limit.calls - calls;
                limit.surplus += surplus - slots.forget_permits(surplus);
                (limit.calls, limit.successes) = (calls, 0);
                limit.epoch += 1;
            }
            limit.epoch
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let slot = self.slot.take();
        self.calls.with(|limit| {
            if let Some(surplus) = limit.surplus.checked_sub(1) {
                limit.surplus = surplus;
                slot.into_iter().for_each(OwnedSemaphorePermit::forget);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(calls: &Calls) -> usize {
        calls.slots.available_permits()
    }

    #[tokio::test]
    async fn throttling_halves_the_limit_once_for_all_calls_under_way() {
        let calls = Calls::new(CallMetrics::default(), CALLS_AT_ONCE);
        let mut under_way = Vec::new();
        for _ in 0..CALLS_AT_ONCE {
            under_way.push(calls.slot().await);
        }
        for slot in &mut under_way {
            slot.throttled();
            slot.throttled_again_after_a_pause();
        }
        assert_eq!(calls.metrics.limit.get(), CALLS_AT_ONCE as i64 / 2);
        under_way.clear();
        assert_eq!(free(&calls), CALLS_AT_ONCE / 2);
    }

    impl Slot {
        /// What a call of an old epoch that is throttled again does before the limit has changed again: nothing.
        fn throttled_again_after_a_pause(&mut self) {
            self.epoch = 0;
            self.throttled();
        }
    }

    #[tokio::test]
    async fn the_limit_never_ends_below_one_and_grows_back_with_successes() {
        let calls = Calls::new(CallMetrics::default(), CALLS_AT_ONCE);
        for _ in 0..20 {
            calls.slot().await.throttled();
        }
        assert_eq!((calls.metrics.limit.get(), free(&calls)), (1, 1));
        let rounds: usize = (1..CALLS_AT_ONCE).sum();
        for _ in 0..rounds {
            calls.slot().await.succeeded();
        }
        let all = CALLS_AT_ONCE as i64;
        assert_eq!(
            (calls.metrics.limit.get(), free(&calls)),
            (all, CALLS_AT_ONCE)
        );
        for _ in 0..1_000 {
            calls.slot().await.succeeded();
        }
        assert_eq!(
            (calls.metrics.limit.get(), free(&calls)),
            (all, CALLS_AT_ONCE)
        );
    }

    #[tokio::test]
    async fn the_limit_begins_with_most_and_does_not_grow_above_it() {
        for (most, expected) in [(0, 1), (1, 1), (32, 32), (CALLS_AT_ONCE + 1, CALLS_AT_ONCE)] {
            let calls = Calls::new(CallMetrics::default(), most);
            let limit = || (calls.metrics.limit.get(), free(&calls));
            assert_eq!(limit(), (expected as i64, expected), "{most}");
            for _ in 0..1_000 {
                calls.slot().await.succeeded();
            }
            assert_eq!(limit(), (expected as i64, expected), "{most}");
        }
    }

    #[tokio::test]
    async fn a_limit_that_grows_while_calls_are_under_way_keeps_their_slots() {
        let calls = Calls::new(CallMetrics::default(), CALLS_AT_ONCE);
        let mut under_way = Vec::new();
        for _ in 0..CALLS_AT_ONCE {
            under_way.push(calls.slot().await);
        }
        under_way[0].throttled();
        for _ in 0..CALLS_AT_ONCE / 2 {
            under_way[1].succeeded();
        }
        under_way.clear();
        assert_eq!(free(&calls), CALLS_AT_ONCE / 2 + 1);
    }
}
