//! The options of `sluice console`.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use sluice_storage::location::StoreLocation;

use super::Permissions;
use super::workers::WorkerUrl;
#[cfg(feature = "table")]
use crate::config::LocationArgs;
use crate::config::{ConfigError, parse_store};
use crate::source::kinesis::StreamAddress;
#[cfg(feature = "table")]
use crate::table::location::TableLocation;

/// The default port: the one after that of a worker's metrics.
const PORT: u16 = 9465;

/// What to show, and what to allow.
#[derive(Clone, Debug, Args)]
pub struct ConsoleArgs {
    /// Read the keys `lake`, `registry` and `table` of this file. [default: `sluice.toml` in the current folder, if it exists]
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

    /// Show which shards of this stream were split and merged: `kinesis:STREAM`, a stream's name or ARN. Only the list of its
    /// shards is read, once a minute.
    #[arg(long, value_name = "SOURCE", value_parser = parse_stream)]
    source: Option<StreamAddress>,

    /// Poll this worker: the address of its metrics, such as `http://127.0.0.1:9464`. Can be given several times.
    #[arg(long, value_name = "URL")]
    worker: Vec<WorkerUrl>,

    /// Which table, and where.
    #[cfg(feature = "table")]
    #[command(flatten)]
    table: LocationArgs,

    /// Listen on this port of this machine's loopback addresses; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,

    /// Open the console in the default browser, by a temporary file that only you can read.
    #[arg(long, action = ArgAction::SetTrue)]
    open: bool,

    /// Allow the browser to publish releases, activate them and roll them back. Without it, the console writes nothing.
    #[arg(long, action = ArgAction::SetTrue)]
    allow_publish: bool,

    /// Show the contents of records and events. Without it, only their names, sizes and counts are shown.
    #[arg(long, action = ArgAction::SetTrue)]
    show_payloads: bool,
}

/// Parses `kinesis:STREAM`.
fn parse_stream(source: &str) -> Result<StreamAddress, String> {
    let Some(stream) = source.strip_prefix("kinesis:") else {
        return Err("the shards of a stream can be listed, so give kinesis:STREAM; other sources are not needed here".into());
    };
    stream.parse()
}

/// The options, checked.
pub(super) struct Settings {
    pub(super) lake: Option<StoreLocation>,
    /// The registry, with what the user has written.
    pub(super) registry: Option<(String, StoreLocation)>,
    pub(super) source: Option<StreamAddress>,
    pub(super) workers: Vec<WorkerUrl>,
    /// The table of the lake.
    #[cfg(feature = "table")]
    pub(super) table: Option<TableLocation>,
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
        let lake = parsed("lake", &self.lake)?;
        Ok(Settings {
            #[cfg(feature = "table")]
            table: super::table::location(&self.table, lake.as_ref())?,
            lake,
            registry: self.registry.clone().zip(registry),
            source: self.source.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_a_stream() {
        assert_eq!(parse_stream("kinesis:events").unwrap().name(), "events");
        for (source, part) in [
            ("file:events.ndjson", "give kinesis:STREAM"),
            ("kinesis:", "1 to 128 letters"),
        ] {
            let error = parse_stream(source).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
