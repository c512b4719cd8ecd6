//! The counts of a worker whose rates pages show.

use super::status::WorkerStatus;

/// A count of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::console) enum Counter {
    /// Records committed.
    Records,
    Events,
    Quarantined,
    /// Bytes of the committed records.
    SourceBytes,
    /// Objects of events.
    Objects,
    /// Compressed bytes of these objects.
    ObjectBytes,
    Messages,
    /// Calls of the bus in SQS.
    BusCalls,
    /// Retries of operations of services.
    Retries,
    /// Releases that a worker has rolled back.
    Rollbacks,
}

impl Counter {
    pub(super) const ALL: [Self; 10] = [
        Self::Records,
        Self::Events,
        Self::Quarantined,
        Self::SourceBytes,
        Self::Objects,
        Self::ObjectBytes,
        Self::Messages,
        Self::BusCalls,
        Self::Retries,
        Self::Rollbacks,
    ];

    /// What a worker has counted since its start.
    pub(super) fn of(self, status: &WorkerStatus) -> u64 {
        let (totals, resources) = (&status.totals, &status.resources);
        match self {
            Self::Records => totals.records,
            Self::Events => totals.events,
            Self::Quarantined => totals.quarantined,
            Self::SourceBytes => totals.bytes_in,
            Self::Objects => totals.objects,
            Self::ObjectBytes => totals.bytes_out,
            Self::Messages => totals.messages,
            Self::BusCalls => resources.bus_calls,
            Self::Retries => resources.retries,
            Self::Rollbacks => totals.release_rollbacks,
        }
    }
}
