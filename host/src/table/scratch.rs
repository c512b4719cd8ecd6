//! The local folder of an attempt.

use std::path::{Path, PathBuf};

use super::process::{process_has_ended, process_name};

/// The beginning of the name of a local folder.
const SCRATCH: &str = "sluice-table-";

/// The folder of an attempt, below that of the settings.
pub(super) fn folder(settings: &Path, attempt: &str) -> PathBuf {
    settings.join(format!("{SCRATCH}{}-{attempt}", process_name()))
}

/// Removes what builders that were killed have left.
pub(super) fn remove_ended(settings: &Path) {
    for entry in std::fs::read_dir(settings).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH));
        if owner.is_some_and(process_has_ended) {
            let _removed_by_another_one = std::fs::remove_dir_all(entry.path());
        }
    }
}
