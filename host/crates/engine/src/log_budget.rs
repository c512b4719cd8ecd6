//! The messages that a transform logs: how many of them are kept, and those of a record for its author.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::bindings::sluice::transform::log;
use super::sanitize::sanitize;

/// How many messages the instances of one batch may log together; the rest is counted.
const LOG_MESSAGES_PER_BATCH: u32 = 100;

/// How many messages of a record are collected; the rest is counted. The records of a batch together then take 20 MiB
/// at most.
const LOG_MESSAGES_PER_RECORD: u32 = 20;

/// A message that a transform logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMessage {
    /// Its level.
    pub level: LogLevel,
    /// The message.
    pub message: String,
}

/// The levels of messages, as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Step-by-step detail; may contain event data.
    Trace,
    /// For the transform's author.
    Debug,
    /// For the operator, about normal operation.
    Info,
    /// Something unexpected that did no harm.
    Warn,
    /// Something that the operator must act on.
    Error,
}

impl LogLevel {
    /// Its name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
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
        let suppressed = self.suppressed.swap(0, Relaxed);
        (collected.unwrap_or_default(), suppressed)
    }

    /// Logs a message, or collects it.
    pub(super) fn write(&self, level: log::Level, message: &str) {
        if !self.take() {
            return;
        }
        let message = sanitize(message);
        if let Some(collected) = &self.collected {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_each_call_are_collected_up_to_their_limit() {
        let budget = LogBudget::collecting();
        for calls in [1, LOG_MESSAGES_PER_RECORD, LOG_MESSAGES_PER_RECORD + 3] {
            for number in 0..calls {
                budget.write(log::Level::Warn, &format!("{number}\n"));
            }
            let (messages, suppressed) = budget.take_collected();
            let kept = calls.min(LOG_MESSAGES_PER_RECORD);
            assert_eq!(messages.len(), kept as usize);
            assert_eq!(suppressed, u64::from(calls - kept));
            let first = LogMessage {
                level: LogLevel::Warn,
                message: "0\\n".to_owned(),
            };
            assert_eq!(messages[0], first);
        }
        assert_eq!(budget.take_collected(), (Vec::new(), 0));
    }

    #[test]
    fn other_messages_are_logged_and_not_collected() {
        let budget = LogBudget::default();
        budget.write(log::Level::Info, "x");
        assert!(budget.take_collected().0.is_empty());
    }
}
