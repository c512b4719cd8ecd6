//! Tells by the file system alone, or by the listing of a bucket, that nothing of a file has to be read: all of it has
//! landed, and it is unchanged.

use std::fs;
use std::path::Path;

use super::Location;
use super::folders::CanonicalFolders;
use super::identity::{name_prefix, stat_of};
use crate::ledger::Ledger;
use crate::ledger::source_file::{FileName, FileStat};

/// A regular file that is not open, or an object.
#[derive(Clone, Debug)]
pub struct ClosedFile {
    known_as: FileName,
    stat: FileStat,
}

impl ClosedFile {
    /// The file at a location, by one system call if it is no link. `None` if there is no regular file with a path in
    /// UTF-8. Of an object, its listing says everything.
    #[must_use]
    pub fn at(location: &Location, folders: &mut CanonicalFolders) -> Option<Self> {
        let path = match location {
            Location::File(path) => path,
            Location::Object(object) => {
                return Some(Self {
                    known_as: FileName::Object(object.name()),
                    stat: object.stat(),
                });
            }
            Location::Stdin | Location::Objects(_) => return None,
        };
        let found = fs::symlink_metadata(path).ok()?;
        if found.is_symlink() {
            let canonical = fs::canonicalize(path).ok()?;
            let found = fs::metadata(&canonical).ok()?;
            return Self::new(&canonical, stat_of(&found)?);
        }
        let canonical = folders.around(path)?.join(path.file_name()?);
        Self::new(&canonical, stat_of(&found)?)
    }

    fn new(canonical: &Path, stat: FileStat) -> Option<Self> {
        let path = canonical.to_str()?.to_owned();
        Some(Self {
            known_as: FileName::Path(path),
            stat,
        })
    }

    /// What the file is known by.
    #[must_use]
    pub fn known_as(&self) -> &FileName {
        &self.known_as
    }

    /// The start of the names of all shards of files at this path, whatever their first line.
    #[must_use]
    pub fn name_prefix(&self) -> String {
        format!("{}-", name_prefix(&self.known_as, 0))
    }

    /// Whether a run landed all of the file, and the file has the same inode, size and times as when that run opened
    /// it; an object, the same version, size and time.
    #[must_use]
    pub fn has_landed(&self, ledger: &Ledger) -> bool {
        let is_its_run = ledger.file() == Some(&self.known_as)
            && ledger.replay().is_none()
            && ledger.pending().is_none();
        let committed = ledger.committed().and_then(|committed| committed.file);
        is_its_run && committed.is_some_and(|part| part.is_all() && part.stat == Some(self.stat))
    }
}
