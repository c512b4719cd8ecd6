//! Two stores of a run, neither of which may hold the other: what one holds, the other would take for a part of itself.

use sluice_storage::location::StoreLocation;

use super::ConfigError;
use super::folders::resolve;

/// How one store lies in or around another.
enum Overlap {
    Same,
    Within,
    Around,
}

/// Checks that the store `store`, which messages call `what` and the setting `key` names, lies apart from the store `other`,
/// which they call `name`; also through links.
///
/// # Errors
/// One of them is the other one or lies in it.
pub(super) fn check_apart(
    key: &str,
    what: &str,
    store: &StoreLocation,
    name: &str,
    other: &StoreLocation,
) -> Result<(), ConfigError> {
    let how = match overlap(key, store, other)? {
        None => return Ok(()),
        Some(Overlap::Same) => "is also",
        Some(Overlap::Within) => "lies in",
        Some(Overlap::Around) => "holds",
    };
    let why =
        format!("the {what} {store} {how} the {name}, {other}; give one that lies apart from it");
    Err(ConfigError::new(key, why))
}

fn overlap(
    key: &str,
    one: &StoreLocation,
    other: &StoreLocation,
) -> Result<Option<Overlap>, ConfigError> {
    let (within, around) = match (one, other) {
        (StoreLocation::Folder(one), StoreLocation::Folder(other)) => {
            let resolved = |path| {
                resolve(path).map_err(|error| {
                    ConfigError::new(key, format!("cannot resolve {}: {error}", path.display()))
                })
            };
            let (one, other) = (resolved(one)?, resolved(other)?);
            (one.starts_with(&other), other.starts_with(&one))
        }
        (
            StoreLocation::S3 { bucket, prefix },
            StoreLocation::S3 {
                bucket: other_bucket,
                prefix: other_prefix,
            },
        ) if bucket == other_bucket => (
            prefix.starts_with(other_prefix.as_str()),
            other_prefix.starts_with(prefix.as_str()),
        ),
        _ => (false, false),
    };
    Ok(match (within, around) {
        (true, true) => Some(Overlap::Same),
        (true, false) => Some(Overlap::Within),
        (false, true) => Some(Overlap::Around),
        (false, false) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_store;

    fn check(store: &str, other: &str) -> Result<(), String> {
        let [store, other] = [store, other].map(|target| parse_store("source", target).unwrap());
        let checked = check_apart("source", "archive", &store, "lake", &other);
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn a_store_must_not_hold_another_one() {
        for (store, other, how) in [
            ("file:x", "file:./x", "is also"),
            ("file:x/_sluice", "file:x", "lies in"),
            ("file:x/../y", "file:y/z", "holds"),
            ("s3://bucket/x", "s3://bucket/x/", "is also"),
            ("s3://bucket/x/y", "s3://bucket/x", "lies in"),
            ("s3://bucket", "s3://bucket/x", "holds"),
        ] {
            let error = check(store, other).unwrap_err();
            let is_said = error.starts_with("source: the archive ")
                && error.contains(&format!(" {how} the lake, "));
            assert!(is_said, "{error}");
        }
        for (store, other) in [
            ("file:x", "file:xy"),
            ("s3://bucket/x", "s3://bucket/xy"),
            ("s3://bucket-1/x", "s3://bucket-2/x"),
            ("file:x", "s3://bucket/x"),
        ] {
            assert_eq!(check(store, other), Ok(()), "{store} {other}");
        }
    }
}
