//! The state that the shards of a run share, and the plan of a chunk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sluice_engine::outcome::Transformed;
use sluice_engine::record::{Batch, SequenceNumber, ShardId};
use sluice_release::admission::Release;
use sluice_release::registry::Registry;
use sluice_release::release_switch::{ReleaseSwitch, Role};
use sluice_release::scores::{Scores, score};
use sluice_release::shadow::Shadow;

use crate::config::RunSettings;
use crate::format::Level;
use crate::format::parquet::TableSchema;
use crate::layout::chunk::{ChunkLimits, ChunkRules};
use crate::ledger::Range;
use crate::ledger::messages::MessageRules;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::store::LedgerStore;
use crate::observe::health::{ActiveRelease, Health};
use crate::observe::http::Observed;
use crate::observe::progress::{Progress, Summary};
use crate::pipeline::compute::Compute;
use crate::sink::bus::Bus;
use crate::sink::{Archive, Lake, SchemaStore};
use crate::source::ShardBatches;
use crate::source::budget::Budget;

/// The state that all shards of a run share.
pub struct RunContext {
    /// The threads that transform and encode.
    pub compute: Compute,
    chunk_limits: ChunkLimits,
    /// How many shards share the memory for chunks.
    shards: AtomicU64,
    /// The memory limit for chunks and for records that were read, bytes.
    memory: u64,
    /// How many times the bytes of a chunk it takes with the one that is landed meanwhile.
    memory_times_chunk: u64,
    /// The memory for reading.
    pub budget: Budget,
    /// The compression level of objects.
    pub level: Level,
    /// What the run has done so far.
    pub progress: Progress,
    /// What the health endpoints report.
    pub health: Arc<Health>,
    /// Results by release, which rollbacks are decided on.
    pub scores: Scores,
    /// How the results of a shadow release differ from those of the active one.
    pub shadow: Arc<Shadow>,
}

/// One chunk is transformed while another is landed. Each takes 2.5 times its input: its events,
/// their encoded form, and half as much for the positions of events.
const MEMORY_TIMES_CHUNK: u64 = 5;

/// For the archive, each chunk also keeps its records, and half as much for their encoded form.
const MEMORY_TIMES_ARCHIVED_CHUNK: u64 = MEMORY_TIMES_CHUNK + 3;

/// The share of the memory for reading: one part in this many.
const READING_PART: u64 = 4;

impl RunContext {
    /// The state of a run that began at `started`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(
        settings: &RunSettings,
        active_release: ActiveRelease,
        started: Instant,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        Ok(Self {
            compute: Compute::new(settings.threads)?,
            chunk_limits: settings.chunk,
            shards: AtomicU64::new(1),
            memory: settings.memory,
            memory_times_chunk: match settings.archive {
                Some(_) => MEMORY_TIMES_ARCHIVED_CHUNK,
                None => MEMORY_TIMES_CHUNK,
            },
            budget: Budget::new(settings.memory / READING_PART),
            level: settings.level,
            progress: Progress::new(
                settings.retry_policy.retries().clone(),
                settings.messages.calls.clone(),
            ),
            health: Arc::new(Health::new(settings, active_release, started)),
            scores: Scores::default(),
            shadow: Arc::default(),
        })
    }

    /// The limits of the next chunk: those of the settings, or less if many shards share the
    /// memory.
    #[must_use]
    pub fn chunk_limits(&self) -> ChunkLimits {
        let shards = self.shards.load(Relaxed).max(1);
        let memory = self.memory - self.memory / READING_PART;
        let share = (memory / (self.memory_times_chunk * shards)).max(1);
        ChunkLimits {
            bytes: self.chunk_limits.bytes.min(share),
            ..self.chunk_limits
        }
    }

    /// Counts a batch that the release of a chunk has transformed.
    pub(super) fn count_batch(
        &self,
        plan: &ChunkPlan,
        records: usize,
        outcome: &Transformed,
        took: Duration,
    ) {
        let batch = score(records, outcome, took);
        self.scores.add(plan.release.id(), batch);
        if let Some(role) = plan.role {
            self.progress.transformed(role, batch);
        }
    }

    /// The summary of the run so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let release = self.health.active_release().release;
        self.progress.summary(self.health.started(), release)
    }

    /// How many shards the memory has room for without smaller chunks; at least one.
    #[must_use]
    pub fn shards_at_once(&self) -> usize {
        let memory = self.memory - self.memory / READING_PART;
        let shard = self.chunk_limits.bytes.saturating_mul(MEMORY_TIMES_CHUNK);
        usize::try_from(memory / shard.max(1)).map_or(usize::MAX, |shards| shards.max(1))
    }

    /// Sets how many shards share the memory.
    pub fn share_memory(&self, shards: usize) {
        self.shards.store(shards as u64, Relaxed);
    }
}

impl Observed for RunContext {
    fn began_at(&self) -> DateTime<Utc> {
        self.health.began_at()
    }

    fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        registry.register_collector(Box::new(self.health.clone()));
        self.progress.register(registry);
    }

    fn live(&self) -> Result<(), String> {
        self.health.live()
    }

    fn ready(&self) -> Result<(), String> {
        self.health.ready()
    }

    fn status_json(&self) -> serde_json::Result<String> {
        let (scores, shadow) = (self.scores.all(), self.shadow.report());
        let (totals, resources) = (self.summary(), self.progress.resources());
        let status = self.health.status(totals, resources, scores, shadow);
        serde_json::to_string_pretty(&status)
    }
}

