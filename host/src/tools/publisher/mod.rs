//! The commands of a publisher: they put releases into a registry and activate them.

pub mod activate;
pub(crate) mod admission;
pub(crate) mod change;
pub mod collect;
pub mod list;
pub(crate) mod publication;
pub mod publish;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use sluice_release::bundle::{ReleaseBundle, ReleaseId, ReleasePrefix};
use sluice_release::cases;
use sluice_release::cases::document;
use sluice_release::registry::Registry;
use sluice_storage::retry::RetryPolicy;

use crate::config::ConfigError;
use crate::config::parse_store;

/// The retry timeout of an operation on a registry.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The commands for a registry.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish a release to a registry: a component with its configuration and golden cases. Prints its id.
    Publish(publish::PublishArgs),
    /// Activate a release: fully, as a canary, or as a shadow.
    Activate(activate::ActivateArgs),
    /// End the canary and the shadow; if there is none, activate the previous release again.
    Rollback(activate::RollbackArgs),
    /// List the releases, the active one, and the latest changes.
    List(list::ListArgs),
    /// Show a release.
    Show(list::ShowArgs),
    /// Remove old releases that are not in use.
    Gc(collect::GcArgs),
}

/// Runs a command.
///
/// # Errors
/// The command's error.
pub fn execute(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Publish(args) => block_on(publish::publish(args)),
        Command::Activate(args) => block_on(activate::activate(args)),
        Command::Rollback(args) => block_on(activate::roll_back(args)),
        Command::List(args) => block_on(list::list(args)),
        Command::Show(args) => block_on(list::show(args)),
        Command::Gc(args) => block_on(collect::collect(args)),
    }
}

/// Reads the active release of a registry; `None` if there is none.
///
/// # Errors
/// An invalid target, and a registry that cannot be read.
pub fn active_bundle(registry: &str) -> anyhow::Result<Option<ReleaseBundle>> {
    let registry = registry.to_owned();
    block_on(async {
        let registry = Place { registry }.open().await?;
        let active = registry.active().await?.rollout.active;
        Ok(match active {
            Some(active) => Some(registry.get(active).await?),
            None => None,
        })
    })
}

/// The name of whichever release is active.
const ACTIVE: &str = "active";

/// Reads a release of a registry: the one of this id, or of this unique prefix of one, or the `active` one.
///
/// # Errors
/// An invalid target or name, a registry that cannot be read, and one without such a release.
pub fn release_bundle(registry: &str, name: &str) -> anyhow::Result<ReleaseBundle> {
    let registry = registry.to_owned();
    block_on(async {
        let place = Place { registry };
        let registry = place.open().await?;
        let id = if name == ACTIVE {
            let active = registry.active().await?.rollout.active;
            let nothing =
                "no release is active; give the id of one, which `sluice transform list` prints";
            active.with_context(|| format!("{}: {nothing}", place.context()))?
        } else {
            named(&place, &registry, name).await?
        };
        Ok(registry.get(id).await?)
    })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    runtime.block_on(work)
}

/// Where the registry is.
#[derive(Debug, Args)]
struct Place {
    /// The registry: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, env = "SLUICE_REGISTRY", value_name = "TARGET")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    registry: String,
}

impl Place {
    async fn open(&self) -> anyhow::Result<Registry> {
        let target = parse_store("registry", &self.registry)?;
        Ok(Registry::open(&target, RetryPolicy::new(RETRY_TIMEOUT)).await?)
    }

    /// The error of a registry that has no releases and never had an active one, as one with a mistyped name.
    fn nothing_published(&self) -> anyhow::Error {
        let registry = &self.registry;
        anyhow::anyhow!(
            "no release was ever published to the registry {registry}; correct --registry, or publish a release with \
             `sluice transform publish`"
        )
    }

    /// What an error of a release is about.
    fn context(&self) -> String {
        format!("the registry {}", self.registry)
    }
}

/// Reads the golden cases in a folder into the document that a registry stores.
fn cases(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let wrong = |why: String| ConfigError::new("cases", format!("{}: {why}", folder.display()));
    let files = cases::read(folder).map_err(|error| wrong(error.to_string()))?;
    let document = document(&files).map_err(|error| wrong(error.to_string()))?;
    match publication::too_large(&document) {
        Some(why) => Err(wrong(why).into()),
        None => Ok(document),
    }
}

/// Finds a release by its id, or by a unique prefix of it.
async fn named(place: &Place, registry: &Registry, name: &str) -> anyhow::Result<ReleaseId> {
    let name = name.parse::<ReleasePrefix>();
    let name = name.map_err(|why| ConfigError::new("release", why))?;
    let found = registry.find(&name).await;
    found.with_context(|| place.context())
}
