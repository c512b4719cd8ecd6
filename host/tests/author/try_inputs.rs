//! `sluice transform try`: where records can come from.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sluice::source::aggregate::Aggregator;
use testkit::environment;

use crate::author::place;
use crate::author::try_rules::{EVENT, Line, results, try_rules};
use crate::support::cloud::{Cloud, SHARD, STREAM, events};
use crate::support::lake;
use crate::support::program::{Place, Ran, Running};

/// The command on the services of a cloud.
fn command(cloud: &Cloud, args: &[&str]) -> Command {
    let args = [&["transform", "try"], args].concat();
    let mut command = cloud.place.command(&args);
    command.envs(environment());
    command.env("AWS_ENDPOINT_URL_KINESIS", &cloud.kinesis.endpoint);
    command.env("AWS_ENDPOINT_URL_S3", &cloud.s3.endpoint);
    command
}

fn try_on(cloud: &Cloud, args: &[&str]) -> Ran {
    command(cloud, args).output().unwrap().into()
}

fn text(line: &Line) -> Vec<u8> {
    line.data.clone().unwrap().into_bytes()
}

#[test]
fn files_are_read_as_the_source_reads_them() {
    let place = Place::new();
    place.write("plain.ndjson", format!("\u{feff}{EVENT} \r\n\r\n{EVENT}"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(format!("\n{EVENT}\n").as_bytes()).unwrap();
    place.write("gzip", gzip.finish().unwrap());
    let zstd = zstd::encode_all(EVENT.as_bytes(), 1).unwrap();
    place.write("zstd", zstd);
    let files = ["plain.ndjson", "gzip", "zstd"];
    let expected = [
        ("plain.ndjson".to_owned(), Some(1)),
        ("plain.ndjson".to_owned(), Some(3)),
        ("gzip".to_owned(), Some(2)),
        ("zstd".to_owned(), Some(1)),
    ];
    let sources = files.map(|file| format!("--source=file:{file}"));
    let sources: Vec<_> = sources.iter().map(String::as_str).collect();
    for args in [&files[..], &sources] {
        let (lines, _) = results(try_rules(&place, &[args, &["--json"]].concat()));
        let places = lines.iter().map(|line| (line.source.clone(), line.line));
        assert_eq!(places.collect::<Vec<_>>(), expected);
        assert!(lines.iter().all(|line| text(line) == EVENT.as_bytes()));
    }
    let limited = [&files[..], &["--json", "--limit", "3"]].concat();
    let (lines, summary) = results(try_rules(&place, &limited));
    assert_eq!((lines.len(), &summary["limit"]), (3, &3.into()));
    let ran = try_rules(&place, &[&files[..], &["--limit", "3"]].concat()).succeeded();
    let expected = "stopped at --limit 3; there may be more records\n";
    assert!(ran.stdout.ends_with(expected), "{ran:#?}");
}

#[test]
fn standard_input_is_the_default_in_a_pipe() {
    let place = Place::new();
    let input = format!("{EVENT}\n{{\n");
    for args in [&["transform", "try"][..], &["transform", "try", "-"]] {
        let ran = place.run_with_input(args, input.as_bytes()).succeeded();
        for part in ["standard input:1  1 event", "standard input:2  quarantined"] {
            assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
        }
    }
}

/// The lines of a batch are shown before the next one is there.
#[test]
fn records_of_a_pipe_are_shown_as_they_come() {
    let place = Place::new();
    let stdout = place.path("stdout");
    let mut command = place.command(&["transform", "try"]);
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::fs::File::create(&stdout).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let mut stdin = running.0.stdin.take().unwrap();
    for number in 1..=3 {
        writeln!(stdin, "{EVENT}").unwrap();
        let shown = format!("standard input:{number}  1 event");
        running.until(|| std::fs::read_to_string(&stdout).unwrap().contains(&shown));
    }
    drop(stdin);
    assert_eq!(running.ends(), Some(0));
}

#[test]
fn records_of_a_stream_are_tried_and_nothing_is_written() {
    let cloud = Cloud::new(2);
    let sent = events(30, 3);
    cloud.put_all(&sent);
    let sent: BTreeSet<_> = sent.into_iter().collect();
    let source = ["--source", "kinesis:events", "--json"];
    let (lines, summary) = results(try_on(&cloud, &source));
    assert_eq!((lines.len(), &summary["limit"]), (20, &20.into()));
    assert!(lines.iter().all(|line| line.source == "kinesis:events"));
    let id = format!("{STREAM}-shardId-00000000000");
    assert!(lines.iter().all(|line| line.rid.starts_with(&id)));
    let tried: BTreeSet<_> = lines.iter().map(text).collect();
    assert!(tried.len() == 20 && tried.is_subset(&sent));
    for more in [
        &["--limit", "1000"][..],
        &["--limit", "30", "--start", "2020-01-01T00:00:00Z"],
    ] {
        let (lines, summary) = results(try_on(&cloud, &[&source[..], more].concat()));
        let tried: BTreeSet<_> = lines.iter().map(text).collect();
        assert_eq!((lines.len(), &tried), (30, &sent));
        assert_eq!(summary["events"], 30);
    }
    assert!(lake::tree(&cloud.lake()).is_empty());
    let people = try_on(&cloud, &source[..2]).succeeded();
    assert!(people.stdout.starts_with(&id), "{people:#?}");
}

#[test]
fn a_limit_also_ends_within_an_aggregate() {
    let cloud = Cloud::new(1);
    let mut aggregator = Aggregator::new(50_000);
    let sent = events(9, 5);
    for event in &sent {
        aggregator.push("key", event);
    }
    let (key, data) = aggregator.finish().unwrap();
    let (_, sequence) = cloud.kinesis.put(STREAM, &key, &data);
    let args = ["--source", "kinesis:events", "--json", "--limit", "4"];
    let (lines, _) = results(try_on(&cloud, &args));
    let rid = |sub| format!("{STREAM}-{SHARD}:{sequence}:{sub}");
    let rids: Vec<_> = lines.iter().map(|line| line.rid.clone()).collect();
    assert_eq!(rids, [rid(0), rid(1), rid(2), rid(3)]);
    assert_eq!(lines.iter().map(text).collect::<Vec<_>>(), sent[..4]);
}

#[test]
fn the_latest_records_are_waited_for() {
    let cloud = Cloud::new(1);
    let sent = events(2, 6);
    cloud.put_all(&sent[..1]);
    let args = [
        "--source",
        "kinesis:events",
        "--start",
        "latest",
        "--limit",
        "1",
    ];
    let stdout = cloud.place.path("stdout");
    let mut command = command(&cloud, &[&args[..], &["--json"]].concat());
    command.stdout(std::fs::File::create(&stdout).unwrap());
    let mut running = Running(command.spawn().unwrap());
    // An iterator of the moment at which the command began.
    running.until(|| cloud.kinesis.calls("GetRecords") > 0);
    cloud.put_all(&sent[1..]);
    assert_eq!(running.ends(), Some(0));
    let shown = std::fs::read_to_string(&stdout).unwrap();
    let first: Line = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    assert_eq!(text(&first), sent[1]);
}

#[test]
fn a_stream_without_records_or_that_does_not_exist_fails() {
    let cloud = Cloud::new(1);
    let expected = ["kinesis:events has no records there", "--start latest"];
    try_on(&cloud, &["--source", "kinesis:events"]).failed(1, &expected);
    try_on(&cloud, &["--source", "kinesis:nowhere"]).failed(1, &["nowhere"]);
}

/// The rules see what they saw when the records were quarantined.
#[test]
fn quarantined_records_of_a_folder_are_tried() {
    let place = place();
    place.write("events.ndjson", b"{}\nnot json\n{\"event_uuid\":1}\n\xff\n");
    place.land(&[]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined.len(), 4);
    let lake = ["--quarantined", "file:lake", "--json"];
    let (lines, summary) = results(try_rules(&place, &lake));
    assert_eq!(
        summary["quarantined"],
        serde_json::json!({
            "invalid_field": 1, "invalid_json": 2, "missing_field": 1,
        })
    );
    for line in &lines {
        let was = quarantined.iter().find(|was| was.rid == line.rid).unwrap();
        let reason = line.was_quarantined.as_ref().unwrap();
        assert_eq!((&reason.code, &reason.message), (&was.reason, &was.message));
        assert_eq!(
            (&line.data, &line.data_base64),
            (&was.data, &was.data_base64)
        );
        assert!(
            line.source.contains("_sluice/quarantine/reason="),
            "{line:?}"
        );
    }
    let of_one = [&lake[..], &["--reason", "invalid_json"]].concat();
    let with_others = [&of_one[..], &["--transform", "single.wasm"]].concat();
    let (lines, _) = results(try_rules(&place, &with_others));
    assert_eq!(lines.len(), 2);
    let event = lines[0].events[0].event.get();
    let sequence = lines[0].rid.rsplit_once(':').unwrap().1;
    assert!(
        event.contains(&format!("\"sequence\":\"{sequence}\"")),
        "{event}"
    );
    let release = quarantined[0].release.as_str();
    let of_release = [&lake[..], &["--quarantined-by", release]].concat();
    assert_eq!(results(try_rules(&place, &of_release)).0.len(), 4);
    let other = [&lake[..], &["--quarantined-by", "01234567"]].concat();
    try_rules(&place, &other).failed(1, &[&release[..8]]);
    let people = try_rules(&place, &["--quarantined", "file:lake", "--limit", "1"]).succeeded();
    assert!(
        people.stdout.contains("  was quarantined as "),
        "{people:#?}"
    );
    place.write("lake/_sluice/quarantine/note.txt", "mine");
    let ran = try_rules(&place, &lake).succeeded();
    let expected = "leaving out 1 file in quarantine that Sluice has not written, such as ";
    assert!(ran.stderr.contains(expected), "{ran:#?}");
}

#[test]
fn quarantined_records_of_a_bucket_are_tried() {
    let cloud = Cloud::new(2);
    let sent: Vec<_> = (0..30)
        .map(|n| format!("no event {n}").into_bytes())
        .collect();
    cloud.put_by_keys(&sent);
    cloud.catch_up(&[]);
    let before = lake::tree(&cloud.lake());
    let args = [
        "--quarantined",
        "s3://bucket/lake",
        "--limit",
        "100",
        "--json",
    ];
    let (lines, summary) = results(try_on(&cloud, &args));
    let tried: BTreeSet<_> = lines.iter().map(text).collect();
    assert_eq!(tried, sent.into_iter().collect());
    assert_eq!(summary["records"], 30);
    assert_eq!(lake::tree(&cloud.lake()), before);
}

#[test]
fn a_lake_without_such_records_says_which_there_are() {
    let place = Place::new();
    place.write("events.ndjson", "{}\n{\n");
    let lake = ["--quarantined", "file:lake"];
    try_rules(&place, &lake).failed(1, &["has no quarantined records"]);
    place.land(&[]);
    let expected = [
        "no record in quarantine that the flags name",
        "there are the reasons invalid_json, missing_field, the releases ",
    ];
    try_rules(&place, &[&lake[..], &["--reason", "trap"]].concat()).failed(1, &expected);
    let object = lake::tree(&place.lake()).into_keys();
    let mut object =
        object.filter(|path| path.contains("reason=missing_field/") && path.ends_with(".zst"));
    place.write(&format!("lake/{}", object.next().unwrap()), "damaged");
    try_rules(&place, &lake).failed(1, &["cannot read", "reason=missing_field"]);
}
