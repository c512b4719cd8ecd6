//! The rows of the table, read with other code than the program's: each is an event of the lake as the rules make it.

use serde_json::{Map, Value};

use super::account::shard_number;
use super::check::Lake;
use super::records::{line_of_redriven, number_and_place};
use super::redrives::is_redrive;
use super::table::SoakTable;
use crate::table::contents::{Catalog, Row, Warehouse};

/// The name of the table.
const EVENTS: &str = "events";

impl SoakTable {
    /// The files of the table, which tests read and damage.
    pub(super) fn warehouse(&self) -> Warehouse {
        let uri = match self.uri.strip_prefix("file:") {
            Some(path) => format!("file://{path}"),
            None => self.uri.clone(),
        };
        Warehouse {
            catalog: Catalog::Sqlite(self.catalog.clone()),
            root: format!("{uri}/"),
            folder: self.folder.clone(),
        }
    }

    /// The keys of the files of the table.
    pub(super) fn files(&self) -> Vec<String> {
        let files = self.warehouse().files(EVENTS).into_iter();
        files.map(|file| file.key).collect()
    }

    /// Checks that the rows are the events of the lake, each once, and that no file of the table is listed for removal.
    pub(super) fn check_rows(&self, lake: &Lake<'_>, status: &Value) {
        let (warehouse, mut rows) = (self.warehouse(), 0);
        let removable = status["removable_files"].as_array().unwrap();
        let mut in_table = vec![false; lake.account.sent.len()];
        for file in warehouse.files(EVENTS) {
            let is_listed = removable.iter().any(|key| *key == file.key);
            assert!(!is_listed, "{} is listed for removal", file.key);
            for row in warehouse.rows_of(&file) {
                let index = index_of(&row, lake);
                let is_second = std::mem::replace(&mut in_table[index], true);
                assert!(!is_second, "twice in the table: {row:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, lake.events, "events are not in the table");
    }
}

/// The index of the record whose event is in a row.
fn index_of(row: &Row, lake: &Lake<'_>) -> usize {
    let found = row.text("event_uuid").and_then(number_and_place);
    let (number, place) = found.unwrap_or_else(|| panic!("no event of ours: {row:?}"));
    let index = lake.account.index(number, place);
    let index = index.unwrap_or_else(|| panic!("nobody put {number}-{place}"));
    assert!(lake.has_event(index), "not in the lake: {row:?}");
    let line = line_of_redriven(&lake.account.recipe.record(number, place)).unwrap();
    let event: Map<String, Value> = serde_json::from_slice(&line).unwrap();
    assert!(row.is_of(&event), "{row:?} has other values");
    if !is_redrive(&row.origin.0) {
        let shard = shard_number(&row.origin.0);
        assert_eq!(shard, lake.account.put(number).shard, "{row:?}");
    }
    index
}
