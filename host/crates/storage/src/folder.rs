//! An object store in a folder: a key is a path below it.

mod listing;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::{ErrorKind, Operation, RequestError, StorageError};
use crate::files::{Scratch, parent, replace_locked};
use crate::object_store::{
    ConditionalRead, Found, ListedObject, NewObject, ObjectStore, Payload, StorageResult, Version,
};
use sluice_engine::digest::Digest;

/// The folder for the temporary files of processes that share a store.
pub const TEMPORARY: &str = ".tmp";

/// Objects as files in a folder. A new file is written to a temporary one and linked to its name; a change is
/// made under a lock on the file, which ends with the process that owns it.
#[derive(Clone, Debug)]
pub struct FolderStore {
    root: PathBuf,
    scratch: Arc<Scratch>,
    /// Whether this process is the only one that changes files, so that a change needs no lock.
    exclusive: bool,
}

impl FolderStore {
    /// The files below `root`, written to `scratch` first.
    #[must_use]
    pub fn new(root: PathBuf, scratch: Arc<Scratch>) -> Self {
        Self {
            root,
            scratch,
            exclusive: false,
        }
    }

    /// The files below `root`, which other processes may write to as well.
    #[must_use]
    pub fn shared(root: PathBuf) -> Self {
        let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        let scratch = Scratch::unopened(root.join(TEMPORARY).join(name));
        Self::new(root, Arc::new(scratch))
    }

    /// The store for a process that already has a lock on what it changes.
    #[must_use]
    pub fn exclusive(self) -> Self {
        Self {
            exclusive: true,
            ..self
        }
    }

    fn put(&self, key: &str, object: &NewObject<'_>) -> Result<(), RequestError> {
        let path = self.root.join(key);
        let bytes = &object.payload.bytes;
        if self.scratch.create(&path, bytes)? {
            return Ok(());
        }
        let found = fs::read(&path)?;
        if found == *bytes || (object.same_content)(&found, bytes) {
            return Ok(());
        }
        Err(conflict("it exists with other content"))
    }

    fn swap(
        &self,
        key: &str,
        content: &[u8],
        seen: Option<&Version>,
    ) -> Result<Version, RequestError> {
        let path = self.root.join(key);
        let _until_written = if self.exclusive {
            None
        } else {
            Some(lock(&path)?)
        };
        match (self.read_if_changed(key, seen)?, seen) {
            (ConditionalRead::Unchanged, _) | (ConditionalRead::Nothing, None) => {}
            (ConditionalRead::Content(found, version), _) if found == content => {
                return Ok(version);
            }
            (ConditionalRead::Nothing | ConditionalRead::Content(..), _) => {
                return Err(conflict("it was changed at the same time"));
            }
        }
        match self.exclusive {
            true => self.scratch.replace(&path, content)?,
            false => replace_locked(&path, content)?,
        }
        Ok(version_of(content))
    }

    fn read_up_to(&self, key: &str, max: usize) -> io::Result<Found> {
        let Some(file) = if_exists(File::open(self.root.join(key)))? else {
            return Ok(Found::Nothing);
        };
        let bytes = file.metadata()?.len();
        if bytes > max as u64 {
            return Ok(Found::TooLarge(bytes));
        }
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content)?;
        Ok(Found::Content(content))
    }

    fn read_if_changed(&self, key: &str, seen: Option<&Version>) -> io::Result<ConditionalRead> {
        let Some(content) = if_exists(fs::read(self.root.join(key)))? else {
            return Ok(ConditionalRead::Nothing);
        };
        let version = version_of(&content);
        if seen == Some(&version) {
            return Ok(ConditionalRead::Unchanged);
        }
        Ok(ConditionalRead::Content(content, version))
    }

    /// Runs an operation of the file system.
    fn run<'a, T: Send + 'a, E: Into<RequestError>>(
        &self,
        operation: Operation,
        key: &str,
        work: impl FnOnce() -> Result<T, E>,
    ) -> BoxFuture<'a, StorageResult<T>> {
        let result = blocking(work).map_err(|cause| StorageError {
            operation,
            place: self.place(key),
            cause: cause.into(),
        });
        Box::pin(ready(result))
    }
}

/// Does work that blocks, without holding up other tasks where the runtime has threads for them.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Locks the file that guards changes of `path`.
fn lock(path: &Path) -> io::Result<File> {
    fs::create_dir_all(parent(path))?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let lock = File::create(path.with_file_name(format!(".{file_name}.lock")))?;
    lock.lock()?;
    Ok(lock)
}

fn version_of(content: &[u8]) -> Version {
    Version(Digest::of(content).to_string())
}

fn conflict(why: &str) -> RequestError {
    RequestError::new(ErrorKind::Conflict, why)
}

fn if_exists<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

impl ObjectStore for FolderStore {
    fn put_if_absent<'a>(
        &'a self,
        key: &'a str,
        object: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.run(Operation::Put, key, || self.put(key, &object))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        payload: Payload,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>> {
        let swap = || self.swap(key, &payload.bytes, seen);
        self.run(Operation::Write, key, swap)
    }

