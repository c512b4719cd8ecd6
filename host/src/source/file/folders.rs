//! Folders that hold the files of a source.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The canonical paths of folders. Each is found once, since finding one takes a system call for each of its names.
#[derive(Debug, Default)]
pub struct CanonicalFolders(HashMap<PathBuf, Option<PathBuf>>);

impl CanonicalFolders {
    /// The canonical path of the folder that holds the file at `path`; `None` if it cannot be found.
    pub fn around(&mut self, path: &Path) -> Option<&Path> {
        let folder = path.parent()?;
        if !self.0.contains_key(folder) {
            let canonical = fs::canonicalize(or_current(folder)).ok();
            self.0.insert(folder.to_owned(), canonical);
        }
        self.0.get(folder)?.as_deref()
    }
}

/// The folder at `path`, which is empty for the current one.
pub(super) fn or_current(path: &Path) -> &Path {
    match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    }
}
