//! `sluice transform publish`: puts a component with its configuration and golden cases into a registry.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{SecondsFormat, Utc};
use clap::{ArgAction, Args};

use super::{Place, loader};
use crate::config::{ConfigError, TransformArgs, TransformChoice};
use crate::output;
use crate::tools::author::{component, golden};

use sluice_engine::digest::Digest;
use sluice_release::admission::{AdmissionError, Release};
use sluice_release::bundle::{Manifest, ReleaseBundle};
use sluice_release::cases::from_document;
use sluice_release::signature::PrivateKey;

/// What to publish.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The transform to publish.
    #[command(flatten)]
    transform: TransformArgs,
    #[command(flatten)]
    place: Place,
    /// Add the golden cases in a folder. Each host checks them before it activates the release.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Add a note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Sign the release with this Ed25519 key: a file with PKCS #8 in PEM, as
    /// `openssl genpkey -algorithm ed25519` writes it.
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Skip admission on this machine, for a release that needs other limits than the defaults.
    #[arg(long, action = ArgAction::SetTrue)]
    unchecked: bool,
}

/// Publishes a release and prints its id.
///
/// # Errors
/// What cannot be read or written, and a release that fails admission. Wrong rules are wrong usage.
pub async fn publish(args: &PublishArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let key = args.sign.as_deref().map(PrivateKey::read).transpose();
    let key = key.map_err(|why| ConfigError::new("sign", why))?;
    let cases = args.cases.as_deref().map(super::cases).transpose()?;
    let transform = args.transform.choose()?;
    let mut bundle = bundle(args, &transform, cases.as_deref())?;
    if !args.unchecked {
        let release = admitted(&transform, &bundle, cases.clone()).await?;
        let manifest = Manifest {
            contract: release.contract().map(str::to_owned),
            transform: Some(release.name()),
            ..bundle.manifest().clone()
        };
        bundle = bundle.with_manifest(manifest).map_err(anyhow::Error::msg)?;
    }
    if let Some(cases) = &cases {
        registry.keep_cases(cases).await?;
    }
    let id = bundle.manifest().id();
    if !registry.keep(&bundle).await? {
        output::message("the release is published already");
    }
    if let Some(key) = key {
        registry.sign(id, &key.sign(id)).await?;
    }
    output::line(id)?;
    Ok(())
}

/// Admits the release as a host does. If a golden case fails, says what was expected and what was found.
async fn admitted(
    transform: &TransformChoice,
    bundle: &ReleaseBundle,
    cases: Option<Vec<u8>>,
) -> anyhow::Result<Arc<Release>> {
    let loader = loader()?;
    let loaded = loader.load(bundle.clone(), cases.clone()).await;
    if let Err(AdmissionError::Cases(_)) = &loaded
        && let Ok(release) = loader.load(bundle.clone(), None).await
        && let Ok(cases) = from_document(&cases.unwrap_or_default())
    {
        let report = golden::mismatches(&release, &cases)?;
        output::message(report.trim_end());
    }
    loaded.map_err(|error| {
        let why = format!("the release fails admission: {error}");
        match error.is_of_rules() {
            true => ConfigError::new(component::setting_of(transform, &error), why).into(),
            false => anyhow::anyhow!(why),
        }
    })
}

fn bundle(
    args: &PublishArgs,
    transform: &TransformChoice,
    cases: Option<&[u8]>,
) -> anyhow::Result<ReleaseBundle> {
    let bundle = transform.bundle()?;
    let manifest = Manifest {
        cases: cases.map(Digest::of),
        note: args.note.clone(),
        published_at: Some(Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)),
        ..bundle.manifest().clone()
    };
    bundle.with_manifest(manifest).map_err(anyhow::Error::msg)
}