    fn get<'a>(&'a self, key: &'a str, max: usize) -> BoxFuture<'a, StorageResult<Found>> {
        self.run(Operation::Read, key, || self.read_up_to(key, max))
    }

    fn get_if_changed<'a>(
        &'a self,
        key: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>> {
        self.run(Operation::Read, key, || self.read_if_changed(key, seen))
    }

    fn list<'a>(
        &'a self,
        folder: &'a str,
        found: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.run(Operation::List, folder, || self.walk(folder, found))
    }

    fn list_objects<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        let walk = || self.walk_objects(folder, after, found);
        self.run(Operation::List, folder, walk)
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StorageResult<()>> {
        let remove = || if_exists(fs::remove_file(self.root.join(key))).map(drop);
        self.run(Operation::Remove, key, remove)
    }

    fn place(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }

    fn operations_at_once(&self, threads: usize) -> usize {
        4 * threads
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn store(folder: &tempfile::TempDir) -> FolderStore {
        FolderStore::shared(folder.path().to_owned())
    }

    fn object(content: &str) -> NewObject<'static> {
        NewObject::plain(payload(content))
    }

    fn payload(content: &str) -> Payload {
        content.as_bytes().to_vec().into()
    }

    #[tokio::test]
    async fn an_object_with_other_content_is_a_conflict_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.put_if_absent("a/b", object("first")).await.unwrap();
        store.put_if_absent("a/b", object("first")).await.unwrap();
        let other = store.put_if_absent("a/b", object("other")).await;
        assert!(other.unwrap_err().is_conflict());
        let same = NewObject {
            same_content: &|found, put| found.len() == put.len(),
            ..object("other")
        };
        store.put_if_absent("a/b", same).await.unwrap();
        assert_eq!(fs::read(folder.path().join("a/b")).unwrap(), b"first");
    }

    #[tokio::test]
    async fn a_document_changes_only_from_the_version_that_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let swap = async |content, seen| store.compare_and_swap("d", payload(content), seen).await;
        let first = swap("1", None).await.unwrap();
        assert!(swap("2", None).await.unwrap_err().is_conflict());
        let second = swap("2", Some(&first)).await.unwrap();
        assert!(swap("3", Some(&first)).await.unwrap_err().is_conflict());
        // The answer to this write was lost.
        assert_eq!(swap("2", Some(&first)).await.unwrap(), second);
        let read = store.get_if_changed("d", Some(&second)).await.unwrap();
        assert!(matches!(read, ConditionalRead::Unchanged));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_is_listed_to_its_depths_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), "content").unwrap();
        fs::write(folder.path().join("d"), "").unwrap();
        let store = store(&folder);
        let list = async |below| {
            let mut keys = Vec::new();
            let mut found = |key: &str| keys.push(key.to_owned());
            store.list(below, &mut found).await.unwrap();
            keys.sort_unstable();
            keys
        };
        assert_eq!(list("").await, ["a/b/c", "d"]);
        assert_eq!(list("a/").await, ["b/c"]);
        assert!(list("nowhere/").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_list_of_objects_says_which_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for key in ["f/a", "f/b", "f/c/d"] {
            store.put_if_absent(key, object("content")).await.unwrap();
        }
        let list = async |after| {
            let mut tags = std::collections::BTreeMap::new();
            let mut found = |object: ListedObject<'_>| {
                assert!(object.modified_at > 1_700_000_000_000);
                tags.insert(object.key.to_owned(), object.tag);
            };
            let listed = store.list_objects("f/", after, &mut found);
            listed.await.unwrap();
            tags
        };
        let set_time = |key, time| {
            let file = File::open(folder.path().join("f").join(key)).unwrap();
            file.set_modified(time).unwrap();
        };
        let some_time_ago = SystemTime::now() - Duration::from_secs(60);
        for key in ["a", "b", "c/d"] {
            set_time(key, some_time_ago);
        }
        let before = list(None).await;
        assert!(before.keys().eq(["a", "b", "c/d"]));
        assert!(list(Some("a")).await.keys().eq(["b", "c/d"]));
        let seen = Version(Digest::of(b"content").to_string());
        let swap = store.compare_and_swap("f/b", payload("another"), Some(&seen));
        swap.await.unwrap();
        let after = list(None).await;
        assert_eq!(before["a"], after["a"]);
        assert_ne!(before["b"], after["b"]);
        // It could change again without another time.
        set_time("b", SystemTime::now() + Duration::from_secs(60));
        assert_ne!(list(None).await["b"], list(None).await["b"]);
    }

    #[tokio::test]
    async fn a_large_or_missing_object_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "content").unwrap();
        let store = store(&folder);
        let large = store.get("a", 6).await.unwrap();
        assert!(matches!(large, Found::TooLarge(7)));
        let missing = store.get("b", 6).await.unwrap();
        assert!(matches!(missing, Found::Nothing));
        store.remove("a").await.unwrap();
        store.remove("a").await.unwrap();
    }
}
