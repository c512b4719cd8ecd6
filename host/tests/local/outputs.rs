//! Outputs: objects, messages, quarantine, the summary.

use std::collections::BTreeMap;

use crate::local::{all_enriched, event, events};
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn without_a_bus_the_lake_is_the_same() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    place.land(&[]);
    let summary = place.land(&["--lake", "file:quiet", "--bus", "none"]);
    assert_eq!(summary.counts(["messages", "messages_unsent"]), [0, 30]);
    let without_manifests = |lake: &str| {
        let mut tree = lake::tree(&place.path(lake));
        tree.retain(|path, _| !path.starts_with("_sluice/chunks/"));
        tree
    };
    assert!(without_manifests("quiet") == without_manifests("lake"));
}

#[test]
fn every_compression_holds_the_same_content() {
    let mut contents = Vec::new();
    for (compression, extension) in [
        ("none", "ndjson"),
        ("gzip", "ndjson.gz"),
        ("zstd", "ndjson.zst"),
    ] {
        let place = Place::new();
        place.write("events.ndjson", events(0..300) + "bad\n");
        place.land(&["--compression", compression, "--source-name", "events"]);
        let objects = lake::objects(&place.lake());
        assert_eq!(objects.len(), 4);
        for path in objects.keys() {
            assert!(place.lake().join(format!("{path}.{extension}")).exists());
        }
        contents.push(objects);
    }
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[0], contents[2]);
}

#[test]
fn a_compression_level_does_not_change_the_content() {
    let place = Place::new();
    place.write("events.ndjson", events(0..300));
    place.land(&[]);
    place.land(&["--lake", "file:small", "--compression-level", "19"]);
    assert_eq!(
        lake::objects(&place.path("small")),
        lake::objects(&place.lake())
    );
}

#[test]
fn events_keep_the_order_of_their_records() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3_000));
    place.land(&["--chunk-records", "1000"]);
    let numbers = |line: &String| -> u64 {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["n"].as_u64().unwrap()
    };
    for lines in lake::events(&place.lake()).values() {
        assert!(lines.is_sorted_by_key(numbers));
    }
    let offsets: Vec<_> = lake::messages(&place.bus())
        .iter()
        .map(lake::Message::offset)
        .collect();
    assert!(offsets.is_sorted());
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3_000));
}

#[test]
fn a_message_names_its_record_and_holds_the_event_of_the_lake() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30));
    let summary = place.land(&[]);
    let messages = lake::messages(&place.bus());
    let mut bodies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut offset = 0;
    for (n, message) in messages.iter().enumerate() {
        assert!(message.rid.starts_with("events.ndjson-"), "{message:?}");
        assert_eq!(message.offset(), offset);
        assert_eq!(message.release, summary.release());
        assert_eq!(message.event, 0);
        let bodies = bodies.entry(message.partition.clone()).or_default();
        bodies.push(message.body.get().to_owned());
        offset += event(n).len() as u64 + 1;
    }
    assert_eq!(bodies, lake::events(&place.lake()));
}

#[test]
fn quarantine_keeps_the_exact_bytes() {
    let lines: [&[u8]; 6] = [
        b"not json",
        b"{\"event_uuid\":\"\\u0000\"}",
        b"\xff\xfe\x00{}",
        b"  [1] \t",
        b"{\"caf\xc3\":1}",
        "\u{feff}{\"é\":\"\u{7f}\u{2028}\"}".as_bytes(),
    ];
    let place = Place::new();
    place.write(
        "events.ndjson",
        [lines.join(&b'\n'), b"\n".to_vec()].concat(),
    );
    let summary = place.land(&[]);
    assert_eq!(summary.counts(["records", "quarantined"]), [6, 6]);
    let mut quarantined = lake::quarantine(&place.lake());
    quarantined.sort_by_key(|q| q.sequence_number.parse::<u64>().unwrap());
    let mut offset = 0;
    for (record, line) in quarantined.iter().zip(lines) {
        assert_eq!(record.bytes(), line);
        assert_eq!(record.sequence_number, offset.to_string());
        assert_eq!(record.release, summary.release());
        assert!(!record.message.is_empty());
        offset += line.len() + 1;
    }
}

