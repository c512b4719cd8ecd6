//! The summary of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use sluice_release::bundle::ReleaseId;

use super::{ARCHIVE, ByKind, LAKE, Progress, QUARANTINE, locked};
use crate::layout::chunk::RedrivenCounts;
use crate::observe::drift::FoundDrift;
use crate::redrive::RedriveId;
use crate::source::redrive::{SkippedObjects, UnreadableObject};

/// The summary of a run. Each of its `records` has become one or more `events`, or is `quarantined`, or
/// is `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Records that this run committed.
    pub records: u64,
    /// Events made of these records.
    pub events: u64,
    /// Those of them that are in the lake. The others went to the bus only.
    pub lake_events: u64,
    /// Records quarantined.
    pub quarantined: u64,
    /// Records that the transform dropped.
    pub dropped: u64,
    /// Objects of events put into the lake.
    pub objects: u64,
    /// Messages sent.
    pub messages: u64,
    /// Bytes of the records, decompressed.
    pub bytes_in: u64,
    /// Bytes of the objects of events, compressed.
    pub bytes_out: u64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// The id of the active release at the end.
    pub release: String,
    /// Objects of quarantined records put.
    pub quarantine_objects: u64,
    /// Bytes of these objects, compressed.
    pub quarantine_bytes: u64,
    /// Objects of records put into the archive.
    pub archive_objects: u64,
    /// Bytes of these objects, compressed.
    pub archive_bytes: u64,
    /// Events for the bus while there was none.
    pub messages_unsent: u64,
    /// Empty lines of files, which are no records.
    pub blank_lines: u64,
    /// Last lines of files that were left for the next run, because they are not complete.
    pub incomplete: u64,
    /// Those of them that look like another format than newline-delimited JSON.
    #[serde(skip)]
    pub incomplete_not_json: u64,
    /// Sources that failed, while the others were landed.
    pub failed_sources: u64,
    /// Records of aggregates that were dropped because they belong to other shards
    /// (`--misplaced-records drop`).
    pub misplaced_records: u64,
    /// Records of these sources that earlier runs committed.
    pub already_committed: u64,
    /// Chunks that this run committed.
    pub chunks: u64,
    /// Ranges that this run has found whose records may be lost.
    pub lost_ranges: u64,
    /// Switches to another release.
    pub release_swaps: u64,
    /// Releases that failed admission.
    pub release_admission_errors: u64,
    /// Releases that this run rolled back because they exceeded their rollback policy.
    pub release_rollbacks: u64,
    /// Polls of the registry that failed.
    pub registry_failures: u64,
    /// Records quarantined, by reason. Of many reasons, some are counted together as `other`.
    pub quarantined_reasons: BTreeMap<String, u64>,
    /// Values in objects with columns that no column has: they are in `_rest`.
    pub unmapped_values: u64,
    /// These values by their paths in events. Of very many paths, some are counted together.
    pub unmapped_paths: BTreeMap<String, u64>,
    /// How often drift from the schema was found and logged.
    pub schema_drifts: u64,
    /// What drifts, each entry once, in the order in which it was found.
    pub schema_drift_paths: Vec<FoundDrift>,
    /// Sampled events whose type, or one of whose columns, is not watched for drift, because there are too many.
    pub schema_drift_unwatched_events: u64,
    /// Values of sampled events that drift at paths that are not told apart, because there are too many.
    pub schema_drift_unwatched_values: u64,
    /// The releases of the committed records, in the order in which they were first used.
    pub releases: Vec<ReleaseRecords>,
    /// Files whose last line was left, up to a few of them.
    pub incomplete_files: Vec<String>,
    /// Files that the sources name, in folders and by patterns too. A stream has none.
    pub files: u64,
    /// Files and folders in the folders of the sources that are not read: hidden, unfinished, in sub-folders.
    pub files_left_out: u64,
    /// Files or shards that came after the parts of a replay were planned, so that no part has them.
    pub unplanned: u64,
    /// How many of these are of which kind, as text.
    #[serde(skip)]
    pub left_out: String,
    /// What a redrive did; other runs have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive: Option<RedriveSummary>,
}

