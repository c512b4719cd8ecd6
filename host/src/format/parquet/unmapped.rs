//! The values that no column has, counted by where they are in events.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sluice_schema::Unmapped;

/// The number of paths that are counted one by one: a producer can make up any number of names.
const PATHS_MAX: usize = 1_000;

/// What all other paths are counted as. No path of a value ends with a point.
const OTHERS: &str = "others…";

/// The longest path that is kept, bytes. Longer ones are cut.
const PATH_MAX_BYTES: usize = 256;

/// The number of values that no column has, by their paths. Items of arrays share a path, and so do values of maps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnmappedValues {
    paths: BTreeMap<String, u64>,
}

/// Counts the values of one object, or of a part of a file.
#[derive(Default)]
pub(crate) struct UnmappedCounter {
    counts: Vec<(Box<str>, u64)>,
    /// The positions in `counts` by path.
    index: HashMap<Box<str>, usize>,
    others: u64,
    /// Where the next path is, if this event is as the one before.
    next: usize,
}

impl UnmappedCounter {
    /// Adds the values of an event, if queries miss them: one that a column has too, in another notation, and `null` are
    /// not counted.
    pub(crate) fn add(&mut self, values: &[Unmapped<'_>]) {
        self.next = 0;
        for value in values.iter().filter(|value| value.reason.is_in_no_column()) {
            self.add_path(cut(&value.path));
        }
    }

    /// Adds an event that is no object, and so all in `_rest`.
    pub(crate) fn add_event(&mut self) {
        self.add_path("$");
    }

    fn add_path(&mut self, path: &str) {
        let expected = self.counts.get(self.next);
        let known = match expected {
            Some((expected, _)) if **expected == *path => Some(self.next),
            _ => self.index.get(path).copied(),
        };
        let position = match known {
            Some(position) => position,
            None if self.counts.len() < PATHS_MAX => {
                self.index.insert(path.into(), self.counts.len());
                self.counts.push((path.into(), 0));
                self.counts.len() - 1
            }
            None => {
                self.others += 1;
                return;
            }
        };
        if let Some((_, count)) = self.counts.get_mut(position) {
            *count += 1;
        }
        self.next = position + 1;
    }

    pub(crate) fn finish(self) -> UnmappedValues {
        let mut values = UnmappedValues::default();
        for (path, count) in self.counts {
            values.add_at(&path, count);
        }
        if self.others > 0 {
            values.add_at(OTHERS, self.others);
        }
        values
    }
}

impl UnmappedValues {
    fn add_at(&mut self, path: &str, values: u64) {
        if let Some(count) = self.paths.get_mut(path) {
            *count += values;
            return;
        }
        let path = if self.paths.len() < PATHS_MAX {
            path
        } else {
            OTHERS
        };
        *self.paths.entry(path.to_owned()).or_default() += values;
    }

    /// Adds other values.
    pub fn absorb(&mut self, others: &Self) {
        for (path, values) in &others.paths {
            self.add_at(path, *values);
        }
    }

    /// The number of all of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.paths.values().sum()
    }

    /// The numbers by path, of up to a thousand paths and of all others together.
    #[must_use]
    pub fn by_path(&self) -> &BTreeMap<String, u64> {
        &self.paths
    }
}

/// The beginning of a long path.
pub(super) fn cut(path: &str) -> &str {
    let end = path.floor_char_boundary(PATH_MAX_BYTES);
    path.get(..end).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use sluice_schema::Reason;

    use super::*;

    fn values(paths: impl Iterator<Item = String>, reason: Reason) -> UnmappedValues {
        let mut counter = UnmappedCounter::default();
        for path in paths {
            let (path, text) = (path.into(), b"1");
            counter.add(&[Unmapped { path, reason, text }]);
        }
        counter.finish()
    }

    #[test]
    fn paths_without_end_are_counted_under_few_names() {
        let many = |range: std::ops::Range<u32>| {
            values(range.map(|number| format!("a{number}")), Reason::NoColumn)
        };
        let mut all = many(0..1_500);
        assert_eq!(all.by_path().len(), PATHS_MAX + 1);
        assert_eq!(all.by_path()[OTHERS], 500);
        all.absorb(&many(999..2_000));
        assert_eq!(all.total(), 2_501);
        assert_eq!(all.by_path()["a999"], 2);
        assert_eq!(all.by_path().len(), PATHS_MAX + 1);
    }

    #[test]
    fn values_that_queries_see_are_not_counted() {
        for reason in Reason::ALL {
            let found = values(["a".to_owned()].into_iter(), reason);
            let is_seen = matches!(reason, Reason::Null | Reason::Notation);
            assert_eq!(found.total(), u64::from(!is_seen), "{}", reason.name());
        }
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let path = format!("a{}", "é".repeat(1_000));
        let found = values([path].into_iter(), Reason::Misfit);
        let (path, count) = found.by_path().first_key_value().unwrap();
        assert_eq!((path.len(), *count), (255, 1));
    }
}
