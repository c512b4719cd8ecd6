//! The partition paths of the lake: pairs of column and value, encoded as Hive does.

use std::fmt;

use thiserror::Error;

/// What Hive, Spark, Athena and others read as no value (`NULL`). A path cannot hold an empty value, so an
/// empty value is written as this one and means that there is none. A transform cannot return this text itself:
/// readers could not tell it from no value.
const EMPTY_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// File systems give a name 255 bytes.
pub(crate) const SEGMENT_MAX_BYTES: usize = 255;

/// S3 gives a key 1,024 bytes; 400 stay for the prefix of the lake and the object's name.
pub(crate) const PATH_MAX_BYTES: usize = 624;

/// A column's name is short so that all the room goes to values.
pub(crate) const NAME_MAX_BYTES: usize = 64;

/// A partition of the lake: `event_type=lesson/date=2026-01-01`, empty for the top of the lake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionPath(String);

/// Why the pairs of a transform are not a partition.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PartitionError {
    /// The name could clash with Sluice's own folders or with a path's syntax.
    #[error("partition name {0:?} is not a letter followed by up to 63 letters, digits and '_'")]
    Name(String),
    /// A column that occurs twice.
    #[error("partition name {0:?} occurs twice")]
    Repeated(String),
    /// A value that readers take for no value.
    #[error(
        "partition {0:?}: its value is {EMPTY_VALUE}, which readers take for NULL; return an empty value if there is \
         none, and another text if there is one"
    )]
    Reserved(String),
    /// The encoded `name=value` does not fit a file name.
    #[error(
        "partition {name:?}: its value takes {bytes} bytes in a path, at most {SEGMENT_MAX_BYTES} fit"
    )]
    Long {
        /// The column.
        name: String,
        /// The length of `name=value`, encoded.
        bytes: usize,
    },
    /// All pairs together do not fit an object key.
    #[error("the partition's path takes {0} bytes or more, at most {PATH_MAX_BYTES} fit")]
    Deep(usize),
}

impl PartitionPath {
    /// Renders ordered pairs of name and value.
    ///
    /// # Errors
    /// [`PartitionError`] says which rule of the contract the pairs break.
    pub fn from_pairs<S: AsRef<str>>(pairs: &[(S, S)]) -> Result<Self, PartitionError> {
        let mut path = String::new();
        for (index, (name, value)) in pairs.iter().enumerate() {
            let (name, value) = (name.as_ref(), value.as_ref());
            check_name(name)?;
            if pairs[..index]
                .iter()
                .any(|(earlier, _)| earlier.as_ref() == name)
            {
                return Err(PartitionError::Repeated(name.to_owned()));
            }
            if value == EMPTY_VALUE {
                return Err(PartitionError::Reserved(name.to_owned()));
            }
            if index > 0 {
                path.push('/');
            }
            let start = path.len();
            path.push_str(name);
            path.push('=');
            push_value(&mut path, value);
            let bytes = path.len() - start;
            if bytes > SEGMENT_MAX_BYTES {
                let name = name.to_owned();
                return Err(PartitionError::Long { name, bytes });
            }
            // Checked for each column, so that many columns take little time.
            if path.len() > PATH_MAX_BYTES {
                return Err(PartitionError::Deep(path.len()));
            }
        }
        Ok(Self(path))
    }

    /// The path without a slash at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartitionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_name(name: &str) -> Result<(), PartitionError> {
    let well_formed = name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if well_formed {
        Ok(())
    } else {
        Err(PartitionError::Name(
            name.chars().take(NAME_MAX_BYTES).collect(),
        ))
    }
}

/// Percent-encodes what Hive's `FileUtils.escapePathName` encodes: control characters and
/// `" # % ' * / : = ? \ { [ ] ^`.
fn push_value(path: &mut String, value: &str) {
    if value.is_empty() {
        path.push_str(EMPTY_VALUE);
        return;
    }
    for c in value.chars() {
        let special = matches!(
            c,
            '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '[' | ']' | '^'
        );
        if special || c.is_ascii_control() {
            path.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            path.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(pairs: &[(&str, &str)]) -> Result<String, PartitionError> {
        PartitionPath::from_pairs(pairs).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn pairs_become_hive_folders_in_their_order() {
        assert_eq!(
            path(&[("event_type", "lesson"), ("date", "2026-01-01")]).unwrap(),
            "event_type=lesson/date=2026-01-01"
        );
        assert_eq!(path(&[]).unwrap(), "");
    }

    #[test]
    fn characters_that_a_path_cannot_hold_are_encoded() {
        assert_eq!(path(&[("t", "../a=b%")]).unwrap(), "t=..%2Fa%3Db%25");
        assert_eq!(path(&[("t", "学习 é")]).unwrap(), "t=学习 é");
        assert_eq!(path(&[("t", "a\0b\n")]).unwrap(), "t=a%00b%0A");
    }

    #[test]
    fn an_empty_value_is_no_value_and_no_other_value_looks_like_it() {
        assert_eq!(path(&[("t", "")]).unwrap(), format!("t={EMPTY_VALUE}"));
        let reserved = path(&[("a", "1"), ("t", EMPTY_VALUE)]);
        assert_eq!(reserved, Err(PartitionError::Reserved("t".into())));
        for similar in ["__hive_default_partition__", "__HIVE_DEFAULT_PARTITION__ "] {
            assert_eq!(path(&[("t", similar)]).unwrap(), format!("t={similar}"));
        }
    }

    #[test]
    fn names_that_are_not_columns_are_rejected() {
        for name in ["", "_sluice", "1a", "a/b", "a=b", "é", &"a".repeat(65)] {
            assert!(
                matches!(path(&[(name, "x")]), Err(PartitionError::Name(_))),
                "{name:?}"
            );
        }
        assert_eq!(
            path(&[("a", "1"), ("a", "2")]),
            Err(PartitionError::Repeated("a".into()))
        );
    }

    #[test]
    fn a_value_too_long_for_a_file_name_is_rejected() {
        assert!(path(&[("t", &"x".repeat(253))]).is_ok());
        assert!(matches!(
            path(&[("t", &"x".repeat(254))]),
            Err(PartitionError::Long { bytes: 256, .. })
        ));
        let long = "x".repeat(250);
        assert!(matches!(
            path(&[("a", &long), ("b", &long), ("c", &long)]),
            Err(PartitionError::Deep(_))
        ));
    }

    fn value() -> impl Strategy<Value = String> {
        let special = prop::sample::select(vec!["", EMPTY_VALUE]).prop_map(str::to_owned);
        prop_oneof![3 => ".{0,60}", 1 => special]
    }

    proptest! {
        #[test]
        fn different_values_never_share_a_path(a in value(), b in value()) {
            let (x, y) = (path(&[("t", &a)]), path(&[("t", &b)]));
            if let (Ok(x), Ok(y)) = (x, y) {
                prop_assert!(!x.contains('/'));
                prop_assert_eq!(a == b, x == y);
            }
        }
    }
}
