//! Compares the results of two transforms for the same records.

pub mod fields;
pub mod record_result;

use std::collections::BTreeMap;

use serde::Serialize;

use self::fields::Difference;
use self::record_result::RecordResult;

/// How many fields are counted by name; a transform may produce any number of them.
const FIELDS_MAX: usize = 100;

/// The name under which differences in further fields are counted.
const OTHER: &str = "(other fields)";

/// Counts of the differences between an old and a new transform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Records that both transformed.
    pub records: u64,
    /// Records whose results are not the same, byte for byte.
    pub differ: u64,
    /// Results by kind of difference.
    pub results: ResultCounts,
    /// Records whose outcome changed, by change: `events to quarantined`.
    pub outcomes: BTreeMap<String, u64>,
    /// Results that differ in a field, by field.
    pub fields: BTreeMap<String, u64>,
}

/// Results by kind of difference. The first result of a record is compared with the first, and so on. A
/// record with another outcome counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResultCounts {
    /// The same, byte for byte.
    pub same: u64,
    /// In both, but different.
    pub changed: u64,
    /// Only in the new transform.
    pub added: u64,
    /// Only in the old transform.
    pub missing: u64,
    /// Events in one transform, a rejection or a drop in the other.
    pub outcome_changed: u64,
}

impl Comparison {
    /// Adds the results of one record and returns their differences.
    pub fn add(&mut self, old: &RecordResult, new: &RecordResult) -> Vec<Difference> {
        self.records += 1;
        let differences = if old.kind == new.kind {
            self.results(old, new)
        } else {
            vec![self.outcome(old, new)]
        };
        self.differ += u64::from(!differences.is_empty());
        differences
    }

    fn outcome(&mut self, old: &RecordResult, new: &RecordResult) -> Difference {
        self.results.outcome_changed += 1;
        let change = format!("{} to {}", old.kind, new.kind);
        *self.outcomes.entry(change).or_default() += 1;
        Difference {
            path: "outcome".to_owned(),
            old: old.lines.first().cloned(),
            new: new.lines.first().cloned(),
        }
    }

    fn results(&mut self, old: &RecordResult, new: &RecordResult) -> Vec<Difference> {
        let mut all = Vec::new();
        for index in 0..old.lines.len().max(new.lines.len()) {
            match (old.lines.get(index), new.lines.get(index)) {
                (Some(old), Some(new)) => all.extend(self.result(old, new)),
                (old, new) => {
                    let missing = new.is_none();
                    self.results.missing += u64::from(missing);
                    self.results.added += u64::from(!missing);
                    all.push(Difference {
                        path: format!("result {}", index + 1),
                        old: old.cloned(),
                        new: new.cloned(),
                    });
                }
            }
        }
        all
    }

    fn result(&mut self, old: &str, new: &str) -> Vec<Difference> {
        let found = fields::differences(old, new);
        if found.is_empty() {
            self.results.same += 1;
            return found;
        }
        self.results.changed += 1;
        let mut fields: Vec<_> = found.iter().map(Difference::field).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            let known = self.fields.len() < FIELDS_MAX || self.fields.contains_key(&field);
            let name = if known { field } else { OTHER.to_owned() };
            *self.fields.entry(name).or_default() += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::record_result::ResultKind;
    use super::*;

    fn result(kind: ResultKind, lines: &[&str]) -> RecordResult {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        RecordResult { kind, lines }
    }

    #[test]
    fn each_result_is_of_one_kind() {
        let events = |lines: &[&str]| result(ResultKind::Events, lines);
        let dropped = result(ResultKind::Dropped, &[r#"{"dropped":true}"#]);
        let mut comparison = Comparison::default();
        for (old, new) in [
            (events(&["1", "2"]), events(&["1", "2", "3"])),
            (events(&["1", "2"]), events(&["1"])),
            (events(&["1"]), dropped.clone()),
            (dropped.clone(), dropped),
            (events(&[r#"{"a":[1,2]}"#]), events(&[r#"{"a":[2,3]}"#])),
        ] {
            comparison.add(&old, &new);
        }
        let counts = &comparison.results;
        assert_eq!((counts.same, counts.changed), (4, 1));
        assert_eq!((counts.added, counts.missing), (1, 1));
        assert_eq!(counts.outcome_changed, 1);
        assert_eq!(comparison.outcomes["events to dropped"], 1);
        assert_eq!(comparison.fields["a[]"], 1, "a field counts once a result");
        assert_eq!((comparison.records, comparison.differ), (5, 4));
    }

    #[test]
    fn any_number_of_fields_is_counted_under_few_names() {
        let mut comparison = Comparison::default();
        for n in 0..1_000 {
            let old = result(ResultKind::Events, &[&format!(r#"{{"f{n}":1}}"#)]);
            comparison.add(&old, &result(ResultKind::Events, &["{}"]));
        }
        assert_eq!(comparison.fields.len(), FIELDS_MAX + 1);
        assert_eq!(comparison.fields[OTHER], 900);
    }
}
