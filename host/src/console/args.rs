//! The options of `sluice console`.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use sluice_engine::digest::Digest;
use sluice_release::signature::{PrivateKey, PublicKey};
use sluice_storage::location::StoreLocation;

use super::workers::WorkerUrl;
use super::{Keys, Permissions};
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

    /// Sign what the browser publishes with this Ed25519 key: a file with PKCS #8 in PEM, as `openssl genpkey -algorithm
    /// ed25519` writes it. Needs `--allow-publish`.
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,

    /// Check signatures of releases with this key, and activate only what is signed with it: an Ed25519 public key in PEM,
    /// or a file that holds one.
    #[arg(long, env = "SLUICE_PUBLIC_KEY", value_name = "PEM|FILE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    public_key: Option<String>,

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
    pub(super) keys: Keys,
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
            keys: self.keys()?,
        })
    }

    /// The keys of releases.
    ///
    /// # Errors
    /// A key that cannot be read, one that nothing is signed with, and two that are not of one pair.
    fn keys(&self) -> Result<Keys, ConfigError> {
        if self.sign.is_some() && !self.allow_publish {
            let why =
                "nothing is published without --allow-publish; give it too, or leave the key out";
            return Err(ConfigError::new("sign", why));
        }
        let sign = self.sign.as_deref().map(PrivateKey::read).transpose();
        let sign = sign.map_err(|why| ConfigError::new("sign", why))?;
        let public = self.public_key.as_deref().map(PublicKey::parse).transpose();
        let public = public.map_err(|why| ConfigError::new("public_key", why))?;
        if let (Some(sign), Some(public)) = (&sign, &public) {
            let any = Digest::of(b"any release");
            let checked = public.check(any, Some(&sign.sign(any)));
            checked.map_err(|_| {
                let why = "is not the private key of --public-key, so what is published could not be activated here";
                ConfigError::new("sign", why)
            })?;
        }
        Ok(Keys { sign, public })
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
