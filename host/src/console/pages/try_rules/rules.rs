//! The rules that are tried: a jq program, a built-in transform, a release, or a component that a browser has sent.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;
use sluice_engine::sandbox::SandboxError;
use sluice_release::admission;
use sluice_release::admission::AdmissionError;
use sluice_release::bundle::{Manifest, ReleaseBundle, ReleaseId, ReleasePrefix};

use super::State;
use super::form::{COMPONENT, JQ, RELEASE, TryForm};
use crate::builtin::Builtin;
use crate::config::transform_source::parse_builtin;
use crate::config::{ConfigError, TransformChoice, TransformSource};
use crate::console::cached::View;
use crate::console::page::PageError;
use crate::console::{Console, RegistryPlace};
use crate::tools::author::program_text;
use crate::tools::author::try_rules::sandbox::Sandbox;

/// The rules of a form.
pub(super) struct Rules {
    pub(super) bundle: ReleaseBundle,
    /// The jq program, if they are one.
    pub(super) program: Option<String>,
}

/// What serves, to compare with.
pub(super) enum Serving {
    /// Nothing: why.
    Nothing(&'static str),
    /// It cannot be read.
    Failed(String),
    /// The active release.
    Release(ReleaseBundle),
}

/// The rules that a form names.
///
/// # Errors
/// A program that is empty, a configuration that is no JSON object, and a release or a component that there is not.
pub(super) async fn chosen(console: &Console, form: &TryForm) -> Result<Rules, PageError> {
    let state = &console.pages.try_rules;
    let bundle = match &*form.rules {
        RELEASE => {
            let bundle = release(console, form.release.trim()).await?;
            match form.config.trim() {
                "" => bundle,
                _ => configured(&bundle, &form.config)?,
            }
        }
        COMPONENT => {
            let digest: Option<Digest> = form.component.parse().ok();
            let found =
                digest.and_then(|digest| state.components.find(|it| it.component == digest));
            let missing =
                || PageError::Wrong("Choose a component again; it is not kept any more.".into());
            configured(&found.ok_or_else(missing)?, &form.config)?
        }
        JQ | "" => {
            let choice = TransformChoice::of_text(&form.jq, object(&form.config)?);
            return Ok(Rules {
                bundle: choice.and_then(|choice| choice.bundle()).map_err(wrong)?,
                program: Some(form.jq.clone()),
            });
        }
        name => {
            let builtin = parse_builtin(name).map_err(PageError::Wrong)?;
            let source = TransformSource::Builtin(builtin);
            let choice = TransformChoice::new(Some(source), None, object(&form.config)?);
            choice.and_then(|choice| choice.bundle()).map_err(wrong)?
        }
    };
    let program = program_text::program(bundle.transform_config());
    Ok(Rules { bundle, program })
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "`map_err` passes errors by value"
)]
fn wrong(error: ConfigError) -> PageError {
    PageError::Wrong(error.to_string())
}

/// A configuration, which is never the name of a file here: a browser does not name files of this machine.
fn object(config: &str) -> Result<&str, PageError> {
    match config.trim() {
        "" => Ok("{}"),
        config if config.starts_with('{') => Ok(config),
        _ => Err(PageError::Wrong(
            "The transform configuration is not a JSON object, which begins with a brace.".into(),
        )),
    }
}

/// The same component with another configuration.
fn configured(bundle: &ReleaseBundle, config: &str) -> Result<ReleaseBundle, PageError> {
    let canonical = ReleaseBundle::new(Vec::new(), object(config)?).map_err(PageError::Wrong)?;
    let manifest = Manifest {
        component: bundle.manifest().component,
        ..canonical.manifest().clone()
    };
    let bundle = bundle.clone().with_manifest(manifest);
    bundle.map_err(PageError::Wrong)
}

fn registry(console: &Console) -> Result<&Arc<RegistryPlace>, PageError> {
    console.registry.as_ref().ok_or_else(|| {
        let why = "This console shows no registry. Start it with --registry to try releases.";
        PageError::Wrong(why.into())
    })
}

/// The release of a name.
async fn release(console: &Console, name: &str) -> Result<ReleaseBundle, PageError> {
    let place = registry(console)?;
    let name: ReleasePrefix = name.parse().map_err(PageError::Wrong)?;
    let id = place.registry.find(&name).await;
    let id = id.map_err(anyhow::Error::from)?;
    by_id(&console.pages.try_rules, place, id)
        .await
        .map_err(PageError::from)
}

