//! The archive, which must lie apart from all else that a run reads and writes.

use sluice_storage::location::StoreLocation;

use super::folders::{WrittenPlaces, check_not_in_a_lake, how_they_lie};
use super::{ConfigError, Mode, parse_store};
use crate::sink::bus::BusTarget;

/// The archive of the settings. The path of a folder becomes absolute, because chunks pin it.
///
/// # Errors
/// It is no store, it lies in a lake, or the mode cannot keep it.
pub(super) fn validate(
    target: Option<&str>,
    mode: &Mode,
) -> Result<Option<StoreLocation>, ConfigError> {
    let Some(target) = target else {
        return Ok(None);
    };
    let archive = parse_store("archive", target)?;
    let StoreLocation::Folder(path) = &archive else {
        return Ok(Some(archive));
    };
    if *mode == Mode::Lambda {
        let why = "a Lambda function cannot keep a folder; give s3://BUCKET/PREFIX";
        return Err(ConfigError::new("archive", why));
    }
    check_not_in_a_lake("archive", &archive)?;
    let absolute = std::path::absolute(path).map_err(|error| {
        let why = format!("cannot resolve {}: {error}", path.display());
        ConfigError::new("archive", why)
    })?;
    Ok(Some(StoreLocation::Folder(absolute)))
}

/// Checks that the archive and the other places that a run uses do not hold each other.
///
/// # Errors
/// The archive is one of them, lies in one of them or holds one of them.
pub(super) fn check_apart(
    written: WrittenPlaces<'_>,
    registry: Option<&StoreLocation>,
) -> Result<(), ConfigError> {
    match written.archive {
        Some(archive) => check_others("archive", archive, written, registry),
        None => Ok(()),
    }
}

/// Checks that the archive that is the source and the places that a run writes to do not hold each other. Whether it is the
/// archive of the run too, [`check_not_its_own`] checks.
///
/// # Errors
/// It is one of them, lies in one of them or holds one of them.
pub(super) fn check_source(
    mode: &Mode,
    written: WrittenPlaces<'_>,
    registry: Option<&StoreLocation>,
) -> Result<(), ConfigError> {
    match mode.archive() {
        Some(source) => check_others("source", &source.location, written, registry),
        None => Ok(()),
    }
}

/// Checks that a run does not archive into the archive that it reads.
///
/// # Errors
/// The two are the same, or one of them lies in the other one.
pub(super) fn check_not_its_own(
    mode: &Mode,
    archive: Option<&StoreLocation>,
) -> Result<(), ConfigError> {
    let (Some(source), Some(archive)) = (mode.archive(), archive) else {
        return Ok(());
    };
    let source = &source.location;
    match how_stores_lie(("archive", archive), ("source", source))? {
        Some(how) => {
            let why = format!(
                "{archive} {how} the source, {source}; a run does not archive into the archive that it reads: land it with \
                 `sluice replay`, which archives nothing, or give an archive outside of it"
            );
            Err(ConfigError::new("archive", why))
        }
        None => Ok(()),
    }
}

fn check_others(
    key: &str,
    store: &StoreLocation,
    written: WrittenPlaces<'_>,
    registry: Option<&StoreLocation>,
) -> Result<(), ConfigError> {
    let bus = written.bus.and_then(BusTarget::folder);
    let bus = bus.map(StoreLocation::Folder);
    let others = [
        ("lake", Some(written.lake)),
        ("bus", bus.as_ref()),
        ("registry", registry),
    ];
    for (name, other) in others {
        if let Some(other) = other {
            check_other(key, store, (name, other))?;
        }
    }
    Ok(())
}

fn check_other(
    key: &str,
    store: &StoreLocation,
    (name, other): (&str, &StoreLocation),
) -> Result<(), ConfigError> {
    match how_stores_lie((key, store), (name, other))? {
        Some(how) => {
            let why = format!("{store} {how} the {name}, {other}; give a place outside of it");
            Err(ConfigError::new(key, why))
        }
        None => Ok(()),
    }
}

