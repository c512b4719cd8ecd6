//! The folders of a lake and a bus, which must not hold each other: what one holds, the other would take for a part
//! of itself, and the audit would report it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sluice_storage::location::StoreLocation;

use super::ConfigError;
use crate::sink::bus::BusTarget;
use crate::source::file;
use crate::source::file::{CanonicalFolders, Location, SourceFile};

/// The places that a run writes to.
#[derive(Clone, Copy)]
pub struct WrittenPlaces<'a> {
    /// The lake.
    pub lake: &'a StoreLocation,
    /// The bus.
    pub bus: Option<&'a BusTarget>,
    /// The archive.
    pub archive: Option<&'a StoreLocation>,
}

/// The folder that every lake has.
const LEDGERS: &str = "_sluice/ledger";

/// Checks that a lake and a bus in folders lie apart, also through links.
///
/// # Errors
/// One of them is the other one or lies in it.
pub(super) fn check_apart(
    lake: &StoreLocation,
    bus: Option<&BusTarget>,
) -> Result<(), ConfigError> {
    let (StoreLocation::Folder(lake), Some(bus)) = (lake, bus.and_then(BusTarget::folder)) else {
        return Ok(());
    };
    let Some(how) = how_they_lie(("bus", &bus), ("lake", lake))? else {
        return Ok(());
    };
    let (bus, lake) = (bus.display(), lake.display());
    let why =
        format!("{bus} {how} the folder of the lake, {lake}; give a folder outside of the lake");
    Err(ConfigError::new("bus", why))
}

/// How the first of two folders, each with its setting, lies to the second one; `None` if they lie apart.
///
/// # Errors
/// One of them cannot be resolved.
pub(super) fn how_they_lie(
    one: (&str, &Path),
    other: (&str, &Path),
) -> Result<Option<&'static str>, ConfigError> {
    let (one, other) = (resolve_setting(one)?, resolve_setting(other)?);
    Ok(match (one.starts_with(&other), other.starts_with(&one)) {
        (true, true) => Some("is also"),
        (true, false) => Some("lies in"),
        (false, true) => Some("holds"),
        (false, false) => None,
    })
}

/// As [`resolve`], for the value of a setting.
fn resolve_setting((key, path): (&str, &Path)) -> Result<PathBuf, ConfigError> {
    resolve(path).map_err(|error| {
        ConfigError::new(key, format!("cannot resolve {}: {error}", path.display()))
    })
}

/// Checks that a folder can be one: that neither it nor what it would lie in is a file.
///
/// # Errors
/// The first part of its path that exists is no folder.
pub(super) fn check_is_folder(key: &str, folder: &Path) -> Result<(), ConfigError> {
    let existing = folder.ancestors().find(|path| path.exists());
    match existing {
        Some(path) if !path.is_dir() => {
            let why = format!("{} is a file; give a folder", path.display());
            Err(ConfigError::new(key, why))
        }
        _ => Ok(()),
    }
}

/// Checks that files can be made in a folder, or that it can be made.
///
/// # Errors
/// The first part of its path that exists is no folder, or may not be written.
#[cfg(feature = "table")]
pub(super) fn check_is_writable(key: &str, folder: &Path) -> Result<(), ConfigError> {
    use rustix::fs::{Access, access};

    check_is_folder(key, folder)?;
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let existing = folder.ancestors().find(|path| path.exists());
    let path = existing.unwrap_or(&folder);
    access(path, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let why = format!(
            "cannot write to {}: {error}; give a folder that can be written",
            path.display()
        );
        ConfigError::new(key, why)
    })
}

/// Checks that a store in a folder does not lie in another lake, which would take its objects for its own.
///
/// # Errors
/// A folder around it is a lake, or it cannot be resolved.
pub(super) fn check_not_in_a_lake(key: &str, store: &StoreLocation) -> Result<(), ConfigError> {
    let StoreLocation::Folder(folder) = store else {
        return Ok(());
    };
    let path = resolve_setting((key, folder))?;
    let mut around = path.ancestors().skip(1);
    let Some(outer) = around.find(|folder| folder.join(LEDGERS).is_dir()) else {
        return Ok(());
    };
    let (folder, outer) = (folder.display(), outer.display());
    let why =
        format!("{folder} lies in another lake, {outer}; give that folder or one outside of it");
    Err(ConfigError::new(key, why))
}

