//! Files, one after the other, each to its end.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use super::report;
use super::rules::Rules;
use super::targets::{Held, Targets};
use crate::config::RunSettings;
use crate::pipeline::{Host, Shard, run_shard};
use crate::source::file::{self, Location};

/// Lands all files and says what was done.
///
/// # Errors
/// A component that is refused, and whatever ends a shard before its end.
pub fn run(settings: &RunSettings, files: &[Location]) -> anyhow::Result<()> {
    let started = Instant::now();
    let local = Local {
        rules: Rules::admit(settings)?,
        targets: Targets::new(
            settings.lake.clone(),
            settings.bus.clone(),
            settings.patience,
        ),
        host: Arc::new(Host::new(settings)?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let host = local.host.clone();
        let watcher = tokio::spawn(async move { report::watch(&host.progress).await });
        let landed = local.run(files).await;
        watcher.abort();
        landed
    })?;
    let release = local.rules.active().id();
    report::summarize(settings, &local.host.progress.summary(started, release))
}

struct Local {
    rules: Rules,
    targets: Targets,
    host: Arc<Host>,
}

impl Local {
    async fn run(&self, files: &[Location]) -> anyhow::Result<()> {
        for location in files {
            let opened = file::open(location)?;
            let name = opened.name().to_owned();
            self.run_file(opened).await.context(name)?;
        }
        Ok(())
    }

    async fn run_file(&self, opened: file::OpenFile) -> anyhow::Result<()> {
        let held = self.targets.hold(opened.shard(), None).await?;
        held.registry.keep(self.rules.offer()).await?;
        let ledger = held.ledger.ledger().await;
        let replay = match ledger.pending() {
            Some(pending) => Some(self.rules.replay_plan(&held.registry, pending).await?),
            None => None,
        };
        let committed = ledger.committed();
        self.host
            .progress
            .found_committed(committed.map_or(0, |committed| committed.records));
        let cut = ledger.pending().map(|pending| pending.range.last);
        let slices = opened.read(committed, cut)?;
        let (ledger, sinks, scratches) = held.into_parts();
        let mut shard = Shard {
            slices,
            ledger,
            sinks,
        };
        run_shard(
            &self.host,
            &mut shard,
            replay.as_ref(),
            &self.rules.fresh_plan(),
        )
        .await?;
        Held::close(&scratches)?;
        Ok(())
    }
}