/// How the first of two stores lies to the second one; `None` if they lie apart.
fn how_stores_lie(
    one: (&str, &StoreLocation),
    other: (&str, &StoreLocation),
) -> Result<Option<&'static str>, ConfigError> {
    match (one.1, other.1) {
        (StoreLocation::Folder(path), StoreLocation::Folder(other_path)) => {
            how_they_lie((one.0, path), (other.0, other_path))
        }
        (
            StoreLocation::S3 { bucket, prefix },
            StoreLocation::S3 {
                bucket: other_bucket,
                prefix: other_prefix,
            },
        ) if bucket == other_bucket => Ok(match prefix {
            prefix if prefix == other_prefix => Some("is also"),
            prefix if prefix.starts_with(other_prefix.as_str()) => Some("lies in"),
            prefix if other_prefix.starts_with(prefix.as_str()) => Some("holds"),
            _ => None,
        }),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::store_setting;

    fn check(archive: &str, lake: &str, bus: &str, registry: &str) -> Result<(), String> {
        let no_stream = |_: &str| Err(ConfigError::new("source", "a stream"));
        let mode = Mode::parse(&["file:in.ndjson".to_owned()], no_stream).unwrap();
        let archive = validate(Some(archive), &mode).map_err(|error| error.to_string())?;
        let bus = BusTarget::parse(bus);
        let written = WrittenPlaces {
            lake: &parse_store("lake", lake).unwrap(),
            bus: bus.as_ref(),
            archive: archive.as_ref(),
        };
        let registry = parse_store("registry", registry).unwrap();
        let checked = check_apart(written, Some(&registry));
        let target = archive.as_ref().map(store_setting).unwrap();
        let source = Mode::parse(&[format!("archive:{target}")], no_stream).unwrap();
        let as_source = check_source(&source, written, Some(&registry));
        let why = |checked: &Result<(), ConfigError>| {
            checked.as_ref().err().map(|error| error.why.clone())
        };
        assert_eq!(why(&checked), why(&as_source));
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_does_not_archive_into_the_archive_that_it_reads() {
        let no_stream = |_: &str| Err(ConfigError::new("source", "a stream"));
        let mode = |source: &str| Mode::parse(&[source.to_owned()], no_stream).unwrap();
        let check = |source: &str, target| {
            check_not_its_own(&mode(source), parse_store("archive", target).ok().as_ref())
        };
        let error = check("archive:file:a", "file:./a").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("archive: ./a is also the source, a"),
            "{error}"
        );
        assert!(error.to_string().contains("`sluice replay`"), "{error}");
        assert!(check("archive:s3://bucket/a", "s3://bucket/a/b").is_err());
        assert_eq!(check("archive:file:a", "file:b"), Ok(()));
        assert_eq!(check("file:a", "file:a"), Ok(()));
        assert_eq!(check_not_its_own(&mode("archive:file:a"), None), Ok(()));
    }

    #[test]
    fn an_archive_lies_apart_from_all_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("file:{}", folder.path().join(name).display());
        let (lake, bus, registry) = (at("lake"), at("bus"), at("registry"));
        for (archive, how) in [
            ("lake", "is also the lake"),
            ("lake/archive", "lies in the lake"),
            ("x/../lake/_sluice", "lies in the lake"),
            ("bus/archive", "lies in the bus"),
            ("registry", "is also the registry"),
            (".", "holds the lake"),
        ] {
            let error = check(&at(archive), &lake, &bus, &registry).unwrap_err();
            assert!(
                error.starts_with("archive: ") && error.contains(how),
                "{error}"
            );
        }
        assert_eq!(check(&at("archive"), &lake, &bus, &registry), Ok(()));
        for (archive, how) in [
            ("s3://bucket/lake", "is also the lake"),
            ("s3://bucket/lake/archive", "lies in the lake"),
            ("s3://bucket", "holds the lake"),
        ] {
            let error = check(archive, "s3://bucket/lake", &bus, &registry).unwrap_err();
            assert!(error.contains(how), "{error}");
        }
        for archive in ["s3://bucket/lake-archive", "s3://other/lake"] {
            let apart = check(archive, "s3://bucket/lake", &bus, &registry);
            assert_eq!(apart, Ok(()), "{archive}");
        }
    }

    #[test]
    fn a_function_has_no_folder_for_an_archive() {
        let no_stream = |_: &str| Err(ConfigError::new("source", "a stream"));
        let mode = Mode::parse(&["lambda".to_owned()], no_stream).unwrap();
        let error = validate(Some("file:archive"), &mode).unwrap_err();
        assert!(error.why.contains("cannot keep a folder"), "{error}");
        assert!(validate(Some("s3://bucket/archive"), &mode).is_ok());
    }
}
