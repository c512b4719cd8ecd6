//! The mode for files, which are landed one after the other.

use std::sync::Arc;

use anyhow::Context as _;

use super::rules::Rules;
use super::targets::{OpenShard, Targets};
use crate::config::RunSettings;
use crate::engine::record::Bounds;
use crate::observe::health::State;
use crate::observe::http;
use crate::pipeline::{RunContext, Shard, run_shard};
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
    let local = Local {
        rules,
        targets: Targets::new(settings),
        context,
        replay: settings.replay,
    };
    for location in files {
        let opened = file::open(location)?;
        let name = opened.name().to_owned();
        local.run_file(opened).await.context(name)?;
    }
    Ok(())
}

struct Local {
    rules: Arc<Rules>,
    targets: Targets,
    context: Arc<RunContext>,
    replay: Option<Bounds>,
}

impl Local {
    async fn run_file(&self, opened: file::OpenFile) -> anyhow::Result<()> {
        let (health, shard) = (&self.context.health, opened.shard().clone());
        let mut open = self.targets.open(&shard, None).await?;
        health.taken(&shard);
        open.ledger.bind_mode(self.replay).await?;
        let ledger = open.ledger.ledger().await;
        let replay = match ledger.pending() {
            Some(pending) => Some(
                self.rules
                    .replay_plan(&open.sinks.registry, pending)
                    .await?,
            ),
            None => None,
        };
        let committed = ledger.committed();
        if let Some(committed) = committed {
            self.context
                .progress
                .found_committed(&shard, committed.records);
            health.committed(&shard, committed.last);
        }
        let cut = ledger.pending().map(|pending| pending.range.last);
        let batches = opened.read(committed, cut, self.replay.unwrap_or_default())?;
        let (ledger, sinks, scratches) = open.into_parts();
        let mut working = Shard {
            batches,
            ledger,
            sinks,
        };
        run_shard(
            &self.context,
            &mut working,
            replay,
            &self.rules.new_chunks(),
        )
        .await?;
        health.ended(&shard, State::CaughtUp);
        OpenShard::close(&scratches)?;
        Ok(())
    }
}
