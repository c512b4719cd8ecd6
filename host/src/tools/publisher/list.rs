//! `sluice transform list` and `show`: print the content of a registry.

use anyhow::Context as _;
use clap::{ArgAction, Args};
use serde::Serialize;
use sluice_engine::sanitize::escape;
use sluice_release::bundle::{Manifest, ReleaseId};
use sluice_release::rollout::{Rollout, Trial};

use super::activate::state;
use super::change::described;
use super::{Place, named};

use crate::output;
use crate::output::OutputError;
use crate::tools::author::program_text;
use crate::tools::author::try_rules::escape_json;

/// How many changes are shown.
const SHOWN: usize = 10;

/// Which registry.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Which release.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The release: its id, or at least the first 8 digits of it.
    release: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Listed {
    release: ReleaseId,
    #[serde(flatten)]
    manifest: Manifest,
}

/// Prints the releases, the active one, and the latest changes.
///
/// # Errors
/// A registry that cannot be read, or to which nothing was ever published.
pub async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let rollout = registry.active().await?.rollout;
    let mut releases = Vec::new();
    for release in registry.releases().await? {
        match registry.manifest(release).await {
            Ok(manifest) => releases.push(Listed { release, manifest }),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(damaged) => output::message(format_args!("sluice: {damaged}")),
        }
    }
    if releases.is_empty() && rollout.number == 0 && registry.releases().await?.is_empty() {
        return Err(args.place.nothing_published());
    }
    releases.sort_by(|a, b| a.manifest.published_at.cmp(&b.manifest.published_at));
    if args.json {
        let all = serde_json::json!({ "rollout": rollout, "releases": releases });
        output::line(escape_json(all.to_string()))?;
        return Ok(());
    }
    print_releases(&releases, &rollout)?;
    if releases.is_empty() {
        output::line("no releases; run `sluice transform publish`")?;
    }
    output::line(format_args!("\n{}", state(&rollout)))?;
    for change in rollout.history.iter().rev().take(SHOWN) {
        output::line(described(change))?;
    }
    Ok(())
}

/// A line for each release, followed by the first lines of its program if it is one in jq.
fn print_releases(releases: &[Listed], rollout: &Rollout) -> Result<(), OutputError> {
    let transform = |manifest: &Manifest| escape(manifest.transform.as_deref().unwrap_or("-"));
    let widths = releases.iter().map(|it| transform(&it.manifest).len());
    let width = widths.max().unwrap_or_default();
    for Listed { release, manifest } in releases {
        let published = escape(manifest.published_at.as_deref().unwrap_or("-"));
        let line = format!(
            "{release}  {published}  {:<8}{:<width$}  {}",
            role(rollout, *release),
            transform(manifest),
            escape(manifest.note.as_deref().unwrap_or_default())
        );
        output::line(line.trim_end())?;
        for line in program_text::first_lines(&manifest.transform_config) {
            output::line(format_args!("    {}", escape(&line)))?;
        }
    }
    Ok(())
}

/// The role of a release at this moment; empty if it has none.
pub(crate) fn role(rollout: &Rollout, release: ReleaseId) -> &'static str {
    let tried =
        |trial: &Option<Trial>| trial.as_ref().is_some_and(|trial| trial.release == release);
    if rollout.active == Some(release) {
        "active"
    } else if tried(&rollout.canary) {
        "canary"
    } else if tried(&rollout.shadow) {
        "shadow"
    } else {
        ""
    }
}

/// Prints a release.
///
/// # Errors
/// A release that does not exist.
pub async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let id = named(&args.place, &registry, &args.release).await?;
    let Manifest {
        component,
        transform_config,
        cases,
        contract,
        transform,
        note,
        published_at,
    } = registry
        .manifest(id)
        .await
        .with_context(|| args.place.context())?;
    let signed = registry.signature(id).await?.map(|_| "yes".to_owned());
    let role = role(&registry.active().await?.rollout, id);
    output::line(format_args!("release    {id}"))?;
    output::line(format_args!("component  {component}"))?;
    let others = program_text::other_settings(&transform_config);
    output::line(format_args!("config     {}", escape(&others)))?;
    let mut title = "program";
    for line in program_text::lines(&transform_config) {
        output::line(format_args!("{title:<11}{}", escape(&line)))?;
        title = "";
    }
    for (name, value) in [
        ("transform", transform),
        ("cases", cases.map(|cases| cases.to_string())),
        ("contract", contract),
        ("published", published_at),
        ("signed", signed),
        ("note", note),
        ("role", (!role.is_empty()).then(|| role.to_owned())),
    ] {
        output::line(format_args!(
            "{name:<11}{}",
            escape(value.as_deref().unwrap_or("-"))
        ))?;
    }
    Ok(())
}
