//! Compares lines with the expected ones: which are missing, extra, changed, moved or repeated.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// One difference from the expected lines. Indexes are from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// An expected line is missing.
    Missing {
        /// The expected line.
        expected: usize,
    },
    /// A line that is not expected anywhere.
    Extra {
        /// The line.
        line: usize,
    },
    /// A line that is not expected anywhere is in the place of an expected one.
    Changed {
        /// The expected line.
        expected: usize,
        /// The line in its place.
        line: usize,
    },
    /// An expected line is out of order.
    Moved {
        /// The expected line.
        expected: usize,
        /// Its place.
        line: usize,
    },
    /// An expected line is repeated.
    Repeated {
        /// The expected line.
        expected: usize,
        /// The place of the repetition.
        line: usize,
    },
}

impl Difference {
    /// The expected line that it is about.
    #[must_use]
    pub(super) fn expected(self) -> Option<usize> {
        match self {
            Self::Extra { .. } => None,
            Self::Missing { expected }
            | Self::Changed { expected, .. }
            | Self::Moved { expected, .. }
            | Self::Repeated { expected, .. } => Some(expected),
        }
    }
}

/// Compares lines. Equal lines count as the same line.
#[must_use]
pub(super) fn differences<T: AsRef<[u8]>>(expected: &[T], found: &[T]) -> Vec<Difference> {
    let same = |(a, b): &(&T, &T)| a.as_ref() == b.as_ref();
    let head = expected.iter().zip(found).take_while(same).count();
    let (expected_rest, found_rest) = (&expected[head..], &found[head..]);
    let backwards = expected_rest.iter().rev().zip(found_rest.iter().rev());
    let tail = backwards.take_while(same).count();
    let mut middle = Middle::new(
        &expected_rest[..expected_rest.len() - tail],
        &found_rest[..found_rest.len() - tail],
    );
    middle.tell_repeated(expected, head);
    middle.differences(head)
}

/// The lines between a common beginning and a common end.
struct Middle<'a> {
    found: Vec<&'a [u8]>,
    /// Expected and found lines that are equal, in the order of the found ones.
    pairs: Vec<(usize, usize)>,
    missing: Vec<usize>,
    strays: Vec<usize>,
    repeated: Vec<Difference>,
}

impl<'a> Middle<'a> {
    fn new<T: AsRef<[u8]>>(expected: &'a [T], found: &'a [T]) -> Self {
        let mut waiting: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
        for (index, line) in expected.iter().enumerate() {
            waiting.entry(line.as_ref()).or_default().push_back(index);
        }
        let (mut pairs, mut strays) = (Vec::new(), Vec::new());
        for (line, text) in found.iter().enumerate() {
            match waiting.get_mut(text.as_ref()).and_then(VecDeque::pop_front) {
                Some(expected) => pairs.push((expected, line)),
                None => strays.push(line),
            }
        }
        let mut missing: Vec<_> = waiting.into_values().flatten().collect();
        missing.sort_unstable();
        Self {
            found: found.iter().map(AsRef::as_ref).collect(),
            pairs,
            missing,
            strays,
            repeated: Vec::new(),
        }
    }

    /// Moves extra lines that repeat an expected line to `repeated`. `all` are the expected lines,
    /// with the `head` before the middle.
    fn tell_repeated<T: AsRef<[u8]>>(&mut self, all: &[T], head: usize) {
        if self.strays.is_empty() {
            return;
        }
        let mut known = HashMap::new();
        for (index, line) in all.iter().enumerate() {
            known.entry(line.as_ref()).or_insert(index);
        }
        let (found, repeated) = (&self.found, &mut self.repeated);
        self.strays.retain(|line| match known.get(found[*line]) {
            Some(expected) => {
                let (expected, line) = (*expected, line + head);
                repeated.push(Difference::Repeated { expected, line });
                false
            }
            None => true,
        });
    }

    fn differences(self, head: usize) -> Vec<Difference> {
        let in_order = longest_increasing(&self.pairs);
        let moved = self.pairs.iter().zip(&in_order);
        let mut all: Vec<_> = moved
            .filter(|(_, in_order)| !**in_order)
            .map(|((expected, line), _)| Difference::Moved {
                expected: expected + head,
                line: line + head,
            })
            .collect();
        let kept = self.pairs.iter().zip(&in_order);
        let anchors: Vec<_> = kept
            .filter(|(_, in_order)| **in_order)
            .map(|(pair, _)| *pair)
            .collect();
        all.extend(between(&anchors, &self.missing, &self.strays, head));
        all.extend(self.repeated);
        all.sort_by_key(|difference| match difference {
            Difference::Missing { expected } => *expected,
            Difference::Extra { line }
            | Difference::Changed { line, .. }
            | Difference::Moved { line, .. }
            | Difference::Repeated { line, .. } => *line,
        });
        all
    }
}

