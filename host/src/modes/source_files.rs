//! The files that the sources of a run name.

use crate::config::folders::check_found_outside;
use crate::config::{ConfigError, RunSettings};
use crate::output::counted;
use crate::source::file;
use crate::source::file::SourceFiles;

/// Finds the files of the settings' sources.
///
/// # Errors
/// A link leads from a folder of the sources to the lake or the bus of the run. What cannot be read is among the result.
pub fn find(settings: &RunSettings) -> Result<SourceFiles, ConfigError> {
    let found = file::expand(settings.mode.files().unwrap_or_default());
    let outside = check_found_outside(&settings.lake, settings.bus.as_ref(), &found.files);
    outside.map_err(|error| settings.origins.locate(error))?;
    Ok(found)
}

/// What users have to know of the folders: how many files were found in them, and what is not read.
#[must_use]
pub fn notes(found: &SourceFiles) -> Vec<String> {
    let listed = found.files.iter().filter(|file| file.is_listed).count() as u64;
    let mut notes: Vec<_> = found.empty.clone();
    if listed > 0 {
        let files = counted(listed, "file");
        notes.push(format!("{files} found in the folders of the sources"));
    }
    if found.left_out.total() > 0 {
        notes.push(format!("left out of the folders: {}", found.left_out));
    }
    notes
}

/// Logs what is not read.
pub fn log_left_out(found: &SourceFiles) {
    for empty in &found.empty {
        tracing::warn!("{empty}");
    }
    let left_out = &found.left_out;
    if left_out.total() > 0 {
        tracing::info!(
            hidden = left_out.hidden,
            unfinished = left_out.unfinished,
            folders = left_out.folders,
            others = left_out.others,
            "left out of the folders of the sources: {left_out}"
        );
    }
}
