//! Where releases are kept: `components/<sha256>.wasm` and `releases/<id>.json`, written once and
//! never changed.

use std::fs;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::release::{Digest, Manifest, Offer, ReleaseId};
use crate::files::Scratch;

/// A registry in a folder. The lake keeps one under `_sluice/` with every release that has written
/// to it, so that a chunk that was interrupted can always be finished with its own release.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
}

/// Why a release cannot be had.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A file of the release is missing or unreadable.
    #[error("release {id}: cannot read {path}: {source}")]
    Read {
        /// The release.
        id: ReleaseId,
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The file is there and is not what its name says.
    #[error("release {id}: {path} {what}")]
    Damaged {
        /// The release.
        id: ReleaseId,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl Registry {
    /// The registry in `folder`, which is made when something is kept.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn component_path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("components/{digest}.wasm"))
    }

    fn manifest_path(&self, id: ReleaseId) -> PathBuf {
        self.folder.join(format!("releases/{id}.json"))
    }

    /// Keeps a release, the component first, so that a manifest never names what is not there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, offer: &Offer, scratch: &Scratch) -> io::Result<()> {
        let manifest = offer.manifest();
        let mut text = serde_json::to_vec_pretty(&manifest)?;
        text.push(b'\n');
        let path = self.manifest_path(manifest.id());
        if !path.exists() {
            scratch.create(&self.component_path(manifest.component), offer.component())?;
            scratch.create(&path, &text)?;
        }
        Ok(())
    }

    /// Reads a release back and checks that it is what its id says.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub fn get(&self, id: ReleaseId) -> Result<Offer, RegistryError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|source| RegistryError::Read {
                id,
                path: path.clone(),
                source,
            })
        };
        let damaged = |path: &PathBuf, what: String| RegistryError::Damaged {
            id,
            path: path.clone(),
            what,
        };
        let manifest_path = self.manifest_path(id);
        let manifest: Manifest = serde_json::from_slice(&read(&manifest_path)?)
            .map_err(|error| damaged(&manifest_path, format!("is not a manifest: {error}")))?;
        let path = self.component_path(manifest.component);
        let offer = Offer::new(read(&path)?, &manifest.settings)
            .map_err(|what| damaged(&manifest_path, what))?;
        if offer.manifest() != manifest || manifest.id() != id {
            return Err(damaged(
                &path,
                "does not have the digest in its name".into(),
            ));
        }
        Ok(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, Registry, Scratch) {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path().join("tmp")).unwrap();
        let registry = Registry::new(folder.path().join("registry"));
        (folder, registry, scratch)
    }

    #[test]
    fn a_release_comes_back_as_it_was_kept() {
        let (_folder, registry, scratch) = registry();
        let offer = Offer::new(b"component".to_vec(), r#"{"a":1}"#).unwrap();
        registry.keep(&offer, &scratch).unwrap();
        registry.keep(&offer, &scratch).unwrap();
        assert!(registry.get(offer.manifest().id()).unwrap() == offer);
    }

    #[test]
    fn a_damaged_or_missing_release_is_refused() {
        let (_folder, registry, scratch) = registry();
        let offer = Offer::new(b"component".to_vec(), "{}").unwrap();
        let id = offer.manifest().id();
        assert!(matches!(registry.get(id), Err(RegistryError::Read { .. })));
        registry.keep(&offer, &scratch).unwrap();
        let path = registry.component_path(offer.manifest().component);
        fs::write(path, b"something else").unwrap();
        assert!(matches!(
            registry.get(id),
            Err(RegistryError::Damaged { .. })
        ));
    }
}
