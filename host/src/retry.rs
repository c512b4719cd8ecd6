//! Patience with services: what may pass later is tried again, with growing and jittered pauses.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The first pause, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// An attempt that failed and was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it failed.
    pub at: Instant,
    what: String,
    why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// How often each kind of operation was tried again, on top of what the clients of the services do
/// by themselves. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    by_operation: Family<[(&'static str, &'static str); 1], Counter>,
    latest: Arc<Mutex<Option<Failure>>>,
}

impl Retries {
    /// The counts, by the label `operation`.
    #[must_use]
    pub fn by_operation(&self) -> &Family<[(&'static str, &'static str); 1], Counter> {
        &self.by_operation
    }

    /// The count of one kind of operation, such as `put_object`.
    #[must_use]
    pub fn of(&self, operation: &'static str) -> Counter {
        let label = [("operation", operation)];
        self.by_operation.get_or_create_owned(&label)
    }

    /// The latest attempt that failed and was made again.
    #[must_use]
    pub fn latest(&self) -> Option<Failure> {
        let latest = self.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, what: &str, why: &str) {
        let failure = Failure {
            at: Instant::now(),
            what: what.to_owned(),
            why: why.to_owned(),
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

/// How long an operation is tried before it is given up, and where its retries are counted.
#[derive(Clone, Debug)]
pub struct Patience {
    limit: Duration,
    retries: Retries,
}

impl Patience {
    /// Patience for so long.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        let retries = Retries::default();
        Self { limit, retries }
    }

    /// No more patience than the client of a service has on its own.
    #[must_use]
    pub fn for_one_attempt(&self) -> Self {
        Self {
            limit: Duration::ZERO,
            retries: self.retries.clone(),
        }
    }

    /// How long an operation is tried.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The retries of everything that has this patience.
    #[must_use]
    pub fn retries(&self) -> &Retries {
        &self.retries
    }
}

/// One operation's attempts.
pub struct Attempts {
    started: Instant,
    patience: Patience,
    pause: Duration,
    again: Counter,
}

impl Attempts {
    /// Before the first attempt of an operation of this kind, such as `put_object`.
    #[must_use]
    pub fn new(patience: &Patience, operation: &'static str) -> Self {
        Self {
            started: Instant::now(),
            patience: patience.clone(),
            pause: FIRST_PAUSE,
            again: patience.retries.of(operation),
        }
    }

    /// After a failed one: waits and returns true, or returns false where patience is at its end.
    pub async fn again(&mut self, what: &str, why: &str) -> bool {
        if self.started.elapsed() + self.pause > self.patience.limit {
            return false;
        }
        let jittered = self.pause.mul_f64(rand::random_range(0.5..1.0));
        tracing::warn!(operation = what, error = %why, pause = ?jittered, "trying again");
        self.again.inc();
        self.patience.retries.failed(what, why);
        tokio::time::sleep(jittered).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_tried_again_is_counted_by_its_kind() {
        let patience = Patience::new(Duration::from_secs(60));
        let mut attempts = Attempts::new(&patience, "put_object");
        assert_eq!(patience.retries().latest(), None);
        assert!(attempts.again("put s3://bucket/key", "slow down").await);
        let count = |operation| patience.retries().of(operation).get();
        assert_eq!((count("put_object"), count("read_ledger")), (1, 0));
        let latest = patience.retries().latest().unwrap().to_string();
        assert_eq!(latest, "put s3://bucket/key: slow down");
    }

    #[tokio::test]
    async fn what_is_given_up_is_no_retry() {
        let patience = Patience::new(Duration::ZERO);
        let mut attempts = Attempts::new(&patience, "put_object");
        assert!(!attempts.again("put", "slow down").await);
        assert_eq!(patience.retries().of("put_object").get(), 0);
    }
}
