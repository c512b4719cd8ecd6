//! Files are divided as the table says, for events of a whole year.

use std::collections::BTreeSet;

use iceberg::spec::{Literal, PrimitiveLiteral};

use super::Table;
use super::contents::Row;

const DAYS: usize = 365;

/// Events of a year, of each day one, the last day first, and each third day one more of another type.
fn year() -> String {
    let event = |(n, kind): (usize, &str)| {
        // 2025-11-01
        let at = 1_761_955_200 + n * 86_400 + 3_600;
        format!(r#"{{"event_uuid":"{kind}-{n}","event_name":"{kind}:done","created_at":{at}}}"#)
            + "\n"
    };
    let days = (0..DAYS).rev();
    let events = days.flat_map(|n| {
        let other = n.is_multiple_of(3).then_some((n, "b"));
        [Some((n, "a")), other].into_iter().flatten()
    });
    events.map(event).collect()
}

/// What of an event decides about its file.
fn parts(row: &Row, by: &str) -> Vec<Option<Literal>> {
    let day = row
        .day_of("created_datetime")
        .map(|day| Literal::date(day.try_into().unwrap()));
    let value = row.text("event_type").map(Literal::string);
    let (by_day, by_value) = (by.contains("day("), by.ends_with("event_type"));
    [by_day.then_some(day), by_value.then_some(value)]
        .into_iter()
        .flatten()
        .collect()
}

/// Asserts that the rows of each file belong there, in the order of their types. Returns the number of different partitions
/// and of files.
fn divided(table: &Table, by: &str) -> (usize, usize) {
    let mut partitions = BTreeSet::new();
    let files = table.warehouse.files(&table.name);
    for file in &files {
        let rows = table.warehouse.rows_of(file);
        for row in &rows {
            assert_eq!(parts(row, by), file.partition, "{row:?}");
        }
        assert!(
            rows.is_sorted_by_key(|row| row.text("event_type")),
            "{}",
            file.key
        );
        partitions.insert(format!("{:?}", file.partition));
    }
    (partitions.len(), files.len())
}

#[test]
fn each_row_is_in_a_file_of_its_partition() {
    let mut table = Table::in_folder();
    table.land("events.ndjson", year(), &[]);
    let both = DAYS + DAYS.div_ceil(3);
    for (name, by, partitions) in [
        ("days", "day(created_datetime)", DAYS),
        ("types", "event_type", 2),
        ("both", "day(created_datetime),event_type", both),
        ("whole", "none", 1),
    ] {
        table = table.named(name);
        table.create(&["--partition", by]);
        assert_eq!(table.sync()["events"], both);
        table.has_the_lake();
        // All fits into memory, so a partition has one file.
        assert_eq!(divided(&table, by), (partitions, partitions), "{by}");
    }
}

/// The bounds of files say which of them a query needs.
#[test]
fn files_have_the_bounds_of_their_rows() {
    let table = Table::in_folder();
    table.create(&["--partition", "none"]);
    table.land("events.ndjson", year(), &[]);
    table.sync();
    let metadata = table.warehouse.metadata(&table.name);
    let id = metadata
        .current_schema()
        .field_id_by_name("created_datetime")
        .unwrap();
    let rows = table.rows();
    let days = rows
        .iter()
        .map(|row| row.day_of("created_datetime").unwrap());
    let (first, last) = (days.clone().min().unwrap(), days.max().unwrap());
    let files = table.warehouse.files(&table.name);
    assert_eq!(files.len(), 1);
    for file in files {
        let day = |bound: &PrimitiveLiteral| match bound {
            PrimitiveLiteral::Long(micros) => micros.div_euclid(86_400_000_000),
            other => panic!("{other:?}"),
        };
        let (lower, upper) = (day(&file.lower[&id]), day(&file.upper[&id]));
        assert_eq!((lower, upper), (first, last));
    }
}
