//! Retries of requests to services. Which errors are retried, and for how long, is decided in one place,
//! [`RetryPolicy::time_for`]; the pauses grow exponentially, with jitter.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::error::{ErrorKind, RequestError};

/// The first and the longest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How long an operation that has never succeeded is retried while it is denied. A new permission takes
/// effect within seconds (IAM: "changes that I make are not always immediately visible"); after a minute it
/// is missing.
const DENIED_AT_START: Duration = Duration::from_secs(60);

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
    total: Counter,
    latest: Arc<Mutex<Option<Failure>>>,
    /// The operations that have succeeded at least once.
    succeeded: Arc<Mutex<HashSet<&'static str>>>,
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

    /// The count of all operations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.get()
    }

    fn add(&self, operation: &'static str) {
        self.of(operation).inc();
        self.total.inc();
    }

    /// The latest attempt that failed and was retried.
    #[must_use]
    pub fn latest(&self) -> Option<Failure> {
        let latest = self.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, what: &str, why: &RequestError) {
        let failure = Failure {
            at: Instant::now(),
            what: what.to_owned(),
            why: why.to_string(),
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    fn phase_of(&self, operation: &'static str) -> Phase {
        let succeeded = self.succeeded.lock();
        let succeeded = succeeded.unwrap_or_else(PoisonError::into_inner);
        if succeeded.contains(operation) {
            Phase::Running
        } else {
            Phase::Starting
        }
    }

    fn succeeded(&self, operation: &'static str) {
        let succeeded = self.succeeded.lock();
        let mut succeeded = succeeded.unwrap_or_else(PoisonError::into_inner);
        succeeded.insert(operation);
    }
}

/// Whether an operation has been possible before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has never succeeded since the process started.
    Starting,
    /// It has succeeded at least once.
    Running,
}

/// How long an operation is retried before it fails, and where its retries are counted.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    timeout: Duration,
    waits_for_permission: bool,
    retries: Retries,
}

impl RetryPolicy {
    /// Retries an operation until `timeout` after its first attempt.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            waits_for_permission: true,
            retries: Retries::default(),
        }
    }

    /// The policy for a command that a person has typed: what is denied fails at once. A service that was started together
    /// with its role waits instead until the role has its permissions.
    #[must_use]
    pub fn without_waiting_for_permission(self) -> Self {
        Self {
            waits_for_permission: false,
            ..self
        }
    }

    /// The policy without retries of our own; the AWS client still makes its few.
    #[must_use]
    pub fn for_one_attempt(&self) -> Self {
        Self {
            timeout: Duration::ZERO,
            ..self.clone()
        }
    }

    /// How long an operation is retried.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long an operation is retried after an error of a kind, since its first attempt. Zero for a
    /// permanent error.
    #[must_use]
    pub fn time_for(&self, kind: ErrorKind, phase: Phase) -> Duration {
        match (kind, phase) {
            (ErrorKind::Denied, _) if !self.waits_for_permission => Duration::ZERO,
            (ErrorKind::Throttled | ErrorKind::Unavailable, _)
            | (ErrorKind::Denied, Phase::Running) => self.timeout,
            (ErrorKind::Denied, Phase::Starting) => self.timeout.min(DENIED_AT_START),
            (
                ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::Other,
                _,
            ) => Duration::ZERO,
        }
    }

    /// Attempts an operation until it succeeds or must not be retried any more. `operation` is its label in
    /// metrics, `what` describes it in logs.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn retry<T, F: Future<Output = Result<T, RequestError>>>(
        &self,
        operation: &'static str,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, RequestError> {
        let mut attempts = Attempts::new(self, operation);
        loop {
            match attempt().await {
                Ok(done) => {
                    attempts.succeeded();
                    return Ok(done);
                }
                Err(error) if attempts.wait_to_retry(what, &error).await => {}
                Err(error) => return Err(error),
            }
        }
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
    /// Since when the operation has been denied, without another error in between.
    denied_since: Option<Instant>,
    policy: RetryPolicy,
    pause: Duration,
    operation: &'static str,
}

impl Attempts {
    /// To be made before the first attempt; `operation` is its label in metrics, such as `put_object`.
    #[must_use]
    pub fn new(policy: &RetryPolicy, operation: &'static str) -> Self {
        // The metric exists from the first attempt on.
        let _count = policy.retries.of(operation);
        Self {
            started: Instant::now(),
            denied_since: None,
            policy: policy.clone(),
            pause: FIRST_PAUSE,
            operation,
        }
    }

    /// Notes that the operation succeeded. The next attempt is the first one of another operation.
    pub fn succeeded(&mut self) {
        self.policy.retries.succeeded(self.operation);
        self.started = Instant::now();
        self.denied_since = None;
        self.pause = FIRST_PAUSE;
    }

    /// Whether an error may be retried after the next pause.
    fn may_retry(&mut self, kind: ErrorKind) -> bool {
        let phase = self.policy.retries.phase_of(self.operation);
        let is_denied = kind == ErrorKind::Denied;
        let since = self.denied_since.unwrap_or_else(Instant::now);
        self.denied_since = is_denied.then_some(since);
        // A service that could not be reached for a while does not shorten the time for a new permission.
        let since = if is_denied && phase == Phase::Starting {
            since
        } else {
            self.started
        };
        let in_time = since.elapsed() + self.pause <= self.policy.time_for(kind, phase);
        in_time && self.started.elapsed() + self.pause <= self.policy.timeout
    }

