//! Reads, bundles and validates the component that a command is given.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sluice_engine::limits::Limits;
use sluice_engine::runtime;
use sluice_release::admission::{Release, validate};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::Engine;

use crate::ENRICH;
use crate::config;
use crate::config::ConfigError;

/// Reads a component; without a file, the built-in one.
///
/// # Errors
/// A file that cannot be read.
pub fn read(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let Some(path) = file else {
        return Ok(ENRICH.to_vec());
    };
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The name of the component in messages.
#[must_use]
pub fn name(file: Option<&Path>) -> String {
    file.map_or_else(
        || "the built-in transform".to_owned(),
        |path| path.display().to_string(),
    )
}

/// Bundles a component with its configuration, a JSON object or a file that holds one.
///
/// # Errors
/// A component that cannot be read, or a configuration that is not a JSON object, which is wrong usage.
pub fn bundle(file: Option<&Path>, transform_config: &str) -> anyhow::Result<ReleaseBundle> {
    let transform_config = config::read_transform_config(transform_config)?;
    let bundle = ReleaseBundle::new(read(file)?, &transform_config);
    Ok(bundle.map_err(|why| ConfigError::new("transform_config", why))?)
}

/// Makes an engine for `threads` threads with the default limits.
///
/// # Errors
/// The machine cannot reserve the address space.
pub fn engine(threads: usize) -> anyhow::Result<Engine> {
    runtime::engine(threads).map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))
}

/// Validates a component with its configuration under the default limits.
///
/// # Errors
/// As [`bundle`], and a component that fails admission.
pub fn admitted(
    engine: &Engine,
    file: Option<&Path>,
    transform_config: &str,
) -> anyhow::Result<Release> {
    let bundle = bundle(file, transform_config)?;
    let release = validate(engine, &bundle, &Limits::default());
    release.with_context(|| format!("cannot admit {}", name(file)))
}
