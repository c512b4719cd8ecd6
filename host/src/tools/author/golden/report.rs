//! The differences between results, for people.

use sluice_release::compare::fields;
use sluice_release::compare::fields::Difference;

use crate::tools::author::shown;

/// How many differences are shown; the rest is counted.
const SHOWN: usize = 20;

/// The differences between the expected and the found results, for people. `unit` is what a result is called: a line of
/// a file, or a result of a record.
pub(super) fn differences(unit: &str, expected: &str, results: &[String]) -> String {
    let expected: Vec<_> = expected.lines().collect();
    let mut report = String::new();
    let mut left_out = 0;
    let mut shown = 0;
    for index in 0..expected.len().max(results.len()) {
        let pair = (expected.get(index), results.get(index));
        let found = match pair {
            (Some(expected), Some(result)) if outcome(expected) == outcome(result) => {
                fields::differences(expected, result)
            }
            (expected, result) => vec![Difference {
                path: "the whole line".to_owned(),
                old: expected.map(|line| (*line).to_owned()),
                new: result.cloned(),
            }],
        };
        for difference in found {
            if shown < SHOWN {
                report += &describe(unit, index + 1, &difference);
                shown += 1;
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        report += &format!("    and {left_out} more\n");
    }
    report
}

/// The first name in a result's line: `event`, `quarantined` or `dropped`. Fields are compared only between
/// lines with the same one.
fn outcome(line: &str) -> Option<&str> {
    line.split('"').nth(1)
}

fn describe(unit: &str, number: usize, difference: &Difference) -> String {
    let Difference { path, old, new } = difference;
    let path = if path.is_empty() {
        "the whole line"
    } else {
        path
    };
    format!(
        "    {unit} {number}: {path}\n        expected {}\n        got      {}\n",
        shown(old.as_deref()),
        shown(new.as_deref())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_differences_are_truncated_and_counted() {
        let results: Vec<_> = (0..SHOWN + 3).map(|n| n.to_string()).collect();
        let report = differences("line", "", &results);
        assert!(
            report.contains("line 20:") && !report.contains("line 21:"),
            "{report}"
        );
        assert!(report.ends_with("and 3 more\n"), "{report}");
        assert!(report.contains("expected nothing"), "{report}");
    }
}
