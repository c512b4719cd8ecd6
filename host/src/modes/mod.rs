//! The modes: files, a worker on a stream, a Lambda function, an archive, a redrive. Each chooses where chunks come from and
//! where their results go; [`pipeline`](crate::pipeline) does the rest.

pub mod archive;
pub mod connection_check;
mod content_mismatch;
pub mod deployment_package;
mod earlier_rules;
pub mod failed_sources;
pub mod file;
pub mod follow;
pub mod known_files;
pub mod lambda;
pub mod open_shard;
pub mod parts;
pub mod preflight;
pub mod progress_line;
mod quarantine_check;
pub mod redrive;
pub mod report;
pub mod rules;
pub mod source_files;
mod stop_signal;
pub mod table_schema;
pub mod targets;
pub mod watch;
pub mod worker;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sluice_engine::record::Bounds;
use tokio::task::JoinSet;

use self::failed_sources::FailedSources;
use self::follow::Follower;
use self::progress_line::{ProgressLine, Work};
use self::quarantine_check::check_quarantined;
use self::redrive::Redriven;
use self::rules::Rules;
use self::stop_signal::until_stopped;
use self::watch::Watcher;
use crate::config::{Mode, RunSettings};
use crate::observe::progress::Summary;
use crate::output;
use crate::pipeline::RunContext;

/// Applies the defaults of the mode to settings that the user has not given. `log_format_is_default` says
/// that the format of logs is such a setting.
pub fn apply_mode_defaults(settings: &mut RunSettings, log_format_is_default: bool) {
    if settings.mode == Mode::Lambda {
        lambda::apply_lambda_defaults(settings, log_format_is_default);
    }
}

/// Runs in the mode of the settings.
///
/// # Errors
/// The first error that ends the run; or at its end, sources that failed, or too many quarantined records.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    #[cfg(feature = "table")]
    preflight::check_table(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let _handled = file_size_signal();
        let started = Instant::now();
        let bundle = rules::bundle(settings).await?;
        let table = table_schema::load(settings).await?;
        let rules = Arc::new(Rules::admit(settings, &bundle, table).await?);
        let active = rules.own().as_ref().into();
        let context = Arc::new(RunContext::new(settings, active, started)?);
        let follower = Follower::of(settings, &rules, &context).await?;
        let mut background = JoinSet::new();
        if let Some(watcher) = Watcher::new(settings, rules.clone(), context.clone()) {
            background.spawn(async move { watcher.follow().await });
        }
        let frozen = settings.has_one_release() || settings.mode == Mode::Lambda;
        if let Some(follower) = follower.clone().filter(|_| !frozen) {
            background.spawn(async move { follower.follow().await });
        }
        let progress = ProgressLine::start(settings, Work::Run, context.clone());
        let landed = land(settings, rules, follower, context.clone()).await;
        drop(background);
        if let Some(progress) = progress {
            progress.finish().await;
        }
        let Landed { failed, redriven } = landed?;
        let mut summary = context.summary();
        if let Some(redriven) = redriven {
            redriven.add_to(&mut summary);
        }
        warn_of_empty_replay(settings, &summary);
        report::summarize(settings, &summary, context.health.has_polled())?;
        let failed = failed
            .check()
            .and_then(|()| redrive::check_readable(&summary));
        let quarantined = check_quarantined(settings, &summary);
        if let (Err(error), Err(_)) = (&failed, &quarantined) {
            output::error(output::with_causes(error));
        }
        quarantined.and(failed)
    })
}

/// Says that the source has no record in the part that a replay was given. A source that failed may have some.
fn warn_of_empty_replay(settings: &RunSettings, summary: &Summary) {
    let bounds = settings
        .replay
        .filter(|bounds| *bounds != Bounds::default());
    let Some(bounds) = bounds else {
        return;
    };
    if summary.records + summary.already_committed + summary.failed_sources > 0 {
        return;
    }
    match settings.part {
        None => tracing::warn!(
            "nothing was replayed: the source has no record {bounds}; correct --from and --to if there should be one"
        ),
        Some(part) => tracing::warn!("part {part} has replayed nothing: it has no record {bounds}"),
    }
}

/// Handles the signal of a limit of file sizes (`ulimit -f`), which otherwise ends the process without a word. The
/// write fails instead.
#[cfg(target_os = "linux")]
fn file_size_signal() -> Option<tokio::signal::unix::Signal> {
    const SIGXFSZ: i32 = 25;
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ)).ok()
}

#[cfg(not(target_os = "linux"))]
fn file_size_signal() {}

/// What a run ended with, besides its counts.
#[derive(Default)]
struct Landed {
    failed: FailedSources,
    redriven: Option<Redriven>,
}

async fn land(
    settings: &RunSettings,
    rules: Arc<Rules>,
    follower: Option<Arc<Follower>>,
    context: Arc<RunContext>,
) -> anyhow::Result<Landed> {
    let mut landed = Landed::default();
    match &settings.mode {
        Mode::Files(_) => {
            landed.failed = until_stopped(file::run(settings, rules, context)).await?;
        }
        Mode::Archive(archive) => {
            let archive = archive::run(settings, archive, rules, context);
            landed.failed = until_stopped(archive).await?;
        }
        Mode::Redrive(redrive) => {
            let begun = OnceLock::new();
            let redriven = redrive::run(settings, redrive, rules, context, &begun);
            let redriven = until_stopped(redriven).await;
            let redriven = redriven.map_err(|error| redrive::explain_stop(error, begun.get()))?;
            landed.redriven = Some(redriven);
        }
        Mode::Lambda => lambda::run(settings, rules, follower, context).await?,
        Mode::Worker(stream) => worker::run(settings, stream, rules, context).await?,
    }
    Ok(landed)
}
