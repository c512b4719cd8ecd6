//! Records that are compressed, or that hold several events: in files, in a stream, and in a function.

use std::collections::BTreeSet;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use sluice::source::aggregate::Aggregator;
use testkit::proxy::{Fault, Rule};

use crate::audit::{audit, stream};
use crate::lambda::{function, mapping, settings};
use crate::local::{all_enriched, event, events as lines};
use crate::support::cloud::{Cloud, SHARD, STREAM, Service, events, uuid};
use crate::support::lake;
use crate::support::program::Place;

const AUTO_LINES: [&str; 4] = ["--record-encoding", "auto", "--record-format", "lines"];

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Makes one record of events.
type Encoder = fn(&[Vec<u8>]) -> Vec<u8>;

/// Events as lines of one record.
fn joined(events: &[Vec<u8>]) -> Vec<u8> {
    events.join(&b'\n')
}

/// A file of which each line holds `inner` events, as base64 of gzip of an array.
fn packed(count: usize, inner: usize) -> String {
    let line = |first: usize| {
        let items: Vec<_> = (first..first + inner).map(event).collect();
        STANDARD.encode(gzip(format!("[{}]", items.join(" , ")).as_bytes())) + "\n"
    };
    (0..count).step_by(inner).map(line).collect()
}

const PACKED: [&str; 4] = ["--record-encoding", "auto", "--record-format", "array"];

#[test]
fn lines_of_a_file_are_decoded_and_each_event_lands_once() {
    let place = Place::new();
    place.write("events.ndjson", packed(3_000, 10));
    let landed = place.land(&[&PACKED[..], &["--chunk-records", "1"]].concat());
    let counts = ["records", "events", "objects"];
    assert_eq!(landed.counts(counts), [3_000, 3_000, 9]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3_000));
    let again = place.land(&PACKED);
    assert_eq!(again.counts(["records", "already_committed"]), [0, 3_000]);
    place.write("events.ndjson", packed(3_040, 10));
    assert_eq!(place.land(&PACKED).count("records"), 40);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3_040));
    // The audit is not told how lines are decoded: each chunk says it.
    let audit = audit(&place, &[]);
    assert_eq!(
        audit.proven().counts(["in_lake", "quarantined"]),
        [3_040, 0]
    );
}

#[test]
fn what_is_broken_or_empty_costs_itself_alone_and_is_counted() {
    let place = Place::new();
    let text = [
        event(0) + "\n",
        // One event of three is no event.
        STANDARD.encode(gzip(
            format!("{}\nno event\n{}", event(1), event(2)).as_bytes(),
        )) + "\n",
        // An empty envelope, a broken one, and one that is no envelope at all.
        STANDARD.encode(gzip(b"\n")) + "\n",
        STANDARD.encode(&gzip(event(9).as_bytes())[..40]) + "\n",
        "neither\n".into(),
        event(3) + "\n",
    ];
    place.write("events.ndjson", text.concat());
    let landed = place.land(&[&AUTO_LINES[..], &["--chunk-records", "1"]].concat());
    let counts = ["records", "events", "quarantined", "dropped"];
    assert_eq!(landed.counts(counts), [8, 4, 3, 1]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..4));
    let offset = |line: usize| text[..line].concat().len();
    let mut found: Vec<_> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|line| {
            let position = line.rid.split_once(':').unwrap().1.to_owned();
            (position, line.reason, line.data.unwrap())
        })
        .collect();
    found.sort();
    let mut expected = vec![
        (
            format!("{}:1", offset(1)),
            "invalid_json".to_owned(),
            "no event".to_owned(),
        ),
        (
            format!("{}", offset(3)),
            "undecodable".to_owned(),
            text[3].trim().to_owned(),
        ),
        (
            format!("{}:0", offset(4)),
            "invalid_json".to_owned(),
            "neither".to_owned(),
        ),
    ];
    expected.sort();
    assert_eq!(found, expected);
    let audit = audit(&place, &[]);
    let counts = ["in_lake", "quarantined", "dropped"];
    assert_eq!(audit.proven().counts(counts), [4, 3, 1]);
}

