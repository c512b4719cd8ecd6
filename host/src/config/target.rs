//! Targets as the settings name them.

use std::path::Path;

use sluice_storage::location::StoreLocation;

use super::ConfigError;
use super::folders::check_is_folder;
use super::suggestion::{ask, closest};
use crate::sink::bus::BusTarget;

/// The forms that the location of a store takes.
const STORES: &[&str] = &["file:DIR", "s3://BUCKET/PREFIX"];

/// Words that users may give to turn something off; it is `none`.
const OFF: &[&str] = &["off", "no", "false", "disabled"];

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
            check_s3(key, target, bucket, prefix)?;
            let slash = if prefix.is_empty() { "" } else { "/" };
            return Ok(StoreLocation::S3 {
                bucket: bucket.to_owned(),
                prefix: format!("{prefix}{slash}"),
            });
        }
    }
    match target.strip_prefix("file:") {
        Some(path) if !path.is_empty() => {
            check_is_folder(key, Path::new(path))?;
            Ok(StoreLocation::Folder(path.into()))
        }
        _ => Err(wrong(key, target, STORES)),
    }
}

/// A location as [`parse_store`] parses it.
#[must_use]
pub fn store_setting(location: &StoreLocation) -> String {
    match location {
        StoreLocation::Folder(path) => format!("file:{}", path.display()),
        StoreLocation::S3 { .. } => location.to_string(),
    }
}

/// Checks the names in `s3://BUCKET/PREFIX`. Whether an ARN in place of the bucket is right, only S3 knows.
pub(super) fn check_s3(
    key: &str,
    target: &str,
    bucket: &str,
    prefix: &str,
) -> Result<(), ConfigError> {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b);
    let is_name = (3..=63).contains(&bucket.len()) && bucket.bytes().all(is_allowed);
    let why = if !is_name && !bucket.starts_with("arn:") {
        format!(
            "{target:?}: {bucket:?} is not the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    } else if prefix.split('/').any(|part| matches!(part, "." | "..")) {
        format!("{target:?}: S3 has no `.` or `..`; give the prefix itself")
    } else {
        return Ok(());
    };
    Err(ConfigError::new(key, why))
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
    let why = if let Some(path) = path.strip_prefix("//") {
        let root = if path.starts_with('/') { "/" } else { "" };
        let path = path.trim_start_matches('/');
        format!(
            "{target:?} is not file:PATH{}",
            ask(format!("file:{root}{path}"))
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
#[must_use]
pub fn wrong(key: &str, given: &str, expected: &[&str]) -> ConfigError {
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
    if let Some(word) = closest(given, words.clone().copied()) {
        return Some(word.to_owned());
    }
    if words.clone().any(|word| *word == "none") && OFF.contains(&given) {
        return Some("none".to_owned());
    }
    if let Some(target) = without_scheme(given, expected) {
        return Some(target);
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

/// The target for an address of AWS that is given without its scheme: an ARN, or a URL.
fn without_scheme(given: &str, expected: &[&str]) -> Option<String> {
    let is_expected = |scheme: &str| {
        let mut schemes = expected.iter().filter_map(|form| form.split_once(':'));
        schemes.any(|(expected, _)| expected == scheme)
    };
    if given.starts_with("arn:") {
        let service = given.split(':').nth(2)?;
        return (service != "s3" && is_expected(service)).then(|| format!("{service}:{given}"));
    }
    let url = given.strip_prefix("https://");
    let url = url.or_else(|| given.strip_prefix("http://"))?;
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let has = |label: &str| host.split('.').any(|part| part == label);
    if is_expected("sqs") && (has("sqs") || has("sqs-fips") || has("queue")) {
        return Some(format!("sqs:{given}"));
    }
    if !is_expected("s3") || !has("s3") {
        return None;
    }
    // The bucket stands before the service, or at the start of the path.
    Some(match host.split_once(".s3.") {
        Some((bucket, _)) => format!("s3://{bucket}/{path}"),
        None if path.is_empty() => "s3://BUCKET/PREFIX".to_owned(),
        None => format!("s3://{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_s3_cannot_have_are_rejected() {
        for (lake, part) in [
            (
                "s3://Bad_Bucket/x",
                "\"Bad_Bucket\" is not the name of a bucket: 3 to 63",
            ),
            ("s3://ab/x", "3 to 63 lower-case letters"),
            ("s3://bucket/../x", "give the prefix itself"),
            ("s3://bucket/a/./x", "give the prefix itself"),
        ] {
            let error = parse_store("lake", lake).unwrap_err().to_string();
            assert!(error.contains(lake) && error.contains(part), "{error}");
        }
        for lake in [
            "s3://bucket/a..b/.c",
            "s3://logs.example.com",
            "s3://lake--euw1-az1--x-s3/events",
            "s3://point-abc123-s3alias/events",
            "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint:point/events",
        ] {
            assert!(parse_store("lake", lake).is_ok(), "{lake}");
        }
    }

    #[test]
    fn an_address_of_aws_without_its_scheme_gets_a_hint() {
        let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";
        let arn = "arn:aws:sqs:eu-west-1:123456789012:q";
        for (bus, meant) in [
            (queue, format!("sqs:{queue}")),
            (arn, format!("sqs:{arn}")),
            ("off", "none".to_owned()),
        ] {
            let error = parse_bus(bus).unwrap_err().to_string();
            assert!(
                error.ends_with(&format!("did you mean `{meant}`?")),
                "{error}"
            );
        }
        for (lake, meant) in [
            (
                "https://s3.eu-west-1.amazonaws.com/lake/events",
                "s3://lake/events",
            ),
            (
                "https://lake.s3.eu-west-1.amazonaws.com/events",
                "s3://lake/events",
            ),
            ("https://s3.amazonaws.com", "s3://BUCKET/PREFIX"),
        ] {
            let error = parse_store("lake", lake).unwrap_err().to_string();
            assert!(
                error.ends_with(&format!("did you mean `{meant}`?")),
                "{error}"
            );
        }
        let error = parse_store("lake", "https://example.com/lake").unwrap_err();
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }

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
            ("file://x", "did you mean `file:x`?"),
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
    fn a_store_parses_as_it_is_written() {
        for setting in ["file:/a/b", "file:c", "s3://bucket/", "s3://bucket/a/b/"] {
            let location = parse_store("archive", setting).unwrap();
            assert_eq!(store_setting(&location), setting);
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
