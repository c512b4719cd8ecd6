//! The counts of a run, which metrics and the summary are made of.

mod drift;
mod files_read;
mod reasons;
mod redriven;
mod register;
mod resources;
mod roles;
mod summary;
mod times;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use sluice_engine::record::{Batch, ShardId};
use sluice_release::bundle::ReleaseId;
use sluice_release::release_switch::Role;
use sluice_release::rollback_policy::Score;
use sluice_storage::calls::CallMetrics;
use sluice_storage::retry::Retries;

use self::drift::DriftCounts;
use self::files_read::FilesRead;
use self::reasons::Reasons;
use self::redriven::Redriven;
pub use self::resources::Resources;
use self::roles::RoleCounts;
pub use self::summary::{RedriveSummary, ReleaseRecords, Summary};
pub use self::times::{Times, Timing};
use crate::format::parquet::UnmappedValues;
use crate::layout::chunk::{ChunkCounts, RedrivenCounts};
use crate::observe::drift::{ChunkDrift, DriftNews};
use crate::source::file::{LeftOut, ReadPosition};

/// A counter for each kind of object.
type ByKind = Family<[(&'static str, &'static str); 1], Counter>;

/// A counter for each step of admission.
type ByStep = Family<[(&'static str, &'static str); 1], Counter>;

/// The number of files with an incomplete last line that the summary names.
const INCOMPLETE_FILES_MAX: usize = 5;

const LAKE: [(&str, &str); 1] = [("kind", "lake")];
const QUARANTINE: [(&str, &str); 1] = [("kind", "quarantine")];
const ARCHIVE: [(&str, &str); 1] = [("kind", "archive")];

/// The counts of a run so far. They change when a chunk is committed, except for those of reads, puts
/// and messages, which are ahead.
#[derive(Debug)]
pub struct Progress {
    read_records: Counter,
    blank_lines: Counter,
    incomplete: Counter,
    incomplete_not_json: Counter,
    failed_sources: Counter,
    misplaced_records: Counter,
    records: Counter,
    bytes_in: Counter,
    events: Counter,
    lake_events: Counter,
    quarantined: Reasons,
    redriven: Redriven,
    dropped: Counter,
    unsent: Counter,
    messages: Counter,
    messages_not_repeated: Counter,
    bus_calls: CallMetrics,
    unmapped: Counter,
    unmapped_paths: Mutex<UnmappedValues>,
    drift: DriftCounts,
    objects: ByKind,
    object_bytes: ByKind,
    chunks: Counter,
    content_mismatches: Counter,
    lost_ranges: Counter,
    committed_before: Counter,
    /// The number of records of each shard that are counted.
    counted: Mutex<HashMap<ShardId, u64>>,
    /// The number of records of each release, in the order of their first use.
    releases: Mutex<Vec<(ReleaseId, u64)>>,
    incomplete_files: Mutex<Vec<String>>,
    /// How much of the files is read, if that is known.
    files: Mutex<Option<FilesRead>>,
    source_files: Counter,
    unplanned: Counter,
    left_out: Mutex<LeftOut>,
    roles: RoleCounts,
    swaps: Counter,
    rollbacks: Counter,
    registry_failures: Counter,
    admission_errors: ByStep,
    admission_errors_total: Counter,
    retries: Retries,
    /// Durations.
    pub times: Times,
}

