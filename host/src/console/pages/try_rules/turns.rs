//! One run at a time. A run that is not the newest one any more ends early, and its result is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The runs of a console.
#[derive(Default)]
pub(super) struct Turns {
    newest: Arc<AtomicU64>,
    running: Arc<Mutex<()>>,
}

/// A run.
pub(super) struct Turn {
    number: u64,
    newest: Arc<AtomicU64>,
}

impl Turns {
    /// Begins a run, which is the newest one then.
    pub(super) fn begin(&self) -> Turn {
        Turn {
            number: 1 + self.newest.fetch_add(1, Ordering::SeqCst),
            newest: Arc::clone(&self.newest),
        }
    }

    /// Waits until no other run is at work. Whoever drops the guard lets the next one go on.
    pub(super) async fn wait(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.running).lock_owned().await
    }
}

impl Turn {
    /// Whether no other run has begun since.
    pub(super) fn is_newest(&self) -> bool {
        self.newest.load(Ordering::SeqCst) == self.number
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_older_run_knows_that_there_is_a_newer_one_and_runs_wait_for_each_other() {
        let turns = Turns::default();
        let first = turns.begin();
        assert!(first.is_newest());
        let running = turns.wait().await;
        let second = turns.begin();
        assert!(!first.is_newest() && second.is_newest());
        let waiting = turns.wait();
        tokio::pin!(waiting);
        let too_early = tokio::time::timeout(Duration::ZERO, &mut waiting);
        assert!(too_early.await.is_err());
        drop(running);
        let _running = waiting.await;
    }
}
