//! observe.

pub mod health;
pub mod http;
pub mod progress;
pub mod telemetry;
