//! Where releases are kept: `components/<sha256>.wasm` and `releases/<id>.json`, written once and
//! never changed.

use futures_util::future::BoxFuture;
use thiserror::Error;

use super::release::{Digest, Manifest, Offer, ReleaseId};

/// Files by name, created once: a folder, or a prefix of a bucket.
pub trait WriteOnce: Sync {
    /// Creates a file that is not there yet; one that is there stays as it is.
    ///
    /// # Errors
    /// Why it could not be written.
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), String>>;

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// Why it could not be read.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>>;
}

/// A registry. The lake keeps one under `_sluice/` with every release that has written to it, so that
/// a chunk that was interrupted can always be finished with its own release.
#[derive(Debug)]
pub struct Registry<F> {
    files: F,
}

/// Why a release cannot be kept or had.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A file of the release cannot be written or read.
    #[error("release {id}: {file}: {why}")]
    File {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// What was said.
        why: String,
    },
    /// A file of the release is not there.
    #[error("release {id}: there is no {file}; bring it back, nothing else can finish its chunks")]
    Missing {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
    },
    /// The file is there and is not what its name says.
    #[error("release {id}: {file} {what}")]
    Damaged {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}

fn component_name(digest: Digest) -> String {
    format!("components/{digest}.wasm")
}

fn manifest_name(id: ReleaseId) -> String {
    format!("releases/{id}.json")
}

impl<F: WriteOnce> Registry<F> {
    /// The registry in these files.
    pub fn new(files: F) -> Self {
        Self { files }
    }

    /// Keeps a release, the component first, so that a manifest never names what is not there.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn keep(&self, offer: &Offer) -> Result<(), RegistryError> {
        let manifest = offer.manifest();
        let (id, name) = (manifest.id(), manifest_name(manifest.id()));
        let fault = |file: &str, why| RegistryError::File {
            id,
            file: file.to_owned(),
            why,
        };
        if self
            .files
            .read(&name)
            .await
            .map_err(|why| fault(&name, why))?
            .is_some()
        {
            return Ok(());
        }
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| fault(&name, error.to_string()))?;
        text.push(b'\n');
        let component = component_name(manifest.component);
        let created = self.files.create(&component, offer.component()).await;
        created.map_err(|why| fault(&component, why))?;
        self.files
            .create(&name, &text)
            .await
            .map_err(|why| fault(&name, why))
    }

    /// Reads a release back and checks that it is what its id says.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn get(&self, id: ReleaseId) -> Result<Offer, RegistryError> {
        let damaged = |file: &str, what: String| RegistryError::Damaged {
            id,
            file: file.to_owned(),
            what,
        };
        let name = manifest_name(id);
        let manifest: Manifest = serde_json::from_slice(&self.read(id, &name).await?)
            .map_err(|error| damaged(&name, format!("is not a manifest: {error}")))?;
        let component = component_name(manifest.component);
        let offer = Offer::new(self.read(id, &component).await?, &manifest.settings)
            .map_err(|what| damaged(&name, what))?;
        if offer.manifest() != manifest || manifest.id() != id {
            return Err(damaged(
                &component,
                "does not have the digest in its name".into(),
            ));
        }
        Ok(offer)
    }

    async fn read(&self, id: ReleaseId, name: &str) -> Result<Vec<u8>, RegistryError> {
        let file = name.to_owned();
        match self.files.read(name).await {
            Ok(Some(content)) => Ok(content),
            Ok(None) => Err(RegistryError::Missing { id, file }),
            Err(why) => Err(RegistryError::File { id, file, why }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::files::{Folder, Scratch};

    fn registry(folder: &tempfile::TempDir) -> Registry<Folder> {
        let scratch = Arc::new(Scratch::open(folder.path().join("tmp")).unwrap());
        Registry::new(Folder::new(folder.path().to_owned(), scratch))
    }

    #[tokio::test]
    async fn a_release_comes_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(&folder);
        let offer = Offer::new(b"component".to_vec(), r#"{"a":1}"#).unwrap();
        registry.keep(&offer).await.unwrap();
        registry.keep(&offer).await.unwrap();
        assert!(registry.get(offer.manifest().id()).await.unwrap() == offer);
    }

    #[tokio::test]
    async fn a_damaged_or_missing_release_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(&folder);
        let offer = Offer::new(b"component".to_vec(), "{}").unwrap();
        let id = offer.manifest().id();
        let missing = registry.get(id).await;
        assert!(matches!(missing, Err(RegistryError::Missing { .. })));
        registry.keep(&offer).await.unwrap();
        let component = folder
            .path()
            .join(component_name(offer.manifest().component));
        std::fs::write(component, b"something else").unwrap();
        let damaged = registry.get(id).await;
        assert!(matches!(damaged, Err(RegistryError::Damaged { .. })));
    }
}
