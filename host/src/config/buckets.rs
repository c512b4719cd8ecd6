//! Objects of a source that lie in the same bucket as what a run writes. A run that reads what it writes never ends.

use sluice_storage::location::StoreLocation;

use super::ConfigError;
use crate::source::file;
use crate::source::file::Location;

/// Checks that no source in S3 reads one of these stores, such as the lake, or lies in one of them, also if that does not
/// exist yet.
///
/// # Errors
/// A source does.
pub(super) fn check_objects_outside(
    stores: [(&str, Option<&StoreLocation>); 3],
    sources: &[Location],
) -> Result<(), ConfigError> {
    for (name, store) in stores {
        let Some(StoreLocation::S3 { bucket, prefix }) = store else {
            continue;
        };
        for source in sources {
            let Location::Objects(address) = source else {
                continue;
            };
            let how = match address.bucket == *bucket {
                true if address.key.starts_with(prefix.as_str()) => "lies in",
                true if file::reads_below(address, prefix) => "also reads",
                _ => continue,
            };
            let why = format!(
                "{address} {how} the prefix of the {name}, s3://{bucket}/{prefix}; give another prefix for one of the two"
            );
            return Err(ConfigError::new("source", why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, parse_store};

    fn check(lake: &str, source: &str) -> Result<(), String> {
        let no_stream = |_: &str| Err(ConfigError::new("source", "a stream"));
        let mode = Mode::parse(&[source.to_owned()], no_stream).unwrap();
        let store = parse_store("lake", lake).unwrap();
        let stores = [
            ("lake", None),
            ("registry", None),
            ("archive", Some(&store)),
        ];
        let checked = check_objects_outside(stores, mode.files().unwrap());
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_does_not_read_what_the_run_writes() {
        for (lake, source, how) in [
            ("s3://bucket/in/lake", "s3://bucket/in", "also reads"),
            ("s3://bucket/in/lake", "s3://bucket", "also reads"),
            ("s3://bucket/in", "s3://bucket/in", "also reads"),
            (
                "s3://bucket/in/lake",
                "s3://bucket/in/**/*.gz",
                "also reads",
            ),
            ("s3://bucket/in", "s3://bucket/in/", "lies in"),
            ("s3://bucket/in", "s3://bucket/in/a.ndjson", "lies in"),
            ("s3://bucket", "s3://bucket/in", "lies in"),
            ("s3://bucket/lake", "s3://bucket/lake/day=*/a", "lies in"),
        ] {
            let error = check(lake, source).unwrap_err();
            assert!(
                error.starts_with("source: ") && error.contains(how),
                "{error}"
            );
        }
        for (lake, source) in [
            ("s3://bucket/lake", "s3://bucket/in"),
            ("s3://bucket/in-2", "s3://bucket/in"),
            ("s3://bucket/in", "s3://bucket/in.ndjson"),
            ("s3://bucket/in/lake", "s3://bucket/in/*.gz"),
            ("s3://bucket-2/in/lake", "s3://bucket/in"),
            ("file:lake", "s3://bucket/in"),
        ] {
            assert_eq!(check(lake, source), Ok(()), "{lake} {source}");
        }
    }
}
