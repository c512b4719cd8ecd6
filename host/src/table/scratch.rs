//! The local folder of an attempt.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{machine, process_has_ended, process_name};

/// The beginning of the name of a local folder.
const SCRATCH: &str = "sluice-table-";

/// What another machine has left is removed when it is this old: nobody knows whether its processes have ended.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of an attempt, below that of the settings.
pub(super) fn folder(settings: &Path, attempt: &str) -> PathBuf {
    let (process, machine) = (process_name(), machine());
    settings.join(format!("{SCRATCH}{process}-{attempt}-{machine}"))
}

/// Removes what builders that were killed have left.
pub(super) fn remove_ended(settings: &Path) {
    for entry in std::fs::read_dir(settings).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH));
        if owner.is_some_and(process_has_ended) && (is_of_this_machine(&entry) || is_old(&entry)) {
            let _removed_by_another_one = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Containers that share a folder have processes of their own, with the same numbers.
fn is_of_this_machine(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let end = format!("-{}", machine());
    name.to_str().is_some_and(|name| name.ends_with(&end))
}

fn is_old(entry: &DirEntry) -> bool {
    let modified = entry.metadata().and_then(|entry| entry.modified()).ok();
    let age = modified.and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > OLD)
}
