//! Where releases are kept: `components/<sha256>.wasm`, `cases/<sha256>.json` and `releases/<id>.json`,
//! written once and never changed; `releases/<id>.sig`, the signature of a release; and `active.json`, which says which of them serves and is changed
//! by compare-and-swap.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use thiserror::Error;

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

/// A file of a registry cannot be written or read, as the place of it says.
pub type FileResult<T> = Result<T, String>;

/// Files by name: a folder, or a prefix of a bucket.
pub trait Files: Send + Sync {
    /// Creates a file that is not there yet; one that is there stays as it is.
    ///
    /// # Errors
    /// Why it could not be written.
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, FileResult<()>>;

    /// Reads a file, unless it is larger than `max` bytes.
    ///
    /// # Errors
    /// Why it could not be read.
    fn read<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, FileResult<Found>>;

    /// Reads a file, unless it still is the version that was `seen`.
    ///
    /// # Errors
    /// Why it could not be read.
    fn look<'a>(
        &'a self,
        name: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<Look>>;

    /// Writes a file that still is the version that was `seen`; none is one that is not there. `false`
    /// where it has changed since.
    ///
    /// # Errors
    /// Why it could not be written.
    fn swap<'a>(
        &'a self,
        name: &'a str,
        content: &'a [u8],
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<bool>>;

    /// The names of the files in a folder, with the folder's.
    ///
    /// # Errors
    /// Why they could not be read.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, FileResult<Vec<String>>>;

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// Why it could not be removed.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, FileResult<()>>;
}

/// A file that was to be read.
pub enum Found {
    /// There is none.
    Nothing,
    /// It has more bytes than are taken: so many.
    TooLarge(u64),
    /// What it holds.
    Content(Vec<u8>),
}

/// What names one state of a file: its `ETag`, or its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// A file that was looked at again.
pub enum Look {
    /// It is as it was.
    Same,
    /// There is none.
    Nothing,
    /// What it holds now.
    Content(Vec<u8>, Version),
}

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
    #[error("release {id}: there is no {file}; bring it back, nothing else can finish its chunks")]
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
    #[error("{ACTIVE} was changed by another at the same moment; look at it again")]
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
        Offer::new(component, &manifest.settings)
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
        let look = self.files.look(&name, None).await;
        let seen = match look.map_err(|why| file_error(&name, why))? {
            Look::Content(_, version) => Some(version),
            Look::Same | Look::Nothing => None,
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

    /// Removes a release. Its component and its cases stay: others may have the same.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn remove(&self, id: ReleaseId) -> Result<(), RegistryError> {
        // The manifest first: without it the rest is nothing.
        self.remove_file(&manifest_name(id)).await?;
        self.remove_file(&signature_name(id)).await
    }

    /// Removes the components and cases that none of these releases has; how many.
    ///
    /// # Errors
    /// [`RegistryError`] names the file.
    pub async fn sweep(&self, manifests: &[Manifest]) -> Result<u64, RegistryError> {
        let needed: HashSet<_> = manifests
            .iter()
            .flat_map(|manifest| {
                let cases = manifest.cases.map(cases_name);
                cases
                    .into_iter()
                    .chain([component_name(manifest.component)])
            })
            .collect();
        let mut removed = 0;
        for folder in [COMPONENTS, CASES] {
            for name in self.names(folder).await? {
                let name = format!("{folder}/{name}");
                if !needed.contains(&name) {
                    self.remove_file(&name).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// The names of the files in a folder, without it.
    ///
    /// # Errors
    /// [`RegistryError::File`]
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, RegistryError> {
        let names = self.files.list(folder).await;
        let names = names.map_err(|why| file_error(folder, why))?;
        let bare = |name: String| name.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(names.into_iter().map(bare).collect())
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
        let look = self.files.look(ACTIVE, seen_version).await;
        match look.map_err(|why| file_error(ACTIVE, why))? {
            Look::Same => Ok(None),
            Look::Nothing => {
                Ok(seen
                    .is_none_or(|seen| seen.version.is_some())
                    .then(|| Versioned {
                        rollout: Rollout::new(),
                        version: None,
                    }))
            }
            Look::Content(text, version) => {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Utc;

    use super::*;
    use crate::files::{Folder, Scratch};
    use crate::transform::rollout::Author;

    fn registry(folder: &tempfile::TempDir) -> Registry<Folder> {
        let scratch = Arc::new(Scratch::open(folder.path().join("tmp")).unwrap());
        Registry::new(
            Folder::new(folder.path().to_owned(), scratch),
            Known::default(),
        )
    }

    fn offer() -> Offer {
        Offer::new(b"component".to_vec(), r#"{"a":1}"#).unwrap()
    }

    #[tokio::test]
    async fn a_release_comes_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let offer = offer();
        assert!(registry(&folder).keep(&offer).await.unwrap());
        let again = registry(&folder);
        assert!(!again.keep(&offer).await.unwrap());
        assert!(!again.keep(&offer).await.unwrap());
        assert!(again.get(offer.manifest().id()).await.unwrap() == offer);
    }

    #[tokio::test]
    async fn a_damaged_or_missing_release_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(&folder);
        let offer = offer();
        let id = offer.manifest().id();
        let missing = registry.get(id).await;
        assert!(matches!(missing, Err(RegistryError::Missing { .. })));
        registry.keep(&offer).await.unwrap();
        let component = folder
            .path()
            .join(component_name(offer.manifest().component));
        std::fs::write(&component, b"something else").unwrap();
        let damaged = registry.get(id).await;
        assert!(matches!(damaged, Err(RegistryError::Damaged { .. })));
        std::fs::write(&component, vec![0; COMPONENT_MAX_BYTES + 1]).unwrap();
        let large = registry.get(id).await;
        assert!(matches!(large, Err(RegistryError::Size { .. })));
    }

    #[tokio::test]
    async fn of_two_changes_at_once_one_wins_and_the_other_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(&folder);
        let author = Author {
            by: "test".into(),
            at: Utc::now(),
            why: None,
        };
        let seen = registry.active().await.unwrap();
        let change = |name: &str| {
            let release = Digest::of(name.as_bytes());
            seen.rollout.activate(release, None, &author).unwrap()
        };
        let (first, second) = (change("first"), change("second"));
        registry.change(&seen, &first).await.unwrap();
        let raced = registry.change(&seen, &second).await;
        assert!(matches!(raced, Err(RegistryError::Raced)));
        let now = registry.active().await.unwrap();
        assert_eq!(now.rollout, first);
        assert!(registry.active_since(Some(&now)).await.unwrap().is_none());
        assert!(registry.active_since(Some(&seen)).await.unwrap().is_some());
    }
}
