//! What `sluice config check` checks besides the values of settings: that files can be read, and that the transform
//! passes admission. It connects to nothing and writes nothing.

use sluice_storage::location::StoreLocation;

use super::archive;
use super::rules;
use super::rules::Rules;
use super::source_files;
#[cfg(feature = "table")]
use crate::config::ConfigError;
use crate::config::{RunSettings, TableSource};
use crate::source::file;

/// Checks the settings of the table: all of them if the run builds it, or else those that are given.
///
/// # Errors
/// The setting that is missing or wrong.
#[cfg(feature = "table")]
pub fn check_table(settings: &RunSettings) -> Result<(), ConfigError> {
    let table = &settings.table_settings;
    let is_built = table.is_built_by(&settings.mode);
    let checked = match is_built {
        true => {
            let location = table.location.of(settings.lake.clone());
            location.and_then(|location| location.check_new_name())
        }
        false => table.location.check(&settings.lake),
    };
    let checked = checked.and_then(|()| table.dedupe.rule().map(drop));
    let checked = checked.and_then(|()| table.build.check_scratch(is_built));
    checked.map_err(|error| settings.origins.locate(error))
}

/// Checks what a run would stop at before its first record. Returns notes about the files of folders.
///
/// # Errors
/// As the run: the first source that cannot be read, and a transform that fails admission.
pub fn check(settings: &RunSettings) -> anyhow::Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    #[cfg(feature = "table")]
    check_table(settings)?;
    let mut found = runtime.block_on(async {
        let bundle = rules::bundle(settings).await?;
        // A schema in S3 is not read, and no rules depend on it.
        Rules::admit(settings, &bundle, None).await?;
        anyhow::Ok(source_files::find_with(settings, None).await?)
    })?;
    if let Some(error) = found.failed.drain(..).next() {
        return Err(error.into());
    }
    for file in &found.files {
        file::check(&file.location, &settings.files)?;
    }
    let mut notes = source_files::notes(&found);
    notes.extend(runtime.block_on(archive_note(settings))?);
    notes.extend(source_files::in_s3(settings).map(|source| {
        let name = source.name();
        format!("{name} was not listed; --connect tries it")
    }));
    let schema = settings.table.as_ref().and_then(TableSource::object);
    notes.extend(
        schema.map(|object| format!("the schema {object} was not read; --connect reads it")),
    );
    Ok(notes)
}

/// What users have to know of the archive that is the source. One in a folder is listed, and one of its objects is read.
///
/// # Errors
/// It has no objects, or they cannot be read.
async fn archive_note(settings: &RunSettings) -> anyhow::Result<Option<String>> {
    let Some(archive) = settings.mode.archive() else {
        return Ok(None);
    };
    let location = &archive.location;
    Ok(Some(match location {
        StoreLocation::Folder(_) => {
            let store = location.open(settings.retry_policy.clone()).await?;
            let found = archive::try_reading(archive, &*store).await?;
            format!("the archive {location} {found}")
        }
        StoreLocation::S3 { .. } => {
            format!("the archive {location} was not listed; --connect tries it")
        }
    }))
}
