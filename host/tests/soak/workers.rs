//! The workers of a soak.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::parameters::Parameters;
use super::processes::{Kind, Processes};
use super::{LAKE, REGISTRY, program};
use crate::support::cloud::{Cloud, STREAM};

/// The maximum number of workers.
pub(super) const WORKERS: usize = 3;

/// The duration of a lease.
pub(super) const LEASE: Duration = Duration::from_secs(1);

/// Workers are processes.
pub(super) struct Worker {
    cloud: Arc<Cloud>,
    parameters: Parameters,
    /// The address of the pages of the worker in each place.
    pages: Vec<String>,
}

/// All workers.
pub(super) type Workers = Processes<Worker>;

impl Workers {
    pub(super) fn of(
        cloud: &Arc<Cloud>,
        parameters: Parameters,
        pages: Vec<String>,
        rng: Pcg64Mcg,
    ) -> Self {
        let worker = Worker {
            cloud: Arc::clone(cloud),
            parameters,
            pages,
        };
        Self::new(cloud, worker, WORKERS, rng)
    }
}

impl Kind for Worker {
    const NAME: &'static str = "worker";
    const FORBIDDEN: &'static [&'static str] = &["panicked", "ERROR"];
    const MAY_FAIL: bool = false;

    fn command(&mut self, rng: &mut Pcg64Mcg) -> Command {
        let mut args = vec!["run".to_owned()];
        args.extend(self.parameters.unpacking_arguments());
        args.extend(self.parameters.message_arguments(rng));
        let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        add("--source", format!("kinesis:{STREAM}"));
        add("--lake", LAKE.to_owned());
        add("--bus", format!("sqs:{}", self.parameters.bus()));
        add("--lease", format!("{}ms", LEASE.as_millis()));
        add("--shutdown-timeout", "10s".to_owned());
        add("--memory", "256MiB".to_owned());
        add("--registry", REGISTRY.to_owned());
        add("--registry-poll", "500ms".to_owned());
        add("--chunk-age", format!("{}ms", rng.random_range(200..3_000)));
        add(
            "--chunk-records",
            rng.random_range(self.parameters.chunk_records())
                .to_string(),
        );
        let format = self.parameters.format_arguments(rng);
        args.extend(format.into_iter().map(str::to_owned));
        program(&self.cloud, &args)
    }

    fn serve(&self, command: &mut Command, place: usize) {
        if let Some(address) = self.pages.get(place) {
            command.args(["--http", address]);
        }
    }

    fn pause(&self, rng: &mut Pcg64Mcg) -> Duration {
        Duration::from_millis(rng.random_range(0..800))
    }
}
