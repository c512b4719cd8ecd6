//! The mode for files, which are landed one after the other.

use std::sync::Arc;

use anyhow::Context as _;

use super::known_files::{Found, KnownFiles};
use super::open_shard::{LandedShard, ShardRunner};
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::RunSettings;
use crate::observe::health::State;
use crate::observe::http;
use crate::pipeline::RunContext;
use crate::source::SourceError;
use crate::source::file;
use crate::source::file::{FileOptions, IncompleteLine, Location, OpenFile};

/// Lands all files.
///
/// # Errors
/// The first error that ends a file.
pub async fn run(
    settings: &RunSettings,
    locations: &[Location],
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
    let mut files = Files {
        runner,
        options: settings.files.clone(),
        known: KnownFiles::default(),
    };
    let mut changed = Vec::new();
    for location in read_once(locations) {
        match files.land(&location, Search::ByName).await {
            Err(error) if has_changed(&error) => changed.push((location, error)),
            landed => landed?,
        }
    }
    // Once the ledgers of moved files have gone on, it is known which files took their places.
    for (location, error) in changed {
        files.land(&location, Search::ByContent(error)).await?;
    }
    files.known.warn_of_left_behind();
    Ok(())
}

/// Whether the content that is committed is not there any more.
fn has_changed(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(SourceError::Changed { .. }))
}

/// How the ledger of a file is found.
enum Search {
    /// By its name.
    ByName,
    /// By its content, because the one by its name does not fit, with this error.
    ByContent(anyhow::Error),
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

/// Lands files, each as a shard.
struct Files {
    runner: ShardRunner,
    options: FileOptions,
    known: KnownFiles,
}

impl Files {
    async fn land(&mut self, location: &Location, search: Search) -> anyhow::Result<()> {
        let opened = file::open(location, &self.options)?;
        let name = opened.name().to_owned();
        self.land_opened(opened, search).await.context(name)
    }

    async fn land_opened(&mut self, opened: OpenFile, search: Search) -> anyhow::Result<()> {
        let targets = &self.runner.targets;
        let found = match search {
            Search::ByName => self.known.find(targets, &opened).await?,
            Search::ByContent(error) => match self.known.find_again(targets, &opened).await? {
                Some(found) => found,
                None => return Err(error),
            },
        };
        let suffix = opened.head_suffix().to_owned();
        let landed = self.land_as(opened, found).await?;
        self.known.update(&suffix, landed.ledger.ledger().await);
        landed.close()?;
        Ok(())
    }

    async fn land_as(&self, opened: OpenFile, found: Found) -> anyhow::Result<LandedShard> {
        let runner = &self.runner;
        let shard = found.ledger.shard().clone();
        let source = opened.name().to_owned();
        let mut open = runner.open_shard(&shard, Claim::Take).await?;
        if let Some(before) = found.moved_from {
            tracing::warn!(
                source,
                %shard,
                "it begins with what has landed of {before}, which is gone, so it goes on where that ended"
            );
            open.ledger.rename(opened.known_as()).await?;
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
        runner.context.health.ended(&shard, State::CaughtUp);
        Ok(landed)
    }
}
