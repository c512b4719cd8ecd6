//! What a run says about itself: counts, health, HTTP pages and logs.

pub mod events;
pub mod health;
pub mod http;
pub mod progress;
pub mod telemetry;
