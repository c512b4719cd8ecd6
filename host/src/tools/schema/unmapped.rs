//! Counts what goes to `_rest`, by path and reason.

use std::collections::HashMap;

use indicatif::HumanCount;
use serde_json::{Value, json};
use sluice_engine::sanitize::truncate_to;
use sluice_schema::{Reason, Unmapped};

use super::table::Table;

/// The most paths that are counted one by one.
const PATHS_MAX: usize = 10_000;

/// The length of an example, bytes.
const EXAMPLE_MAX_BYTES: usize = 60;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct UnmappedCounts {
    paths: HashMap<(String, Reason), Count>,
    /// Values at further paths.
    further: u64,
}

#[derive(Debug)]
struct Count {
    values: u64,
    example: String,
}

impl UnmappedCounts {
    pub(super) fn add(&mut self, unmapped: Vec<Unmapped<'_>>) {
        for Unmapped { path, reason, text } in unmapped {
            let key = (path.into_owned(), reason);
            if let Some(count) = self.paths.get_mut(&key) {
                count.values += 1;
                continue;
            }
            let start = text
                .get(..text.len().min(4 * EXAMPLE_MAX_BYTES))
                .unwrap_or_default();
            let example = truncate_to(
                String::from_utf8_lossy(start).into_owned(),
                EXAMPLE_MAX_BYTES,
            );
            self.insert(key, Count { values: 1, example });
        }
    }

    /// Adds values of one path and reason.
    pub(super) fn add_values(&mut self, path: &str, reason: Reason, values: u64, example: &str) {
        let example = example.to_owned();
        self.insert((path.to_owned(), reason), Count { values, example });
    }

    fn insert(&mut self, key: (String, Reason), count: Count) {
        if let Some(known) = self.paths.get_mut(&key) {
            known.values += count.values;
        } else if self.paths.len() < PATHS_MAX {
            self.paths.insert(key, count);
        } else {
            self.further += count.values;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.further += other.further;
        let mut paths: Vec<_> = other.paths.into_iter().collect();
        // In order, so that a bound has the same effect every time.
        paths.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (key, count) in paths {
            self.insert(key, count);
        }
    }

    /// Keeps the paths for which `keep` is true.
    pub(super) fn retain(&mut self, keep: impl Fn(&str, Reason) -> bool) {
        self.paths.retain(|(path, reason), _| keep(path, *reason));
    }

    /// Values that no column has.
    pub(super) fn values_in_no_column(&self) -> u64 {
        let lost = self
            .paths
            .iter()
            .filter(|((_, reason), _)| reason.is_in_no_column());
        self.further + lost.map(|(_, count)| count.values).sum::<u64>()
    }

    /// The counts, the largest first.
    fn sorted(&self) -> Vec<(&(String, Reason), &Count)> {
        let mut all: Vec<_> = self.paths.iter().collect();
        all.sort_by(|(a, one), (b, other)| other.values.cmp(&one.values).then_with(|| a.cmp(b)));
        all
    }

    /// A table for people; empty if there is nothing.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new(["path", "values", "reason", "example"]);
        for ((path, reason), count) in self.sorted() {
            let values = HumanCount(count.values).to_string();
            table.add([
                path.clone(),
                values,
                text(*reason).to_owned(),
                count.example.clone(),
            ]);
        }
        if self.further > 0 {
            let values = HumanCount(self.further).to_string();
            table.add([
                "(further paths)".to_owned(),
                values,
                String::new(),
                String::new(),
            ]);
        }
        if table.is_empty() {
            String::new()
        } else {
            table.to_string()
        }
    }

    pub(super) fn json(&self) -> Value {
        let paths = self.sorted().into_iter().map(|((path, reason), count)| {
            json!({
                "path": path,
                "reason": reason.name(),
                "values": count.values,
                "example": count.example,
            })
        });
        json!({"paths": paths.collect::<Vec<_>>(), "values_at_further_paths": self.further})
    }
}

fn text(reason: Reason) -> &'static str {
    match reason {
        Reason::NoColumn => "no column",
        Reason::Misfit => "not of the column's type",
        Reason::Repeated => "the name occurs twice",
        Reason::Null => "null",
        Reason::Notation => "in the column too, in another notation",
    }
}
