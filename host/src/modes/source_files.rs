//! The files that the sources of a run name, and the objects of S3.

use sluice_storage::s3::reader::ObjectReader;

use super::targets::Targets;
use crate::config::folders::{WrittenPlaces, check_found_outside};
use crate::config::{ConfigError, RunSettings};
use crate::output::counted;
use crate::source::file;
use crate::source::file::{Location, SourceFiles};

/// Finds the files and the objects of the settings' sources.
///
/// # Errors
/// A link leads from a folder of the sources to the lake or the bus of the run; `--source-name` is given for several
/// objects; or AWS is not configured. What cannot be read is among the result.
pub async fn find(settings: &RunSettings, targets: &Targets) -> anyhow::Result<SourceFiles> {
    let reader = match in_s3(settings).next() {
        Some(_) => Some(targets.object_reader().await?),
        None => None,
    };
    Ok(find_with(settings, reader.as_ref()).await?)
}

/// As [`find`]. Without something to list objects with, what names them is left as it is.
///
/// # Errors
/// As [`find`].
pub async fn find_with(
    settings: &RunSettings,
    objects: Option<&ObjectReader>,
) -> Result<SourceFiles, ConfigError> {
    let found = file::expand(settings.mode.files().unwrap_or_default(), objects).await;
    let written = WrittenPlaces {
        lake: &settings.lake,
        bus: settings.bus.as_ref(),
        archive: settings.archive.as_ref(),
    };
    let outside = check_found_outside(written, &found.files);
    let checked = outside.and_then(|()| check_one_object(settings, &found));
    checked.map_err(|error| settings.origins.locate(error))?;
    Ok(found)
}

/// What the settings name in S3.
pub fn in_s3(settings: &RunSettings) -> impl Iterator<Item = &Location> {
    let sources = settings.mode.files().unwrap_or_default().iter();
    sources.filter(|source| matches!(source, Location::Objects(_)))
}

/// A name is for one object. Whether the settings name one is known once it is listed.
fn check_one_object(settings: &RunSettings, found: &SourceFiles) -> Result<(), ConfigError> {
    match settings.files.name {
        Some(_) if found.files.iter().any(|file| file.is_listed) => {
            let why = "needs the key of one object; the source is a prefix or a pattern";
            Err(ConfigError::new("source_name", why))
        }
        _ => Ok(()),
    }
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