/// A release, from memory if it was used lately.
async fn by_id(
    state: &State,
    place: &RegistryPlace,
    id: ReleaseId,
) -> anyhow::Result<ReleaseBundle> {
    if let Some(known) = state.releases.find(|manifest| manifest.id() == id) {
        return Ok(known);
    }
    let bundle = place.registry.get(id).await?;
    state.releases.keep(bundle.clone());
    Ok(bundle)
}

/// The release that serves.
pub(super) async fn serving(console: &Console) -> Serving {
    let Some(place) = &console.registry else {
        return Serving::Nothing(
            "To compare with the active release, start the console with --registry.",
        );
    };
    let active = match console.releases.view(place).await {
        View::Reading => return Serving::Failed("the registry is still being read".into()),
        View::Failed(why) => return Serving::Failed(why),
        View::Ready(seen) => seen.value.rollout.active,
    };
    let Some(active) = active else {
        return Serving::Nothing(
            "No release of the registry is active, so there is nothing to compare with.",
        );
    };
    match by_id(&console.pages.try_rules, place, active).await {
        Ok(bundle) => Serving::Release(bundle),
        Err(error) => Serving::Failed(error.to_string()),
    }
}

/// Fills a form with the rules of the release that it names: its configuration, or its program if it is one of the
/// built-in transform for jq.
///
/// # Errors
/// There is no such release.
pub(super) async fn fill(console: &Console, form: &mut TryForm) -> Result<(), PageError> {
    let bundle = release(console, form.release.trim()).await?;
    let (component, config) = (bundle.manifest().component, bundle.transform_config());
    form.release = bundle.manifest().id().to_string();
    match program_text::program(config) {
        Some(program) if component == Digest::of(Builtin::Jq.component()) => {
            form.rules = JQ.into();
            form.jq = program;
            form.config = pretty(&program_text::other_settings(config));
        }
        _ => form.config = pretty(config),
    }
    Ok(())
}

/// A configuration for people; `{}` is shown as nothing.
fn pretty(config: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(config).ok();
    match value {
        Some(value) if value == serde_json::json!({}) => String::new(),
        Some(value) => format!("{value:#}"),
        None => config.to_owned(),
    }
}

/// The component that a browser has sent, with its own name.
///
/// # Errors
/// It is none, or it does not follow the contract.
pub(super) fn describe_sent(
    sandbox: &mut Sandbox,
    bytes: Vec<u8>,
) -> anyhow::Result<ReleaseBundle> {
    let bundle = ReleaseBundle::new(bytes, "{}").map_err(anyhow::Error::msg)?;
    let compiled = sandbox.component(&bundle)?;
    let described = admission::describe(&sandbox.engine, &compiled, &bundle, &Limits::default())?;
    let name = format!("{} {}", described.name, described.version);
    let manifest = Manifest {
        transform: Some(name),
        ..bundle.manifest().clone()
    };
    let named = bundle.with_manifest(manifest);
    named.map_err(anyhow::Error::msg)
}

/// The JSON Schema of the configuration of a component, as it tells it.
///
/// # Errors
/// The component does not follow the contract, or the schema is not JSON.
pub(super) fn schema(
    sandbox: &mut Sandbox,
    bundle: &ReleaseBundle,
) -> anyhow::Result<serde_json::Value> {
    let compiled = sandbox.component(bundle)?;
    let described = admission::describe(&sandbox.engine, &compiled, bundle, &Limits::default())?;
    serde_json::from_str(&described.config_schema).context("the schema of the configuration")
}

/// Why rules are not admitted. What a program is rejected for has its own place, so nothing else is said of it.
pub(super) fn not_admitted(error: &AdmissionError) -> String {
    match error {
        AdmissionError::Configure(cause) => match &**cause {
            SandboxError::TransformConfig(why) => why.clone(),
            _ => error.to_string(),
        },
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_an_object_and_never_a_file() {
        assert!(object(" ").is_ok_and(|config| config == "{}"));
        assert!(object("\n{\"a\":1}").is_ok());
        for other in ["/etc/hostname", "[]", "config.json"] {
            assert!(matches!(object(other), Err(PageError::Wrong(_))), "{other}");
        }
        let bundle = ReleaseBundle::new(b"x".to_vec(), "{}").unwrap();
        let other = configured(&bundle, "{\"b\": 1}").unwrap();
        assert_eq!(other.transform_config(), "{\"b\":1}");
        assert_eq!(other.component(), b"x");
        assert!(configured(&bundle, "{\"b\":1,\"b\":2}").is_err());
    }

    #[test]
    fn a_configuration_is_shown_with_line_ends() {
        assert_eq!(pretty("{}"), "");
        assert_eq!(pretty("{\"a\":1}"), "{\n  \"a\": 1\n}");
    }
}
