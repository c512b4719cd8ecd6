//! Where releases are kept: `components/<sha256>.wasm`, `cases/<sha256>.json` and `releases/<id>.json`,
//! written once and never changed; `releases/<id>.sig`, the signature of a release; and `active.json`,
//! which says which of them serves and is changed by compare-and-swap.

pub mod files;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use self::files::{Files, Found, IfChanged, Version};
use super::admit::COMPONENT_MAX_BYTES;
use super::release::{Digest, Manifest, Offer, ReleaseId};
use super::rollout::{Rollout, RolloutError};

/// The document that says what serves.
pub const ACTIVE: &str = "active.json";

/// The folders.
const COMPONENTS: &str = "components";
const CASES: &str = "cases";
const RELEASES: &str = "releases";

/// A larger document is refused unread.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;

/// The most that the golden cases of a release may hold together.
pub const CASES_MAX_BYTES: usize = 4 << 20;

/// Releases that are known to be in a registry.
pub type Known = Arc<Mutex<HashSet<ReleaseId>>>;

/// A registry. The lake keeps one under `_sluice/` with every release that has written to it, so that
/// a chunk that was interrupted can always be finished with its own release.
#[derive(Debug)]
pub struct Registry<F> {
    files: F,
    known: Known,
}

/// Why a release cannot be kept or had.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A file cannot be written or read.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// What was said.
        why: String,
    },
    /// A file of the release is not there.
    #[error("release {id}: there is no {file}; bring it back")]
    Missing {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
    },
    /// A file of the release is larger than is taken.
    #[error("release {id}: {file} has {bytes} bytes, at most {max} are taken")]
    Size {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        max: usize,
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
    /// The document that says what serves cannot be used.
    #[error("{ACTIVE} {0}")]
    Active(String),
    /// Somebody else has changed what serves at the same moment.
    #[error("{ACTIVE} was changed by another process at the same moment; read it again")]
    Raced,
    /// A change that makes no sense as things are.
    #[error(transparent)]
    Step(#[from] RolloutError),
}

impl RegistryError {
    /// Whether it may pass by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// The step of admission that it belongs to.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match self {
            Self::Size { .. } => "size",
            Self::Damaged { .. } => "digest",
            _ => "fetch",
        }
    }
}

fn component_name(digest: Digest) -> String {
    format!("{COMPONENTS}/{digest}.wasm")
}

fn cases_name(digest: Digest) -> String {
    format!("{CASES}/{digest}.json")
}

fn signature_name(id: ReleaseId) -> String {
    format!("{RELEASES}/{id}.sig")
}

fn manifest_name(id: ReleaseId) -> String {
    format!("{RELEASES}/{id}.json")
}

/// What serves, and the version of the document that says so.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// What serves.
    pub rollout: Rollout,
    version: Option<Version>,
}

impl<F: Files> Registry<F> {
    /// The registry in these files, of which `known` are known to be there.
    pub fn new(files: F, known: Known) -> Self {
        Self { files, known }
    }