/// Checks that no source lies in the folder of the lake or the archive: the audit would take the file for a part of the
/// lake, and a run would read what it has written.
///
/// # Errors
/// A file lies in such a folder, or its path cannot be resolved.
pub(super) fn check_sources_outside(
    written: WrittenPlaces<'_>,
    sources: &[Location],
) -> Result<(), ConfigError> {
    for (key, store) in [("lake", Some(written.lake)), ("archive", written.archive)] {
        let Some(StoreLocation::Folder(folder)) = store else {
            continue;
        };
        let around = resolve_setting((key, folder))?;
        for source in sources {
            let Location::File(file) = source else {
                continue;
            };
            if resolve_setting(("source", file))?.starts_with(&around) {
                let (file, folder) = (file.display(), folder.display());
                let why = format!(
                    "{file} lies in the folder of the {key}, {folder}; move the file or give another {key}"
                );
                return Err(ConfigError::new("source", why));
            }
        }
    }
    Ok(())
}

impl WrittenPlaces<'_> {
    /// Those that are folders, without links, each with its setting.
    fn folders(self) -> Result<Vec<(&'static str, PathBuf)>, ConfigError> {
        let folder = |store: &StoreLocation| match store {
            StoreLocation::Folder(folder) => Some(folder.clone()),
            StoreLocation::S3 { .. } => None,
        };
        let folders = [
            ("lake", folder(self.lake)),
            ("bus", self.bus.and_then(BusTarget::folder)),
            ("archive", self.archive.and_then(folder)),
        ];
        let folders = folders.into_iter();
        let folders = folders.filter_map(|(key, folder)| folder.map(|folder| (key, folder)));
        let resolved = folders.map(|(key, folder)| Ok((key, resolve_setting((key, &folder))?)));
        resolved.collect()
    }
}

/// Checks that no folder or pattern of the sources reads what the run writes, also if that does not exist yet.
///
/// # Errors
/// A source reads the folder of the lake, the bus or the archive, or a folder in it.
pub(super) fn check_not_read(
    written: WrittenPlaces<'_>,
    sources: &[Location],
) -> Result<(), ConfigError> {
    for (key, folder) in written.folders()? {
        for source in sources {
            if let Location::File(path) = source
                && file::reads_in(path, &folder)
            {
                let (source, folder) = (path.display(), folder.display());
                let why = format!(
                    "{source} also reads the folder of the {key}, {folder}; give another folder for one of the two"
                );
                return Err(ConfigError::new("source", why));
            }
        }
    }
    Ok(())
}

/// Checks that no link led from a folder of the sources to what the run writes.
///
/// # Errors
/// A file that was found there lies in the folder of the lake, the bus or the archive.
pub fn check_found_outside(
    written: WrittenPlaces<'_>,
    files: &[SourceFile],
) -> Result<(), ConfigError> {
    if !files.iter().any(|file| file.is_listed) {
        return Ok(());
    }
    let (written, mut folders) = (written.folders()?, CanonicalFolders::default());
    for file in files.iter().filter(|file| file.is_listed) {
        let Location::File(path) = &file.location else {
            continue;
        };
        let Some(around) = folders.around(path) else {
            continue;
        };
        let target = written
            .iter()
            .find(|(_, folder)| around.starts_with(folder));
        if let Some((key, folder)) = target {
            let (file, folder) = (path.display(), folder.display());
            let why = format!(
                "by a link, {file} lies in the folder of the {key}, {folder}; remove the link or give another folder"
            );
            return Err(ConfigError::new("source", why));
        }
    }
    Ok(())
}

