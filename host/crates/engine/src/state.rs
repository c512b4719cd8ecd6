//! The host's state of an instance: its memory limiter and its log.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Trap;

use super::bindings::sluice::transform::log;
use super::limits::MemoryLimiter;
use super::log_budget::LogBudget;
use super::sanitize::sanitize;

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
        self.log.write(level, &message);
        if matches!(level, log::Level::Error) {
            self.last_error = Some(sanitize(&message));
        }
        Ok(())
    }
}
