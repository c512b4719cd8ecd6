//! A registry of releases. `components/<sha256>.wasm`, `cases/<sha256>.json` and `releases/<id>.json` are
//! written once and never changed; `releases/<id>.sig` is the signature of a release; `active.json` names
//! the active release and is changed by compare-and-swap.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::engine::digest::Digest;
use crate::engine::limits::COMPONENT_MAX_BYTES;
use crate::release::bundle::{Manifest, ReleaseBundle, ReleaseId};
use crate::release::rollout::{Rollout, RolloutError};
use crate::storage::object_store::{ConditionalRead, Files, Found, Version};

/// The document that names the active release, the canary and the shadow.
pub const ACTIVE: &str = "active.json";

const COMPONENTS: &str = "components";
const CASES: &str = "cases";
const RELEASES: &str = "releases";

/// A larger document is not read.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;

/// The maximum size of the golden cases of a release.
pub const CASES_MAX_BYTES: usize = 4 << 20;

/// Releases that are known to be in a registry already.
pub type Known = Arc<Mutex<HashSet<ReleaseId>>>;

/// A registry. Each lake has one under `_sluice/` with every release that has written to it, so that an
/// interrupted chunk can always be finished with its own release.
#[derive(Debug)]
pub struct Registry<F> {
    files: F,
    known: Known,
}

/// Why a registry cannot be read or written.
#[derive(Clone, Debug, Error)]
pub enum RegistryError {
    /// A file cannot be written or read.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// The cause.
        why: String,
    },
    /// A file of the release is missing.
    #[error("release {id}: {file} is missing; restore it")]
    Missing {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
    },
    /// A file of the release is too large.
    #[error("release {id}: {file} has {bytes} bytes, at most {max} are allowed")]
    Size {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The maximum size.
        max: usize,
    },
    /// A file of the release is not what its name says.
    #[error("release {id}: {file} {what}")]
    Damaged {
        /// The release.
        id: ReleaseId,
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// `active.json` is invalid.
    #[error("{ACTIVE} {0}")]
    Active(String),
    /// `active.json` was changed concurrently.
    #[error("{ACTIVE} was changed concurrently; read it again")]
    Conflict,
    /// The state of the rollout does not allow the change.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
}

impl RegistryError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// The step of admission that fails with this error.
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

/// A rollout, and the version of the document that it was read from.
#[derive(Clone, Debug)]
pub struct VersionedRollout {
    /// The rollout.
    pub rollout: Rollout,
    version: Option<Version>,
}

impl<F: Files> Registry<F> {
    /// A registry in these files. The releases in `known` are in it already.
    pub fn new(files: F, known: Known) -> Self {
        Self { files, known }
    }

    /// The files that it is kept in.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// Stores a release, the component first, so that a manifest never names a missing file. Returns
    /// `false` if the release is stored already; its description is not changed then.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn keep(&self, bundle: &ReleaseBundle) -> Result<bool, RegistryError> {
        let manifest = bundle.manifest();
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
            self.create(&component_name(manifest.component), bundle.component())
                .await?;
            self.create(&name, &text).await?;
        }
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Ok(is_new)
    }

    /// Stores golden cases, which manifests name by their digest.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn keep_cases(&self, cases: &[u8]) -> Result<(), RegistryError> {
        self.create(&cases_name(Digest::of(cases)), cases).await
    }

    /// Reads a release and checks it against its id.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn get(&self, id: ReleaseId) -> Result<ReleaseBundle, RegistryError> {
        let manifest = self.manifest(id).await?;
        let name = component_name(manifest.component);
        let component = self.content(id, &name, COMPONENT_MAX_BYTES).await?;
        ReleaseBundle::new(component, &manifest.transform_config)
            .and_then(|bundle| bundle.with_manifest(manifest))
            .map_err(|what| damaged(id, &name, what))
    }

    /// Reads the manifest of a release.
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

    /// Reads the signature of a release, if it is signed.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn signature(&self, id: ReleaseId) -> Result<Option<String>, RegistryError> {
        let name = signature_name(id);
        match self.read(&name, DOCUMENT_MAX_BYTES).await? {
            Found::Content(text) => Ok(Some(String::from_utf8_lossy(&text).trim().to_owned())),
            Found::Nothing => Ok(None),
            Found::TooLarge(_) => Err(damaged(id, &name, "is not a signature".into())),
        }
    }

    /// Stores the signature of a release and replaces an existing one.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn sign(&self, id: ReleaseId, signature: &str) -> Result<(), RegistryError> {
        let name = signature_name(id);
        let read = self.files.get_if_changed(&name, None).await;
        let seen = match read.map_err(|why| file_error(&name, why))? {
            ConditionalRead::Content(_, version) => Some(version),
            ConditionalRead::Unchanged | ConditionalRead::Nothing => None,
        };
        let text = format!("{signature}\n");
        let swapped = self.files.swap(&name, text.as_bytes(), seen.as_ref()).await;
        match swapped.map_err(|why| file_error(&name, why))? {
            true => Ok(()),
            false => Err(file_error(&name, "was changed concurrently".into())),
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

    /// Removes a release, and its component and cases unless a release in `stay` has them too.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn remove(&self, gone: &Manifest, stay: &[Manifest]) -> Result<(), RegistryError> {
        // The manifest first: without it, nothing names the rest.
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

    /// Lists the files in a folder.
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

    /// Reads the golden cases of a release, if it has some.
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

    /// Reads the rollout.
    ///
    /// # Errors
    /// [`RegistryError::File`] and [`RegistryError::Active`]
    pub async fn active(&self) -> Result<VersionedRollout, RegistryError> {
        Ok(self.active_since(None).await?.unwrap_or(VersionedRollout {
            rollout: Rollout::new(),
            version: None,
        }))
    }

    /// Reads the rollout, if it is not the one that was `seen` last.
    ///
    /// # Errors
    /// [`RegistryError::File`] and [`RegistryError::Active`]
    pub async fn active_since(
        &self,
        seen: Option<&VersionedRollout>,
    ) -> Result<Option<VersionedRollout>, RegistryError> {
        let seen_version = seen.and_then(|seen| seen.version.as_ref());
        let read = self.files.get_if_changed(ACTIVE, seen_version).await;
        match read.map_err(|why| file_error(ACTIVE, why))? {
            ConditionalRead::Unchanged => Ok(None),
            ConditionalRead::Nothing => {
                Ok(seen
                    .is_none_or(|seen| seen.version.is_some())
                    .then(|| VersionedRollout {
                        rollout: Rollout::new(),
                        version: None,
                    }))
            }
            ConditionalRead::Content(text, version) => {
                let rollout: Rollout = serde_json::from_slice(&text)
                    .map_err(|error| RegistryError::Active(format!("is damaged: {error}")))?;
                let rollout = rollout.check();
                Ok(Some(VersionedRollout {
                    rollout: rollout.map_err(|error| RegistryError::Active(error.to_string()))?,
                    version: Some(version),
                }))
            }
        }
    }

    /// Writes the rollout, if it still is the one that was `seen`.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] and [`RegistryError::File`]
    pub async fn change(
        &self,
        seen: &VersionedRollout,
        next: &Rollout,
    ) -> Result<(), RegistryError> {
        let mut text = serde_json::to_vec_pretty(next)
            .map_err(|error| RegistryError::Active(error.to_string()))?;
        text.push(b'\n');
        let swapped = self.files.swap(ACTIVE, &text, seen.version.as_ref()).await;
        match swapped.map_err(|why| file_error(ACTIVE, why))? {
            true => Ok(()),
            false => Err(RegistryError::Conflict),
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
