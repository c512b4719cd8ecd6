//! The commands of a publisher: they put releases into a registry and activate them.

pub mod activate;
pub mod collect;
pub mod list;
pub mod publish;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use sluice_engine::limits::Limits;
use sluice_release::bundle::{ReleaseBundle, ReleaseId, ReleasePrefix};
use sluice_release::cases;
use sluice_release::cases::document;
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::{CASES_MAX_BYTES, Registry, RegistryError, VersionedRollout};
use sluice_release::rollout::{Author, Rollout};
use sluice_storage::retry::RetryPolicy;

use crate::config::ConfigError;
use crate::config::parse_store;
use crate::tools::author::component;

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
    if document.len() > CASES_MAX_BYTES {
        let why = format!(
            "they take {} bytes as a document, at most {CASES_MAX_BYTES} are allowed",
            document.len()
        );
        return Err(wrong(why).into());
    }
    Ok(document)
}

/// Loads releases with the default limits, to check them before hosts do.
fn loader() -> anyhow::Result<ReleaseLoader> {
    let engine = component::engine(1)?;
    Ok(ReleaseLoader::new(engine, Limits::default(), None))
}

/// Finds a release by its id, or by a unique prefix of it.
async fn named(place: &Place, registry: &Registry, name: &str) -> anyhow::Result<ReleaseId> {
    let name = name.parse::<ReleasePrefix>();
    let name = name.map_err(|why| ConfigError::new("release", why))?;
    let found = registry.find(&name).await;
    found.with_context(|| place.context())
}

/// The author of a change that is made now.
fn author(why: Option<&String>) -> Author {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let person = variable("USER").or_else(|| variable("LOGNAME"));
    let person = person.unwrap_or_else(|| "unknown".into());
    Author {
        by: match variable("HOSTNAME") {
            Some(machine) => format!("{person}@{machine}"),
            None => person,
        },
        at: Utc::now(),
        why: why.cloned(),
    }
}

/// Writes the rollout; the error of a conflict names the last change.
async fn change(
    registry: &Registry,
    seen: &VersionedRollout,
    next: &Rollout,
) -> anyhow::Result<()> {
    let changed = registry.change(seen, next).await;
    let Err(RegistryError::Conflict) = changed else {
        return Ok(changed?);
    };
    let now = registry.active().await?.rollout;
    let last = now.history.last().map_or_else(String::new, list::described);
    Err(RegistryError::Conflict).context(format!("nothing was changed; the last change is: {last}"))
}
