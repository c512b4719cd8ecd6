//! The options of `sluice console`.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use sluice_storage::location::StoreLocation;

use super::Permissions;
use super::workers::WorkerUrl;
use crate::config::{ConfigError, parse_store};

/// The default port: the one after that of a worker's metrics.
const PORT: u16 = 9465;

/// What to show, and what to allow.
#[derive(Clone, Debug, Args)]
pub struct ConsoleArgs {
    /// Read the keys `lake` and `registry` of this file. [default: `sluice.toml` in the current folder, if it exists]
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Show this lake: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET", env = "SLUICE_LAKE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    lake: Option<String>,

    /// Show this registry: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET", env = "SLUICE_REGISTRY")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    registry: Option<String>,

    /// Poll this worker: the address of its metrics, such as http://127.0.0.1:9464. Can be given several times.
    #[arg(long, value_name = "URL")]
    worker: Vec<WorkerUrl>,

    /// Listen on this port of this machine's loopback address; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,

    /// Open the console in the default browser.
    #[arg(long, action = ArgAction::SetTrue)]
    open: bool,

    /// Allow the browser to publish releases, activate them and roll them back. Without it, the console writes nothing.
    #[arg(long, action = ArgAction::SetTrue)]
    allow_publish: bool,

    /// Show the contents of records and events. Without it, only their names, sizes and counts are shown.
    #[arg(long, action = ArgAction::SetTrue)]
    show_payloads: bool,
}

/// The options, checked.
pub(super) struct Settings {
    pub(super) lake: Option<StoreLocation>,
    /// The registry, with what the user has written.
    pub(super) registry: Option<(String, StoreLocation)>,
    pub(super) workers: Vec<WorkerUrl>,
    pub(super) port: u16,
    pub(super) open: bool,
    pub(super) permissions: Permissions,
}

impl ConsoleArgs {
    /// The file of settings that is given.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// Nothing to show, and targets that are none.
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        if self.lake.is_none() && self.registry.is_none() && self.worker.is_empty() {
            let why =
                "nothing to show; give --lake file:lake, --registry file:registry, or --worker URL";
            return Err(ConfigError::new("lake", why));
        }
        if self.allow_publish && self.registry.is_none() {
            let why = "missing; --allow-publish needs a registry to publish to: give --registry file:registry";
            return Err(ConfigError::new("registry", why));
        }
        let parsed = |key: &str, target: &Option<String>| {
            let target = target.as_deref();
            target.map(|target| parse_store(key, target)).transpose()
        };
        let registry = parsed("registry", &self.registry)?;
        Ok(Settings {
            lake: parsed("lake", &self.lake)?,
            registry: self.registry.clone().zip(registry),
            workers: self.worker.clone(),
            port: self.port,
            open: self.open,
            permissions: Permissions {
                publish: self.allow_publish,
                payloads: self.show_payloads,
            },
        })
    }
}