/// An object at the end of a growing file is a record, but behind it another value could follow.
#[test]
fn a_last_line_that_is_split_needs_its_end() {
    let place = Place::new();
    let two = event(0) + &event(1);
    let format = ["--record-format", "concatenated"];
    for end in [event(0).len(), two.len()] {
        place.write("events.ndjson", &two[..end]);
        assert_eq!(place.land(&format).count("records"), 0);
    }
    place.write("events.ndjson", two + "\n");
    assert_eq!(place.land(&format).count("records"), 2);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..2));
}

#[test]
fn an_edited_first_line_is_noticed_although_lines_hold_several_records() {
    let place = Place::new();
    let text = packed(60, 10);
    place.write("events.ndjson", &text);
    place.land(&PACKED);
    let edited = text.replacen(text.lines().next().unwrap(), &event(7), 1);
    place.write("events.ndjson", edited);
    let refused = place.try_land(&PACKED);
    refused.failed(1, &["its first line has changed", "record 6 "]);
}

#[test]
fn a_range_that_is_repeated_is_decoded_as_it_was_pinned() {
    let cloud = Cloud::new(1);
    let all = events(40, 51);
    for part in all.chunks(8) {
        cloud.kinesis.put(STREAM, "key", &gzip(&joined(part)));
    }
    let held = Rule::new(Fault::Hold).method("PUT").path("event_type");
    let held = cloud.proxy(Service::S3).add(held);
    let worker = cloud.worker_with_log("killed.log", &AUTO_LINES);
    let came = cloud
        .proxy(Service::S3)
        .wait_for_hits(held, 1, std::time::Duration::from_secs(60));
    drop(worker);
    assert!(came, "{}", cloud.log("killed.log"));
    cloud.proxy(Service::S3).remove_rules();
    // The next worker is told nothing of it.
    let landed = cloud.catch_up(&[]);
    assert_eq!(landed.counts(["records", "events"]), [40, 40]);
    cloud.holds_exactly(&all);
}

#[test]
fn mixed_encodings_in_one_stream_land_once_over_reshards() {
    let cloud = Cloud::new(2);
    let all = events(400, 52);
    let encoders: [Encoder; 5] = [
        |events| joined(events),
        |events| gzip(&joined(events)),
        |events| zlib(&joined(events)),
        |events| zstd::encode_all(&joined(events)[..], 3).unwrap(),
        |events| STANDARD.encode(gzip(&joined(events))).into(),
    ];
    for (n, part) in all.chunks(10).enumerate() {
        let data = encoders[n % encoders.len()](part);
        match n % 3 {
            // In an aggregate, with a record that is not decoded.
            0 => {
                let mut aggregator = Aggregator::new(50_000);
                aggregator.push(&uuid(&part[0]), &data);
                aggregator.push("broken", &gzip(b"{}")[..12]);
                let (key, data) = aggregator.finish().unwrap();
                cloud.kinesis.put(STREAM, &key, &data);
            }
            _ => {
                cloud.kinesis.put(STREAM, &uuid(&part[0]), &data);
            }
        }
        match n {
            10 => {
                cloud.kinesis.split(STREAM, SHARD);
            }
            20 => {
                cloud.catch_up(&[&AUTO_LINES[..], &["--chunk-records", "15"]].concat());
            }
            _ => {}
        }
    }
    cloud.catch_up(&AUTO_LINES);
    cloud.holds_exactly(&all);
    let quarantined = lake::quarantine(&cloud.lake());
    assert_eq!(quarantined.len(), 14);
    assert!(
        quarantined
            .iter()
            .all(|line| line.reason == "undecodable" && line.rid.ends_with(":10"))
    );
    let proven = stream::audit(&cloud, &[]).proven();
    assert_eq!(
        proven.counts(["in_lake", "quarantined", "not_yet"]),
        [400, 14, 0]
    );
}

