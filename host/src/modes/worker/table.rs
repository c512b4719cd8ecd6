//! A builder of the table in the process of a worker. It has threads and connections of its own. Its failures are logged
//! and counted, and the worker goes on.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use prometheus_client::registry::Registry;
use serde_json::Value;
use sluice_storage::retry::RetryPolicy;
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::config::table_settings::USUAL_AGE;
use crate::config::{BuildArgs, RunSettings};
use crate::observe::http::Observed;
use crate::pipeline::RunContext;
use crate::table::follow::{FollowSettings, log_failure};
use crate::table::location::TableLocation;
use crate::table::progress::TableProgress;

/// The threads that map and encode events, unless the settings say how many: the others are for the worker.
const USUAL_THREADS: u16 = 1;

/// The threads that wait for services and for those threads.
const RUNTIME_THREADS: usize = 1;

/// The pause after the table could not be opened.
const OPEN_AGAIN: Duration = Duration::from_secs(60);

/// A builder that runs until this is dropped.
pub(super) struct TableTask {
    progress: Arc<TableProgress>,
    _until_dropped: oneshot::Sender<()>,
}

/// What its thread needs.
struct TableWork {
    location: TableLocation,
    build: BuildArgs,
    age: Duration,
    following: FollowSettings,
    retries: RetryPolicy,
    progress: Arc<TableProgress>,
}

impl TableTask {
    /// Starts the builder, if the settings ask for one.
    ///
    /// # Errors
    /// A setting is wrong, or the system gives no thread.
    pub(super) fn start(settings: &RunSettings) -> anyhow::Result<Option<Self>> {
        let table = &settings.table_settings;
        if !table.is_built_by(&settings.mode) {
            return Ok(None);
        }
        let located = table.location.of(settings.lake.clone());
        let location = located.map_err(|error| settings.origins.locate(error))?;
        let retries = settings.retry_policy.clone();
        let interval = table.due.interval;
        let counted = retries.retries().clone();
        let progress = TableProgress::new(&location.table, counted, interval);
        let progress = Arc::new(progress);
        let work = TableWork {
            location,
            build: BuildArgs {
                threads: table.build.threads.or(Some(USUAL_THREADS)),
                ..table.build.clone()
            },
            age: table.due.max_age.unwrap_or(USUAL_AGE),
            following: FollowSettings {
                interval,
                waits_for_decision: true,
            },
            retries,
            progress: progress.clone(),
        };
        let (until_dropped, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("table".into());
        thread.spawn(move || work.run(stopped))?;
        Ok(Some(Self {
            progress,
            _until_dropped: until_dropped,
        }))
    }

    /// The pages of a worker with this builder.
    pub(super) fn pages(&self, run: Arc<RunContext>) -> Arc<dyn Observed> {
        let table = self.progress.clone();
        Arc::new(WorkerPages { run, table })
    }
}

impl TableWork {
    fn run(self, stopped: oneshot::Receiver<()>) {
        let runtime: io::Result<Runtime> = RuntimeBuilder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return log_failure(&self.progress, &error.into(), 1),
        };
        runtime.block_on(async {
            tokio::select! {
                () = self.build() => {}
                _ = stopped => {}
            }
        });
        // Nothing waits for the builder: what it has not committed is void.
        runtime.shutdown_background();
    }

    async fn build(&self) {
        let mut failures = 0;
        loop {
            if let Err(error) = caught(self.open_and_follow()).await {
                failures += 1;
                log_failure(&self.progress, &error, failures);
            }
            sleep(OPEN_AGAIN.min(self.following.interval)).await;
        }
    }

    async fn open_and_follow(&self) -> anyhow::Result<()> {
        let opened = self.build.open(&self.location, self.age, &self.retries);
        let builder = opened.await?.observed(self.progress.clone());
        tracing::info!(table = %self.location.table, "building the table");
        self.following.build(builder, &self.progress).await
    }
}

/// What the work returns. A panic in it is an error, so that it is tried again with nothing that the panic has left.
async fn caught(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let panicked = |_| anyhow::anyhow!("the builder has panicked; the log has the message");
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.map_err(panicked)?
}

/// The pages of a worker and of its builder. The worker alone is live and ready, or not.
struct WorkerPages {
    run: Arc<RunContext>,
    table: Arc<TableProgress>,
}

impl Observed for WorkerPages {
    fn began_at(&self) -> DateTime<Utc> {
        self.run.began_at()
    }

    fn register(&self, registry: &mut Registry) {
        self.run.register(registry);
        self.table.register_own(registry);
    }

    fn live(&self) -> Result<(), String> {
        self.run.live()
    }

    fn ready(&self) -> Result<(), String> {
        self.run.ready()
    }

    fn status_json(&self) -> serde_json::Result<String> {
        let mut status: Value = serde_json::from_str(&self.run.status_json()?)?;
        status["table"] = self.table.status();
        serde_json::to_string_pretty(&status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_builder_is_an_error() {
        assert!(caught(async { Ok(()) }).await.is_ok());
        let error = caught(async { panic!("broken") }).await.unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }
}