/// The absolute path without links and `..`. The end of it may not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
        if let Ok(canonical) = fs::canonicalize(&resolved) {
            resolved = canonical;
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lake: &Path, bus: &Path) -> Result<(), String> {
        let bus = BusTarget::parse(&format!("file:{}", bus.display()));
        let lake = StoreLocation::Folder(lake.to_owned());
        check_apart(&lake, bus.as_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_lake_and_a_bus_must_not_hold_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (lake, bus, how) in [
            ("lake", "lake", "is also"),
            ("lake", "lake/bus", "lies in"),
            ("lake", "x/../lake/_sluice/bus", "lies in"),
            ("bus/a/lake", "./bus", "holds"),
        ] {
            let error = check(&at(lake), &at(bus)).unwrap_err();
            assert!(error.starts_with("bus: ") && error.contains(how), "{error}");
        }
        check(&at("lake"), &at("lake-bus")).unwrap();
        check(&at("lake/../lake"), &at("lake/../bus")).unwrap();
        let bucket = StoreLocation::S3 {
            bucket: "lake".into(),
            prefix: String::new(),
        };
        check_apart(&bucket, BusTarget::parse("file:lake").as_ref()).unwrap();
        check_apart(&bucket, None).unwrap();
    }

    #[test]
    fn a_source_must_not_lie_in_the_lake() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| StoreLocation::Folder(folder.path().join(name));
        let written = WrittenPlaces {
            lake: &at("lake"),
            bus: None,
            archive: Some(&at("kept")),
        };
        let check = |name: &str| {
            let file = Location::File(folder.path().join(name));
            check_sources_outside(written, &[Location::Stdin, file])
        };
        for inside in [
            "lake/a.ndjson",
            "lake/x/a.ndjson",
            "x/../lake/a.ndjson",
            "kept/a.ndjson",
        ] {
            let error = check(inside).unwrap_err().to_string();
            assert!(
                error.starts_with("source: ") && error.contains("lies in"),
                "{error}"
            );
        }
        for outside in ["a.ndjson", "lake.ndjson", "lake/../a.ndjson"] {
            check(outside).unwrap();
        }
    }

    #[test]
    fn a_folder_of_sources_must_not_hold_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("data/days")).unwrap();
        fs::create_dir_all(at("data/kept")).unwrap();
        let bus = BusTarget::parse(&format!("file:{}", at("data/out/bus").display()));
        let lake = StoreLocation::Folder(at("data/lake"));
        let archive = StoreLocation::Folder(at("data/kept/archive"));
        let written = WrittenPlaces {
            lake: &lake,
            bus: bus.as_ref(),
            archive: Some(&archive),
        };
        let check = |source: &str| check_not_read(written, &[Location::File(at(source))]);
        for reads in [
            "data/**/*.ndjson",
            "data/**",
            "data/*/*/*",
            "data/l*/**/x",
            "**/bus/*",
            "data/kept/*/*/*",
        ] {
            let error = check(reads).unwrap_err().to_string();
            assert!(
                error.starts_with("source: ") && error.contains(" also reads "),
                "{error}"
            );
        }
        for apart in [
            "data",
            "data/*",
            "data/days/**",
            "data/d*/**",
            "data/[!lok]*/**/*",
        ] {
            check(apart).unwrap();
        }
        let bus = BusTarget::parse(&format!("file:{}", at("data/days").display()));
        let source = [Location::File(at("data/days"))];
        let written = WrittenPlaces {
            bus: bus.as_ref(),
            ..written
        };
        let error = check_not_read(written, &source).unwrap_err();
        assert!(
            error.to_string().contains("the folder of the bus"),
            "{error}"
        );
    }

    #[test]
    fn a_lake_must_not_lie_in_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| StoreLocation::Folder(folder.path().join(name));
        check_not_in_a_lake("lake", &at("lake/inside")).unwrap();
        fs::create_dir_all(folder.path().join("lake/_sluice/ledger")).unwrap();
        for inside in [
            "lake/event_type=lesson",
            "lake/_sluice",
            "lake/_sluice/ledger",
            "x/../lake/new/y",
        ] {
            let error = check_not_in_a_lake("lake", &at(inside))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("lake: ") && error.contains("lies in"),
                "{error}"
            );
        }
        for apart in ["lake", "lake-2", "lake/../other"] {
            check_not_in_a_lake("lake", &at(apart)).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_hide_that() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("lake/inside")).unwrap();
        std::os::unix::fs::symlink(at("lake/inside"), at("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("self")).unwrap();
        for bus in ["link", "link/new/bus", "self/lake/bus", "link/.."] {
            check(&at("lake"), &at(bus)).unwrap_err();
        }
        check(&at("lake"), &at("self/bus")).unwrap();
    }
}
