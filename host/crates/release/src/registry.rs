//! A registry of releases. `components/<sha256>.wasm`, `cases/<sha256>.json` and `releases/<id>.json` are
//! written once and never changed; `releases/<id>.sig` is the signature of a release; `active.json` names
//! the active release and is changed by compare-and-swap.

mod error;
mod listing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_engine::digest::Digest;
use sluice_engine::limits::COMPONENT_MAX_BYTES;
use sluice_storage::error::RequestError;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{ConditionalRead, Found, NewObject, ObjectStore, Version};
use sluice_storage::retry::RetryPolicy;

pub use self::error::RegistryError;
use crate::bundle::{Manifest, ReleaseBundle, ReleaseId};
use crate::rollout::Rollout;

/// The document that names the active release, the canary and the shadow.
pub const ACTIVE: &str = "active.json";

const COMPONENTS: &str = "components";
const CASES: &str = "cases";
const RELEASES: &str = "releases";

/// The ends of the names of manifests and of signatures.
const MANIFEST_END: &str = ".json";
const SIGNATURE_END: &str = ".sig";

/// A larger document is not read.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;

/// The maximum size of the golden cases of a release.
pub const CASES_MAX_BYTES: usize = 4 << 20;

/// Releases that are known to be in a registry already.
pub type Known = Arc<Mutex<HashSet<ReleaseId>>>;

/// A registry. Each lake has one under `_sluice/` with every release that has written to it, so that an
/// interrupted chunk can always be finished with its own release.
#[derive(Debug)]
pub struct Registry {
    store: Arc<dyn ObjectStore>,
    known: Known,
}

fn component_name(digest: Digest) -> String {
    format!("{COMPONENTS}/{digest}.wasm")
}

fn cases_name(digest: Digest) -> String {
    format!("{CASES}/{digest}.json")
}

fn signature_name(id: ReleaseId) -> String {
    format!("{RELEASES}/{id}{SIGNATURE_END}")
}

fn manifest_name(id: ReleaseId) -> String {
    format!("{RELEASES}/{id}{MANIFEST_END}")
}

/// A rollout, and the version of the document that it was read from.
#[derive(Clone, Debug)]
pub struct VersionedRollout {
    /// The rollout.
    pub rollout: Rollout,
    version: Option<Version>,
}

impl Registry {
    /// A registry in a store. The releases in `known` are in it already.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, known: Known) -> Self {
        Self { store, known }
    }

    /// The registry at a location.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn open(
        location: &StoreLocation,
        retry_policy: RetryPolicy,
    ) -> Result<Self, RequestError> {
        let store = location.open(retry_policy).await?;
        Ok(Self::new(store, Known::default()))
    }

    /// The store that it is kept in.
    #[must_use]
    pub fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Stores a release, the component first, so that a manifest never names a missing file. Returns
    /// `false` if the release is stored already; its description is not changed then.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
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
                .map_err(|error| damaged(id, &name, error.to_string()))?;
            text.push(b'\n');
            self.keep_component(bundle).await?;
            match self.create(&name, &text).await {
                // Another process has stored the release with a description of its own.
                Err(RegistryError::Storage(error)) if error.is_conflict() => {}
                created => created?,
            }
        }
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Ok(is_new)
    }

    /// Stores the component of a bundle, unless another release has brought it. Then nothing of it is sent: a read of
    /// no byte says whether it is there.
    async fn keep_component(&self, bundle: &ReleaseBundle) -> Result<(), RegistryError> {
        let (name, component) = (
            component_name(bundle.manifest().component),
            bundle.component(),
        );
        match self.read(&name, 0).await? {
            Found::TooLarge(bytes) if bytes == component.len() as u64 => Ok(()),
            _ => self.create(&name, component).await,
        }
    }

    /// Stores golden cases, which manifests name by their digest.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
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
        let seen = match self.store.get_if_changed(&name, None).await? {
            ConditionalRead::Content(_, version) => Some(version),
            ConditionalRead::Unchanged | ConditionalRead::Nothing => None,
        };
        let text = format!("{signature}\n").into_bytes();
        let swapped = self
            .store
            .compare_and_swap(&name, text.into(), seen.as_ref());
        Ok(swapped.await.map(drop)?)
    }

    /// Removes a release, and its component and cases unless one of the `remaining` releases has them too.
    ///
    /// # Errors
    /// [`RegistryError::Storage`]
    pub async fn remove(
        &self,
        removed: &Manifest,
        remaining: &[Manifest],
    ) -> Result<(), RegistryError> {
        // The manifest first: without it, nothing names the rest.
        self.remove_file(&manifest_name(removed.id())).await?;
        self.remove_file(&signature_name(removed.id())).await?;
        if remaining
            .iter()
            .all(|other| other.component != removed.component)
        {
            self.remove_file(&component_name(removed.component)).await?;
        }
        let unneeded = |cases: &Digest| remaining.iter().all(|other| other.cases != Some(*cases));
        if let Some(cases) = removed.cases.filter(unneeded) {
            self.remove_file(&cases_name(cases)).await?;
        }
        Ok(())
    }

    async fn remove_file(&self, name: &str) -> Result<(), RegistryError> {
        Ok(self.store.remove(name).await?)
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
    /// [`RegistryError::Storage`] and [`RegistryError::Active`]
    pub async fn active(&self) -> Result<VersionedRollout, RegistryError> {
        Ok(self.active_since(None).await?.unwrap_or(VersionedRollout {
            rollout: Rollout::new(),
            version: None,
        }))
    }

    /// Reads the rollout, if it is not the one that was `seen` last.
    ///
    /// # Errors
    /// [`RegistryError::Storage`] and [`RegistryError::Active`]
    pub async fn active_since(
        &self,
        seen: Option<&VersionedRollout>,
    ) -> Result<Option<VersionedRollout>, RegistryError> {
        let seen_version = seen.and_then(|seen| seen.version.as_ref());
        match self.store.get_if_changed(ACTIVE, seen_version).await? {
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
                let rollout = Rollout::parse(&text);
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
    /// [`RegistryError::Conflict`] and [`RegistryError::Storage`]
    pub async fn change(
        &self,
        seen: &VersionedRollout,
        next: &Rollout,
    ) -> Result<(), RegistryError> {
        let mut text = serde_json::to_vec_pretty(next)
            .map_err(|error| RegistryError::Active(error.to_string()))?;
        text.push(b'\n');
        let seen = seen.version.as_ref();
        match self.store.compare_and_swap(ACTIVE, text.into(), seen).await {
            Err(error) if error.is_conflict() => Err(RegistryError::Conflict),
            swapped => Ok(swapped.map(drop)?),
        }
    }

    async fn create(&self, name: &str, content: &[u8]) -> Result<(), RegistryError> {
        let object = NewObject::plain(content.to_vec().into());
        Ok(self.store.put_if_absent(name, object).await?)
    }

    async fn read(&self, name: &str, max: usize) -> Result<Found, RegistryError> {
        Ok(self.store.get(name, max).await?)
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

fn damaged(id: ReleaseId, file: &str, what: String) -> RegistryError {
    let file = file.to_owned();
    RegistryError::Damaged { id, file, what }
}
