//! Reads, bundles and validates the component that a command is given.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sluice_engine::limits::Limits;
use sluice_engine::runtime;
use sluice_engine::sandbox::SandboxError;
use sluice_engine::schema::SchemaError;
use sluice_release::admission::{AdmissionError, Release, validate};
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

/// Validates a component with its configuration, that of `--transform-config`, under the default limits.
///
/// # Errors
/// As [`bundle`], and a component that fails admission.
pub fn admitted(
    engine: &Engine,
    file: Option<&Path>,
    transform_config: &str,
) -> anyhow::Result<Release> {
    admitted_by(engine, file, transform_config, "--transform-config")
}

/// Validates a component as [`admitted`] does. `option` is the one that sets its configuration.
///
/// # Errors
/// Those of [`admitted`].
pub fn admitted_by(
    engine: &Engine,
    file: Option<&Path>,
    transform_config: &str,
    option: &str,
) -> anyhow::Result<Release> {
    let bundle = bundle(file, transform_config)?;
    let release = validate(engine, &bundle, &Limits::default());
    let release = release.map_err(|error| match rejects_config(&error) {
        true => anyhow::anyhow!("{error}; {}", advice(option)),
        false => anyhow::Error::new(error),
    });
    release.with_context(|| format!("cannot admit {}", name(file)))
}

/// Whether a component fails admission because of its configuration.
#[must_use]
pub fn rejects_config(error: &AdmissionError) -> bool {
    match error {
        AdmissionError::Schema(error) => matches!(error, SchemaError::TransformConfig(_)),
        AdmissionError::Configure(error) => matches!(**error, SandboxError::TransformConfig(_)),
        _ => false,
    }
}

/// Says where the configuration comes from.
#[must_use]
pub fn advice(option: &str) -> String {
    format!("`{option}` gives the configuration: a JSON object, or a file that holds one")
}
