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
    let resolved = |key: &str, path: &Path| {
        let failed =
            |error| ConfigError::new(key, format!("cannot resolve {}: {error}", path.display()));
        resolve(path).map_err(failed)
    };
    let (lake_path, bus_path) = (resolved("lake", lake)?, resolved("bus", &bus)?);
    let how = match (
        bus_path.starts_with(&lake_path),
        lake_path.starts_with(&bus_path),
    ) {
        (true, true) => "is the folder of the lake too",
        (true, false) => "lies in the folder of the lake",
        (false, true) => "holds the folder of the lake",
        (false, false) => return Ok(()),
    };
    let (bus, lake) = (bus.display(), lake.display());
    let why = format!("{bus} {how}, {lake}; give a folder outside of the lake");
    Err(ConfigError::new("bus", why))
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

/// Checks that a lake in a folder does not lie in another lake, which would take its objects for its own.
///
/// # Errors
/// A folder around it is a lake, or it cannot be resolved.
pub(super) fn check_not_in_a_lake(lake: &StoreLocation) -> Result<(), ConfigError> {
    let StoreLocation::Folder(lake) = lake else {
        return Ok(());
    };
    let failed = |error| {
        ConfigError::new(
            "lake",
            format!("cannot resolve {}: {error}", lake.display()),
        )
    };
    let path = resolve(lake).map_err(failed)?;
    let mut around = path.ancestors().skip(1);
    let Some(outer) = around.find(|folder| folder.join(LEDGERS).is_dir()) else {
        return Ok(());
    };
    let (lake, outer) = (lake.display(), outer.display());
    let why =
        format!("{lake} lies in another lake, {outer}; give that folder or one outside of it");
    Err(ConfigError::new("lake", why))
}

/// Checks that no source lies in the folder of the lake: the audit would take the file for a part of the lake, and a
/// run would read what it has written.
///
/// # Errors
/// A file lies in the lake's folder, or its path cannot be resolved.
pub(super) fn check_sources_outside(
    lake: &StoreLocation,
    sources: &[Location],
) -> Result<(), ConfigError> {
    let StoreLocation::Folder(lake) = lake else {
        return Ok(());
    };
    let failed = |key: &str, path: &Path, error: io::Error| {
        ConfigError::new(key, format!("cannot resolve {}: {error}", path.display()))
    };
    let lake_path = resolve(lake).map_err(|error| failed("lake", lake, error))?;
    for source in sources {
        let Location::File(file) = source else {
            continue;
        };
        let path = resolve(file).map_err(|error| failed("source", file, error))?;
        if path.starts_with(&lake_path) {
            let (file, lake) = (file.display(), lake.display());
            let why = format!(
                "{file} lies in the folder of the lake, {lake}; move the file or give another lake"
            );
            return Err(ConfigError::new("source", why));
        }
    }
    Ok(())
}

/// The folders that a run writes to, without links, each with its setting.
fn written(
    lake: &StoreLocation,
    bus: Option<&BusTarget>,
) -> Result<Vec<(&'static str, PathBuf)>, ConfigError> {
    let lake = match lake {
        StoreLocation::Folder(lake) => Some(("lake", lake.clone())),
        StoreLocation::S3 { .. } => None,
    };
    let bus = bus.and_then(BusTarget::folder).map(|bus| ("bus", bus));
    let folders = lake.into_iter().chain(bus);
    let resolved = folders.map(|(key, folder)| {
        let failed = |error| {
            let why = format!("cannot resolve {}: {error}", folder.display());
            ConfigError::new(key, why)
        };
        Ok((key, resolve(&folder).map_err(failed)?))
    });
    resolved.collect()
}

/// Checks that no folder or pattern of the sources reads what the run writes, also if that does not exist yet.
///
/// # Errors
/// A source reads the folder of the lake or the bus, or a folder in it.
pub(super) fn check_not_read(
    lake: &StoreLocation,
    bus: Option<&BusTarget>,
    sources: &[Location],
) -> Result<(), ConfigError> {
    for (key, folder) in written(lake, bus)? {
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

/// Checks that no link led from a folder of the sources to the lake or the bus.
///
/// # Errors
/// A file that was found there lies in the folder of the lake or the bus.
pub fn check_found_outside(
    lake: &StoreLocation,
    bus: Option<&BusTarget>,
    files: &[SourceFile],
) -> Result<(), ConfigError> {
    if !files.iter().any(|file| file.is_listed) {
        return Ok(());
    }
    let (written, mut folders) = (written(lake, bus)?, CanonicalFolders::default());
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
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
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
            ("lake", "lake", "is the folder"),
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
        let lake = StoreLocation::Folder(folder.path().join("lake"));
        let check = |name: &str| {
            let file = Location::File(folder.path().join(name));
            check_sources_outside(&lake, &[Location::Stdin, file])
        };
        for inside in ["lake/a.ndjson", "lake/x/a.ndjson", "x/../lake/a.ndjson"] {
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
        let bus = BusTarget::parse(&format!("file:{}", at("data/out/bus").display()));
        let lake = StoreLocation::Folder(at("data/lake"));
        let check =
            |source: &str| check_not_read(&lake, bus.as_ref(), &[Location::File(at(source))]);
        for reads in [
            "data/**/*.ndjson",
            "data/**",
            "data/*/*/*",
            "data/l*/**/x",
            "**/bus/*",
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
            "data/[!lo]*/**/*",
        ] {
            check(apart).unwrap();
        }
        let bus = BusTarget::parse(&format!("file:{}", at("data/days").display()));
        let source = [Location::File(at("data/days"))];
        let error = check_not_read(&lake, bus.as_ref(), &source).unwrap_err();
        assert!(
            error.to_string().contains("the folder of the bus"),
            "{error}"
        );
    }

    #[test]
    fn a_lake_must_not_lie_in_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| StoreLocation::Folder(folder.path().join(name));
        check_not_in_a_lake(&at("lake/inside")).unwrap();
        fs::create_dir_all(folder.path().join("lake/_sluice/ledger")).unwrap();
        for inside in [
            "lake/event_type=lesson",
            "lake/_sluice",
            "lake/_sluice/ledger",
            "x/../lake/new/y",
        ] {
            let error = check_not_in_a_lake(&at(inside)).unwrap_err().to_string();
            assert!(
                error.starts_with("lake: ") && error.contains("lies in"),
                "{error}"
            );
        }
        for apart in ["lake", "lake-2", "lake/../other"] {
            check_not_in_a_lake(&at(apart)).unwrap();
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
