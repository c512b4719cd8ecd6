//! Targets as the settings name them.

use super::ConfigError;
use crate::sink::bus::BusTarget;
use crate::storage::location::StoreLocation;

impl StoreLocation {
    /// Parses `file:DIR` and `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(target: &str) -> Result<Self, ConfigError> {
        Self::parse_as("lake", target)
    }

    /// As [`parse`](Self::parse), for a setting of another name.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse_as(key: &str, target: &str) -> Result<Self, ConfigError> {
        if let Some(path) = target.strip_prefix("s3://") {
            let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
            let prefix = prefix.trim_matches('/');
            if !bucket.is_empty() {
                let slash = if prefix.is_empty() { "" } else { "/" };
                return Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    prefix: format!("{prefix}{slash}"),
                });
            }
        }
        match target.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self::Folder(path.into())),
            _ => Err(wrong(key, target, "file:DIR or s3://BUCKET/PREFIX")),
        }
    }
}

/// Parses `none` and the settings of all kinds of buses.
///
/// # Errors
/// Says what would be right.
pub(super) fn parse_bus(target: &str) -> Result<Option<BusTarget>, ConfigError> {
    if target == "none" {
        return Ok(None);
    }
    let expected = || format!("{} or none", BusTarget::syntaxes());
    let bus = BusTarget::parse(target).ok_or_else(|| wrong("bus", target, &expected()))?;
    Ok(Some(bus))
}

pub(super) fn wrong(key: &str, given: &str, expected: &str) -> ConfigError {
    let hint = if given.is_empty() || given.contains(':') {
        String::new()
    } else {
        format!(" (did you mean file:{given}?)")
    };
    ConfigError::new(key, format!("{given:?} is not {expected}{hint}"))
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
        assert_eq!(StoreLocation::parse("s3://lake").unwrap(), s3("lake", ""));
        assert_eq!(
            StoreLocation::parse("s3://lake/a/b/").unwrap(),
            s3("lake", "a/b/")
        );
        assert_eq!(
            StoreLocation::parse("file:x").unwrap(),
            StoreLocation::Folder("x".into())
        );
        assert!(parse_bus("none").unwrap().is_none());
        let error = parse_bus("bus").unwrap_err().to_string();
        assert_eq!(
            error,
            "bus: \"bus\" is not file:DIR, sqs:QUEUE or none (did you mean file:bus?)"
        );
        for lake in ["", "s3://", "file:", "gs://x", "lake"] {
            assert!(StoreLocation::parse(lake).is_err(), "{lake:?}");
        }
    }
}
