//! How a table is built until it has all that is due.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use iceberg::TableIdent;
use serde_json::{Value, json};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;
use tokio::time::{Instant, sleep};

use super::builder::{Builder, BuilderSettings, Commit, Due, RoundOutcome};
use super::lease::LeaseError;
use super::location::TableLocation;
use super::manage::Tables;
use super::scratch;
use crate::config::BuildArgs;
use crate::layout::object_key::METADATA_FOLDER;
use crate::output;
use crate::sink::SchemaStore;
use crate::sink::schema_store::KnownSchemas;

/// How long a build waits for another builder.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two looks at its lease.
pub const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// How often another builder may commit first.
pub const VOIDS_MAX: u32 = 20;

impl BuildArgs {
    /// The folder for files until they are uploaded.
    #[must_use]
    pub fn scratch_folder(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The builder of a table that exists, which writes events that have waited for `age`.
    ///
    /// # Errors
    /// There is no such table, or something cannot be opened.
    pub async fn open(
        &self,
        location: &TableLocation,
        age: Duration,
        retries: &RetryPolicy,
    ) -> anyhow::Result<Builder> {
        let tables = location.open_existing_with(retries.clone()).await?;
        // Says what to do if there is no such table.
        tables.load(&location.table).await?;
        let table = location.table.clone();
        self.builder(location, tables, table, age, retries).await
    }

    /// The builder of a table of these tables, which writes events that have waited for `age`.
    ///
    /// # Errors
    /// The lake cannot be opened.
    pub async fn builder(
        &self,
        location: &TableLocation,
        tables: Tables,
        table: TableIdent,
        age: Duration,
        retries: &RetryPolicy,
    ) -> anyhow::Result<Builder> {
        self.check_scratch(true)?;
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
            scratch: self.scratch_folder(),
        };
        scratch::remove_ended(&settings.scratch);
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
pub struct Done {
    /// The commits.
    pub commits: u64,
    /// Their events.
    pub events: u64,
    /// The events that they have left out as duplicates.
    pub duplicates: u64,
    /// Their files.
    pub files: u64,
    /// The size of the files.
    pub bytes: u64,
    /// The chunks.
    pub chunks: u64,
    /// The events that the table has after the last commit, if there was one.
    pub table_events: Option<u64>,
    /// The events that wait.
    pub waiting: u64,
}

impl Done {
    /// Counts a commit.
    pub fn add(&mut self, commit: &Commit) {
        self.commits += 1;
        self.events += commit.events;
        self.duplicates += commit.duplicates;
        self.files += commit.files;
        self.bytes += commit.bytes;
        self.chunks += commit.chunks;
        self.table_events = Some(commit.table_events);
    }

    /// The object for scripts.
    #[must_use]
    pub fn json(&self, location: &TableLocation) -> Value {
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
pub async fn once(
    builder: &mut Builder,
    lake: &StoreLocation,
    is_quiet: bool,
) -> anyhow::Result<Done> {
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
            "the lake {lake} has no ledger, so nothing was ever landed in it; give the lake that `run` writes to"
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

/// Whether another builder works on the table, or the lease was lost, so that the next round may have it.
#[must_use]
pub fn is_busy(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(LeaseError::Busy { .. } | LeaseError::Lost { .. })
    )
}