/// A shard that this process works on.
pub struct Shard {
    /// Its records after the last committed one.
    pub batches: ShardBatches,
    /// Its ledger.
    pub ledger: LedgerStore,
    /// Where its outcomes go.
    pub sinks: Sinks,
}

/// Where the outcomes of a shard go.
pub struct Sinks {
    /// The shard.
    pub shard: ShardId,
    /// Events and quarantine.
    pub lake: Lake,
    /// The lake as the settings name it.
    pub lake_name: String,
    /// Messages.
    pub bus: Option<Arc<dyn Bus>>,
    /// The messages of the bus and their limits; `None` without a bus.
    pub messages: Option<MessageRules>,
    /// The releases that have written to the lake, as a registry.
    pub registry: Registry,
    /// The schemas of the lake's objects.
    pub schemas: SchemaStore,
    /// Where the records of new chunks are archived.
    pub archive: Option<Archive>,
}

impl Sinks {
    /// The settings of new chunks for these sinks; `pins` has those that do not depend on sinks.
    #[must_use]
    pub fn complete(&self, pins: Pins) -> Pins {
        let pins = pins.with_bus(self.messages);
        let archive = self.archive.as_ref();
        Pins {
            archive: archive.map(|archive| archive.name().to_owned()),
            ..pins
        }
    }
}

/// How new chunks are made: by the releases that are active when the chunk begins.
pub struct NewChunks {
    /// The active releases.
    pub switch: Arc<ReleaseSwitch>,
    /// Their settings.
    pub pins: Pins,
    /// The schema of their objects, if these have columns.
    pub table: Option<Arc<TableSchema>>,
    /// The archive of their pins.
    pub archive: Option<Archive>,
}

/// The specification of the next chunk.
pub enum ChunkSpec<'a> {
    /// A pinned range, repeated exactly.
    Replay(Box<ChunkPlan>),
    /// New records, by the release that is active when the first of them arrives.
    New(&'a NewChunks),
}

impl ChunkSpec<'_> {
    pub(super) fn range(&self) -> Option<Range> {
        match self {
            Self::Replay(plan) => plan.range,
            Self::New(_) => None,
        }
    }

    /// Whether the chunk of this plan ends before a batch: the batch begins a chunk, or another release transforms it.
    pub(super) fn ends_before(&self, plan: &ChunkPlan, batch: &Batch) -> bool {
        let redriven = batch.redriven();
        redriven.is_some_and(|redriven| redriven.starts_chunk) || self.is_outdated(plan)
    }

    /// Whether another release was activated since the chunk of this plan began, which would transform it now. The
    /// chunk takes no more records then, so that they need not wait until it is closed by its age.
    fn is_outdated(&self, plan: &ChunkPlan) -> bool {
        match (self, &plan.begin) {
            (Self::New(new_chunks), Some((shard, first))) => {
                let now = new_chunks.switch.choose(shard, *first);
                now.release.id() != plan.release.id()
            }
            _ => false,
        }
    }

    /// The plan for the chunk that begins with this batch.
    pub(super) fn plan(&self, batch: &Batch) -> ChunkPlan {
        let new_chunks = match self {
            Self::Replay(plan) => return ChunkPlan::clone(plan),
            Self::New(new_chunks) => new_chunks,
        };
        let first = batch.ledger_span().map_or(0.into(), |(first, _)| first);
        let choice = new_chunks.switch.choose(batch.ledger_shard(), first);
        ChunkPlan {
            release: choice.release,
            role: Some(choice.role),
            shadow: choice.shadow,
            pins: new_chunks.pins.clone(),
            table: new_chunks.table.clone(),
            archive: new_chunks.archive.clone(),
            begin: Some((batch.ledger_shard().clone(), first)),
            range: None,
            resource_faults: ResourceFaults::default(),
            with_positions: false,
        }
    }
}

/// How one chunk is made.
#[derive(Clone)]
pub struct ChunkPlan {
    /// The release that transforms it.
    pub release: Arc<Release>,
    /// What this release is; `None` if the chunk was made before, whatever the release was then.
    pub role: Option<Role>,
    /// The shadow release, if there is one.
    pub shadow: Option<Arc<Release>>,
    /// The settings that decide its outcome.
    pub pins: Pins,
    /// The shard and the first record of a new chunk.
    pub begin: Option<(ShardId, SequenceNumber)>,
    /// The pinned range; a new chunk closes by its limits.
    pub range: Option<Range>,
    /// The records of the range that exceeded a resource before.
    pub resource_faults: ResourceFaults,
    /// Whether it keeps the record of each line, for the audit.
    pub with_positions: bool,
    /// The schema of its objects that the settings name, if these have columns.
    pub table: Option<Arc<TableSchema>>,
    /// The archive of its pins, if it is landed.
    pub archive: Option<Archive>,
}

impl ChunkPlan {
    /// The rules of the chunk that begins with this batch.
    pub(super) fn rules(&self, batch: &Batch) -> ChunkRules {
        ChunkRules {
            shard: batch.ledger_shard().clone(),
            pins: self.pins.clone(),
            with_positions: self.with_positions,
            table: self.table.clone(),
        }
    }
}
