//! Reads, bundles and validates the component that a command is given.

use std::io;

use sluice_engine::limits::Limits;
use sluice_engine::runtime;
use sluice_engine::sandbox::SandboxError;
use sluice_engine::schema::SchemaError;
use sluice_release::admission::{AdmissionError, Release, validate};
use sluice_release::bundle::ReleaseBundle;
use sluice_release::loader::ReleaseLoader;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::config::{ConfigError, TransformChoice};

/// Makes an engine for `threads` threads with the default limits.
///
/// # Errors
/// The machine cannot reserve the address space.
pub fn engine(threads: usize) -> anyhow::Result<Engine> {
    runtime::engine(threads).map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))
}

/// Compiles a component as hosts do, within the limits of time and memory of a compiler process.
///
/// # Errors
/// The system gives no more of what a process needs. The inner error is that of the component.
pub fn compile(
    engine: &Engine,
    bundle: &ReleaseBundle,
) -> io::Result<Result<Component, AdmissionError>> {
    let loader = ReleaseLoader::new(engine.clone(), Limits::default(), None);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let compiled = runtime.block_on(loader.compile(bundle.clone()));
    Ok(compiled.map(|(component, _)| component))
}

/// Validates a component with its configuration, that of `--transform-config`, under the default limits.
///
/// # Errors
/// As [`TransformChoice::bundle`], and a component that fails admission.
pub fn admitted(engine: &Engine, transform: &TransformChoice) -> anyhow::Result<Release> {
    admitted_by(engine, transform, "--transform-config")
}

/// Validates a component as [`admitted`] does. `option` is the one that sets its configuration.
///
/// # Errors
/// Those of [`admitted`].
pub fn admitted_by(
    engine: &Engine,
    transform: &TransformChoice,
    option: &str,
) -> anyhow::Result<Release> {
    let bundle = transform.bundle()?;
    let release = validate(engine, &bundle, &Limits::default());
    release.map_err(|error| not_admitted(transform, option, error))
}

/// The error of a transform that fails admission, which is wrong usage if its rules are at fault. `option` is the one that
/// sets its configuration.
#[must_use]
pub fn not_admitted(
    transform: &TransformChoice,
    option: &str,
    error: AdmissionError,
) -> anyhow::Error {
    let name = transform.name();
    if !error.is_of_rules() {
        return anyhow::Error::new(error).context(format!("cannot admit {name}"));
    }
    let mut why = match &error {
        // A program has its own place.
        AdmissionError::Configure(cause) if transform.jq.is_some() => match &**cause {
            SandboxError::TransformConfig(why) => format!("cannot admit {name}: {why}"),
            _ => format!("cannot admit {name}: {error}"),
        },
        _ => format!("cannot admit {name}: {error}"),
    };
    if rejects_config(&error) {
        why = format!("{why}; {}", advice_on(transform, option));
    }
    ConfigError::new(setting_of(transform, &error), why).into()
}

/// The setting that is wrong if a transform fails admission.
#[must_use]
pub fn setting_of(transform: &TransformChoice, error: &AdmissionError) -> &'static str {
    match rejects_config(error) {
        true => transform.wrong_setting(&error.to_string()),
        false => transform.rules_setting(),
    }
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

/// Says where the configuration of a transform comes from; `option` is the one that sets it.
#[must_use]
pub fn advice_on(transform: &TransformChoice, option: &str) -> String {
    if transform.jq.is_some() {
        return format!("the program is that of `--jq`, and `{option}` gives its other settings");
    }
    format!("`{option}` gives the configuration: a JSON object, or a file that holds one")
}
