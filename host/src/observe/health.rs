//! The health of a run: whether it is live and ready, and the state of its shards. The parts of a run
//! report here, and the endpoints of [`http`](crate::observe::http) read it.

mod gauges;
mod heartbeat;
mod rollouts;
mod shards;
pub mod status;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseId;
use sluice_storage::retry::Retries;

use self::heartbeat::{Heartbeat, HeartbeatLimits};
pub use self::rollouts::Rollouts;
use self::shards::Shards;
pub use self::shards::State;
pub use self::status::Status;
use crate::config::RunSettings;
use crate::output::with_causes;
use crate::source::read_meter::ReadMeter;

/// The active release, as health and metrics show it.
#[derive(Clone, Debug)]
pub struct ActiveRelease {
    /// Its id.
    pub release: ReleaseId,
    /// The name of its component.
    pub transform: String,
    /// The version of its component.
    pub version: String,
}

impl ActiveRelease {
    /// For a process that transforms nothing, such as an audit.
    #[must_use]
    pub fn none() -> Self {
        Self {
            release: ReleaseId::of(&[]),
            transform: String::new(),
            version: String::new(),
        }
    }
}

impl From<&Release> for ActiveRelease {
    fn from(release: &Release) -> Self {
        Self {
            release: release.id(),
            transform: release.transform().to_owned(),
            version: release.version().to_owned(),
        }
    }
}

/// The health of a run.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    began_at: DateTime<Utc>,
    retries: Retries,
    now: Mutex<Now>,
}

/// The part that changes.
#[derive(Debug)]
struct Now {
    active_release: ActiveRelease,
    /// The registry that is followed, or the file that is watched.
    rollouts: Option<Rollouts>,
    /// Of a worker on a stream; a run over files has none.
    heartbeat: Option<Heartbeat>,
    stopping: bool,
    shards: Shards,
}

impl Health {
    /// The health of a run that began at `started`.
    #[must_use]
    pub fn new(settings: &RunSettings, active_release: ActiveRelease, started: Instant) -> Self {
        let heartbeat = settings.mode.stream().map(|stream| {
            let limits = HeartbeatLimits::new(stream.lease, settings.retry_policy.timeout());
            Heartbeat::new(limits, Instant::now())
        });
        let retries = settings.retry_policy.retries().clone();
        Self {
            started,
            began_at: Utc::now(),
            retries,
            now: Mutex::new(Now {
                active_release,
                rollouts: None,
                heartbeat,
                stopping: false,
                shards: Shards::default(),
            }),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the run began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The same as a time of day.
    #[must_use]
    pub fn began_at(&self) -> DateTime<Utc> {
        self.began_at
    }

    /// The active release.
    #[must_use]
    pub fn active_release(&self) -> ActiveRelease {
        self.now().active_release.clone()
    }

    /// Reports that another release is active.
    pub fn set_active_release(&self, release: ActiveRelease) {
        self.now().active_release = release;
    }

    /// Reports that a poll of the stream ended, with this error if it failed.
    pub fn polled(&self, fault: Option<&anyhow::Error>) {
        let fault = fault.map(with_causes);
        if let Some(heartbeat) = &mut self.now().heartbeat {
            heartbeat.beat(Instant::now(), fault);
        }
    }

    /// Whether a poll of the stream has succeeded. A run over files has nothing to poll.
    #[must_use]
    pub fn has_polled(&self) -> bool {
        let now = self.now();
        now.heartbeat.as_ref().is_none_or(Heartbeat::has_succeeded)
    }

    /// Reports that the run is stopping.
    pub fn stopping(&self) {
        self.now().stopping = true;
    }

    /// Reports that this process works on a shard from now on.
    pub fn claimed(&self, shard: &ShardId) {
        self.now().shards.take(shard);
    }

    /// Reports that everything up to `last` is committed.
    pub fn committed(&self, shard: &ShardId, last: SequenceNumber) {
        self.now().shards.commit(shard, last);
    }

    /// Reports how many lost ranges the ledger of a shard has.
    pub fn lost_ranges(&self, shard: &ShardId, count: usize) {
        self.now().shards.lost_ranges(shard, count);
    }

    /// Reports that the work on a shard has ended.
    pub fn ended(&self, shard: &ShardId, state: State) {
        self.now().shards.end(shard, state);
    }

    /// Reports that another process works on a shard, or has finished it.
    pub fn taken_over(&self, shard: &ShardId) {
        self.now().shards.take_over(shard);
    }

    /// The meter for the reader of a shard.
    #[must_use]
    pub fn read_meter(&self, shard: &ShardId) -> ReadMeter {
        self.now().shards.read_meter(shard)
    }

    /// Whether the run is live. A run that waits for a service still is.
    ///
    /// # Errors
    /// What hangs, and for how long.
    pub fn live(&self) -> Result<(), String> {
        let now = self.now();
        match &now.heartbeat {
            Some(heartbeat) if !now.stopping => heartbeat.live(Instant::now()),
            _ => Ok(()),
        }
    }

    /// Whether the run is ready.
    ///
    /// # Errors
    /// Why it is not.
    pub fn ready(&self) -> Result<(), String> {
        let now = self.now();
        if now.stopping {
            return Err("the run is stopping".into());
        }
        let Some(heartbeat) = &now.heartbeat else {
            return Ok(());
        };
        heartbeat
            .ready(Instant::now())
            .map_err(|why| match self.retries.latest() {
                Some(failure) if heartbeat.none_since(failure.at) => format!("{why}; {failure}"),
                _ => why,
            })
    }
}
