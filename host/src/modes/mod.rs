//! The modes: files, a worker on a stream, a Lambda function. Each chooses where chunks come from and
//! where their results go; [`pipeline`](crate::pipeline) does the rest.

mod content_mismatch;
pub mod deployment_package;
pub mod file;
pub mod follow;
pub mod known_files;
pub mod lambda;
pub mod open_shard;
pub mod preflight;
pub mod report;
pub mod rules;
pub mod targets;
pub mod watch;
pub mod worker;

use std::sync::Arc;
use std::time::Instant;

use sluice_engine::record::Bounds;
use tokio::task::JoinSet;

use self::follow::Follower;
use self::rules::Rules;
use self::watch::Watcher;
use crate::config::{Mode, RunSettings, SummaryFormat};
use crate::observe::progress::Summary;
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
/// The first error that ends the run.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let bundle = rules::bundle(settings).await?;
        let rules = Arc::new(Rules::admit(settings, &bundle).await?);
        let active = rules.own().as_ref().into();
        let context = Arc::new(RunContext::new(settings, active, started)?);
        let follower = Follower::of(settings, &rules, &context).await?;
        let mut background = JoinSet::new();
        background.spawn(watch(settings.summary, context.clone()));
        if let Some(watcher) = Watcher::new(settings, rules.clone(), context.clone()) {
            background.spawn(async move { watcher.follow().await });
        }
        let frozen = settings.replay.is_some() || settings.mode == Mode::Lambda;
        if let Some(follower) = follower.clone().filter(|_| !frozen) {
            background.spawn(async move { follower.follow().await });
        }
        let landed = match &settings.mode {
            Mode::Files(files) => file::run(settings, files, rules, context.clone()).await,
            Mode::Lambda => lambda::run(settings, rules, follower, context.clone()).await,
            Mode::Worker(stream) => worker::run(settings, stream, rules, context.clone()).await,
        };
        drop(background);
        landed?;
        let summary = context.summary();
        warn_of_empty_replay(settings, &summary);
        report::summarize(settings, &summary)
    })
}

/// Says that the source has no record in the part that a replay was given.
fn warn_of_empty_replay(settings: &RunSettings, summary: &Summary) {
    let part = settings.replay.filter(|part| *part != Bounds::default());
    if let Some(part) = part
        && summary.records + summary.already_committed == 0
    {
        tracing::warn!(
            "nothing was replayed: the source has no record {part}; correct --from and --to if there should be one"
        );
    }
}

/// Prints the progress, unless the summary is turned off.
async fn watch(summary: SummaryFormat, context: Arc<RunContext>) {
    if summary != SummaryFormat::None {
        report::watch(&context.progress).await;
    }
}
