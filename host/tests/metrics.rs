//! Metrics and health of a run over HTTP.

pub(crate) mod exposition;
mod health;
mod server;
pub(crate) mod watched;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use self::watched::{Watched, get, metrics, status};
use crate::support::cloud::{Cloud, SHARD, STREAM, events, signal};
use crate::support::lake;
use crate::support::program::Summary;

/// The last record of each shard of the stream, by the shard's name in ledgers.
fn last_records(cloud: &Cloud) -> BTreeMap<String, String> {
    let records = cloud.kinesis.records(STREAM).into_iter();
    let named = |shard: String| format!("{STREAM}-{shard}");
    records
        .map(|record| (named(record.shard), record.sequence_number))
        .collect()
}

/// The committed record that the run reports for each shard.
fn committed(status: &Value) -> BTreeMap<String, String> {
    let shards = status["shards"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    shards
        .map(|shard| (text(&shard["shard"]), text(&shard["committed"])))
        .collect()
}

/// The number and the total size of the objects below a folder of the lake.
fn objects(lake: &Path, in_quarantine: bool) -> (u64, u64) {
    let tree = lake::tree(lake).into_iter();
    let objects = tree.filter(|(path, _)| {
        let own = path.starts_with("_sluice/quarantine/");
        !path.ends_with('/') && own == in_quarantine && (own || !path.starts_with("_sluice/"))
    });
    let bytes = objects.map(|(_, bytes)| bytes.len() as u64);
    bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
}

#[test]
fn counters_are_those_of_the_summary_and_of_the_lake() {
    let cloud = Cloud::new(2);
    let events = events(300, 21);
    cloud.put_all(&events);
    let broken = ["no json", "{}", "[]", "{\"event_uuid\":1}", ""];
    for (key, record) in broken.iter().enumerate() {
        cloud
            .kinesis
            .put(STREAM, &key.to_string(), record.as_bytes());
    }
    let bus = ["--bus", "file:bus", "--chunk-records", "40"];
    let mut watched = Watched::start(&mut cloud.command(&bus));
    let last = last_records(&cloud);
    watched.until(|address| committed(&status(address)) == last);
    let found = metrics(watched.address);
    let reported: Summary = Summary(status(watched.address)["totals"].clone());
    signal(&watched.run.0, "TERM");
    let summary = watched.end().summary();

    for (key, count) in [
        (
            "records",
            found.count("sluice_records_committed_total", &[]),
        ),
        ("records", found.count("sluice_records_read_total", &[])),
        ("events", found.count("sluice_events_total", &[])),
        ("dropped", found.count("sluice_records_dropped_total", &[])),
        ("messages", found.count("sluice_messages_total", &[])),
        (
            "messages_unsent",
            found.count("sluice_messages_unsent_total", &[]),
        ),
        ("bytes_in", found.count("sluice_source_bytes_total", &[])),
        ("blank_lines", found.count("sluice_blank_lines_total", &[])),
        (
            "unmapped_values",
            found.count("sluice_unmapped_values_total", &[]),
        ),
        ("incomplete", found.count("sluice_incomplete_total", &[])),
        ("chunks", found.count("sluice_chunks_total", &[])),
        (
            "chunks",
            found.count("sluice_chunk_duration_seconds_count", &[]),
        ),
        (
            "chunks",
            found.count("sluice_send_duration_seconds_count", &[]),
        ),
    ] {
        assert_eq!(
            (summary.count(key), reported.count(key)),
            (count, count),
            "{key}"
        );
    }
    assert_eq!(summary.count("events"), 300);
    assert_eq!(lake::all_events(&cloud.lake()).len(), 300);
    assert_eq!(lake::messages(&cloud.place.bus()).len(), 300);

    let of = |name, kind| found.count(name, &[("kind", kind)]);
    let kind = |kind| {
        let name = "sluice_object_bytes_total";
        (of("sluice_objects_total", kind), of(name, kind))
    };
    assert_eq!(kind("lake"), objects(&cloud.lake(), false));
    assert_eq!(kind("quarantine"), objects(&cloud.lake(), true));
    let (lake, quarantine) = (kind("lake"), kind("quarantine"));
    assert_eq!(
        summary.counts(["objects", "quarantine_objects"]),
        [lake.0, quarantine.0]
    );
    assert_eq!(
        summary.counts(["bytes_out", "quarantine_bytes"]),
        [lake.1, quarantine.1]
    );
    let puts = found.count("sluice_object_put_duration_seconds_count", &[]);
    assert_eq!(puts, lake.0 + quarantine.0);

    let mut quarantined: BTreeMap<String, f64> = BTreeMap::new();
    for record in lake::quarantine(&cloud.lake()) {
        *quarantined.entry(record.reason).or_default() += 1.0;
    }
    let mut counted = found.all("sluice_records_quarantined_total");
    counted.retain(|(_, count)| *count > 0.0);
    let counted: BTreeMap<_, _> = counted
        .into_iter()
        .map(|(labels, count)| (labels["reason"].clone(), count))
        .collect();
    assert!(counted.len() > 1, "{counted:?}");
    assert_eq!((counted, summary.count("quarantined")), (quarantined, 5));
}

#[test]
fn the_release_metric_has_its_id_and_its_name() {
    let cloud = Cloud::new(1);
    let watched = Watched::start(&mut cloud.command(&[]));
    let (found, status) = (metrics(watched.address), status(watched.address));
    signal(&watched.run.0, "TERM");
    let summary = watched.end().summary();
    let infos = found.all("sluice_release_info");
    assert_eq!(infos.len(), 1);
    let release = &infos[0].0;
    assert_eq!(release["release"], summary.release());
    assert_eq!(release["transform"], "enrich");
    assert_eq!(status["release"], summary.release());
    assert_eq!(status["transform"]["name"], "enrich");
    assert_eq!(status["transform"]["version"], release["version"].as_str());
    assert_eq!(status["mode"], "stream");
    let build = &found.all("sluice_build_info")[0].0;
    assert_eq!(status["version"], build["version"].as_str());
    let memory = found.find("process_resident_memory_bytes", &[]);
    assert!(memory.is_none_or(|bytes| bytes > 1e6), "{memory:?}");
    let resources = &status["resources"];
    let resident = resources["resident_bytes"].as_f64();
    assert_eq!(resident.map(|bytes| bytes > 1e6), memory.map(|_| true));
    let cpu = resources["cpu_seconds"].as_f64();
    // A worker that has just begun can have used less than the unit of the kernel.
    assert_eq!(cpu.map(|seconds| seconds >= 0.0), memory.map(|_| true));
    let open = found.find("process_open_fds", &[]);
    assert!(open.is_none_or(|open| open > 2.0), "{open:?}");
    assert!(found.find("process_start_time_seconds", &[]).unwrap() > 1.7e9);
}

#[test]
fn lag_is_shown_for_the_shards_that_are_read_and_only_for_those() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 22));
    cloud.kinesis.advance(Duration::from_secs(3_600));
    cloud.kinesis.empty_reads(usize::MAX);
    let mut watched = Watched::start(&mut cloud.command(&[]));
    let lag = |address, shard: &str| {
        let shard = format!("{STREAM}-{shard}");
        metrics(address).find("sluice_shard_lag_seconds", &[("shard", &shard)])
    };
    watched.until(|address| lag(address, SHARD).is_some_and(|lag| lag >= 3_600.0));
    cloud.kinesis.empty_reads(0);
    watched.until(|address| lag(address, SHARD) == Some(0.0));
    cloud.kinesis.split(STREAM, SHARD);
    let children = ["shardId-000000000001", "shardId-000000000002"];
    watched.until(|address| children.iter().all(|child| lag(address, child).is_some()));
    assert_eq!(lag(watched.address, SHARD), None);
    let found = metrics(watched.address);
    assert_eq!(found.count("sluice_shards_held", &[]), 2);
    assert_eq!(found.all("sluice_shard_read_age_seconds").len(), 2);
    let status = status(watched.address);
    let states = status["shards"].as_array().unwrap().iter();
    let states: Vec<_> = states.map(|shard| &shard["state"]).collect();
    assert_eq!(states, ["finished", "working", "working"]);
    let ages = status["shards"].as_array().unwrap().iter();
    let ages: Vec<_> = ages
        .map(|shard| shard["read_age_seconds"].is_number())
        .collect();
    assert_eq!(ages, [false, true, true]);
}

