//! The mode for files, which are landed one after the other.

use std::sync::Arc;

use anyhow::Context as _;

use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::RunSettings;
use crate::observe::health::State;
use crate::observe::http;
use crate::pipeline::RunContext;
use crate::source::file;
use crate::source::file::Location;

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
    for location in files {
        let opened = file::open(location)?;
        let name = opened.name().to_owned();
        land(&runner, opened).await.context(name)?;
    }
    Ok(())
}

async fn land(runner: &ShardRunner, opened: file::OpenFile) -> anyhow::Result<()> {
    let shard = opened.shard().clone();
    let open = runner.open_shard(&shard, Claim::Take).await?;
    let landed = open.land(opened).await?;
    runner.context.health.ended(&shard, State::CaughtUp);
    landed.close()?;
    Ok(())
}
