//! `sluice table sync`.

use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use sluice_storage::retry::RetryPolicy;
use tokio::time::sleep;

use super::build::{BuildArgs, is_busy, once};
use super::location::{RETRY_TIMEOUT, TableArgs, TableLocation};
use crate::config::HttpBind;
use crate::config::log_format::LogFormat;
use crate::config::quantity::parse_duration;
use crate::observe::{events, http, telemetry};
use crate::output;
use crate::table::builder::{Builder, Round, RoundOutcome};
use crate::table::commit::CommitError;
use crate::table::progress::TableProgress;
use crate::table::state::TableStateError;
use crate::tools::schema::print_json;

/// How long events wait in a sync that follows, unless the user gives another age.
const USUAL_AGE: Duration = Duration::from_secs(15 * 60);

/// The longest pause of a sync that follows after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Which table, and how.
#[derive(Debug, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    table: TableArgs,

    /// Go on until a signal: write when there is enough for a file, or events have waited for `--max-age`.
    #[arg(long, action = ArgAction::SetTrue)]
    follow: bool,

    /// Look for new chunks this often.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s", requires = "follow")]
    interval: Duration,

    /// Write events that have waited this long, however few they are. [default: `15m` with `--follow`, or else `0s`, so that
    /// all that wait are written]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,

    #[command(flatten)]
    build: BuildArgs,

    /// Print one JSON object at the end, for scripts.
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "follow")]
    json: bool,

    /// How log lines are written, with `--follow`.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Human, requires = "follow")]
    log_format: LogFormat,

    /// With `--follow`, expose `/metrics`, `/livez`, `/readyz` and `/status` on this address and port (port 0: any free
    /// one); `none` turns this off. There is no authentication. [default: 127.0.0.1:9464 if it is free]
    #[arg(long, env = "SLUICE_HTTP", value_name = "ADDR:PORT|none")]
    http: Option<HttpBind>,
}

/// Builds a table.
///
/// # Errors
/// Wrong usage, or what cannot be read or written.
pub(super) async fn sync(args: &SyncArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    let retries = RetryPolicy::new(RETRY_TIMEOUT);
    let mut builder = builder(args, &location, &retries).await?;
    if args.follow {
        telemetry::start(args.log_format, "info")?;
        let retries = retries.retries().clone();
        let progress = Arc::new(TableProgress::new(&location.table, retries, args.interval));
        let builder = builder.observed(progress.clone());
        return follow(args, builder, &progress).await;
    }
    let done = once(&mut builder, args.json).await?;
    if args.json {
        return Ok(print_json(&done.json(&location))?);
    }
    let table = &location.table;
    output::line(match (done.commits, done.waiting) {
        (0, 0) => format!("the table {table} has all events of the lake"),
        (0, waiting) => format!("{} wait for {table}", output::counted(waiting, "event")),
        (_, 0) => format!(
            "the table {table} has all events of the lake: {}",
            output::counted(done.table_events.unwrap_or(0), "event")
        ),
        (_, waiting) => format!(
            "the table {table} has {}; {} wait",
            output::counted(done.table_events.unwrap_or(0), "event"),
            output::counted(waiting, "event")
        ),
    })?;
    Ok(())
}

async fn builder(
    args: &SyncArgs,
    location: &TableLocation,
    retries: &RetryPolicy,
) -> anyhow::Result<Builder> {
    let tables = location.open_existing_with(retries.clone()).await?;
    // Says what to do if there is no such table.
    tables.load(&location.table).await?;
    let usual_age = if args.follow {
        USUAL_AGE
    } else {
        Duration::ZERO
    };
    let age = args.max_age.unwrap_or(usual_age);
    let table = location.table.clone();
    let builder = args.build.builder(location, tables, table, age, retries);
    builder.await
}

/// Whether a builder stops: a person has to decide.
fn is_final(error: &anyhow::Error) -> bool {
    let of_commit = error.downcast_ref().and_then(|error| match error {
        CommitError::State(state) => Some(state),
        CommitError::InDoubt(_) => None,
    });
    matches!(
        error.downcast_ref().or(of_commit),
        Some(
            TableStateError::RolledBack { .. }
                | TableStateError::Foreign(_)
                | TableStateError::Layout(_)
                | TableStateError::Column { .. }
                | TableStateError::Dedupe { .. }
        )
    )
}

/// Builds until a signal.
async fn follow(
    args: &SyncArgs,
    mut builder: Builder,
    progress: &Arc<TableProgress>,
) -> anyhow::Result<()> {
    let bind = args.http.unwrap_or(HttpBind::worker_default());
    let is_announced = args.log_format == LogFormat::Human;
    let _server = http::start_at(bind, is_announced, progress.clone()).await?;
    let mut signals = Signals::listen()?;
    tracing::info!(interval = ?args.interval, max_age = ?args.max_age.unwrap_or(USUAL_AGE), "following the lake");
    let mut failures = 0;
    loop {
        let round = tokio::select! {
            round = builder.round() => round,
            () = signals.received() => break,
        };
        let pause = match round {
            Ok(round) => {
                failures = 0;
                progress.round(round.outcome.name());
                log(&round);
                if round.has_more {
                    Duration::ZERO
                } else {
                    args.interval
                }
            }
            Err(error) if is_busy(&error) => {
                progress.round("busy");
                tracing::info!("{error}");
                args.interval
            }
            Err(error) if is_final(&error) => {
                let why = output::with_causes(&error);
                tracing::error!(event = events::TABLE_STOPPED, "the builder ends: {why}");
                return Err(error);
            }
            Err(error) => {
                failures += 1;
                let error = output::with_causes(&error);
                progress.failed(&error);
                tracing::error!(
                    event = events::TABLE_STOPPED,
                    failures,
                    "the table is not built: {error}"
                );
                (args.interval * failures).min(LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = signals.received() => break,
        }
    }
    tracing::info!("stopped by a signal; start again to continue");
    Ok(())
}

fn log(round: &Round) {
    match &round.outcome {
        RoundOutcome::Nothing => tracing::debug!("nothing new"),
        RoundOutcome::Waiting { events, .. } => tracing::debug!(events, "events wait for a file"),
        RoundOutcome::Void => {
            tracing::warn!(
                "another builder has committed at the same time, or the table was rebuilt; this attempt is void"
            );
        }
        RoundOutcome::Committed(commit) => tracing::info!(
            events = commit.events,
            duplicates = commit.duplicates,
            files = commit.files,
            bytes = commit.bytes,
            chunks = commit.chunks,
            snapshot = %commit.snapshot,
            table_events = commit.table_events,
            "committed"
        ),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
