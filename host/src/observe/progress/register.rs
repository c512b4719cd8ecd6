//! The names of the metrics.

use prometheus_client::registry::{Registry, Unit};

use super::Progress;

impl Progress {
    /// Registers all counts and durations.
    pub fn register(&self, registry: &mut Registry) {
        self.register_records(registry);
        self.register_outcomes(registry);
        self.register_times(registry);
        self.register_releases(registry);
        registry.register(
            "retries",
            "Retries of operations of services, on top of those of the AWS clients",
            self.retries.by_operation().clone(),
        );
    }

    fn register_records(&self, registry: &mut Registry) {
        let mut count = |name, help, counter: &super::Counter| {
            registry.register(name, help, counter.clone());
        };
        count(
            "records_read",
            "Records read and transformed, committed or not",
            &self.read_records,
        );
        count("records_committed", "Records committed", &self.records);
        count(
            "records_dropped",
            "Records committed that the transform dropped, or that held no record",
            &self.dropped,
        );
        count(
            "blank_lines",
            "Empty lines of files, which are no records",
            &self.blank_lines,
        );
        count(
            "incomplete",
            "Last lines of files that were left for the next run because they are not complete",
            &self.incomplete,
        );
        count(
            "misplaced_records",
            "Misplaced records of aggregates that were dropped because they belong to other shards",
            &self.misplaced_records,
        );
        count("chunks", "Chunks committed", &self.chunks);
        count(
            "content_mismatches",
            "How often a shard has stopped because an object exists with different content",
            &self.content_mismatches,
        );
        count(
            "lost_ranges",
            "Ranges of shards found whose records may have been lost before they were landed",
            &self.lost_ranges,
        );
        registry.register(
            "records_quarantined",
            "Records quarantined, by reason",
            self.quarantined.clone(),
        );
        registry.register(
            "records_redriven",
            "Quarantined records that were redriven and committed, by the reason that they were quarantined for and by what \
             became of them",
            self.redriven.clone(),
        );
        registry.register_with_unit(
            "source",
            "Bytes of the committed records",
            Unit::Bytes,
            self.bytes_in.clone(),
        );
    }

    fn register_outcomes(&self, registry: &mut Registry) {
        registry.register(
            "unmapped_values",
            "Values of committed events that no column of their Parquet objects has",
            self.unmapped.clone(),
        );
        self.drift.register(registry);
        registry.register(
            "events",
            "Events of the committed records",
            self.events.clone(),
        );
        registry.register(
            "objects",
            "Objects put, by kind: events in the lake, quarantined records, or records in the archive",
            self.objects.clone(),
        );
        registry.register_with_unit(
            "object",
            "Compressed bytes of the objects put, by kind",
            Unit::Bytes,
            self.object_bytes.clone(),
        );
        registry.register("messages", "Messages sent", self.messages.clone());
        registry.register(
            "messages_not_repeated",
            "Messages of repeated chunks that were not sent again: the ledger knew that the bus has them",
            self.messages_not_repeated.clone(),
        );
        registry.register(
            "bus_calls",
            "Calls of the bus in SQS, those that failed included",
            self.bus_calls.calls.clone(),
        );
        registry.register(
            "bus_calls_limit",
            "Calls of the bus in SQS at once, at most: lower while it throttles or does not answer",
            self.bus_calls.limit.clone(),
        );
        registry.register(
            "messages_unsent",
            "Events for the bus while there is none",
            self.unsent.clone(),
        );
    }

    fn register_releases(&self, registry: &mut Registry) {
        self.roles.register(registry);
        registry.register(
            "release_swaps",
            "Switches to another release",
            self.swaps.clone(),
        );
        registry.register(
            "release_admission_errors",
            "Releases that failed admission, by step",
            self.admission_errors.clone(),
        );
        registry.register(
            "release_rollbacks",
            "Releases that this process rolled back because they exceeded their rollback policy",
            self.rollbacks.clone(),
        );
        registry.register(
            "registry_failures",
            "Polls of the registry that failed",
            self.registry_failures.clone(),
        );
    }

    fn register_times(&self, registry: &mut Registry) {
        let times = &self.times;
        for (name, help, timing) in [
            (
                "chunk_duration",
                "From the first batch of a chunk to its commit",
                &times.chunk,
            ),
            ("object_put_duration", "The put of one object", &times.put),
            (
                "chunk_manifest_put_duration",
                "The put of one chunk manifest",
                &times.manifest,
            ),
            ("send_duration", "The messages of one chunk", &times.send),
            (
                "transform_duration",
                "The transform of one batch of at most 1,000 records",
                &times.transform,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, timing.0.clone());
        }
    }
}
