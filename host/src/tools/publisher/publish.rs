//! `sluice transform publish`: puts a component with its configuration and golden cases into a registry.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};

use super::admission::{admit, loader};
use super::{Place, publication};
use crate::config::{ConfigError, TransformArgs, TransformChoice};
use crate::output;
use crate::tools::author::component;

use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseBundle;
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
    let (bundle, cases) = (transform.bundle()?, cases.as_deref());
    let mut bundle = publication::with_description(bundle, cases, args.note.clone())?;
    if !args.unchecked {
        let release = admitted(&transform, &bundle, cases).await?;
        bundle = publication::with_own_name(bundle, &release)?;
    }
    let id = bundle.manifest().id();
    if !publication::store(&registry, &bundle, cases, key.as_ref()).await? {
        output::message("the release is published already");
    }
    output::line(id)?;
    Ok(())
}

/// Admits the release as a host does. If a golden case fails, says what was expected and what was found.
async fn admitted(
    transform: &TransformChoice,
    bundle: &ReleaseBundle,
    cases: Option<&[u8]>,
) -> anyhow::Result<Arc<Release>> {
    admit(&loader()?, bundle, cases).await.map_err(|failed| {
        if let Some(mismatches) = &failed.mismatches {
            output::message(mismatches.trim_end());
        }
        match failed.error.is_of_rules() {
            true => {
                ConfigError::new(component::setting_of(transform, &failed.error), failed).into()
            }
            false => failed.into(),
        }
    })
}
