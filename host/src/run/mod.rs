//! The modes. Each chooses where chunks come from and where outcomes go; what happens between is
//! [`pipeline`](crate::pipeline).

pub mod leases;
pub mod local;
pub mod report;
pub mod rules;
pub mod targets;
pub mod worker;

use crate::config::{RunSettings, Sources};

/// Runs in the mode that the source asks for.
///
/// # Errors
/// Whatever ends the run before its end.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    match &settings.sources {
        Sources::Files(files) => local::run(settings, files),
        Sources::Stream(stream) => worker::run(settings, stream),
    }
}
