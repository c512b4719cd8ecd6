//! What the pages of `sluice table sync --follow` say: counts, what waits, and whether the table is built.

mod gauges;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use iceberg::TableIdent;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Registry, Unit};
use serde_json::{Value, json};
use sluice_storage::retry::Retries;

use self::gauges::Gauges;
use super::news::News;
use super::state::TableState;
use super::watermark::Watermark;
use crate::format::parquet::UnmappedValues;
use crate::observe::http::Observed;

/// A builder of which no step has ended for this long hangs: reading what is new, writing files, an upload, a commit.
const LONGEST_STEP: Duration = Duration::from_secs(60 * 60);

/// The state of a builder, and its counts since it began.
#[derive(Debug)]
pub struct TableProgress {
    table: String,
    began_at: DateTime<Utc>,
    /// How long no step may end.
    idle_max: Duration,
    retries: Retries,
    counts: Counts,
    now: Arc<Mutex<Now>>,
}

#[derive(Debug, Default)]
struct Counts {
    commits: Counter,
    events: Counter,
    duplicates: Counter,
    files: Counter,
    file_bytes: Counter,
    unmapped: Counter,
    void_attempts: Counter,
    failures: Counter,
}

/// The part that changes.
#[derive(Debug)]
struct Now {
    /// When the last step ended.
    step: Instant,
    /// What the lake and the table had when they were read last.
    seen: Option<Seen>,
    round: Option<LastRound>,
    /// The last failure, and whether a round has ended well since.
    failure: Option<LastFailure>,
    is_failing: bool,
}

/// What the lake and the table have.
#[derive(Clone, Debug)]
struct Seen {
    /// Milliseconds since the Unix epoch, as all times here.
    at: i64,
    waiting_events: u64,
    waiting_chunks: u64,
    /// When the oldest of the events that wait were put.
    oldest: Option<i64>,
    committed_at: Option<i64>,
    snapshot: Option<i64>,
    attempt: String,
    shards: u64,
    chunks: u64,
    events: u64,
    duplicates: u64,
    unmapped: UnmappedValues,
}

#[derive(Clone, Debug)]
struct LastRound {
    at: i64,
    outcome: &'static str,
}

#[derive(Clone, Debug)]
struct LastFailure {
    at: i64,
    error: String,
}

