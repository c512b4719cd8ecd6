//! The HTTP pages of `sluice table sync --follow`.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::local::events;
use crate::metrics::watched::{Watched, get, metrics, says, status};
use crate::support::cloud::signal;
use crate::support::program::Place;

/// A builder that looks for chunks often.
pub(crate) fn follow(place: &Place, more: &[&str]) -> Command {
    let args = ["table", "sync", "--lake", "file:lake", "--follow"];
    let often = ["--interval", "20ms"];
    place.command(&[&args[..], &often, more].concat())
}

/// Lands events in chunks of ten, from a file of their own.
fn land(place: &Place, range: std::ops::Range<usize>) {
    let name = format!("{}.ndjson", range.start);
    place.write(&name, events(range));
    let source = format!("file:{name}");
    place.land(&["--source", &source, "--chunk-records", "10"]);
}

/// A lake with events, and a table without.
pub(crate) fn created(events: usize) -> Place {
    let place = Place::new();
    land(&place, 0..events);
    let create = ["table", "create", "--lake", "file:lake"];
    place.run(&create).succeeded();
    place
}

fn count(address: SocketAddr, name: &str) -> u64 {
    metrics(address).count(name, &[])
}

/// The data files of all tables of the warehouse.
fn files(place: &Place) -> Vec<u64> {
    let tree = crate::support::lake::tree(&place.path("lake.warehouse"));
    let files = tree.into_iter();
    let files = files.filter(|(path, _)| path.ends_with(".parquet"));
    files.map(|(_, bytes)| bytes.len() as u64).collect()
}

#[test]
fn commits_are_counted_and_described() {
    let place = created(100);
    let mut watched = Watched::start(&mut follow(&place, &["--max-age", "0s"]));
    watched.until(|address| count(address, "sluice_table_events_total") == 100);
    watched.until(|address| says(address, "/readyz", 200, "ok"));
    land(&place, 100..130);
    watched.until(|address| count(address, "sluice_table_events_total") == 130);
    // The round after the last commit has read the table.
    let is_read = |address| {
        let found = metrics(address);
        let at =
            |name: &str| found.find(&format!("sluice_table_last_{name}_timestamp_seconds"), &[]);
        at("read") > at("commit")
    };
    watched.until(is_read);

    let (found, page) = (metrics(watched.address), status(watched.address));
    let files = files(&place);
    let totals = |key: &str| page["totals"][key].as_u64().unwrap();
    for (key, name, expected) in [
        ("commits", "sluice_table_commits_total", None),
        ("events", "sluice_table_events_total", Some(130)),
        ("duplicates", "sluice_table_duplicates_total", Some(0)),
        (
            "files",
            "sluice_table_files_total",
            Some(files.len() as u64),
        ),
        (
            "file_bytes",
            "sluice_table_file_bytes_total",
            Some(files.iter().sum()),
        ),
        ("void_attempts", "sluice_table_void_attempts_total", Some(0)),
        ("failures", "sluice_table_failures_total", Some(0)),
        // Each event has `n`, which the default schema has not.
        (
            "unmapped_values",
            "sluice_table_unmapped_values_total",
            Some(130),
        ),
    ] {
        let count = found.count(name, &[]);
        assert_eq!(totals(key), count, "{key}");
        assert!(
            expected.is_none_or(|expected| expected == count),
            "{key}: {count}"
        );
    }
    assert!(totals("commits") >= 2);
    for name in ["waiting_events", "waiting_chunks", "oldest_waiting_seconds"] {
        assert_eq!(
            found.count(&format!("sluice_table_{name}"), &[]),
            0,
            "{name}"
        );
    }
    assert_eq!(found.count("sluice_table_shards", &[]), 2);
    let at = |name| found.find(name, &[]).unwrap();
    let committed = at("sluice_table_last_commit_timestamp_seconds");
    assert!(committed > 1.7e9 && committed <= at("sluice_table_last_read_timestamp_seconds"));

    assert_eq!(page["table"], "sluice.events");
    assert_eq!(
        (&page["ready"], &page["last_error"]),
        (&true.into(), &Value::Null)
    );
    let watermark = &page["watermark"];
    assert_eq!(
        (&watermark["events"], &watermark["chunks"]),
        (&130.into(), &2.into())
    );
    assert_eq!(watermark["shards"], 2);
    assert_eq!(watermark["unmapped"]["n"], 130);
    assert!(watermark["snapshot"].is_string() && watermark["committed_at"].is_string());
    assert_eq!(page["waiting"]["events"], 0);
    assert_eq!(page["waiting"]["since"], Value::Null);
    assert!(says(watched.address, "/livez", 200, "ok"));
    assert_eq!(get(watched.address, "/other").status, 404);
    signal(&watched.run.0, "TERM");
    watched.end().succeeded();
}

#[test]
fn what_waits_is_counted_and_gets_older() {
    let place = created(40);
    let mut watched = Watched::start(&mut follow(&place, &["--max-age", "1h"]));
    watched.until(|address| status(address)["last_round"]["outcome"] == "waiting");
    let (found, page) = (metrics(watched.address), status(watched.address));
    assert_eq!(found.count("sluice_table_waiting_events", &[]), 40);
    assert_eq!(found.count("sluice_table_waiting_chunks", &[]), 1);
    assert_eq!(
        (&page["waiting"]["events"], &page["waiting"]["chunks"]),
        (&40.into(), &1.into())
    );
    assert!(page["waiting"]["since"].is_string());
    assert_eq!(page["watermark"]["snapshot"], Value::Null);
    assert_eq!(
        found.find("sluice_table_last_commit_timestamp_seconds", &[]),
        None
    );
    let age = |address| {
        let age = metrics(address).find("sluice_table_oldest_waiting_seconds", &[]);
        age.unwrap()
    };
    let first = age(watched.address);
    watched.until(|address| age(address) > first);
    assert_eq!(count(watched.address, "sluice_table_commits_total"), 0);
}

#[test]
fn a_builder_that_fails_is_not_ready_and_says_why() {
    let place = created(10);
    let (lake, away) = (place.path("lake"), place.path("away"));
    let mut watched = Watched::start(&mut follow(&place, &["--max-age", "1h"]));
    watched.until(|address| says(address, "/readyz", 200, "ok"));
    let ledgers = lake.join("_sluice");
    std::fs::rename(&ledgers, &away).unwrap();
    // A file where a folder is expected.
    std::fs::write(&ledgers, "").unwrap();
    watched.until(|address| get(address, "/readyz").status == 503);
    let page = status(watched.address);
    let reason = page["reason"].as_str().unwrap();
    assert!(!reason.is_empty(), "{page}");
    assert_eq!(page["last_error"]["error"], reason);
    assert!(count(watched.address, "sluice_table_failures_total") > 0);
    // It is still live, and goes on by itself.
    assert_eq!(get(watched.address, "/livez").status, 200);
    std::fs::remove_file(&ledgers).unwrap();
    std::fs::rename(&away, &ledgers).unwrap();
    watched.until(|address| says(address, "/readyz", 200, "ok"));
    assert!(status(watched.address)["last_error"]["error"].is_string());
    signal(&watched.run.0, "TERM");
    let ran = watched.end().succeeded();
    assert!(ran.stderr.contains("table_stopped"), "{ran:?}");
}