#[test]
fn lost_ranges_are_counted_and_shown() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(20, 24));
    cloud.catch_up(&[]);
    cloud.put_all(&events(20, 25));
    let records = cloud.kinesis.records(STREAM);
    cloud.expire(SHARD, &records[29].sequence_number);
    let watched = &["--on-expired-checkpoint", "continue"];
    let mut watched = Watched::start(&mut cloud.command(watched));
    let last = last_records(&cloud);
    watched.until(|address| committed(&status(address)) == last);
    let found = metrics(watched.address).count("sluice_lost_ranges_total", &[]);
    let status = status(watched.address);
    assert_eq!(found, 1);
    assert_eq!(status["totals"]["lost_ranges"], 1);
    assert_eq!(status["shards"][0]["lost_ranges"], 1);
    signal(&watched.run.0, "TERM");
    assert_eq!(
        watched.end().summary().counts(["records", "lost_ranges"]),
        [10, 1]
    );
}

/// An object with other content is in the way of a shard, which stops there again and again.
#[test]
fn a_shard_that_stops_at_an_object_is_counted_and_shown() {
    let cloud = Cloud::new(1);
    cloud.kinesis.records_per_read(10);
    cloud.put_all(&events(10, 26));
    let one_chunk = ["--chunk-records", "10", "--chunk-age", "60s"];
    assert_eq!(cloud.catch_up(&one_chunk).count("chunks"), 1);
    let mut paths = lake::tree(&cloud.lake()).into_keys();
    let object = paths.rfind(|path| path.ends_with(".zst")).unwrap();
    cloud.remove_object(&format!("lake/_sluice/ledger/{STREAM}-{SHARD}.json"));
    cloud.put_object(&format!("lake/{object}"), b"something else".to_vec());
    let mut watched = Watched::start(&mut cloud.command(&one_chunk));
    watched.until(|address| {
        let found = metrics(address);
        let names = ["sluice_shards_failed", "sluice_shards_held"];
        found.count("sluice_content_mismatches_total", &[]) > 0
            && names.map(|name| found.count(name, &[])) == [1, 0]
    });
    let shard = &status(watched.address)["shards"][0];
    assert_eq!(shard["state"], "failed");
    let error = shard["error"].as_str().unwrap();
    assert!(error.contains("different content"), "{error}");
}

