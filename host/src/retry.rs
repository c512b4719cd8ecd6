//! Patience with services: what may pass later is tried again, with growing and jittered pauses.

use std::time::{Duration, Instant};

/// The first pause, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How long an operation is tried before it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

/// One operation's attempts.
pub struct Attempts {
    started: Instant,
    patience: Patience,
    pause: Duration,
}

impl Attempts {
    /// Before the first attempt.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            started: Instant::now(),
            patience,
            pause: FIRST_PAUSE,
        }
    }

    /// After a failed one: waits and returns true, or returns false where patience is at its end.
    pub async fn again(&mut self, what: &str, why: &str) -> bool {
        if self.started.elapsed() + self.pause > self.patience.0 {
            return false;
        }
        let jittered = self.pause.mul_f64(rand::random_range(0.5..1.0));
        tracing::warn!(operation = what, error = %why, pause = ?jittered, "trying again");
        tokio::time::sleep(jittered).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