impl Progress {
    /// Counts of zero; `retries` are counted by the retry policy, and
    /// `bus_calls` by the bus.
    #[must_use]
    pub fn new(retries: Retries, bus_calls: CallMetrics) -> Self {
        let (objects, object_bytes) = (ByKind::default(), ByKind::default());
        for kind in [&LAKE, &QUARANTINE, &ARCHIVE] {
            objects.get_or_create_owned(kind);
            object_bytes.get_or_create_owned(kind);
        }
        Self {
            read_records: Counter::default(),
            blank_lines: Counter::default(),
            incomplete: Counter::default(),
            incomplete_not_json: Counter::default(),
            failed_sources: Counter::default(),
            misplaced_records: Counter::default(),
            records: Counter::default(),
            bytes_in: Counter::default(),
            events: Counter::default(),
            lake_events: Counter::default(),
            quarantined: Reasons::default(),
            redriven: Redriven::default(),
            dropped: Counter::default(),
            unsent: Counter::default(),
            messages: Counter::default(),
            messages_not_repeated: Counter::default(),
            bus_calls,
            unmapped: Counter::default(),
            unmapped_paths: Mutex::default(),
            drift: DriftCounts::default(),
            objects,
            object_bytes,
            chunks: Counter::default(),
            content_mismatches: Counter::default(),
            lost_ranges: Counter::default(),
            committed_before: Counter::default(),
            counted: Mutex::default(),
            releases: Mutex::default(),
            incomplete_files: Mutex::default(),
            files: Mutex::default(),
            source_files: Counter::default(),
            unplanned: Counter::default(),
            left_out: Mutex::default(),
            roles: RoleCounts::default(),
            swaps: Counter::default(),
            rollbacks: Counter::default(),
            registry_failures: Counter::default(),
            admission_errors: ByStep::default(),
            admission_errors_total: Counter::default(),
            retries,
            times: Times::default(),
        }
    }

    /// A batch was read.
    pub fn read(&self, batch: &Batch) {
        self.read_records.inc_by(batch.len() as u64);
        self.blank_lines.inc_by(batch.skipped());
        self.misplaced_records.inc_by(batch.misplaced_records());
    }

    /// The last line of a file was left because it is not complete; `is_json` says whether the file looks like
    /// newline-delimited JSON.
    pub fn left_incomplete(&self, file: &str, is_json: bool) {
        self.incomplete.inc();
        if !is_json {
            self.incomplete_not_json.inc();
        }
        let mut files = locked(&self.incomplete_files);
        if files.len() < INCOMPLETE_FILES_MAX {
            files.push(file.to_owned());
        }
    }

    /// The sources name this many files, and their folders hold others that are not read.
    pub fn found_files(&self, files: usize, left_out: &LeftOut) {
        self.source_files.inc_by(files as u64);
        locked(&self.left_out).clone_from(left_out);
    }

    /// This many files or shards came after the parts of a replay were planned, so no part has them.
    pub fn found_unplanned(&self, sources: usize) {
        self.unplanned.inc_by(sources as u64);
    }

    /// Files of this many bytes are going to be read.
    pub fn begin_files(&self, bytes: u64) {
        *locked(&self.files) = Some(FilesRead::new(bytes));
    }

    /// The next file is read.
    pub fn begin_file(&self, position: ReadPosition) {
        if let Some(files) = &mut *locked(&self.files) {
            files.begin(position);
        }
    }

    /// The work on a file of this many bytes has ended.
    pub fn end_file(&self, bytes: u64) {
        if let Some(files) = &mut *locked(&self.files) {
            files.end(bytes);
        }
    }

    /// The bytes of files that are read, and those of all files; `None` if the source is a stream or a pipe.
    #[must_use]
    pub fn files_read(&self) -> Option<(u64, u64)> {
        locked(&self.files).as_ref().map(FilesRead::bytes)
    }

    /// A source failed, and the others are landed.
    pub fn source_failed(&self) {
        self.failed_sources.inc();
    }

    /// An object was put, of events or of quarantined records.
    pub fn put(&self, bytes: u64, in_lake: bool) {
        self.put_of_kind(if in_lake { &LAKE } else { &QUARANTINE }, bytes);
    }

    /// An object of records was put into the archive.
    pub fn put_into_archive(&self, bytes: u64) {
        self.put_of_kind(&ARCHIVE, bytes);
    }

    fn put_of_kind(&self, kind: &[(&'static str, &'static str); 1], bytes: u64) {
        self.objects.get_or_create(kind).inc();
        self.object_bytes.get_or_create(kind).inc_by(bytes);
    }

    /// Messages were sent.
    pub fn sent(&self, messages: u64) {
        self.messages.inc_by(messages);
    }

