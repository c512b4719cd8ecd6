//! Checks releases as hosts do, before they are published or activated.

use std::sync::Arc;

use sluice_engine::limits::Limits;
use sluice_release::admission::{AdmissionError, Release};
use sluice_release::bundle::{ReleaseBundle, ReleaseId};
use sluice_release::cases::from_document;
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::Registry;
use sluice_release::signature::PublicKey;
use thiserror::Error;

use crate::tools::author::{component, golden};

/// Why a release may not be published or activated.
#[derive(Debug, Error)]
#[error("the release fails admission: {error}")]
pub(crate) struct FailedAdmission {
    pub(crate) error: Box<AdmissionError>,
    /// If golden cases fail, what each of them expects and what was found. It quotes events.
    pub(crate) mismatches: Option<String>,
}

impl From<AdmissionError> for FailedAdmission {
    fn from(error: AdmissionError) -> Self {
        Self {
            error: Box::new(error),
            mismatches: None,
        }
    }
}

/// Loads releases with the default limits, to check them before hosts do.
pub(crate) fn loader() -> anyhow::Result<ReleaseLoader> {
    let engine = component::engine(1)?;
    Ok(ReleaseLoader::new(engine, Limits::default(), None))
}

/// Admits a release that is about to be published, as a host does.
pub(crate) async fn admit(
    loader: &ReleaseLoader,
    bundle: &ReleaseBundle,
    cases: Option<&[u8]>,
) -> Result<Arc<Release>, FailedAdmission> {
    let error = match loader.load(bundle.clone(), cases.map(<[u8]>::to_vec)).await {
        Ok(release) => return Ok(release),
        Err(error) => error,
    };
    let mismatches = match (&error, cases) {
        (AdmissionError::Cases(_), Some(cases)) => mismatches(loader, bundle, cases).await,
        _ => None,
    };
    Err(FailedAdmission {
        mismatches,
        ..error.into()
    })
}

/// Admits a release of a registry, as a host does.
pub(crate) async fn admit_stored(
    loader: &ReleaseLoader,
    registry: &Registry,
    key: Option<&PublicKey>,
    release: ReleaseId,
) -> Result<Arc<Release>, FailedAdmission> {
    Ok(loader.load_from(registry, key, release).await?)
}

/// What golden cases expect and what was found, on a thread that nothing else waits for.
async fn mismatches(
    loader: &ReleaseLoader,
    bundle: &ReleaseBundle,
    cases: &[u8],
) -> Option<String> {
    let release = loader.load(bundle.clone(), None).await.ok()?;
    let cases = from_document(cases).ok()?;
    let compared = tokio::task::spawn_blocking(move || golden::mismatches(&release, &cases));
    compared.await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_component_is_not_admitted() {
        let bundle = ReleaseBundle::new(b"no component".to_vec(), "{}").unwrap();
        let failed = admit(&loader().unwrap(), &bundle, None).await.err();
        let failed = failed.unwrap();
        assert!(failed.error.is_of_rules() && failed.mismatches.is_none());
        let text = failed.to_string();
        let expected = "the release fails admission: compile: not WebAssembly";
        assert!(text.starts_with(expected), "{text}");
    }
}
