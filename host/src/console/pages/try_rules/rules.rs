//! The rules that are tried: a jq program, a built-in transform, a release, or a component that a browser has sent.

use anyhow::Context as _;
use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;
use sluice_engine::sandbox::SandboxError;
use sluice_release::admission;
use sluice_release::admission::AdmissionError;
use sluice_release::bundle::{Manifest, ReleaseBundle};

use super::form::{COMPONENT, JQ, RELEASE, TryForm};
use super::releases;
use crate::builtin::Builtin;
use crate::config::transform_source::parse_builtin;
use crate::config::{ConfigError, TransformChoice, TransformSource};
use crate::console::Console;
use crate::console::page::PageError;
use crate::tools::author::program_text;
use crate::tools::author::try_rules::sandbox::Sandbox;

/// The rules of a form.
pub(super) struct Rules {
    pub(super) bundle: ReleaseBundle,
    /// The jq program, if they are one.
    pub(super) program: Option<String>,
}

/// Why rules are refused for records whose contents are hidden: they could write them into their codes, or be asked one
/// question after another.
const HIDDEN: &str = "This console hides the contents of records of the lake, and rules that are written here could show them. \
                      Choose a release or a built-in transform, without a configuration, or start the console with \
                      --show-payloads.";

/// Checks that the rules of a form are not written for records whose contents are hidden.
///
/// # Errors
/// [`PageError::NotAllowed`]
pub(super) fn check_fixed(form: &TryForm) -> Result<(), PageError> {
    match form.has_fixed_rules() {
        true => Ok(()),
        false => Err(PageError::NotAllowed(HIDDEN.into())),
    }
}

/// The rules that a form names.
///
/// # Errors
/// A program that is empty, a configuration that is no JSON object, and a release or a component that there is not.
pub(super) async fn chosen(console: &Console, form: &TryForm) -> Result<Rules, PageError> {
    let state = &console.pages.try_rules;
    let bundle = match &*form.rules {
        RELEASE => {
            let bundle = releases::named(console, &form.release).await?;
            match form.config().trim() {
                "" => bundle,
                _ => configured(&bundle, form.config())?,
            }
        }
        COMPONENT => {
            let digest: Option<Digest> = form.component.parse().ok();
            let found =
                digest.and_then(|digest| state.components.find(|it| it.component == digest));
            let missing =
                || PageError::Wrong("Choose a component again; it is not kept any more.".into());
            configured(&found.ok_or_else(missing)?, form.config())?
        }
        JQ | "" => {
            let choice = TransformChoice::of_text(&form.jq, object(form.config())?);
            return Ok(Rules {
                bundle: choice.and_then(|choice| choice.bundle()).map_err(wrong)?,
                program: Some(form.jq.clone()),
            });
        }
        name => {
            let builtin = parse_builtin(name).map_err(PageError::Wrong)?;
            let source = TransformSource::Builtin(builtin);
            let choice = TransformChoice::new(Some(source), None, object(form.config())?);
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
///
/// # Errors
/// The configuration is no JSON object.
pub(super) fn configured(bundle: &ReleaseBundle, config: &str) -> Result<ReleaseBundle, PageError> {
    let canonical = ReleaseBundle::new(Vec::new(), object(config)?).map_err(PageError::Wrong)?;
    let manifest = Manifest {
        component: bundle.manifest().component,
        ..canonical.manifest().clone()
    };
    let bundle = bundle.clone().with_manifest(manifest);
    bundle.map_err(PageError::Wrong)
}

/// Fills a form with the rules of the release that it names: its configuration, or its program if it is one of the
/// built-in transform for jq. If `is_fixed`, it is chosen as it is.
///
/// # Errors
/// There is no such release.
pub(super) async fn fill(
    console: &Console,
    form: &mut TryForm,
    is_fixed: bool,
) -> Result<(), PageError> {
    let bundle = releases::named(console, &form.release).await?;
    fill_with(form, &bundle, is_fixed);
    Ok(())
}

/// Fills a form with the rules of a release. A built-in transform is chosen as itself, so that its configuration is what is
/// changed; unless `is_fixed`.
pub(super) fn fill_with(form: &mut TryForm, bundle: &ReleaseBundle, is_fixed: bool) {
    let config = bundle.transform_config();
    form.release = bundle.manifest().id().to_string();
    if is_fixed {
        form.rules = RELEASE.into();
        form.set_config(String::new());
        return;
    }
    match releases::builtin(bundle.manifest()) {
        Some(Builtin::Jq) => {
            form.rules = JQ.into();
            form.jq = program_text::program(config).unwrap_or_default();
            form.set_config(pretty(&program_text::other_settings(config)));
        }
        Some(builtin) => {
            form.rules = builtin.name().into();
            form.set_config(pretty(config));
        }
        None => {
            form.rules = RELEASE.into();
            form.set_config(pretty(config));
        }
    }
}

/// Whether two forms have the same rules.
pub(super) fn are_same(one: &TryForm, other: &TryForm) -> bool {
    let config = |form: &TryForm| -> Option<serde_json::Value> {
        serde_json::from_str(object(form.config()).ok()?).ok()
    };
    one.rules == other.rules
        && config(one) == config(other)
        && (one.rules != JQ || one.jq == other.jq)
        && (one.rules != RELEASE || one.release == other.release)
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
    fn the_rules_of_a_release_fill_a_form() {
        let of = |component: &[u8], config: &str| {
            let bundle = ReleaseBundle::new(component.to_vec(), config).unwrap();
            let mut form = TryForm::default();
            fill_with(&mut form, &bundle, false);
            form
        };
        let jq = of(
            Builtin::Jq.component(),
            r#"{"program":".a","routes":["bus"]}"#,
        );
        assert_eq!((&*jq.rules, &*jq.jq), (JQ, ".a"));
        assert!(!jq.config().contains("program"), "{}", jq.config());
        let enrich = of(Builtin::Enrich.component(), r#"{"time_format":"auto"}"#);
        assert_eq!(enrich.rules, "enrich");
        assert!(enrich.config().contains("auto"));
        let other = of(b"x", "{}");
        assert_eq!((&*other.rules, other.config()), (RELEASE, ""));
        let mut spaced = enrich.clone();
        spaced.set_config("{ \"time_format\" : \"auto\" }".into());
        assert!(are_same(&enrich, &spaced) && !are_same(&enrich, &jq));
        spaced.set_config("{}".into());
        assert!(!are_same(&enrich, &spaced));
        let mut fixed = jq.clone();
        let bundle = ReleaseBundle::new(Builtin::Jq.component().to_vec(), r#"{"program":".a"}"#);
        assert!(check_fixed(&fixed).is_err());
        fill_with(&mut fixed, &bundle.unwrap(), true);
        assert_eq!((&*fixed.rules, fixed.config()), (RELEASE, ""));
        assert!(check_fixed(&fixed).is_ok());
    }

    #[test]
    fn a_configuration_is_shown_with_line_ends() {
        assert_eq!(pretty("{}"), "");
        assert_eq!(pretty("{\"a\":1}"), "{\n  \"a\": 1\n}");
    }
}
