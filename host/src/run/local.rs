//! Files, one after the other, each to its end.

use std::sync::Arc;

use anyhow::Context as _;

use super::rules::Rules;
use super::targets::{Held, Targets};
use crate::config::RunSettings;
use crate::health::State;
use crate::http;
use crate::pipeline::{Host, Shard, run_shard};
use crate::record::Bounds;
use crate::source::file::{self, Location};

/// Lands all files.
///
/// # Errors
/// Whatever ends a shard before its end.
pub async fn run(
    settings: &RunSettings,
    files: &[Location],
    rules: Arc<Rules>,
    host: Arc<Host>,
) -> anyhow::Result<()> {
    let _server = http::start(settings, &host).await?;
    let local = Local {
        rules,
        targets: Targets::new(settings),
        host,
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
    host: Arc<Host>,
    replay: Option<Bounds>,
}

impl Local {
    async fn run_file(&self, opened: file::OpenFile) -> anyhow::Result<()> {
        let (health, shard) = (&self.host.health, opened.shard().clone());
        let mut held = self.targets.hold(&shard, None).await?;
        health.taken(&shard);
        held.ledger.dedicate(self.replay).await?;
        let ledger = held.ledger.ledger().await;
        let replay = match ledger.pending() {
            Some(pending) => Some(
                self.rules
                    .replay_plan(&held.sinks.registry, pending)
                    .await?,
            ),
            None => None,
        };
        let committed = ledger.committed();
        if let Some(committed) = committed {
            self.host
                .progress
                .found_committed(&shard, committed.records);
            health.committed(&shard, committed.last);
        }
        let cut = ledger.pending().map(|pending| pending.range.last);
        let batches = opened.read(committed, cut, self.replay.unwrap_or_default())?;
        let (ledger, sinks, scratches) = held.into_parts();
        let mut working = Shard {
            batches,
            ledger,
            sinks,
        };
        run_shard(&self.host, &mut working, replay, &self.rules.fresh()).await?;
        health.ended(&shard, State::CaughtUp);
        Held::close(&scratches)?;
        Ok(())
    }
}
