//! `--format parquet`: objects with columns, by the rules of all objects.

mod audit;
mod drift;
mod kill;
mod kill_requests;
mod landing;
mod pending;
mod schemas;
mod values;

use serde_json::Value;
use sluice_schema::is_same_event;

use crate::support::lake;
use crate::support::program::Place;

const PARQUET: [&str; 2] = ["--format", "parquet"];

/// A schema of the events of [`crate::local::event`], whose member `n` has this type.
fn schema(of_n: &str) -> String {
    format!(
        r#"{{"version": 1, "columns": [
            {{"name": "id", "path": ["event_uuid"], "type": "string"}},
            {{"name": "created_datetime", "type": "timestamp(1)"}},
            {{"name": "n", "type": "{of_n}"}}
        ]}}"#
    )
}

/// The keys of all objects of Parquet.
fn parquet_keys(place: &Place) -> Vec<String> {
    let keys = lake::tree(&place.lake()).into_keys();
    keys.filter(|key| key.ends_with(".parquet")).collect()
}

/// Asserts that the lake has these events, in any order and in whatever words.
fn has_events(place: &Place, expected: &[String]) {
    let id = |line: &str| -> String {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event_uuid"].as_str().unwrap().to_owned()
    };
    let sorted = |lines: Vec<String>| {
        let mut lines: Vec<_> = lines.into_iter().map(|line| (id(&line), line)).collect();
        lines.sort_unstable();
        lines
    };
    let found = sorted(lake::all_events(&place.lake()));
    let expected = sorted(expected.to_vec());
    assert_eq!(found.len(), expected.len());
    for ((_, found), (_, expected)) in found.iter().zip(&expected) {
        let is_same = is_same_event(found.as_bytes(), expected.as_bytes());
        assert!(is_same, "{found}\n{expected}");
    }
}
