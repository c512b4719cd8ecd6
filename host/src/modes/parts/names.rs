//! A list of names that is stored compactly: of each name, only what differs from the one before it. The keys of a million
//! objects mostly differ in their last characters.
//!
//! ```text
//! "0 s3://bucket/in/2026/01/a.ndjson", "24 b.ndjson"
//! ```

use serde::{Deserialize, Serialize};

/// Names, sorted and each once. As text, a name is the number of bytes that it has in common with the one before it, a
/// space, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub(super) struct Names(Vec<String>);

impl Names {
    /// These names.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names.
    pub(super) fn into_inner(self) -> Vec<String> {
        self.0
    }
}

impl From<Names> for Vec<String> {
    fn from(Names(names): Names) -> Self {
        let mut before = "";
        let shortened = names.iter().map(|name| {
            let (common, rest) = name.split_at(common(before, name));
            before = name;
            format!("{} {rest}", common.len())
        });
        shortened.collect()
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = String;

    fn try_from(shortened: Vec<String>) -> Result<Self, String> {
        let mut names: Vec<String> = Vec::with_capacity(shortened.len());
        for text in shortened {
            let before = names.last().map_or("", String::as_str);
            let wrong = || format!("{text:?} is no name behind {before:?}");
            let (common, rest) = text.split_once(' ').ok_or_else(wrong)?;
            let common = common.parse().ok().and_then(|bytes| before.get(..bytes));
            let name = format!("{}{rest}", common.ok_or_else(wrong)?);
            if !names.is_empty() && name.as_str() <= before {
                return Err(format!("{name:?} does not come behind {before:?}"));
            }
            names.push(name);
        }
        Ok(Self(names))
    }
}

/// The number of bytes that two names begin with in common, without a part of a character.
fn common(before: &str, name: &str) -> usize {
    let pairs = before.char_indices().zip(name.chars());
    let differs = pairs.filter(|((_, one), other)| one != other);
    let differs = differs.map(|((at, _), _)| at).next();
    differs.unwrap_or(before.len().min(name.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Names, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_stored_by_its_difference() {
        let names = Names::new(
            ["in/b", "in/a/é1", "in/a/è2", "in/a"]
                .map(str::to_owned)
                .into(),
        );
        let text = serde_json::to_string(&names).unwrap();
        assert_eq!(text, r#"["0 in/a","4 /è2","5 é1","3 b"]"#);
        assert_eq!(parse(&text), Ok(names));
    }

    #[test]
    fn what_is_no_list_of_names_is_an_error() {
        for text in [
            r#"["a"]"#,
            r#"["1 a"]"#,
            r#"["-1 a"]"#,
            r#"["0 é", "1 x"]"#,
            r#"["0 b", "0 a"]"#,
            r#"["0 b", "1 "]"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_names_are_read_as_they_were_written(names in prop::collection::vec("[ab/é 0-9\\n]{0,6}|\\PC{0,8}", 0..40)) {
            let names = Names::new(names);
            let text = serde_json::to_string(&names).unwrap();
            prop_assert_eq!(parse(&text), Ok(names));
        }
    }
}