#[test]
fn a_function_decodes_as_a_worker_does() {
    let cloud = Cloud::new(1);
    let all = events(200, 53);
    for part in all.chunks(20) {
        cloud.kinesis.put(STREAM, "key", &gzip(&joined(part)));
        cloud.kinesis.put(STREAM, "key", &gzip(b""));
    }
    let variables = [
        ("SLUICE_RECORD_ENCODING", "gzip"),
        ("SLUICE_RECORD_FORMAT", "lines"),
    ];
    let function = function(&cloud, &variables);
    mapping(&cloud, &function, settings()).run_until_idle();
    cloud.holds_exactly(&all);
    let ledger = cloud.ledger(SHARD);
    assert_eq!(ledger["committed"]["records"], 210);
}

/// Each line decodes to a gigabyte, or to a million records.
#[test]
fn bombs_are_quarantined_in_bounded_memory() {
    let place = Place::new();
    let zeros = vec![b' '; 64 << 20];
    let bombs = [
        STANDARD.encode(gzip(&zeros)),
        STANDARD.encode(zstd::encode_all(&zeros[..], 3).unwrap()),
        STANDARD.encode(gzip(&gzip(&zeros))),
        STANDARD.encode(gzip(&b"1\n".repeat(500_000))),
    ];
    let text: String = (0..40)
        .map(|n| bombs[n % bombs.len()].clone() + "\n" + &event(n) + "\n")
        .collect();
    place.write("events.ndjson", text);
    let args = Place::landing(&AUTO_LINES);
    let (ran, peak) = place.run_watched(&args);
    let summary = ran.summary();
    assert_eq!(
        summary.counts(["records", "events", "quarantined"]),
        [80, 40, 40]
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..40));
    let reasons: BTreeSet<_> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|line| line.reason)
        .collect();
    assert_eq!(reasons, BTreeSet::from(["undecodable".to_owned()]));
    assert!(peak < 256 << 20, "{} MiB", peak >> 20);
}

#[test]
fn a_plain_run_keeps_what_decoding_would_change() {
    let place = Place::new();
    place.write("events.ndjson", lines(0..3) + &packed(10, 10));
    let landed = place.land(&[]);
    assert_eq!(
        landed.counts(["records", "events", "quarantined"]),
        [4, 3, 1]
    );
}

#[test]
fn rules_are_tried_on_decoded_records() {
    let place = Place::new();
    let text = format!("{}no JSON\n", packed(4, 2));
    place.write("events.ndjson", text);
    let tried = |more: &[&str]| {
        let args = [
            "transform",
            "try",
            "events.ndjson",
            "--transform",
            "builtin:copy",
            "--json",
        ];
        let ran = place.run(&[&args[..], more].concat()).succeeded();
        let lines: Vec<serde_json::Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines
    };
    let lines = tried(&PACKED);
    let outcomes: Vec<_> = lines
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["events", "events", "events", "events", "quarantined"]
    );
    assert_eq!(lines[4]["quarantined"]["code"], "undecodable");
    let lines = tried(&[]);
    let outcomes: Vec<_> = lines
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["quarantined", "quarantined", "quarantined"]);
}

#[test]
fn records_that_could_not_be_decoded_are_tried_with_other_settings() {
    let place = Place::new();
    place.write("events.ndjson", packed(20, 10));
    let landed = place.land(&["--record-format", "array"]);
    assert_eq!(landed.counts(["records", "quarantined"]), [2, 2]);
    let again = place.try_land(&PACKED).succeeded();
    assert!(
        again.stderr.contains("another --record-encoding"),
        "{}",
        again.stderr
    );
    let args = ["transform", "try", "--quarantined", "file:lake", "--json"];
    let tried = place.run(&[&args[..], &PACKED].concat()).succeeded();
    let lines = tried
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let events = lines.filter(|line| line["outcome"] == "events").count();
    assert_eq!(events, 20);
}