#[test]
fn retried_reads_are_counted_and_shown() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(10, 23));
    cloud.kinesis.throttle("GetRecords", 5);
    let mut watched = Watched::start(&mut cloud.command(&[]));
    let get_records = [("operation", "get_records")];
    watched.until(|address| {
        let again = metrics(address).find("sluice_retries_total", &get_records);
        again.is_some_and(|again| again > 0.0)
    });
    let last = last_records(&cloud);
    watched.until(|address| committed(&status(address)) == last);
    let status = status(watched.address);
    assert_eq!(status["shards"][0]["error"], Value::Null);
    assert!(status["resources"]["retries"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_over_files_has_pages_if_configured() {
    let place = crate::support::program::Place::new();
    let lines: String = (0..10_000)
        .map(|n| format!("{{\"event_uuid\":\"{n}\",\"event_name\":\"a:b\",\"created_at\":{n}}}\n"))
        .collect();
    // An open pipe keeps the run going.
    let mut command = place.command(&["run", "--source", "-", "--lake", "file:lake"]);
    command
        .args(["--summary", "json"])
        .stdin(std::process::Stdio::piped());
    let mut watched = Watched::start(&mut command);
    let mut input = watched.run.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, lines.as_bytes()).unwrap();
    watched.until(|address| metrics(address).count("sluice_records_read_total", &[]) >= 5_000);
    let status = status(watched.address);
    assert_eq!(
        (&status["mode"], &status["ready"]),
        (&"files".into(), &true.into())
    );
    assert_eq!(status["shards"][0]["state"], "working");
    assert_eq!(status["shards"][0]["lag_seconds"], Value::Null);
    assert_eq!(get(watched.address, "/livez").status, 200);
    drop(input);
    assert_eq!(watched.end().summary().count("records"), 10_000);
}
