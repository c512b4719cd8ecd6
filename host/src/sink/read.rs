//! Reads objects of a lake, or of a bus in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::s3::S3Lake;
use crate::storage::object_store::{Files as _, Found};

/// Why objects cannot be read. Transient errors have been retried by then.
#[derive(Debug, Error)]
#[error("cannot read {what}: {why}")]
pub struct ReadError {
    /// The folder or object.
    pub what: String,
    /// The error.
    pub why: String,
}

/// A place with objects.
#[derive(Clone, Debug)]
pub enum Objects {
    /// A folder.
    Directory(PathBuf),
    /// A prefix of a bucket.
    S3(S3Lake),
}

impl Objects {
    /// Calls `found` with the key of every object, in no particular order. A missing folder has none.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn list(&self, found: &mut (dyn FnMut(&str) + Send)) -> Result<(), ReadError> {
        match self {
            Self::Directory(root) => tokio::task::block_in_place(|| walk(root, found)),
            Self::S3(lake) => {
                let error = |why| ReadError {
                    what: "the list of objects".into(),
                    why,
                };
                lake.list(found).await.map_err(error)
            }
        }
    }

    /// The bytes of an object; `None` if it does not exist.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let error = |why| ReadError {
            what: key.to_owned(),
            why,
        };
        match self {
            Self::Directory(root) => {
                let read = tokio::task::block_in_place(|| fs::read(root.join(key)));
                match read {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(other) => Err(error(other.to_string())),
                }
            }
            Self::S3(lake) => match lake.read(key, usize::MAX).await.map_err(error)? {
                Found::Content(content) => Ok(Some(content)),
                Found::Nothing | Found::TooLarge(_) => Ok(None),
            },
        }
    }

    /// The number of concurrent reads: enough to keep the cores busy, and to hide the latency of a
    /// service.
    #[must_use]
    pub fn gets_at_once(&self, threads: usize) -> usize {
        match self {
            Self::Directory(_) => 2 * threads,
            Self::S3(_) => 32,
        }
    }
}

fn walk(root: &Path, found: &mut dyn FnMut(&str)) -> Result<(), ReadError> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let error = |error: io::Error| ReadError {
            what: path.display().to_string(),
            why: error.to_string(),
        };
        let entries = match fs::read_dir(&path) {
            // Another process may remove what it made.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(error)?,
        };
        for entry in entries {
            let entry = entry.map_err(error)?;
            let name = entry.file_name();
            let key = format!("{folder}{}", name.to_string_lossy());
            if entry.file_type().map_err(error)?.is_dir() {
                folders.push(format!("{key}/"));
            } else {
                found(&key);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_is_listed_to_its_depths_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), "content").unwrap();
        fs::write(folder.path().join("d"), "").unwrap();
        let objects = Objects::Directory(folder.path().to_owned());
        let mut keys = Vec::new();
        objects
            .list(&mut |key| keys.push(key.to_owned()))
            .await
            .unwrap();
        keys.sort_unstable();
        assert_eq!(keys, ["a/b/c", "d"]);
        assert_eq!(objects.get("a/b/c").await.unwrap().unwrap(), b"content");
        assert!(objects.get("e").await.unwrap().is_none());
        let nowhere = Objects::Directory(folder.path().join("nowhere"));
        nowhere.list(&mut |key| panic!("{key}")).await.unwrap();
    }
}