/// The events of 100,000 records are more than a usual batch may have.
#[test]
fn a_record_that_holds_very_many_lands_them_all() {
    let place = Place::new();
    let name = format!("{}:{}", "a".repeat(100), "b".repeat(100));
    let event = |n: usize| {
        format!(r#"{{"event_uuid":"{n:036}","event_name":"{name}","created_at":1767225600}}"#)
    };
    let lines: Vec<_> = (0..100_000).map(event).collect();
    let line = STANDARD.encode(gzip(lines.join("\n").as_bytes())) + "\n";
    place.write("events.ndjson", line);
    let landed = place.land(&[&AUTO_LINES[..], &["--bus", "none"]].concat());
    let counts = ["records", "events", "quarantined", "objects"];
    assert_eq!(landed.counts(counts), [100_000, 100_000, 0, 1]);
}

/// Base64 does not depend on how lines end.
#[test]
fn other_line_ends_of_decoded_lines_are_told_apart_from_other_records() {
    let place = Place::new();
    let text = packed(20, 10);
    place.write("events.ndjson", text.trim_end());
    let landed = place.land(&[&PACKED[..], &["--final"]].concat());
    assert_eq!(landed.count("records"), 20);
    // The last line gets its end, of two bytes.
    let more = [text.trim_end(), "\r\n", &packed(30, 10)[text.len()..]].concat();
    place.write("events.ndjson", &more);
    assert_eq!(place.land(&PACKED).count("records"), 10);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
    audit(&place, &[]).proven();
    // All lines get other ends: it is no new file.
    let bare = more.replace('\r', "");
    place.write("events.ndjson", bare.replace('\n', "\r\n"));
    place.try_land(&PACKED).failed(1, &["events.ndjson"]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
}

#[test]
fn white_space_behind_a_final_line_that_is_no_object_is_a_change() {
    for (rest, is_end) in [("\n", true), ("\r\n", false), (" \n", false)] {
        let place = Place::new();
        place.write("events.ndjson", lines(0..1) + "abc ");
        place.land(&["--final"]);
        place.write(
            "events.ndjson",
            lines(0..1) + "abc " + rest + &event(1) + "\n",
        );
        let ran = place.try_land(&[]);
        match is_end {
            true => assert_eq!(ran.summary().count("records"), 1),
            false => drop(ran.failed(1, &["has gone on"])),
        }
        audit(&place, &[]);
    }
}

/// An event whose bytes have this sum. The checksum of zlib data ends with the sum plus 1 (RFC 1950), which can be the bytes
/// of a closing brace and a space.
fn with_sum(n: u32, sum: u32) -> String {
    let event = |pad: &str| {
        format!(r#"{{"event_uuid":"{n}","event_name":"a:b","created_at":1,"pad":"{pad}"}}"#)
    };
    let missing = sum - event("").bytes().map(u32::from).sum::<u32>();
    let letters = (missing - 96) / 80;
    let rest = missing - 80 * letters;
    let first = rest / 2;
    let pad = [first, rest - first].map(|byte| char::from(u8::try_from(byte).unwrap()));
    event(&("P".repeat(letters as usize) + &String::from_iter(pad)))
}

#[test]
fn compressed_lines_keep_bytes_that_look_like_white_space() {
    let place = Place::new();
    let found = (0_u32..).find_map(|n| {
        let text = with_sum(n, 32_031);
        let data = zlib(text.as_bytes());
        assert!(data.ends_with(b"} "));
        (!data.contains(&b'\n')).then_some((text, data))
    });
    let (text, data) = found.unwrap();
    place.write(
        "events.ndjson",
        [&lines(0..1).into_bytes()[..], &data, b"\n"].concat(),
    );
    let landed = place.land(&["--record-encoding", "auto"]);
    assert_eq!(landed.counts(["records", "events"]), [2, 2], "{text}");
}
