//! The modes. Each chooses where chunks come from and where outcomes go; what happens between is
//! [`pipeline`](crate::pipeline).

pub mod follow;
pub mod lambda;
pub mod leases;
pub mod local;
pub mod report;
pub mod rules;
pub mod targets;
pub mod watch;
pub mod worker;

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use self::follow::Follower;
use self::rules::Rules;
use self::watch::Watcher;
use crate::config::{RunSettings, Sources, SummaryFormat};
use crate::pipeline::Host;

/// Runs in the mode that the source asks for.
///
/// # Errors
/// Whatever ends the run before its end.
pub fn run(settings: &RunSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let bundle = rules::bundle(settings).await?;
        let rules = Arc::new(Rules::admit(settings, &bundle).await?);
        let serving = rules.own().as_ref().into();
        let host = Arc::new(Host::new(settings, serving, started)?);
        let follower = Follower::of(settings, &rules, &host).await?;
        let mut beside = JoinSet::new();
        beside.spawn(watch(settings.summary, host.clone()));
        if let Some(watcher) = Watcher::new(settings, rules.clone(), host.clone()) {
            beside.spawn(async move { watcher.follow().await });
        }
        let frozen = settings.replay.is_some() || settings.sources == Sources::Lambda;
        if let Some(follower) = follower.clone().filter(|_| !frozen) {
            beside.spawn(async move { follower.follow().await });
        }
        let landed = match &settings.sources {
            Sources::Files(files) => local::run(settings, files, rules, host.clone()).await,
            Sources::Lambda => lambda::run(settings, rules, follower, host.clone()).await,
            Sources::Stream(stream) => worker::run(settings, stream, rules, host.clone()).await,
        };
        drop(beside);
        landed?;
        report::summarize(settings, &host.summary())
    })
}

/// Says how far the run is, where somebody reads that.
async fn watch(summary: SummaryFormat, host: Arc<Host>) {
    if summary != SummaryFormat::None {
        report::watch(&host.progress).await;
    }
}
