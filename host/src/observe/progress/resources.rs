//! What a run uses.

use serde::Serialize;

use super::Progress;
use crate::observe::process::usage;

/// What the process of a run uses, and how often it has asked services.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Resources {
    /// CPU time of the process, user and system, seconds. Only Linux reports it.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, bytes. Only Linux reports it.
    pub resident_bytes: Option<u64>,
    /// Retries of operations of services, on top of those of the AWS clients.
    pub retries: u64,
    /// Calls of the bus in SQS, those that failed included.
    pub bus_calls: u64,
    /// Calls of the bus in SQS at once, at most; 0 without such a bus.
    pub bus_calls_limit: u64,
}

impl Progress {
    /// What the run uses at the moment.
    #[must_use]
    pub fn resources(&self) -> Resources {
        let usage = usage();
        Resources {
            cpu_seconds: usage.as_ref().map(|usage| usage.cpu_seconds),
            resident_bytes: usage.as_ref().map(|usage| usage.resident_bytes),
            retries: self.retries.total(),
            bus_calls: self.bus_calls.calls.get(),
            bus_calls_limit: u64::try_from(self.bus_calls.limit.get()).unwrap_or_default(),
        }
    }
}
