//! The mode for files, which are landed one after the other.

use std::sync::Arc;

use anyhow::Context as _;

use super::known_files::{Found, KnownFiles};
use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::RunSettings;
use crate::observe::health::State;
use crate::observe::http;
use crate::pipeline::RunContext;
use crate::source::file;
use crate::source::file::{IncompleteLine, Location, OpenFile};

/// Lands all files.
///
/// # Errors
/// The first error that ends a file.
pub async fn run(
    settings: &RunSettings,
    files: &[Location],
    rules: Arc<Rules>,
    context: Arc<RunContext>,
) -> anyhow::Result<()> {
    let _server = http::start(settings, context.clone()).await?;
    let runner = ShardRunner {
        rules,
        targets: Arc::new(Targets::new(settings)),
        context,
        replay: settings.replay,
    };
    let mut known = KnownFiles::default();
    for location in read_once(files) {
        let opened = file::open(&location, &settings.files)?;
        let name = opened.name().to_owned();
        land(&runner, &mut known, opened).await.context(name)?;
    }
    Ok(())
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
    opened: OpenFile,
) -> anyhow::Result<()> {
    let Found { ledger, moved_from } = known.find(&runner.targets, &opened).await?;
    let (shard, name) = (ledger.shard().clone(), opened.known_as().clone());
    let (text_format, rejected_before) = (opened.text_format(), not_json(&runner.context));
    let (source, suffix) = (opened.name().to_owned(), opened.head_suffix().to_owned());
    let mut open = runner.open_shard(&shard, Claim::Take).await?;
    if let Some(before) = moved_from {
        tracing::info!(source, %shard, "the file was moved from {before}; its ledger goes on");
        open.ledger.rename(&name).await?;
    }
    let landed = open.land(opened.with_shard(shard.clone())).await?;
    if let Some(IncompleteLine { offset, bytes }) = landed.incomplete {
        runner.context.progress.left_incomplete();
        tracing::info!(
            source,
            offset,
            bytes,
            "the last line has no end and is not one whole JSON object, so it is left for the next run; --final takes it"
        );
    }
    let rejected = not_json(&runner.context).saturating_sub(rejected_before);
    if let Some(format) = text_format.filter(|_| rejected > 0) {
        tracing::warn!(
            source,
            records = rejected,
            "the lines of this file are no JSON objects: it looks like {}; convert it to newline-delimited JSON, for \
             example with `{}`",
            format.name(),
            format.command()
        );
    }
    runner.context.health.ended(&shard, State::CaughtUp);
    known.update(&suffix, landed.ledger.ledger().await);
    landed.close()?;
    Ok(())
}

/// The number of records that the transform has rejected so far because they are no JSON objects, by the reasons of the
/// built-in transform.
fn not_json(context: &RunContext) -> u64 {
    let reasons = ["invalid_json", "not_an_object"];
    reasons
        .map(|reason| context.progress.quarantined_for(reason))
        .iter()
        .sum()
}
