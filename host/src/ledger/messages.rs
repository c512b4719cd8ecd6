//! What messages are about; a chunk pins it.

use serde::{Deserialize, Serialize};

/// The messages on a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Messages {
    /// One for each event that the transform routes to the bus.
    #[default]
    Events,
    /// One for each object of events, for consumers that read the lake.
    Objects,
}
