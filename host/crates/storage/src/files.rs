//! Atomic files: a crash at any moment leaves no partial file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A function that writes the content of a file.
pub type Content<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

/// Bytes per write to the file system.
const WRITE_BYTES: usize = 256 << 10;

/// A folder for temporary files, on the same file system as the final ones. Files that a crashed
/// process left are removed when it is opened again.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    next: AtomicU64,
    /// Whether the folder is removed when this value is dropped.
    temporary: bool,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.temporary {
            let _not_created_or_in_use = self.close();
        }
    }
}

impl Scratch {
    /// Creates or empties `folder`. The caller makes sure that no other process uses it.
    ///
    /// # Errors
    /// The file system fails.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => create_folder(&folder)?,
        }
        Ok(Self {
            folder,
            next: AtomicU64::new(0),
            temporary: false,
        })
    }

    /// A folder with a unique name, which is created by the first write and removed with this value.
    #[must_use]
    pub fn unopened(folder: PathBuf) -> Self {
        Self {
            folder,
            next: AtomicU64::new(0),
            temporary: true,
        }
    }

    fn write(&self, content: &Content<'_>) -> io::Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(number.to_string());
        let mut created = File::create_new(&path);
        if matches!(&created, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            create_folder(&self.folder)?;
            created = File::create_new(&path);
        }
        let mut file = BufWriter::with_capacity(WRITE_BYTES, created?);
        content(&mut file)?;
        file.into_inner()?.sync_data()?;
        Ok(path)
    }

    /// Creates a file at `path` and the folders above it; returns `false` if the file exists already,
    /// which stays as it is. The content is on disk before the name exists.
    ///
    /// # Errors
    /// The file system fails.
    pub fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<bool> {
        self.create_with(path, &|file| file.write_all(bytes))
    }

    /// As [`create`](Self::create), with content from a callback.
    ///
    /// # Errors
    /// The file system fails.
    pub fn create_with(&self, path: &Path, content: &Content<'_>) -> io::Result<bool> {
        let scratch = self.write(content)?;
        let mut linked = fs::hard_link(&scratch, path);
        if matches!(&linked, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            fs::create_dir_all(parent(path))?;
            linked = fs::hard_link(&scratch, path);
        }
        fs::remove_file(&scratch)?;
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// The file system fails.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let scratch = self.write(&|file| file.write_all(bytes))?;
        fs::create_dir_all(parent(path))?;
        fs::rename(scratch, path)?;
        sync_folder(parent(path))
    }

    /// Removes the folder, and the one above it if it is empty.
    ///
    /// # Errors
    /// The file system fails on the folder itself.
    pub fn close(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)?;
        let _still_in_use_by_another_shard = fs::remove_dir(parent(&self.folder));
        Ok(())
    }
}

/// Replaces the file at `path` through a temporary file beside it, `.NAME.tmp`. The caller has a lock for the path, so what
/// a killed process left there is overwritten.
///
/// # Errors
/// The file system fails.
pub fn replace_locked(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(temporary, path)?;
    sync_folder(parent(path))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The file system fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Retries, because another run that ends may remove an empty folder above at the same moment.
fn create_folder(folder: &Path) -> io::Result<()> {
    const TRIES: usize = 10;
    for _ in 1..TRIES {
        match fs::create_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            settled => return settled,
        }
    }
    fs::create_dir_all(folder)
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path().join("tmp")).unwrap();
        let path = folder.path().join("a/b/c");
        assert!(scratch.create(&path, b"first").unwrap());
        assert!(!scratch.create(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        scratch.replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        scratch.close().unwrap();
        assert!(!folder.path().join("tmp").exists());
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("7"), b"half").unwrap();
        let scratch = Scratch::open(folder.path().to_owned()).unwrap();
        assert!(scratch.create(&folder.path().join("0x"), b"whole").unwrap());
        assert!(!folder.path().join("7").exists());
    }
}
