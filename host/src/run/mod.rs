//! The modes. Each chooses where chunks come from and where outcomes go; what happens between is
//! [`pipeline`](crate::pipeline).

pub mod lambda;
pub mod leases;
pub mod local;
pub mod own_files;
pub mod report;
pub mod rules;
pub mod targets;
pub mod worker;

use std::sync::Arc;
use std::time::Instant;

use self::rules::Rules;
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
        let offer = rules::offer(settings).await?;
        let rules = Arc::new(Rules::admit(settings, offer)?);
        let host = Arc::new(Host::new(
            settings,
            rules.active().as_ref().into(),
            started,
        )?);
        let watcher = tokio::spawn(watch(settings.summary, host.clone()));
        let landed = match &settings.sources {
            Sources::Files(files) => local::run(settings, files, rules, host.clone()).await,
            Sources::Lambda => lambda::run(settings, rules, host.clone()).await,
            Sources::Stream(stream) => worker::run(settings, stream, rules, host.clone()).await,
        };
        watcher.abort();
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
