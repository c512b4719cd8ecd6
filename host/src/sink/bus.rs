//! sink::bus.

pub mod sqs;
