//! What messages are about; a chunk pins it.

use serde::{Deserialize, Serialize};

/// The messages on a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Messages {
    /// One for each event that the transform routes to the bus.
    #[default]
    Events,
    /// One for many events of a partition that the transform routes to the bus.
    Packed,
    /// One for each object of events, for consumers that read the lake.
    Objects,
}

/// The messages of a bus and its limits, as a chunk pins them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRules {
    /// What they are about.
    pub messages: Messages,
    /// The largest event that fits one, bytes; `None` without a limit.
    pub event_bytes: Option<usize>,
    /// The largest packed message, bytes with its attributes; `None` if messages are not packed.
    pub pack_bytes: Option<usize>,
}
