//! What `sluice table sync` and `rebuild` share: how a table is built until it has all that is due.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use iceberg::TableIdent;
use serde_json::{Value, json};
use sluice_storage::retry::RetryPolicy;
use tokio::time::{Instant, sleep};

use super::location::TableLocation;
use crate::config::quantity::parse_size;
use crate::layout::object_key::METADATA_FOLDER;
use crate::output;
use crate::sink::SchemaStore;
use crate::sink::schema_store::KnownSchemas;
use crate::table::builder::{Builder, BuilderSettings, Commit, Due, RoundOutcome};
use crate::table::lease::LeaseError;
use crate::table::manage::Tables;

/// How long a build waits for another builder.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// How often another builder may commit first.
const VOIDS_MAX: u32 = 20;

/// How files are written.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The size of a file: events wait until there are enough for one, and a file with more is closed.
    #[arg(long, value_name = "SIZE", value_parser = file_size, default_value = "128MiB")]
    file_size: ByteSize,

    /// The memory for events and files that are written.
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "256MiB")]
    memory: ByteSize,

    /// The number of threads, 1 to 1,024. [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,

    /// The folder for files until they are uploaded. [default: that of the system for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// The least size of a file: one of each row would be there for ever.
const FILE_SIZE_MIN: ByteSize = ByteSize::kib(1);

/// The least memory.
const MEMORY_MIN: ByteSize = ByteSize::mib(16);

fn file_size(text: &str) -> Result<ByteSize, String> {
    at_least(FILE_SIZE_MIN, text)
}

fn memory(text: &str) -> Result<ByteSize, String> {
    at_least(MEMORY_MIN, text)
}

fn at_least(least: ByteSize, text: &str) -> Result<ByteSize, String> {
    let size = parse_size(text)?;
    let is_enough = size >= least;
    is_enough
        .then_some(size)
        .ok_or_else(|| format!("give at least {least}"))
}

impl BuildArgs {
    /// The builder of a table of these tables, which writes events that have waited for `age`.
    ///
    /// # Errors
    /// The lake cannot be opened.
    pub(super) async fn builder(
        &self,
        location: &TableLocation,
        tables: Tables,
        table: TableIdent,
        age: Duration,
        retries: &RetryPolicy,
    ) -> anyhow::Result<Builder> {
        let lake = location.lake.open(retries.clone()).await?;
        let metadata = location.lake.below(METADATA_FOLDER);
        let metadata = metadata.open(retries.clone()).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = BuilderSettings {
            due: Due {
                bytes: self.file_size.as_u64(),
                age,
            },
            file_bytes: self.file_size.as_u64(),
            memory: self.memory.as_u64(),
            threads: self.threads.map_or(cores, usize::from),
            scratch: self.scratch.clone().unwrap_or_else(std::env::temp_dir),
        };
        let schemas = SchemaStore::new(metadata, KnownSchemas::default());
        Ok(Builder::new(
            tables.catalog,
            tables.warehouse,
            lake,
            schemas,
            table,
            settings,
        ))
    }
}

/// What was built.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The commits.
    pub(super) commits: u64,
    /// Their events.
    pub(super) events: u64,
    /// The events that they have left out as duplicates.
    pub(super) duplicates: u64,
    /// Their files.
    pub(super) files: u64,
    /// The size of the files.
    pub(super) bytes: u64,
    /// The chunks.
    pub(super) chunks: u64,
    /// The events that the table has after the last commit, if there was one.
    pub(super) table_events: Option<u64>,
    /// The events that wait.
    pub(super) waiting: u64,
}

impl Done {
    fn add(&mut self, commit: &Commit) {
        self.commits += 1;
        self.events += commit.events;
        self.duplicates += commit.duplicates;
        self.files += commit.files;
        self.bytes += commit.bytes;
        self.chunks += commit.chunks;
        self.table_events = Some(commit.table_events);
    }

    /// The object for scripts.
    pub(super) fn json(&self, location: &TableLocation) -> Value {
        json!({
            "table": location.table.to_string(),
            "commits": self.commits,
            "events": self.events,
            "duplicates": self.duplicates,
            "files": self.files,
            "bytes": self.bytes,
            "chunks": self.chunks,
            "waiting_events": self.waiting,
        })
    }
}

/// Takes all that is due now.
///
/// # Errors
/// What cannot be read or written.
pub(super) async fn once(builder: &mut Builder, is_quiet: bool) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let started = Instant::now();
    let (mut is_waiting, mut voids) = (false, 0);
    loop {
        let round = match builder.round().await {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => {
                if !is_waiting {
                    output::message(format_args!("sluice: waiting: {error}"));
                }
                is_waiting = true;
                sleep(BUSY_PAUSE).await;
                continue;
            }
            round => round?,
        };
        anyhow::ensure!(
            !round.is_without_ledgers,
            "the lake has no ledger, so nothing was ever landed in it; give the lake that `run` writes to"
        );
        match &round.outcome {
            RoundOutcome::Committed(commit) => {
                done.add(commit);
                if !is_quiet {
                    output::line(describe(commit))?;
                }
            }
            RoundOutcome::Void => {
                voids += 1;
                anyhow::ensure!(
                    voids < VOIDS_MAX,
                    "another builder has committed each time; run the command again when it has ended"
                );
                continue;
            }
            RoundOutcome::Waiting { events, .. } => done.waiting = *events,
            RoundOutcome::Nothing => {}
        }
        if !round.has_more {
            return Ok(done);
        }
    }
}

fn describe(commit: &Commit) -> String {
    let duplicates = match commit.duplicates {
        0 => String::new(),
        duplicates => format!(" and left out {}", output::counted(duplicates, "duplicate")),
    };
    format!(
        "committed {} of {} in {}, {}{duplicates} (snapshot {})",
        output::counted(commit.events, "event"),
        output::counted(commit.chunks, "chunk"),
        output::counted(commit.files, "file"),
        ByteSize(commit.bytes),
        commit.snapshot
    )
}

/// Whether another builder works on the table.
pub(super) fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LeaseError::Busy { .. }))
}
