//! What the flow works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::chunk::{ChunkLimits, ChunkRules};
use crate::compute::Compute;
use crate::config::RunSettings;
use crate::encode::{Format, Level};
use crate::health::{Health, Serving};
use crate::ledger::Range;
use crate::ledger::store::LedgerStore;
use crate::progress::{Progress, Summary};
use crate::record::{Position, ShardId, Slice};
use crate::sink::metadata_store::MetadataStore;
use crate::sink::{Bus, Lake, Messages};
use crate::source::Slices;
use crate::source::aggregate::MisplacedRecords;
use crate::transform::admit::Release;
use crate::transform::registry::Registry;
use crate::transform::scores::Scores;
use crate::transform::shadow::Shadow;
use crate::transform::slot::Slot;

/// What all shards of a run share.
pub struct Host {
    /// Transforms and encodes.
    pub compute: Compute,
    chunk_limits: ChunkLimits,
    /// How many shards share the memory for chunks.
    shards: AtomicU64,
    /// What chunks and reading together may take, bytes.
    memory: u64,
    /// The most partitions that a chunk may open.
    pub max_partitions: usize,
    /// How hard objects are compressed.
    pub level: Level,
    /// What has been done so far.
    pub progress: Progress,
    /// How the run is doing.
    pub health: Arc<Health>,
    /// How releases have done.
    pub scores: Scores,
    /// What a release that runs beside would have done.
    pub shadow: Arc<Shadow>,
}

/// A chunk in the making beside one that is landed, each with its input twice over (what came of it,
/// and what is encoded or sent) and half of it again for where its events are.
const MEMORY_TIMES_CHUNK: u64 = 5;

/// The part of the memory that is for reading: one in this many.
const READING_PART: u64 = 4;

impl Host {
    /// The host of a run with these settings that began at `started`.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(
        settings: &RunSettings,
        serving: Serving,
        started: Instant,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        Ok(Self {
            compute: Compute::new(settings.threads)?,
            chunk_limits: settings.chunk,
            shards: AtomicU64::new(1),
            memory: settings.memory,
            max_partitions: settings.limits.partitions,
            level: settings.level,
            progress: Progress::new(settings.retry_policy.retries().clone()),
            health: Arc::new(Health::new(settings, serving, started)),
            scores: Scores::default(),
            shadow: Arc::default(),
        })
    }

    /// When the next chunk closes: by the settings, or earlier where many shards share the memory.
    #[must_use]
    pub fn chunk_limits(&self) -> ChunkLimits {
        let shards = self.shards.load(Relaxed).max(1);
        let memory = self.memory - self.memory_for_reading();
        let share = (memory / (MEMORY_TIMES_CHUNK * shards)).max(1);
        ChunkLimits {
            bytes: self.chunk_limits.bytes.min(share),
            ..self.chunk_limits
        }
    }

    /// What reading may take, bytes.
    #[must_use]
    pub fn memory_for_reading(&self) -> u64 {
        self.memory / READING_PART
    }

    /// What has been done so far, as it is said at the end.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let release = self.health.serving().release;
        self.progress.summary(self.health.started(), release)
    }

    /// Tells how many shards there are to share the memory between.
    pub fn share_memory(&self, shards: usize) {
        self.shards.store(shards as u64, Relaxed);
    }
}

/// One shard that this process holds.
pub struct Shard {
    /// Its records from behind what is committed.
    pub slices: Slices,
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
    pub lake: Arc<Lake>,
    /// The lake as users name it.
    pub lake_name: String,
    /// Messages.
    pub bus: Option<Bus>,
    /// What they are about.
    pub messages: Messages,
    /// The releases that have written to the lake.
    pub registry: Registry<MetadataStore>,
}

impl Sinks {
    /// What a chunk has to heed to fit these sinks.
    #[must_use]
    pub fn chunk_rules(&self, host: &Host) -> ChunkRules {
        let bus = self.bus.as_ref();
        let bus = bus.filter(|_| self.messages == Messages::Events);
        ChunkRules {
            shard: self.shard.clone(),
            with_messages: bus.is_some(),
            announced: self.bus.is_some() && self.messages == Messages::Objects,
            with_positions: false,
            max_partitions: host.max_partitions,
            max_message_bytes: bus.and_then(Bus::max_message_bytes),
        }
    }
}

/// How fresh chunks are made: by the release that serves when the chunk begins.
pub struct Fresh {
    /// The releases that serve.
    pub slot: Arc<Slot>,
    /// The format of objects.
    pub format: Format,
    /// What becomes of records of aggregates that belong to other shards.
    pub misplaced_records: MisplacedRecords,
}

/// How the next chunk is made.
pub enum How<'a> {
    /// Exactly as it was begun before.
    Again(Plan),
    /// By what serves when its first slice comes.
    Fresh(&'a Fresh),
}

impl How<'_> {
    pub(super) fn range(&self) -> Option<Range> {
        match self {
            Self::Again(plan) => plan.range,
            Self::Fresh(_) => None,
        }
    }

    /// The plan for the chunk that begins with this slice.
    pub(super) fn plan(&self, slice: &Slice) -> Plan {
        let fresh = match self {
            Self::Again(plan) => return plan.clone(),
            Self::Fresh(fresh) => fresh,
        };
        let first = slice.positions().first();
        let first = first.map_or(0.into(), |first| first.sequence);
        let choice = fresh.slot.choose(slice.shard(), first);
        Plan {
            release: choice.release,
            shadow: choice.shadow,
            format: fresh.format,
            misplaced_records: fresh.misplaced_records,
            range: None,
            condemned: Arc::new([]),
        }
    }
}

/// How one chunk is made.
#[derive(Clone)]
pub struct Plan {
    /// By which release.
    pub release: Arc<Release>,
    /// Which release runs beside it, if one does.
    pub shadow: Option<Arc<Release>>,
    /// In which format.
    pub format: Format,
    /// What becomes of records of aggregates that belong to other shards.
    pub misplaced_records: MisplacedRecords,
    /// Of exactly which records; a fresh chunk closes by its limits.
    pub range: Option<Range>,
    /// Which of them ran out of wall time before.
    pub condemned: Arc<[Position]>,
}
