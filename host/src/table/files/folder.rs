//! The folder of an attempt, and its end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{FilesError, at};

/// A folder of local files that is removed when this is dropped.
#[derive(Debug)]
pub struct AttemptFolder(PathBuf);

impl AttemptFolder {
    /// Creates the folder, and removes what an earlier attempt has left there.
    ///
    /// # Errors
    /// [`FilesError::Scratch`]
    pub(in crate::table) fn create(path: PathBuf) -> Result<Self, FilesError> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
        fs::create_dir_all(&path).map_err(at(&path))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for AttemptFolder {
    fn drop(&mut self) {
        // What stays is removed at the start of the next attempt.
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// Says to the threads that nobody waits for them any more.
pub(super) struct CancelOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
