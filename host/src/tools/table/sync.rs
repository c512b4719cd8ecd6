//! `sluice table sync`.

use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use sluice_storage::retry::RetryPolicy;

use super::args::TableArgs;
use crate::config::log_format::LogFormat;
use crate::config::table_settings::{USUAL_AGE, with_short_flag};
use crate::config::{BuildArgs, DueArgs, HttpBind};
use crate::observe::{http, telemetry};
use crate::output;
use crate::table::build::once;
use crate::table::builder::Builder;
use crate::table::follow::FollowSettings;
use crate::table::location::{TableLocation, builder_retries, command_retries};
use crate::table::progress::TableProgress;
use crate::tools::schema::print_json;

/// Which table, and how.
#[derive(Debug, Args)]
#[command(mut_args(with_short_flag))]
pub struct SyncArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// Go on until a signal: write when there is enough for a file, or events have waited for `--max-age`.
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) follow: bool,

    #[command(flatten)]
    due: DueArgs,

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
    let retries = match args.follow {
        true => builder_retries(),
        false => command_retries(),
    };
    let mut builder = builder(args, &location, &retries).await?;
    if args.follow {
        telemetry::start(args.log_format, "info")?;
        let retries = retries.retries().clone();
        let progress = Arc::new(TableProgress::new(
            &location.table,
            retries,
            args.due.interval,
        ));
        let builder = builder.observed(progress.clone());
        return follow(args, builder, &progress).await;
    }
    let done = once(&mut builder, &location.lake, args.json).await?;
    if args.json {
        return Ok(print_json(&done.json(&location))?);
    }
    let table = &location.table;
    output::line(match (done.commits, done.waiting) {
        (0, 0) => format!("the table {table} has all events of the lake"),
        (0, waiting) => format!(
            "{} wait for {table}: {}",
            output::counted(waiting, "event"),
            reason(args)
        ),
        (_, 0) => format!(
            "the table {table} has all events of the lake: {}",
            output::counted(done.table_events.unwrap_or(0), "event")
        ),
        (_, waiting) => format!(
            "the table {table} has {}; {} wait: {}",
            output::counted(done.table_events.unwrap_or(0), "event"),
            output::counted(waiting, "event"),
            reason(args)
        ),
    })?;
    Ok(())
}

/// Why events wait, and what to do to have them in the table.
fn reason(args: &SyncArgs) -> String {
    let age = humantime::format_duration(age(args));
    format!(
        "they are too few for a file, and younger than table.max_age, {age}; `--max-age 0s` writes them now"
    )
}

/// How long events wait at most.
fn age(args: &SyncArgs) -> Duration {
    let usual_age = if args.follow {
        USUAL_AGE
    } else {
        Duration::ZERO
    };
    args.due.max_age.unwrap_or(usual_age)
}

async fn builder(
    args: &SyncArgs,
    location: &TableLocation,
    retries: &RetryPolicy,
) -> anyhow::Result<Builder> {
    args.build.open(location, age(args), retries).await
}

/// Builds until a signal.
async fn follow(
    args: &SyncArgs,
    builder: Builder,
    progress: &Arc<TableProgress>,
) -> anyhow::Result<()> {
    let bind = args.http.unwrap_or(HttpBind::worker_default());
    let is_announced = args.log_format == LogFormat::Human;
    let _server = http::start_at(bind, is_announced, progress.clone()).await?;
    let mut signals = Signals::listen()?;
    let (interval, max_age) = (args.due.interval, age(args));
    tracing::info!(?interval, ?max_age, "following the lake");
    let following = FollowSettings {
        interval,
        waits_for_decision: false,
    };
    tokio::select! {
        ended = following.build(builder, progress) => return ended,
        () = signals.received() => {}
    }
    tracing::info!("stopped by a signal; start again to continue");
    Ok(())
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
