//! Buses: where messages about events go.

pub mod folder;
pub mod sqs;
