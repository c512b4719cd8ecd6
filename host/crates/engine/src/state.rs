//! The host's state of an instance: its memory limiter and its log.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wasmtime::Trap;

use super::bindings::sluice::transform::log;
use super::limits::MemoryLimiter;
use super::sanitize::sanitize;
use super::usage::{LogLevel, LogMessage};

/// How many messages the instances of one batch may log together; the rest is counted.
const LOG_MESSAGES_PER_BATCH: u32 = 100;

/// How many messages of a record are collected; the rest is counted. The records of a batch together then take 20 MiB
/// at most.
const LOG_MESSAGES_PER_RECORD: u32 = 20;

/// The data of an instance's store.
pub struct State {
    pub(super) memory: MemoryLimiter,
    /// The deadline of the current call.
    pub(super) deadline: Instant,
    /// The last message of the level `error` in the current call. It does not depend on how many messages were logged
    /// before, so that a repetition finds the same one.
    pub(super) last_error: Option<String>,
    log: Arc<LogBudget>,
}

impl State {
    pub(super) fn new(memory_bytes: usize, log: Arc<LogBudget>) -> Self {
        Self {
            memory: MemoryLimiter::new(memory_bytes),
            deadline: Instant::now(),
            last_error: None,
            log,
        }
    }
}

impl log::Host for State {
    /// Traps if the deadline has passed: work of the host consumes no fuel of the component.
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if Instant::now() > self.deadline {
            return Err(Trap::Interrupt.into());
        }
        self.write(level, &message);
        if matches!(level, log::Level::Error) {
            self.last_error = Some(sanitize(&message));
        }
        Ok(())
    }
}

impl State {
    fn write(&self, level: log::Level, message: &str) {
        if !self.log.take() {
            return;
        }
        let message = sanitize(message);
        if let Some(collected) = &self.log.collected {
            let level = level.into();
            let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
            return collected.push(LogMessage { level, message });
        }
        match level {
            log::Level::Trace => tracing::trace!(target: "transform", "{message}"),
            log::Level::Debug => tracing::debug!(target: "transform", "{message}"),
            log::Level::Info => tracing::info!(target: "transform", "{message}"),
            log::Level::Warn => tracing::warn!(target: "transform", "{message}"),
            log::Level::Error => tracing::error!(target: "transform", "{message}"),
        }
    }
}

/// The log messages that a batch has left. Its instances share them, because one that traps on each record
/// is replaced each time.
#[derive(Debug)]
pub(super) struct LogBudget {
    left: AtomicU32,
    suppressed: AtomicU64,
    /// The messages of a call, if they are collected instead of logged.
    collected: Option<Mutex<Vec<LogMessage>>>,
}

impl Default for LogBudget {
    fn default() -> Self {
        Self {
            left: AtomicU32::new(LOG_MESSAGES_PER_BATCH),
            suppressed: AtomicU64::new(0),
            collected: None,
        }
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Trace => Self::Trace,
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl LogBudget {
    /// A budget whose messages are collected, call by call.
    pub(super) fn collecting() -> Self {
        Self {
            left: AtomicU32::new(LOG_MESSAGES_PER_RECORD),
            suppressed: AtomicU64::new(0),
            collected: Some(Mutex::default()),
        }
    }

    /// The messages that were collected since the last time, and how many were suppressed. Each has the budget of a
    /// record.
    pub(super) fn take_collected(&self) -> (Vec<LogMessage>, u64) {
        self.left.store(LOG_MESSAGES_PER_RECORD, Relaxed);
        let collected = self.collected.as_ref().map(|collected| {
            let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *collected)
        });
        (
            collected.unwrap_or_default(),
            self.suppressed.swap(0, Relaxed),
        )
    }

    fn take(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        let taken = self.left.fetch_update(Relaxed, Relaxed, one_less).is_ok();
        if !taken {
            self.suppressed.fetch_add(1, Relaxed);
        }
        taken
    }
}

impl Drop for LogBudget {
    fn drop(&mut self) {
        let suppressed = *self.suppressed.get_mut();
        if suppressed > 0 && self.collected.is_none() {
            tracing::warn!(
                target: "transform",
                suppressed,
                "the transform logged more than {LOG_MESSAGES_PER_BATCH} messages in one batch"
            );
        }
    }
}