/// A file in which each record has one of three outcomes.
fn commands() -> String {
    let commands = [
        "one",
        "many_events 3",
        "drop",
        "reject x",
        "trap",
        "bus_only",
        "lake_only",
        "drop",
    ];
    commands.map(|command| format!("{command}\n")).concat()
}

#[test]
fn counts_add_up() {
    let place = Place::new();
    place.write("events.ndjson", commands());
    place.write("rogue.wasm", &rogue().by_batch);
    let summary = place.land(&["--transform", "rogue.wasm"]);
    let [records, events, quarantined, dropped] =
        summary.counts(["records", "events", "quarantined", "dropped"]);
    assert_eq!([records, events, quarantined, dropped], [8, 6, 2, 2]);
    let messages = lake::messages(&place.bus());
    let mut with_events: Vec<_> = messages.iter().map(|m| m.rid.as_str()).collect();
    with_events.dedup();
    // One record goes to the lake only.
    assert_eq!(
        records,
        with_events.len() as u64 + 1 + quarantined + dropped
    );
    assert_eq!(messages.len() as u64, summary.count("messages"));
    let lines: usize = lake::events(&place.lake()).values().map(Vec::len).sum();
    assert_eq!(lines, 5);
    assert_eq!(summary.count("bytes_in"), commands().len() as u64 - records);
    assert_eq!(
        summary.counts(["objects", "quarantine_objects", "chunks"]),
        [1, 2, 1]
    );
}

#[test]
fn the_events_of_one_record_are_counted_on_the_bus() {
    let place = Place::new();
    place.write("events.ndjson", commands());
    place.write("rogue.wasm", &rogue().by_record);
    place.land(&["--transform", "rogue.wasm"]);
    let numbers: Vec<_> = lake::messages(&place.bus())
        .iter()
        .map(|m| m.event)
        .collect();
    assert_eq!(numbers, [0, 0, 1, 2, 0]);
}

#[test]
fn the_summary_is_the_last_line_and_has_the_documented_keys() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    let ran = place.try_land(&[]).succeeded();
    let last = ran.stdout.lines().last().unwrap();
    assert!(ran.stdout.ends_with(&format!("{last}\n")));
    let summary: BTreeMap<String, serde_json::Value> = serde_json::from_str(last).unwrap();
    for key in [
        "records",
        "events",
        "quarantined",
        "dropped",
        "objects",
        "messages",
        "bytes_in",
        "bytes_out",
        "seconds",
        "quarantine_objects",
        "quarantine_bytes",
        "messages_unsent",
        "blank_lines",
        "incomplete",
        "already_committed",
        "chunks",
    ] {
        assert!(summary[key].is_number(), "{key}");
    }
    assert_eq!(summary["release"].as_str().unwrap().len(), 64);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_summary_can_be_text_or_turned_off() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    assert_eq!(
        place.try_land(&["--summary", "none"]).succeeded().stdout,
        ""
    );
    place.write("events.ndjson", events(3..6) + "bad\n");
    let text = place.try_land(&["--summary", "text"]).succeeded().stdout;
    for part in [
        "4 records",
        "events",
        "messages",
        "quarantined",
        "_sluice/quarantine",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_transform_configuration_changes_the_partitions() {
    let place = Place::new();
    place.write("events.ndjson", events(0..1));
    place.write("by-date.json", r#"{"partition_by":["date","hour"]}"#);
    place.land(&["--transform-config", "by-date.json"]);
    let partitions: Vec<_> = lake::events(&place.lake()).into_keys().collect();
    assert_eq!(partitions, ["event_type=lesson/date=2026-01-01/hour=00"]);
}

#[test]
fn the_exported_transform_is_the_same_release() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place
        .run(&["transform", "export", "enrich.wasm"])
        .succeeded();
    let built_in = place.land(&[]);
    let exported = place.land(&["--transform", "enrich.wasm"]);
    assert_eq!(exported.release(), built_in.release());
    assert_eq!(exported.count("already_committed"), 3);
}

#[test]
fn a_lake_holds_nothing_unfinished_after_a_run() {
    let place = Place::new();
    place.write("events.ndjson", events(0..300));
    place.land(&[]);
    for path in lake::tree(&place.lake())
        .into_keys()
        .chain(lake::tree(&place.bus()).into_keys())
    {
        assert!(!path.contains("tmp"), "{path}");
    }
}
