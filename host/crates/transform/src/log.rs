//! Messages for the host's log. Outside of a component they go nowhere.
//!
//! The host keeps a bounded number of messages of each batch, and counts the rest.

/// Logs step-by-step detail, which may contain event data.
pub fn trace(message: &str) {
    write(Level::Trace, message);
}

/// Logs something for the transform's author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Logs something for the operator, about normal operation.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Logs something unexpected that did no harm.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Logs something that the operator must act on.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(target_arch = "wasm32")]
use crate::component::bindings::sluice::transform::log::{Level, log as write};

#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(not(target_arch = "wasm32"))]
fn write(_level: Level, _message: &str) {}
