//! The progress of reading a shard, which its reader reports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The progress of reading, which the reader of a shard reports.
#[derive(Clone, Debug, Default)]
pub struct ReadMeter {
    reads: Arc<Mutex<Reads>>,
}

#[derive(Clone, Debug, Default)]
struct Reads {
    last: Option<Read>,
    fault: Option<String>,
}

/// A successful call.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// When it ended.
    pub at: Instant,
    /// How far its records are behind the tip, milliseconds.
    pub lag_ms: u64,
}

impl ReadMeter {
    fn reads(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call succeeded; its records are this far behind the tip, milliseconds.
    pub fn read(&self, lag_ms: i64) {
        let lag_ms = u64::try_from(lag_ms).unwrap_or(0);
        let at = Instant::now();
        *self.reads() = Reads {
            last: Some(Read { at, lag_ms }),
            fault: None,
        };
    }

    /// The last successful call.
    #[must_use]
    pub fn last(&self) -> Option<Read> {
        self.reads().last
    }

    /// The error of the last call, if it failed.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.reads().fault.clone()
    }

    /// A call failed and is retried.
    pub fn failed(&self, why: &impl ToString) {
        self.reads().fault = Some(why.to_string());
    }
}
