//! The counts, the health, the HTTP endpoints and the logs of a run.

pub mod drift;
pub mod events;
pub mod health;
pub mod http;
mod process;
pub mod progress;
pub mod telemetry;
