//! What a release becomes before it is stored in a registry, and how it is stored.

use chrono::{SecondsFormat, Utc};
use sluice_engine::digest::Digest;
use sluice_release::admission::Release;
use sluice_release::bundle::{Manifest, ReleaseBundle};
use sluice_release::registry::{CASES_MAX_BYTES, Registry, RegistryError};
use sluice_release::signature::PrivateKey;

/// Why a document of golden cases cannot be stored, if it is too large.
pub(crate) fn too_large(cases: &[u8]) -> Option<String> {
    let bytes = cases.len();
    let why =
        format!("they take {bytes} bytes as a document, at most {CASES_MAX_BYTES} are allowed");
    (bytes > CASES_MAX_BYTES).then_some(why)
}

/// The bundle with its golden cases, a note, and the time of publication.
pub(crate) fn with_description(
    bundle: ReleaseBundle,
    cases: Option<&[u8]>,
    note: Option<String>,
) -> anyhow::Result<ReleaseBundle> {
    let manifest = Manifest {
        cases: cases.map(Digest::of),
        note,
        published_at: Some(Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)),
        ..bundle.manifest().clone()
    };
    bundle.with_manifest(manifest).map_err(anyhow::Error::msg)
}

/// The bundle with what its component says of itself.
pub(crate) fn with_own_name(
    bundle: ReleaseBundle,
    release: &Release,
) -> anyhow::Result<ReleaseBundle> {
    let manifest = Manifest {
        contract: release.contract().map(str::to_owned),
        transform: Some(release.name()),
        ..bundle.manifest().clone()
    };
    bundle.with_manifest(manifest).map_err(anyhow::Error::msg)
}

/// Stores a release with its golden cases, which come first, so that a manifest never names missing ones, and signs it if
/// there is a key. Returns `false` if the release is stored already.
pub(crate) async fn store(
    registry: &Registry,
    bundle: &ReleaseBundle,
    cases: Option<&[u8]>,
    key: Option<&PrivateKey>,
) -> Result<bool, RegistryError> {
    if let Some(cases) = cases {
        registry.keep_cases(cases).await?;
    }
    let is_new = registry.keep(bundle).await?;
    if let Some(key) = key {
        let id = bundle.manifest().id();
        registry.sign(id, &key.sign(id)).await?;
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_release::registry::Known;
    use sluice_storage::folder::FolderStore;

    use super::*;

    #[tokio::test]
    async fn a_release_is_stored_with_its_cases_and_its_note() {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderStore::shared(folder.path().to_owned());
        let registry = Registry::new(Arc::new(files), Known::default());
        let bundle = ReleaseBundle::new(b"component".to_vec(), "{}").unwrap();
        let cases = b"cases".as_slice();
        let bundle = with_description(bundle, Some(cases), Some("better".into())).unwrap();
        for is_new in [true, false] {
            let stored = store(&registry, &bundle, Some(cases), None).await;
            assert_eq!(stored.unwrap(), is_new);
        }
        let manifest = registry.manifest(bundle.manifest().id()).await.unwrap();
        assert_eq!(manifest.note.as_deref(), Some("better"));
        assert!(manifest.published_at.is_some());
        let stored = registry.cases(&manifest).await.unwrap();
        assert_eq!(stored.as_deref(), Some(cases));
    }

    #[test]
    fn cases_have_a_largest_size() {
        assert_eq!(too_large(&vec![0; CASES_MAX_BYTES]), None);
        let why = too_large(&vec![0; CASES_MAX_BYTES + 1]).unwrap();
        assert!(why.contains("at most 4194304 are allowed"), "{why}");
    }
}
