//! What all commands of quarantine take.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use crate::config::{missing, parse_store};
use crate::quarantine::Quarantine;

/// The retry timeout of a request to the lake.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The lake.
#[derive(Clone, Debug, Args)]
pub(super) struct LakeArgs {
    /// Read the key `lake` of this file. [default: `sluice.toml` in the current folder, if it exists]
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// The lake: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET", env = "SLUICE_LAKE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    lake: Option<String>,
}

impl LakeArgs {
    /// Opens the quarantine of the lake.
    ///
    /// # Errors
    /// Wrong usage, a lake that cannot be read, or one in which no run has committed anything.
    pub(super) async fn open(&self) -> anyhow::Result<(StoreLocation, Quarantine)> {
        let lake = self.lake.as_deref();
        let lake = lake.ok_or_else(|| missing("lake", "file:lake"))?;
        let location = parse_store("lake", lake)?;
        let store = location.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let quarantine = Quarantine::open(&store, store.operations_at_once(cores)).await?;
        anyhow::ensure!(
            quarantine.has_commits(),
            "{location} has no ledger with committed records; give the lake that `run` has written"
        );
        Ok((location, quarantine))
    }
}