/// What a commit has added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    pub(super) events: u64,
    pub(super) duplicates: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) unmapped: u64,
    /// Whether nothing else waits.
    pub(super) is_all: bool,
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// A time as text.
fn time(milliseconds: i64) -> String {
    let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TableProgress {
    /// That of a builder that has done nothing yet and pauses for `interval` between rounds. `retries` are counted by the
    /// retry policy.
    #[must_use]
    pub fn new(table: &TableIdent, retries: Retries, interval: Duration) -> Self {
        Self {
            table: table.to_string(),
            began_at: Utc::now(),
            idle_max: LONGEST_STEP.saturating_add(interval),
            retries,
            counts: Counts::default(),
            now: Arc::new(Mutex::new(Now {
                step: Instant::now(),
                seen: None,
                round: None,
                failure: None,
                is_failing: false,
            })),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }

    /// For how long the oldest chunk that the table does not have has waited; zero if there is none, and `None` if the lake
    /// was not read yet.
    #[must_use]
    pub fn oldest_waiting(&self) -> Option<Duration> {
        let oldest = self.now().seen.as_ref()?.oldest;
        let age = oldest.map_or(0, |oldest| now().saturating_sub(oldest));
        Some(Duration::from_millis(u64::try_from(age).unwrap_or(0)))
    }

    /// A step has ended.
    pub(super) fn step(&self) {
        self.now().step = Instant::now();
    }

    /// The table and the lake were read.
    pub(super) fn read(&self, state: &TableState, news: &News) {
        let snapshot = state.table.metadata().current_snapshot();
        let has_events = news.oldest_put_at.is_some();
        let waiting = news.waiting.values().map(|shard| shard.chunks);
        let mut seen = Seen {
            at: now(),
            waiting_events: news.events,
            waiting_chunks: if has_events { waiting.sum() } else { 0 },
            oldest: news.oldest_put_at,
            committed_at: snapshot.map(|snapshot| snapshot.timestamp_ms()),
            snapshot: snapshot.map(|snapshot| snapshot.snapshot_id()),
            attempt: String::new(),
            shards: 0,
            chunks: 0,
            events: 0,
            duplicates: 0,
            unmapped: UnmappedValues::default(),
        };
        seen.set_watermark(&state.watermark);
        self.now().seen = Some(seen);
        self.step();
    }

    /// An attempt is committed.
    pub(super) fn committed(&self, added: &Added, watermark: &Watermark, snapshot: i64) {
        let counts = &self.counts;
        counts.commits.inc();
        counts.events.inc_by(added.events);
        counts.duplicates.inc_by(added.duplicates);
        counts.files.inc_by(added.files);
        counts.file_bytes.inc_by(added.bytes);
        counts.unmapped.inc_by(added.unmapped);
        if let Some(seen) = &mut self.now().seen {
            seen.set_watermark(watermark);
            seen.committed_at = Some(now());
            seen.snapshot = Some(snapshot);
            // Otherwise, the next round, which follows at once, says what is left.
            if added.is_all {
                (seen.waiting_events, seen.waiting_chunks) = (0, 0);
                seen.oldest = None;
            }
        }
        self.step();
    }

    /// An attempt is void.
    pub(super) fn void(&self) {
        self.counts.void_attempts.inc();
        self.step();
    }

    /// A round has ended without an error. `outcome` says with what.
    pub fn round(&self, outcome: &'static str) {
        let mut current = self.now();
        current.round = Some(LastRound { at: now(), outcome });
        current.is_failing = false;
        current.step = Instant::now();
    }

    /// A round has failed.
    pub fn failed(&self, error: &str) {
        self.counts.failures.inc();
        let mut current = self.now();
        let (at, error) = (now(), error.to_owned());
        current.failure = Some(LastFailure { at, error });
        current.is_failing = true;
        current.step = Instant::now();
    }
}

impl Seen {
    fn set_watermark(&mut self, watermark: &Watermark) {
        self.attempt.clone_from(&watermark.attempt);
        self.shards = watermark.shards.len() as u64;
        self.chunks = watermark.shards.values().map(|mark| mark.chunks).sum();
        self.events = watermark.rows();
        self.duplicates = watermark.dropped();
        self.unmapped.clone_from(&watermark.unmapped);
    }

    fn json(&self) -> (Value, Value) {
        let table = json!({
            "attempt": self.attempt,
            "snapshot": self.snapshot.map(|id| id.to_string()),
            "committed_at": self.committed_at.map(time),
            "shards": self.shards,
            "chunks": self.chunks,
            "events": self.events,
            "duplicates": self.duplicates,
            "unmapped": self.unmapped,
        });
        let waiting = json!({
            "events": self.waiting_events,
            "chunks": self.waiting_chunks,
            "since": self.oldest.map(time),
            "read_at": time(self.at),
        });
        (table, waiting)
    }
}

impl Observed for TableProgress {
    fn began_at(&self) -> DateTime<Utc> {
        self.began_at
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "retries",
            "Retries of operations of services, on top of those of the AWS clients",
            self.retries.by_operation().clone(),
        );
        self.register_own(registry);
    }

    fn live(&self) -> Result<(), String> {
        let idle = self.now().step.elapsed();
        if idle <= self.idle_max {
            return Ok(());
        }
        Err(format!(
            "no step of the builder has ended for {} s",
            idle.as_secs()
        ))
    }

    fn ready(&self) -> Result<(), String> {
        let current = self.now();
        match (&current.failure, &current.round) {
            (Some(failure), _) if current.is_failing => Err(failure.error.clone()),
            (_, None) => Err("the first round has not ended yet".into()),
            _ => Ok(()),
        }
    }

    fn status_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.status())
    }
}

impl TableProgress {
    /// Registers the metrics that no other part of a process has.
    pub fn register_own(&self, registry: &mut Registry) {
        self.counts.register(registry);
        registry.register_collector(Box::new(Gauges::new(self.now.clone())));
    }

    /// The status at the moment.
    #[must_use]
    pub fn status(&self) -> Value {
        let reason = self.ready().err();
        let current = self.now();
        let (watermark, waiting) = current.seen.as_ref().map(Seen::json).unzip();
        let round = current.round.as_ref();
        let failure = current.failure.as_ref();
        let counts = &self.counts;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "table": self.table,
            "since": self.began_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "ready": reason.is_none(),
            "reason": reason,
            "watermark": watermark,
            "waiting": waiting,
            "last_round": round.map(|last| json!({"at": time(last.at), "outcome": last.outcome})),
            "last_error": failure.map(|last| json!({"at": time(last.at), "error": last.error})),
            "totals": {
                "commits": counts.commits.get(),
                "events": counts.events.get(),
                "duplicates": counts.duplicates.get(),
                "files": counts.files.get(),
                "file_bytes": counts.file_bytes.get(),
                "unmapped_values": counts.unmapped.get(),
                "void_attempts": counts.void_attempts.get(),
                "failures": counts.failures.get(),
            },
        })
    }
}

impl Counts {
    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("commits", "Commits to the table", &self.commits),
            ("events", "Events committed to the table", &self.events),
            (
                "duplicates",
                "Events that were left out of the table as duplicates",
                &self.duplicates,
            ),
            ("files", "Files committed to the table", &self.files),
            (
                "unmapped_values",
                "Values of committed events that no column of the table has",
                &self.unmapped,
            ),
            (
                "void_attempts",
                "Attempts that are void because another builder has committed, or the table was rebuilt",
                &self.void_attempts,
            ),
            (
                "failures",
                "Rounds of the builder that failed",
                &self.failures,
            ),
        ] {
            registry.register(format!("table_{name}"), help, counter.clone());
        }
        registry.register_with_unit(
            "table_file",
            "Bytes of the files committed to the table",
            Unit::Bytes,
            self.file_bytes.clone(),
        );
    }
}