    /// Waits after a failed attempt and returns true; returns false if the error must not be retried, or not
    /// any longer.
    pub async fn wait_to_retry(&mut self, what: &str, error: &RequestError) -> bool {
        if !self.may_retry(error.kind()) {
            return false;
        }
        let retries = &self.policy.retries;
        let jittered = self.pause.mul_f64(rand::random_range(0.5..1.0));
        tracing::warn!(operation = what, %error, pause = ?jittered, "retrying");
        retries.add(self.operation);
        retries.failed(what, error);
        tokio::time::sleep(jittered).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn throttled() -> RequestError {
        RequestError::new(ErrorKind::Throttled, "slow down")
    }

    #[test]
    fn a_command_does_not_wait_for_permission() {
        let policy = RetryPolicy::new(HOUR).without_waiting_for_permission();
        for phase in [Phase::Starting, Phase::Running] {
            assert_eq!(policy.time_for(ErrorKind::Denied, phase), Duration::ZERO);
            assert_eq!(policy.time_for(ErrorKind::Throttled, phase), HOUR);
        }
    }

    #[test]
    fn the_kind_of_an_error_decides_how_long_it_is_retried() {
        let policy = RetryPolicy::new(HOUR);
        for (kind, at_start, later) in [
            (ErrorKind::Throttled, HOUR, HOUR),
            (ErrorKind::Unavailable, HOUR, HOUR),
            (ErrorKind::Denied, DENIED_AT_START, HOUR),
            (ErrorKind::NotFound, Duration::ZERO, Duration::ZERO),
            (ErrorKind::Conflict, Duration::ZERO, Duration::ZERO),
            (ErrorKind::Invalid, Duration::ZERO, Duration::ZERO),
            (ErrorKind::Other, Duration::ZERO, Duration::ZERO),
        ] {
            assert_eq!(policy.time_for(kind, Phase::Starting), at_start, "{kind:?}");
            assert_eq!(policy.time_for(kind, Phase::Running), later, "{kind:?}");
        }
        let hasty = RetryPolicy::new(Duration::from_secs(1));
        let denied = hasty.time_for(ErrorKind::Denied, Phase::Starting);
        assert_eq!(denied, Duration::from_secs(1));
    }

    #[tokio::test]
    async fn retries_are_counted_by_operation() {
        let policy = RetryPolicy::new(HOUR);
        let mut attempts = Attempts::new(&policy, "put_object");
        assert_eq!(policy.retries().latest(), None);
        let what = "put s3://bucket/key";
        assert!(attempts.wait_to_retry(what, &throttled()).await);
        let count = |operation| policy.retries().of(operation).get();
        assert_eq!((count("put_object"), count("read_object")), (1, 0));
        assert_eq!(policy.retries().total(), 1);
        let latest = policy.retries().latest().unwrap().to_string();
        assert_eq!(latest, "put s3://bucket/key: throttled (slow down)");
    }

    #[tokio::test]
    async fn an_attempt_after_the_timeout_is_no_retry() {
        let policy = RetryPolicy::new(Duration::ZERO);
        let mut attempts = Attempts::new(&policy, "put_object");
        assert!(!attempts.wait_to_retry("put", &throttled()).await);
        assert_eq!(policy.retries().of("put_object").get(), 0);
    }

    #[test]
    fn the_minute_of_a_denied_operation_begins_when_it_is_denied() {
        let policy = RetryPolicy::new(HOUR);
        let mut attempts = Attempts::new(&policy, "put_object");
        let Some(earlier) = Instant::now().checked_sub(2 * DENIED_AT_START) else {
            return; // the machine has just started
        };
        attempts.started = earlier;
        assert!(attempts.may_retry(ErrorKind::Unavailable));
        assert!(attempts.may_retry(ErrorKind::Denied));
        attempts.denied_since = Some(earlier);
        assert!(!attempts.may_retry(ErrorKind::Denied));
        assert!(attempts.may_retry(ErrorKind::Unavailable));
        assert!(attempts.may_retry(ErrorKind::Denied));
        assert!(!attempts.may_retry(ErrorKind::Invalid));
    }

    #[tokio::test]
    async fn a_permanent_error_is_not_retried() {
        let policy = RetryPolicy::new(HOUR);
        let mut attempts = 0;
        let missing = RequestError::new(ErrorKind::NotFound, "NoSuchBucket");
        let tried: Result<(), _> = policy
            .retry("put_object", "put", || {
                attempts += 1;
                std::future::ready(Err(missing.clone()))
            })
            .await;
        assert_eq!((tried, attempts), (Err(missing), 1));
    }

    #[test]
    fn an_operation_that_succeeded_once_is_past_its_start() {
        let policy = RetryPolicy::new(HOUR);
        let mut attempts = Attempts::new(&policy, "put_object");
        assert_eq!(policy.retries().phase_of("put_object"), Phase::Starting);
        attempts.succeeded();
        assert_eq!(policy.retries().phase_of("put_object"), Phase::Running);
        assert_eq!(policy.retries().phase_of("read_object"), Phase::Starting);
    }
}