/// What a redrive did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RedriveSummary {
    /// Its id; `None` if there was nothing to redrive, or if it only tried the rules.
    pub id: Option<RedriveId>,
    /// Whether it only tried the rules and has written nothing.
    pub dry_run: bool,
    /// Whether it has come to the end of its list. One that only tried the rules has not.
    pub finished: bool,
    /// The objects of its list.
    pub objects: u64,
    /// The records of these objects.
    pub records: u64,
    /// What became of the records that this run has redriven, by the reason that they were quarantined for.
    pub reasons: BTreeMap<String, RedrivenCounts>,
    /// Objects that other redrives have claimed.
    pub skipped: Vec<SkippedObjects>,
    /// Objects that cannot be read, and documents that cannot be used.
    pub unreadable: Vec<UnreadableObject>,
}

/// The records that a run committed by one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseRecords {
    /// The id of the release.
    pub release: String,
    /// Records that the run committed by it.
    pub records: u64,
}

impl ReleaseRecords {
    fn of((release, records): &(ReleaseId, u64)) -> Self {
        Self {
            release: release.to_string(),
            records: *records,
        }
    }
}

impl Progress {
    /// The summary of a run that began at `started`.
    #[must_use]
    pub fn summary(&self, started: Instant, release: ReleaseId) -> Summary {
        let of = |counts: &ByKind, kind| counts.get_or_create(kind).get();
        let left_out = locked(&self.left_out).clone();
        Summary {
            records: self.records.get(),
            events: self.events.get(),
            lake_events: self.lake_events.get(),
            quarantined: self.quarantined.total(),
            dropped: self.dropped.get(),
            objects: of(&self.objects, &LAKE),
            messages: self.messages.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: of(&self.object_bytes, &LAKE),
            seconds: rounded_seconds(started.elapsed()),
            release: release.to_string(),
            quarantine_objects: of(&self.objects, &QUARANTINE),
            quarantine_bytes: of(&self.object_bytes, &QUARANTINE),
            archive_objects: of(&self.objects, &ARCHIVE),
            archive_bytes: of(&self.object_bytes, &ARCHIVE),
            messages_unsent: self.unsent.get(),
            blank_lines: self.blank_lines.get(),
            incomplete: self.incomplete.get(),
            incomplete_not_json: self.incomplete_not_json.get(),
            failed_sources: self.failed_sources.get(),
            misplaced_records: self.misplaced_records.get(),
            already_committed: self.committed_before.get(),
            chunks: self.chunks.get(),
            lost_ranges: self.lost_ranges.get(),
            release_swaps: self.swaps.get(),
            release_admission_errors: self.admission_errors_total.get(),
            release_rollbacks: self.rollbacks.get(),
            registry_failures: self.registry_failures.get(),
            quarantined_reasons: self.quarantined.met(),
            unmapped_values: self.unmapped.get(),
            unmapped_paths: locked(&self.unmapped_paths).by_path().clone(),
            schema_drifts: self.drift.total(),
            schema_drift_paths: self.drift.found(),
            schema_drift_unwatched_events: self.drift.unwatched_events(),
            schema_drift_unwatched_values: self.drift.unwatched_values(),
            releases: self.release_records(),
            incomplete_files: locked(&self.incomplete_files).clone(),
            files: self.source_files.get(),
            files_left_out: left_out.total(),
            unplanned: self.unplanned.get(),
            left_out: left_out.to_string(),
            redrive: None,
        }
    }

    fn release_records(&self) -> Vec<ReleaseRecords> {
        locked(&self.releases)
            .iter()
            .map(ReleaseRecords::of)
            .collect()
    }
}

fn rounded_seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0
}
