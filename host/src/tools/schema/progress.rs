//! How many events were read: a line that changes on a terminal, a line every few seconds elsewhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::output::{self, StatusLine, counted};

/// The interval of lines where standard error is not a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The interval in which a line on a terminal changes.
const CHANGE_EVERY: Duration = Duration::from_millis(200);

/// The progress of a command that reads events. Its line disappears with it.
#[derive(Debug)]
pub(super) struct Progress {
    events: AtomicU64,
    line: Option<StatusLine>,
    shown_at: Mutex<Instant>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            events: AtomicU64::new(0),
            line: StatusLine::start(),
            shown_at: Mutex::new(Instant::now()),
        }
    }

    /// Adds events, and shows how many there are if it is time.
    pub(super) fn add(&self, events: u64) {
        let events = events + self.events.fetch_add(events, Ordering::Relaxed);
        let every = if self.line.is_some() {
            CHANGE_EVERY
        } else {
            PLAIN_EVERY
        };
        let Ok(mut shown_at) = self.shown_at.try_lock() else {
            return;
        };
        if shown_at.elapsed() < every {
            return;
        }
        *shown_at = Instant::now();
        let text = format!("{} read", counted(events, "event"));
        match &self.line {
            Some(line) => line.set(text),
            None => output::message(format_args!("sluice: {text}")),
        }
    }
}
