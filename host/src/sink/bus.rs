//! Buses: where messages about events go.

pub mod sqs;