    /// Messages of a repeated chunk were not sent again, because the bus was known to have them.
    pub fn known_as_sent(&self, messages: u64) {
        self.messages_not_repeated.inc_by(messages);
    }

    /// A chunk of a shard was committed, which this release has transformed.
    pub fn landed(&self, shard: &ShardId, release: ReleaseId, counts: &ChunkCounts) {
        self.recount(shard, |before| before + counts.records);
        self.add_to_release(release, counts.records);
        self.records.inc_by(counts.records);
        self.bytes_in.inc_by(counts.bytes);
        self.events.inc_by(counts.events);
        self.lake_events.inc_by(counts.lake_events);
        for (reason, records) in &counts.quarantined {
            self.quarantined.add(reason, *records);
        }
        self.redriven.add(&counts.redriven);
        self.dropped.inc_by(counts.dropped);
        self.unsent.inc_by(counts.unsent);
        self.chunks.inc();
    }

    /// What became of redriven records, by the reason that they were quarantined for.
    #[must_use]
    pub fn redriven(&self) -> BTreeMap<String, RedrivenCounts> {
        self.redriven.by_reason()
    }

    /// A chunk was committed whose objects have these values in no column.
    pub fn found_unmapped(&self, values: &UnmappedValues) {
        self.unmapped.inc_by(values.total());
        locked(&self.unmapped_paths).absorb(values);
    }

    /// A new chunk was committed whose objects have these samples of events. Returns what is new about their drift from
    /// the schema.
    pub fn found_drift(&self, chunk: ChunkDrift) -> DriftNews {
        self.drift.add(chunk)
    }

    fn add_to_release(&self, release: ReleaseId, records: u64) {
        let mut releases = locked(&self.releases);
        match releases.iter_mut().find(|(id, _)| *id == release) {
            Some((_, sum)) => *sum += records,
            None => releases.push((release, records)),
        }
    }

    /// A release in this role has transformed a batch of a new chunk, with this score.
    pub fn transformed(&self, role: Role, batch: Score) {
        self.roles.add(role, batch);
    }

    /// A shard has stopped at an object that exists with different content.
    pub fn found_content_mismatch(&self) {
        self.content_mismatches.inc();
    }

    /// A range was found whose records may be lost.
    pub fn found_loss(&self) {
        self.lost_ranges.inc();
    }

    /// The number of quarantined records with this reason.
    #[must_use]
    pub fn quarantined_for(&self, reason: &str) -> u64 {
        self.quarantined.of(reason)
    }

    /// Messages of a repeated chunk were not sent, because there is no bus any more.
    pub fn not_sent(&self, messages: u64) {
        self.unsent.inc_by(messages);
    }

    /// A shard was opened with this many committed records. Those that this run committed when it had
    /// the shard before are not counted again.
    pub fn found_committed(&self, shard: &ShardId, records: u64) {
        let before = self.recount(shard, |_| records);
        self.committed_before.inc_by(records.saturating_sub(before));
    }

    /// Changes the number of counted records of a shard, and returns the number before.
    fn recount(&self, shard: &ShardId, change: impl Fn(u64) -> u64) -> u64 {
        let mut counted = locked(&self.counted);
        let counted = counted.entry(shard.clone()).or_default();
        let before = *counted;
        *counted = change(before);
        before
    }

    /// Counts a switch to another release.
    pub fn swapped(&self) {
        self.swaps.inc();
    }

    /// A release was rolled back because it exceeded its rollback policy.
    pub fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    /// A release failed admission at this step.
    pub fn admission_failed(&self, step: &'static str) {
        self.admission_errors
            .get_or_create_owned(&[("step", step)])
            .inc();
        self.admission_errors_total.inc();
    }

    /// A poll of the registry failed.
    pub fn registry_failed(&self) {
        self.registry_failures.inc();
    }

    /// The number of records read, landed or not.
    #[must_use]
    pub fn read_records(&self) -> u64 {
        self.read_records.get()
    }

    /// The number of records committed.
    #[must_use]
    pub fn committed_records(&self) -> u64 {
        self.records.get()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
