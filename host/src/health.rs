//! What a run says of itself while it runs: whether it lives, whether it is ready, and how its shards
//! are doing. Whoever works tells it here; the pages of [`http`](crate::http) only read.

mod gauges;
mod heartbeat;
mod rollouts;
mod shards;
mod status;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use self::heartbeat::{Heartbeat, HeartbeatLimits};
pub use self::rollouts::Rollouts;
use self::shards::Shards;
pub use self::shards::{ReadMeter, State};
pub use self::status::Status;
use crate::config::{RunSettings, Sources};
use crate::record::{SequenceNumber, ShardId};
use crate::retry::Retries;
use crate::transform::admit::Release;
use crate::transform::release::ReleaseId;

/// The release that serves.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Its id.
    pub release: ReleaseId,
    /// The name that the component gives itself.
    pub transform: String,
    /// The version that it gives itself.
    pub version: String,
}

impl Serving {
    /// Of a process that lands nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            release: ReleaseId::of(&[]),
            transform: String::new(),
            version: String::new(),
        }
    }
}

impl From<&Release> for Serving {
    fn from(release: &Release) -> Self {
        Self {
            release: release.id(),
            transform: release.transform().to_owned(),
            version: release.version().to_owned(),
        }
    }
}

/// How a run is doing.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    began_at: DateTime<Utc>,
    retries: Retries,
    now: Mutex<Now>,
}

/// What changes.
#[derive(Debug)]
struct Now {
    serving: Serving,
    /// Of a registry that is followed, or a file that is watched.
    rollouts: Option<Rollouts>,
    /// Of a worker on a stream; a run over files has none.
    heartbeat: Option<Heartbeat>,
    stopping: bool,
    shards: Shards,
}

impl Health {
    /// A run with these settings that began at `started`.
    #[must_use]
    pub fn new(settings: &RunSettings, serving: Serving, started: Instant) -> Self {
        let heartbeat = match &settings.sources {
            Sources::Files(_) | Sources::Lambda => None,
            Sources::Stream(stream) => {
                let limits = HeartbeatLimits::new(stream.lease, settings.retry_policy.timeout());
                Some(Heartbeat::new(limits, Instant::now()))
            }
        };
        let retries = settings.retry_policy.retries().clone();
        Self {
            started,
            began_at: Utc::now(),
            retries,
            now: Mutex::new(Now {
                serving,
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

    /// The same by the clock.
    #[must_use]
    pub fn began_at(&self) -> DateTime<Utc> {
        self.began_at
    }

    /// The release that serves.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.now().serving.clone()
    }

    /// Another release serves.
    pub fn serve(&self, serving: Serving) {
        self.now().serving = serving;
    }

    /// A poll of the stream ended, with this error if it failed.
    pub fn polled(&self, fault: Option<&anyhow::Error>) {
        let fault = fault.map(|error| format!("{error:#}"));
        if let Some(heartbeat) = &mut self.now().heartbeat {
            heartbeat.beat(Instant::now(), fault);
        }
    }

    /// The run was told to stop, or is done.
    pub fn stopping(&self) {
        self.now().stopping = true;
    }

    /// A shard is worked on from now on.
    pub fn taken(&self, shard: &ShardId) {
        self.now().shards.take(shard);
    }

    /// Everything up to `last` is committed.
    pub fn committed(&self, shard: &ShardId, last: SequenceNumber) {
        self.now().shards.commit(shard, last);
    }

    /// A shard is not worked on any more, and what became of it.
    pub fn ended(&self, shard: &ShardId, state: State) {
        self.now().shards.end(shard, state);
    }

    /// What the reader of a shard, which is taken, tells how it is doing.
    #[must_use]
    pub fn read_meter(&self, shard: &ShardId) -> ReadMeter {
        self.now().shards.read_meter(shard)
    }

    /// Whether the run's own loop turns. One that waits for a service still does.
    ///
    /// # Errors
    /// What stands still, and for how long.
    pub fn live(&self) -> Result<(), String> {
        let now = self.now();
        match &now.heartbeat {
            Some(heartbeat) if !now.stopping => heartbeat.live(Instant::now()),
            _ => Ok(()),
        }
    }

    /// Whether the run does its work.
    ///
    /// # Errors
    /// What keeps it from that.
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
