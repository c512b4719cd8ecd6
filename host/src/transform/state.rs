//! What an instance has of the host: its memory's guard, and the log.

use std::time::Instant;

use wasmtime::Trap;

use super::bindings::sluice::transform::log;
use super::limits::MemoryGuard;

/// Messages that one instance may log; the rest is counted.
const LOG_MESSAGES_PER_INSTANCE: u32 = 100;

/// A log message is cut here.
const LOG_MESSAGE_MAX_BYTES: usize = 1_024;

/// What an instance's store holds.
pub struct State {
    pub(super) memory: MemoryGuard,
    /// When the call that runs has taken too long.
    pub(super) deadline: Instant,
    log_left: u32,
    log_suppressed: u64,
}

impl State {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Self {
            memory: MemoryGuard::new(memory_bytes),
            deadline: Instant::now(),
            log_left: LOG_MESSAGES_PER_INSTANCE,
            log_suppressed: 0,
        }
    }
}

impl log::Host for State {
    /// Traps when the call has taken too long: what the host does for a component costs that no fuel.
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if Instant::now() > self.deadline {
            return Err(Trap::Interrupt.into());
        }
        self.write(level, &message);
        Ok(())
    }
}

impl State {
    fn write(&mut self, level: log::Level, message: &str) {
        if self.log_left == 0 {
            self.log_suppressed += 1;
            return;
        }
        self.log_left -= 1;
        let message = &message[..message.floor_char_boundary(LOG_MESSAGE_MAX_BYTES)];
        let message = one_line(message);
        match level {
            log::Level::Trace => tracing::trace!(target: "transform", "{message}"),
            log::Level::Debug => tracing::debug!(target: "transform", "{message}"),
            log::Level::Info => tracing::info!(target: "transform", "{message}"),
            log::Level::Warn => tracing::warn!(target: "transform", "{message}"),
            log::Level::Error => tracing::error!(target: "transform", "{message}"),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.log_suppressed > 0 {
            tracing::warn!(
                target: "transform",
                suppressed = self.log_suppressed,
                "the transform logged more than {LOG_MESSAGES_PER_INSTANCE} messages in one slice"
            );
        }
    }
}

/// Shows control characters as escapes, so that a transform cannot forge a line of the log.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
