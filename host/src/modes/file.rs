//! The mode for files, which are landed one after the other.

use std::sync::Arc;

use anyhow::Context as _;

use super::failed_sources::FailedSources;
use super::known_files::{Found, IdentityError, KnownFiles};
use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::RunSettings;
use crate::observe::health::State;
use crate::observe::http;
use crate::pipeline::RunContext;
use crate::pipeline::error::PipelineError;
use crate::source::SourceError;
use crate::source::file;
use crate::source::file::{FileOptions, IncompleteLine, Location, OpenFile};

/// Lands all files. If a file fails by itself, the others are landed all the same.
///
/// # Errors
/// The first error that concerns more than one file, such as one of the lake or the bus.
pub async fn run(
    settings: &RunSettings,
    files: &[Location],
    rules: Arc<Rules>,
    context: Arc<RunContext>,
) -> anyhow::Result<FailedSources> {
    let _server = http::start(settings, context.clone()).await?;
    let runner = ShardRunner {
        rules,
        targets: Arc::new(Targets::new(settings)),
        context,
        replay: settings.replay,
    };
    let mut known = KnownFiles::default();
    let files = read_once(files);
    let progress = &runner.context.progress;
    if let Some(bytes) = files.iter().map(Location::size).sum() {
        progress.begin_files(bytes);
    }
    let mut failed = FailedSources::of(files.len());
    for location in files {
        let bytes = location.size();
        let landed = land(&runner, &mut known, &location, &settings.files).await;
        progress.end_file(bytes.unwrap_or(0));
        let Err(error) = landed else { continue };
        if !is_of_file(&error) {
            return Err(error);
        }
        progress.source_failed();
        failed.add(error);
    }
    Ok(failed)
}

/// Whether an error concerns only the file that it was met at.
fn is_of_file(error: &anyhow::Error) -> bool {
    let of_shard = error.downcast_ref();
    let of_shard = matches!(
        of_shard,
        Some(PipelineError::Source(_) | PipelineError::RangeChanged(_))
    );
    of_shard || error.is::<SourceError>() || error.is::<IdentityError>()
}

/// The files without those that are given again, by another path or a link.
fn read_once(files: &[Location]) -> Vec<Location> {
    let (files, again) = file::distinct(files);
    for (location, earlier) in again {
        tracing::warn!(
            source = location.name(),
            "it is the same file as {}, so it is read once",
            earlier.name()
        );
    }
    files
}

async fn land(
    runner: &ShardRunner,
    known: &mut KnownFiles,
    location: &Location,
    options: &FileOptions,
) -> anyhow::Result<()> {
    let opened = file::open(location, options)?;
    let name = opened.name().to_owned();
    let position = opened.position().clone();
    runner.context.progress.begin_file(position);
    let found = known.find(&runner.targets, &opened).await;
    let found = found.with_context(|| name.clone())?;
    let shard = found.ledger.shard().clone();
    let landed = land_shard(runner, known, opened, found).await;
    let health = &runner.context.health;
    match &landed {
        Ok(()) => health.ended(&shard, State::CaughtUp),
        Err(error) => health.ended(&shard, State::Failed(format!("{error:#}"))),
    }
    landed.context(name)
}

async fn land_shard(
    runner: &ShardRunner,
    known: &mut KnownFiles,
    opened: OpenFile,
    found: Found,
) -> anyhow::Result<()> {
    let Found { ledger, moved_from } = found;
    let (shard, name) = (ledger.shard().clone(), opened.known_as().clone());
    let (source, suffix) = (opened.name().to_owned(), opened.head_suffix().to_owned());
    let mut open = runner.open_shard(&shard, Claim::Take).await?;
    if let Some(before) = moved_from {
        tracing::info!(source, %shard, "the file was moved from {before}; its ledger goes on");
        open.ledger.rename(&name).await?;
    }
    let landed = open.land(opened.with_shard(shard)).await?;
    if let Some(IncompleteLine { offset, bytes }) = landed.incomplete {
        runner.context.progress.left_incomplete(&source);
        tracing::info!(
            source,
            offset,
            bytes,
            "the last line has no end and is not one whole JSON object, so it is left for the next run; --final takes it"
        );
    }
    known.update(&suffix, landed.ledger.ledger().await);
    landed.close()?;
    Ok(())
}