    /// Its files.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// Keeps a release, the component first, so that a manifest never names what is not there; `false`
    /// where it is there already. What is said of a release stays as it was said first.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn keep(&self, offer: &Offer) -> Result<bool, RegistryError> {
        let manifest = offer.manifest();
        let id = manifest.id();
        if self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
        {
            return Ok(false);
        }
        let name = manifest_name(id);
        let found = self.read(&name, DOCUMENT_MAX_BYTES).await?;
        let is_new = matches!(found, Found::Nothing);
        if is_new {
            let mut text = serde_json::to_vec_pretty(manifest)
                .map_err(|error| file_error(&name, error.to_string()))?;
            text.push(b'\n');
            self.create(&component_name(manifest.component), offer.component())
                .await?;
            self.create(&name, &text).await?;
        }
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Ok(is_new)
    }

    /// Keeps golden cases, which the manifests of releases name by their digest.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn keep_cases(&self, cases: &[u8]) -> Result<(), RegistryError> {
        self.create(&cases_name(Digest::of(cases)), cases).await
    }

    /// Reads a release back and checks that it is what its id says.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn get(&self, id: ReleaseId) -> Result<Offer, RegistryError> {
        let manifest = self.manifest(id).await?;
        let name = component_name(manifest.component);
        let component = self.content(id, &name, COMPONENT_MAX_BYTES).await?;
        Offer::new(component, &manifest.transform_config)
            .and_then(|offer| offer.with_manifest(manifest))
            .map_err(|what| damaged(id, &name, what))
    }

    /// What a release is and what is said of it.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn manifest(&self, id: ReleaseId) -> Result<Manifest, RegistryError> {
        let name = manifest_name(id);
        let text = self.content(id, &name, DOCUMENT_MAX_BYTES).await?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| damaged(id, &name, format!("is not a manifest: {error}")))?;
        if manifest.id() == id {
            return Ok(manifest);
        }
        let what = format!("is the manifest of {}", manifest.id());
        Err(damaged(id, &name, what))
    }

    /// The signature of a release, where it is signed.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn signature(&self, id: ReleaseId) -> Result<Option<String>, RegistryError> {
        let name = signature_name(id);
        match self.read(&name, DOCUMENT_MAX_BYTES).await? {
            Found::Content(text) => Ok(Some(String::from_utf8_lossy(&text).trim().to_owned())),
            Found::Nothing => Ok(None),
            Found::TooLarge(_) => Err(damaged(id, &name, "is no signature".into())),
        }
    }

    /// Signs a release, in the place of a signature that is there.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn sign(&self, id: ReleaseId, signature: &str) -> Result<(), RegistryError> {
        let name = signature_name(id);
        let read = self.files.get_if_changed(&name, None).await;
        let seen = match read.map_err(|why| file_error(&name, why))? {
            IfChanged::Content(_, version) => Some(version),
            IfChanged::Unchanged | IfChanged::Nothing => None,
        };
        let text = format!("{signature}\n");
        let swapped = self.files.swap(&name, text.as_bytes(), seen.as_ref()).await;
        match swapped.map_err(|why| file_error(&name, why))? {
            true => Ok(()),
            false => Err(file_error(
                &name,
                "somebody else signs it at this moment".into(),
            )),
        }
    }

    /// The ids of all releases, sorted.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn releases(&self) -> Result<Vec<ReleaseId>, RegistryError> {
        let names = self.names(RELEASES).await?;
        let id = |name: &String| name.strip_suffix(".json")?.parse().ok();
        let mut ids: Vec<_> = names.iter().filter_map(id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Removes a release, and of its component and cases what none of those that `stay` has.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn remove(&self, gone: &Manifest, stay: &[Manifest]) -> Result<(), RegistryError> {
        // The manifest first: without it the rest is nothing.
        self.remove_file(&manifest_name(gone.id())).await?;
        self.remove_file(&signature_name(gone.id())).await?;
        if stay.iter().all(|other| other.component != gone.component) {
            self.remove_file(&component_name(gone.component)).await?;
        }
        let unneeded = |cases: &Digest| stay.iter().all(|other| other.cases != Some(*cases));
        if let Some(cases) = gone.cases.filter(unneeded) {
            self.remove_file(&cases_name(cases)).await?;
        }
        Ok(())
    }

    /// The names of the files in a folder.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, RegistryError> {
        let names = self.files.list(folder).await;
        names.map_err(|why| file_error(folder, why))
    }

    async fn remove_file(&self, name: &str) -> Result<(), RegistryError> {
        let removed = self.files.remove(name).await;
        removed.map_err(|why| file_error(name, why))
    }

    /// The golden cases of a release, where it has some.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn cases(&self, manifest: &Manifest) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some(digest) = manifest.cases else {
            return Ok(None);
        };
        let (id, name) = (manifest.id(), cases_name(digest));
        let cases = self.content(id, &name, CASES_MAX_BYTES).await?;
        match Digest::of(&cases) {
            found if found == digest => Ok(Some(cases)),
            found => Err(damaged(id, &name, format!("has the digest {found}"))),
        }
    }

    /// What serves.
    ///
    /// # Errors
    /// [`RegistryError::File`] and [`RegistryError::Active`]
    pub async fn active(&self) -> Result<Versioned, RegistryError> {
        Ok(self.active_since(None).await?.unwrap_or(Versioned {
            rollout: Rollout::new(),
            version: None,
        }))
    }

    /// What serves, where that is not what was `seen` last.
    ///
    /// # Errors
    /// [`RegistryError::File`] and [`RegistryError::Active`]
    pub async fn active_since(
        &self,
        seen: Option<&Versioned>,
    ) -> Result<Option<Versioned>, RegistryError> {
        let seen_version = seen.and_then(|seen| seen.version.as_ref());
        let read = self.files.get_if_changed(ACTIVE, seen_version).await;
        match read.map_err(|why| file_error(ACTIVE, why))? {
            IfChanged::Unchanged => Ok(None),
            IfChanged::Nothing => {
                Ok(seen
                    .is_none_or(|seen| seen.version.is_some())
                    .then(|| Versioned {
                        rollout: Rollout::new(),
                        version: None,
                    }))
            }
            IfChanged::Content(text, version) => {
                let rollout: Rollout = serde_json::from_slice(&text)
                    .map_err(|error| RegistryError::Active(format!("is damaged: {error}")))?;
                let rollout = rollout.check();
                Ok(Some(Versioned {
                    rollout: rollout.map_err(|error| RegistryError::Active(error.to_string()))?,
                    version: Some(version),
                }))
            }
        }
    }

    /// Changes what serves, where it still is what was `seen`.
    ///
    /// # Errors
    /// [`RegistryError::Raced`] and [`RegistryError::File`]
    pub async fn change(&self, seen: &Versioned, next: &Rollout) -> Result<(), RegistryError> {
        let mut text = serde_json::to_vec_pretty(next)
            .map_err(|error| RegistryError::Active(error.to_string()))?;
        text.push(b'\n');
        let swapped = self.files.swap(ACTIVE, &text, seen.version.as_ref()).await;
        match swapped.map_err(|why| file_error(ACTIVE, why))? {
            true => Ok(()),
            false => Err(RegistryError::Raced),
        }
    }

    async fn create(&self, name: &str, content: &[u8]) -> Result<(), RegistryError> {
        let created = self.files.create(name, content).await;
        created.map_err(|why| file_error(name, why))
    }

    async fn read(&self, name: &str, max: usize) -> Result<Found, RegistryError> {
        let found = self.files.read(name, max).await;
        found.map_err(|why| file_error(name, why))
    }

    async fn content(
        &self,
        id: ReleaseId,
        name: &str,
        max: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let file = name.to_owned();
        match self.read(name, max).await? {
            Found::Content(content) => Ok(content),
            Found::Nothing => Err(RegistryError::Missing { id, file }),
            Found::TooLarge(bytes) => Err(RegistryError::Size {
                id,
                file,
                bytes,
                max,
            }),
        }
    }
}

fn file_error(file: &str, why: String) -> RegistryError {
    let file = file.to_owned();
    RegistryError::File { file, why }
}

fn damaged(id: ReleaseId, file: &str, what: String) -> RegistryError {
    let file = file.to_owned();
    RegistryError::Damaged { id, file, what }
}
