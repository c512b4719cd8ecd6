//! Retries of operations of services: transient errors are retried with exponential backoff and
//! jitter until a timeout.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The first and the longest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// An attempt that failed and was retried.
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

/// Counts retries by operation, on top of those that the AWS clients make by themselves. Clones share
/// their counts.
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

    /// The latest attempt that failed and was retried.
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

/// How long an operation is retried before it fails, and where its retries are counted.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    timeout: Duration,
    retries: Retries,
}

impl RetryPolicy {
    /// Retries an operation until `timeout` after its first attempt.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let retries = Retries::default();
        Self { timeout, retries }
    }

    /// The policy without retries of our own; the AWS client still makes its few.
    #[must_use]
    pub fn for_one_attempt(&self) -> Self {
        Self {
            timeout: Duration::ZERO,
            retries: self.retries.clone(),
        }
    }

    /// How long an operation is retried.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The retries of everything that shares this policy.
    #[must_use]
    pub fn retries(&self) -> &Retries {
        &self.retries
    }
}

/// The attempts of one operation.
pub struct Attempts {
    started: Instant,
    policy: RetryPolicy,
    pause: Duration,
    retried: Counter,
}

impl Attempts {
    /// To be made before the first attempt; `operation` is its label in metrics, such as `put_object`.
    #[must_use]
    pub fn new(policy: &RetryPolicy, operation: &'static str) -> Self {
        Self {
            started: Instant::now(),
            policy: policy.clone(),
            pause: FIRST_PAUSE,
            retried: policy.retries.of(operation),
        }
    }

    /// Waits after a failed attempt and returns true, or returns false after the timeout.
    pub async fn wait_to_retry(&mut self, what: &str, why: &str) -> bool {
        if self.started.elapsed() + self.pause > self.policy.timeout {
            return false;
        }
        let jittered = self.pause.mul_f64(rand::random_range(0.5..1.0));
        tracing::warn!(operation = what, error = %why, pause = ?jittered, "retrying");
        self.retried.inc();
        self.policy.retries.failed(what, why);
        tokio::time::sleep(jittered).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn retries_are_counted_by_operation() {
        let policy = RetryPolicy::new(Duration::from_secs(60));
        let mut attempts = Attempts::new(&policy, "put_object");
        assert_eq!(policy.retries().latest(), None);
        assert!(
            attempts
                .wait_to_retry("put s3://bucket/key", "slow down")
                .await
        );
        let count = |operation| policy.retries().of(operation).get();
        assert_eq!((count("put_object"), count("read_ledger")), (1, 0));
        let latest = policy.retries().latest().unwrap().to_string();
        assert_eq!(latest, "put s3://bucket/key: slow down");
    }

    #[tokio::test]
    async fn an_attempt_after_the_timeout_is_no_retry() {
        let policy = RetryPolicy::new(Duration::ZERO);
        let mut attempts = Attempts::new(&policy, "put_object");
        assert!(!attempts.wait_to_retry("put", "slow down").await);
        assert_eq!(policy.retries().of("put_object").get(), 0);
    }
}
