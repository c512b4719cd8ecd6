//! Targets as the settings name them.

use sluice_storage::location::StoreLocation;

use super::ConfigError;
use super::suggestion::{ask, closest};
use crate::sink::bus::BusTarget;

/// The forms that the location of a store takes.
const STORES: &[&str] = &["file:DIR", "s3://BUCKET/PREFIX"];

/// Parses `file:DIR` and `s3://BUCKET/PREFIX`, the value of the setting `key`.
///
/// # Errors
/// Says what would be right.
pub fn parse_store(key: &str, target: &str) -> Result<StoreLocation, ConfigError> {
    check_path(key, target)?;
    if let Some(path) = target.strip_prefix("s3://") {
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        if !bucket.is_empty() {
            let slash = if prefix.is_empty() { "" } else { "/" };
            return Ok(StoreLocation::S3 {
                bucket: bucket.to_owned(),
                prefix: format!("{prefix}{slash}"),
            });
        }
    }
    match target.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(StoreLocation::Folder(path.into())),
        _ => Err(wrong(key, target, STORES)),
    }
}

/// Checks that `file:PATH`, the value of the setting `key`, does not mean another path than it says. Other
/// targets pass.
///
/// # Errors
/// Says what would be right.
pub fn check_path(key: &str, target: &str) -> Result<(), ConfigError> {
    let Some(path) = target.strip_prefix("file:") else {
        return Ok(());
    };
    let why = if path.starts_with("//") {
        let path = path.trim_start_matches('/');
        format!(
            "{target:?} is not file:PATH{}",
            ask(format!("file:/{path}"))
        )
    } else if path == "~" || path.starts_with("~/") {
        format!("{target:?}: the shell does not expand `~` after `file:`; give the whole path")
    } else {
        return Ok(());
    };
    Err(ConfigError::new(key, why))
}

/// Parses `none` and the settings of all kinds of buses.
///
/// # Errors
/// Says what would be right.
pub(super) fn parse_bus(target: &str) -> Result<Option<BusTarget>, ConfigError> {
    if target == "none" {
        return Ok(None);
    }
    check_path("bus", target)?;
    let bus = BusTarget::parse(target).ok_or_else(|| {
        let expected: Vec<_> = BusTarget::syntaxes().chain(["none"]).collect();
        wrong("bus", target, &expected)
    })?;
    bus.check().map_err(|why| ConfigError::new("bus", why))?;
    Ok(Some(bus))
}

/// A target that is none of `expected`, with the one that it was probably meant to be.
pub(super) fn wrong(key: &str, given: &str, expected: &[&str]) -> ConfigError {
    let hint = meant(given, expected).map(ask).unwrap_or_default();
    let expected = match expected.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => expected.concat(),
    };
    if given.trim().is_empty() {
        return ConfigError::new(key, format!("is empty; give {expected}"));
    }
    ConfigError::new(key, format!("{given:?} is not {expected}{hint}"))
}

/// The target with its scheme corrected, or a file if it has none.
fn meant(given: &str, expected: &[&str]) -> Option<String> {
    let words = expected.iter().filter(|form| !form.contains(':'));
    if let Some(word) = closest(given, words.copied()) {
        return Some(word.to_owned());
    }
    let Some((scheme, rest)) = given.split_once(':') else {
        return Some(format!("file:{given}")).filter(|_| !given.is_empty());
    };
    let schemes = expected
        .iter()
        .filter_map(|form| Some(form.split_once(':')?.0));
    let slashes = |scheme| if scheme == "s3" { "//" } else { "" };
    let meant = closest(scheme, schemes)?;
    let rest = rest.trim_start_matches('/');
    (!rest.is_empty()).then(|| format!("{meant}:{}{rest}", slashes(meant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_by_their_scheme() {
        let s3 = |bucket: &str, prefix: &str| StoreLocation::S3 {
            bucket: bucket.into(),
            prefix: prefix.into(),
        };
        assert_eq!(parse_store("lake", "s3://lake").unwrap(), s3("lake", ""));
        assert_eq!(
            parse_store("lake", "s3://lake/a/b/").unwrap(),
            s3("lake", "a/b/")
        );
        assert_eq!(
            parse_store("lake", "file:x").unwrap(),
            StoreLocation::Folder("x".into())
        );
        assert!(parse_bus("none").unwrap().is_none());
        for lake in ["", "s3://", "file:", "gs://x", "lake"] {
            assert!(parse_store("lake", lake).is_err(), "{lake:?}");
        }
    }

    #[test]
    fn a_path_that_means_another_one_is_rejected() {
        for (target, part) in [
            ("file://x", "did you mean `file:/x`?"),
            ("file:///x/y", "did you mean `file:/x/y`?"),
            ("file:~/x", "give the whole path"),
            ("file:~", "give the whole path"),
        ] {
            let error = parse_store("lake", target).unwrap_err().to_string();
            assert!(
                error.starts_with("lake: ") && error.contains(part),
                "{error}"
            );
            let error = parse_bus(target).unwrap_err().to_string();
            assert!(
                error.starts_with("bus: ") && error.contains(part),
                "{error}"
            );
        }
        for target in ["file:/x", "file:x//y", "file:~x", "-", "kinesis:x"] {
            assert_eq!(check_path("source", target), Ok(()), "{target}");
        }
    }

    #[test]
    fn an_empty_target_is_called_so() {
        let error = parse_store("lake", "").unwrap_err().to_string();
        assert_eq!(error, "lake: is empty; give file:DIR or s3://BUCKET/PREFIX");
    }

    #[test]
    fn a_slip_gets_a_hint() {
        let error = parse_bus("bus").unwrap_err().to_string();
        assert!(
            error.starts_with("bus: \"bus\" is not file:DIR, "),
            "{error}"
        );
        assert!(
            error.ends_with(" or none; did you mean `file:bus`?"),
            "{error}"
        );
        for (bus, hint) in [
            ("sqa:messages", "did you mean `sqs:messages`?"),
            ("non", "did you mean `none`?"),
        ] {
            let error = parse_bus(bus).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        for lake in ["S3://b/p", "s3:b/p", "s3:/b/p"] {
            let error = parse_store("lake", lake).unwrap_err().to_string();
            assert!(error.contains("did you mean `s3://b/p`?"), "{error}");
        }
        for hopeless in ["gs://x", "s3://", "file:", ""] {
            let error = parse_store("lake", hopeless).unwrap_err().to_string();
            assert!(!error.contains("did you mean"), "{error}");
        }
    }
}
