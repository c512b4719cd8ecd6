//! Violations of the table.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::check::Lake;
use super::super::parameters::WarehousePlace;
use super::super::table::SoakTable;
use super::{Delivered, PARQUET, USUAL};
use crate::support::lake;

/// A stream that was delivered, and the table of its lake.
struct Built {
    delivered: Delivered,
    table: SoakTable,
}

impl Built {
    fn new(delivered: Delivered, place: WarehousePlace) -> Self {
        let table = SoakTable::create(&delivered.cloud, place);
        table.sync(&delivered.cloud);
        Self { delivered, table }
    }

    /// A table in a folder, whose files a test can change.
    fn usual() -> Self {
        Self::new(Delivered::new(USUAL), WarehousePlace::Folder)
    }

    fn passes(&self, check: impl FnOnce(&Lake<'_>)) -> bool {
        let Delivered {
            cloud,
            account,
            releases,
            ..
        } = &self.delivered;
        let lake = Lake::read(cloud, account, releases);
        catch_unwind(AssertUnwindSafe(|| check(&lake))).is_ok()
    }

    /// Whether the checks of a soak pass.
    fn is_whole(&self) -> bool {
        let cloud = &self.delivered.cloud;
        self.passes(|lake| drop(self.table.check(cloud, lake)))
    }

    /// Which of the checks pass: that of the rows, and the audit.
    fn verdicts(&self) -> [bool; 2] {
        let cloud = &self.delivered.cloud;
        let status = json!({ "removable_files": [] });
        let rows = self.passes(|lake| self.table.check_rows(lake, &status));
        let audit = self.passes(|lake| self.table.audit(cloud, lake.events, "proven", &[]));
        [rows, audit]
    }

    /// The watermark of the table, which is the only one.
    fn watermark(&self) -> PathBuf {
        let documents = lake::tree(&self.table.folder).into_keys();
        let watermarks = documents.filter(|key| key.contains("/watermarks/"));
        let watermarks: Vec<_> = watermarks.filter(|key| key.ends_with(".json")).collect();
        assert_eq!(watermarks.len(), 1, "{watermarks:?}");
        self.table.folder.join(&watermarks[0])
    }

    /// The paths of two data files.
    fn two_files(&self) -> [PathBuf; 2] {
        let files = self.table.files();
        [0, 1].map(|index| self.table.folder.join(&files[index]))
    }
}

#[test]
fn a_complete_table_passes() {
    for parameters in [USUAL, PARQUET] {
        for place in [WarehousePlace::Folder, WarehousePlace::Bucket] {
            let built = Built::new(Delivered::new(parameters), place);
            let cloud = &built.delivered.cloud;
            assert!(built.is_whole(), "{parameters:?}: {place:?}");
            assert!(built.table.evolve(cloud, 5));
            built.table.end_leases(cloud);
            built.table.sync(cloud);
            assert!(built.is_whole(), "{parameters:?}: {place:?}");
        }
    }
}

/// The watermark is moved back, so that the events of a shard come again.
#[test]
fn events_that_come_twice_are_noticed() {
    let built = Built::usual();
    let watermark = built.watermark();
    let text = fs::read(&watermark).unwrap();
    let mut changed: Value = serde_json::from_slice(&text).unwrap();
    let shards = changed["shards"].as_object_mut().unwrap();
    let first = shards.keys().next().unwrap().clone();
    shards.remove(&first);
    changed["ledgers"] = json!({});
    fs::write(&watermark, changed.to_string()).unwrap();
    built.table.sync(&built.delivered.cloud);
    assert_eq!(built.verdicts(), [false, false]);
    assert!(!built.is_whole());
}

#[test]
fn events_that_are_not_in_the_table_are_noticed() {
    let delivered = Delivered::new(USUAL);
    let table = SoakTable::create(&delivered.cloud, WarehousePlace::Folder);
    let built = Built { delivered, table };
    assert_eq!(built.verdicts(), [false, false]);
    assert!(!built.is_whole());
}

#[test]
fn a_file_that_is_gone_or_another_one_is_noticed() {
    let built = Built::usual();
    let [file, other] = built.two_files();
    let content = fs::read(&file).unwrap();
    fs::copy(&other, &file).unwrap();
    assert_eq!(built.verdicts(), [false, false]);
    fs::remove_file(&file).unwrap();
    assert_eq!(built.verdicts(), [false, false]);
    assert!(!built.is_whole());
    fs::write(&file, content).unwrap();
    assert_eq!(built.verdicts(), [true, true]);
}

/// What is listed for removal is removed by people: a file of the table must never be.
#[test]
fn a_file_of_the_table_that_is_listed_for_removal_is_noticed() {
    let built = Built::usual();
    let files = built.table.files();
    let status = json!({ "removable_files": [files[0]] });
    assert!(!built.passes(|lake| built.table.check_rows(lake, &status)));
}