/// Counts a missing and an extra line between the same two lines in order as one changed line.
fn between(
    anchors: &[(usize, usize)],
    missing: &[usize],
    strays: &[usize],
    head: usize,
) -> Vec<Difference> {
    let mut gaps: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for expected in missing {
        let gap = anchors.partition_point(|anchor| anchor.0 < *expected);
        gaps.entry(gap).or_default().0.push(expected + head);
    }
    for line in strays {
        let gap = anchors.partition_point(|anchor| anchor.1 < *line);
        gaps.entry(gap).or_default().1.push(line + head);
    }
    let mut all = Vec::new();
    for (missing, strays) in gaps.into_values() {
        let changed = missing.len().min(strays.len());
        let pairs = missing.iter().zip(&strays);
        all.extend(pairs.map(|(expected, line)| Difference::Changed {
            expected: *expected,
            line: *line,
        }));
        let missing = missing[changed..].iter();
        all.extend(missing.map(|expected| Difference::Missing {
            expected: *expected,
        }));
        let extra = strays[changed..].iter();
        all.extend(extra.map(|line| Difference::Extra { line: *line }));
    }
    all
}

/// Marks the pairs of a longest increasing subsequence by their first values. For each length, the
/// sequence with the lowest end is kept.
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<bool> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; pairs.len()];
    for (index, (value, _)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].0 < *value);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut chosen = vec![false; pairs.len()];
    let mut next = ends.last().copied();
    while let Some(index) = next {
        chosen[index] = true;
        next = before[index];
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Difference::{Changed, Extra, Missing, Moved, Repeated};
    use super::*;

    fn compare(expected: &str, found: &str) -> Vec<Difference> {
        let lines = |text: &str| text.chars().map(|c| vec![c as u8]).collect::<Vec<_>>();
        differences(&lines(expected), &lines(found))
    }

    #[test]
    fn equal_lines_do_not_differ() {
        assert_eq!(compare("", ""), []);
        assert_eq!(compare("abcabc", "abcabc"), []);
    }

    #[test]
    fn a_line_can_be_missing_extra_changed_or_repeated() {
        assert_eq!(compare("abcd", "abd"), [Missing { expected: 2 }]);
        assert_eq!(compare("abcd", "abxcd"), [Extra { line: 2 }]);
        let changed = Changed {
            expected: 2,
            line: 2,
        };
        assert_eq!(compare("abcd", "abxd"), [changed]);
        let again = |expected, line| Repeated { expected, line };
        assert_eq!(compare("abcd", "abbcd"), [again(1, 2)]);
        assert_eq!(compare("abcd", "abcda"), [again(0, 4)]);
    }

    #[test]
    fn of_two_swapped_lines_one_has_moved() {
        let all = compare("abcdef", "abedcf");
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|one| matches!(one, Moved { .. })), "{all:?}");
        assert!(matches!(compare("abc", "bac")[..], [Moved { .. }]));
    }

    #[test]
    fn several_differences_are_listed_one_by_one() {
        assert_eq!(
            compare("abcdefgh", "bxcdfhgz"),
            [
                Missing { expected: 0 },
                Extra { line: 1 },
                Missing { expected: 4 },
                Moved {
                    expected: 7,
                    line: 5
                },
                Extra { line: 7 },
            ]
        );
    }

    #[test]
    fn all_lines_can_be_missing_or_extra() {
        assert_eq!(
            compare("ab", ""),
            [Missing { expected: 0 }, Missing { expected: 1 }]
        );
        assert_eq!(compare("", "ab"), [Extra { line: 0 }, Extra { line: 1 }]);
    }

    proptest! {
        /// Applying the differences to the expected lines gives the found lines.
        #[test]
        fn differences_account_for_every_line(expected in "[a-f]{0,12}", found in "[a-h]{0,12}") {
            let all = compare(&expected, &found);
            prop_assert_eq!(all.is_empty(), expected == found);
            let mut lines: Vec<Option<char>> = expected.chars().map(Some).collect();
            let mut added = Vec::new();
            for one in &all {
                match *one {
                    Missing { expected } | Moved { expected, .. } | Changed { expected, .. } => {
                        lines[expected] = None;
                    }
                    Extra { .. } | Repeated { .. } => {}
                }
                match *one {
                    Missing { .. } => {}
                    Extra { line }
                    | Repeated { line, .. }
                    | Moved { line, .. }
                    | Changed { line, .. } => added.push(line),
                }
            }
            let found: Vec<char> = found.chars().collect();
            added.sort_unstable();
            let mut rebuilt: Vec<char> = lines.into_iter().flatten().collect();
            for line in added {
                rebuilt.insert(line, found[line]);
            }
            prop_assert_eq!(rebuilt, found);
        }
    }
}
