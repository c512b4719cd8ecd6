//! The files of a source as units of parts, and objects of S3.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Planner, RunUnits, Unit, Units};
use crate::config::RunSettings;
use crate::modes::targets::Targets;
use crate::output::counted;
use crate::pipeline::RunContext;
use crate::source::SourceError;
use crate::source::file::{
    CanonicalFolders, ClosedFile, FileOptions, Location, SourceFile, check, open,
};

/// What landing a small file costs beside its bytes, in bytes: some requests.
const FILE_COST: u64 = 128 << 10;

/// The number of files that are opened at once to read their first lines.
const OPENED_AT_ONCE: usize = 16;

/// A family with more of the files than this is named: the parts cannot be of one size then.
const FAMILY_SHARE_NAMED: usize = 2;

/// The files that a run lands.
pub struct RunFiles {
    /// Those that are there.
    pub files: Vec<SourceFile>,
    /// Why others cannot be landed.
    pub missing: Vec<SourceError>,
}

/// A file, and what it is known by.
struct NamedFile {
    file: SourceFile,
    /// `None` for what is no regular file.
    known_as: Option<String>,
}

impl NamedFile {
    fn of(file: SourceFile, folders: &mut CanonicalFolders) -> Self {
        let closed = ClosedFile::at(&file.location, folders);
        Self {
            known_as: closed.map(|closed| closed.known_as().as_str().to_owned()),
            file,
        }
    }

    /// The name of its unit. One that is no regular file is never planned.
    fn name(&self) -> String {
        let location = || self.file.location.name();
        self.known_as.clone().unwrap_or_else(location)
    }
}

/// The files that this run lands: all, or those of its part of a replay. `failed` says what of the sources could not be
/// listed.
///
/// # Errors
/// The source cannot be planned, the lake has the plan of another replay, or the lake cannot be read.
pub async fn select(
    settings: &RunSettings,
    targets: &Targets,
    context: &RunContext,
    files: Vec<SourceFile>,
    failed: &[SourceError],
) -> anyhow::Result<RunFiles> {
    let Some(planner) = Planner::of(settings, None).await? else {
        let missing = Vec::new();
        return Ok(RunFiles { files, missing });
    };
    let mut folders = CanonicalFolders::default();
    let files = files.into_iter();
    let files: Vec<_> = files
        .map(|file| NamedFile::of(file, &mut folders))
        .collect();
    let planning = units(&files, failed, &settings.files);
    let plan = planner.plan(targets, planning).await?;
    let selected = plan.select(files, NamedFile::name);
    let RunUnits { mine, missing } = plan.report(selected, context);
    let files = mine.into_iter().map(|named| named.file).collect();
    Ok(RunFiles { files, missing })
}

/// The units of a plan. What is not among them would be of no part, so all of the source must be known.
async fn units(
    files: &[NamedFile],
    failed: &[SourceError],
    options: &FileOptions,
) -> anyhow::Result<Units> {
    if let Some(error) = failed.first() {
        anyhow::bail!(
            "{error}; the parts of a replay can be planned once all of the source can be read"
        );
    }
    let units = stream::iter(files).map(|named| unit(named, options));
    let units: Vec<_> = units.buffered(OPENED_AT_ONCE).try_collect().await?;
    warn_of_alike(&units);
    Ok(units.into())
}

async fn unit(named: &NamedFile, options: &FileOptions) -> anyhow::Result<Unit> {
    let location = &named.file.location;
    let Some(name) = named.known_as.clone() else {
        check(location, options)?;
        anyhow::bail!(
            "{} is no regular file with a path in UTF-8, so it cannot be planned for a part; remove or rename it, or \
             replay without --part",
            location.name()
        );
    };
    let weight = location.size().unwrap_or(0).saturating_add(FILE_COST);
    Ok(Unit::new(name, weight).in_family(first_line(location, options).await?))
}

/// What files with the same first line have in common: one of them may be a copy of another, or go on where that ended,
/// which is found out while they are landed by one process. Objects are known by their keys only. A file that cannot be
/// opened fails when its part lands it.
async fn first_line(location: &Location, options: &FileOptions) -> anyhow::Result<Option<String>> {
    if !matches!(location, Location::File(_)) {
        return Ok(None);
    }
    let (location, options) = (location.clone(), options.clone());
    let opening = tokio::task::spawn_blocking(move || open(&location, &options));
    let opened = opening.await?.ok();
    Ok(opened.map(|opened| opened.head_suffix().to_owned()))
}

/// Warns if many of the files have the same first line.
fn warn_of_alike(units: &[Unit]) {
    if let Some(alike @ 2..) = super::assignment::largest_family(units)
        && alike > units.len() / FAMILY_SHARE_NAMED
    {
        let files = counted(alike as u64, "file");
        tracing::warn!(
            "{files} begin with the same line, so one of them may be a copy of another; one part lands all of them"
        );
    }
}
