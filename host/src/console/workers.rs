//! The workers that are polled: their status and their metrics.

use std::str::FromStr;
use std::sync::Arc;

/// The address of a worker's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkerUrl(String);

impl FromStr for WorkerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

/// The workers.
pub(super) struct Workers(Vec<WorkerUrl>);

impl Workers {
    pub(super) fn new(urls: Vec<WorkerUrl>) -> anyhow::Result<Self> {
        Ok(Self(urls))
    }

    pub(super) fn start(self: &Arc<Self>) {}

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
