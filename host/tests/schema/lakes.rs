//! Schemas of the events of a lake.

use std::fs;

use super::{json, run};
use crate::local::events;
use crate::support::cloud::{Cloud, Service, events as cloud_events};
use crate::support::lake::tree;
use crate::support::program::{Place, Ran};
use testkit::environment;

/// The numbers of events by type.
fn types(found: &serde_json::Value) -> Vec<(String, u64)> {
    let types = found["types"].as_array().unwrap().iter();
    let pair = |of_type: &serde_json::Value| {
        let name = of_type["event_type"].as_str().unwrap().to_owned();
        (name, of_type["events"].as_u64().unwrap())
    };
    types.map(pair).collect()
}

#[test]
fn the_events_of_a_lake_are_read_and_nothing_else() {
    let place = Place::new();
    place.write("events.ndjson", events(0..31) + "no json\n");
    place.land(&[]);
    let before = tree(&place.lake());
    let ran = run(&place, &["infer", "--lake", "file:lake", "--json"]).succeeded();
    assert_eq!(ran.stderr, "");
    let found = json(&ran);
    let expected = [("lesson", 11), ("login", 10), ("payment", 10)];
    assert_eq!(
        types(&found),
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    let columns = found["schema"]["columns"].as_array().unwrap();
    let columns: Vec<_> = columns
        .iter()
        .map(|column| (&column["name"], &column["type"]))
        .collect();
    let named = |name: &str| {
        columns
            .iter()
            .find(|(other, _)| *other == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(
        (named("n"), named("created_datetime")),
        ("long".into(), "timestamp(1)".into())
    );
    assert_eq!(tree(&place.lake()), before);
    let of_type = [
        "infer",
        "--lake",
        "file:lake",
        "--json",
        "--event-type",
        "login",
    ];
    let found = json(&run(&place, &of_type).succeeded());
    assert_eq!(types(&found), [("login".to_owned(), 10)]);
}

#[test]
fn the_key_of_an_object_says_the_type_of_its_events() {
    let place = Place::new();
    place.write(
        "events.ndjson",
        "{\"event_type\":7,\"n\":1}\n{\"event_type\":7,\"n\":2}\n",
    );
    let copy = ["--transform", "builtin:copy", "--bus", "none"];
    let by_number = ["--transform-config", r#"{"partition_by":["n"]}"#];
    place.land(&[&copy[..], &by_number].concat());
    let found = json(&run(&place, &["infer", "--lake", "file:lake", "--json"]).succeeded());
    assert_eq!(types(&found), [(String::new(), 2)]);
    place.write(
        "typed.ndjson",
        "{\"event_type\":\"a/b\",\"n\":1}\n{\"event_type\":\"a/b\"}\n",
    );
    let by_type = ["--transform-config", r#"{"partition_by":["event_type"]}"#];
    let typed = ["--source", "file:typed.ndjson", "--lake", "file:typed"];
    place.land(&[&copy[..], &by_type, &typed].concat());
    let found = json(&run(&place, &["infer", "--lake", "file:typed", "--json"]).succeeded());
    assert_eq!(types(&found), [("a/b".to_owned(), 2)]);
    let of_type = ["infer", "--lake", "file:typed", "--event-type", "a/b"];
    run(&place, &of_type).succeeded();
    let other = ["infer", "--lake", "file:typed", "--event-type", "a"];
    run(&place, &other).failed(1, &["has no events of the type \"a\""]);
}

#[test]
fn other_files_of_a_lake_are_left_out_and_counted() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.land(&[]);
    place.write("lake/event_type=lesson/other.ndjson", "{}\n");
    let ran = run(&place, &["infer", "--lake", "file:lake"]).succeeded();
    let expected = "sluice: leaving out 1 file of the lake that Sluice has not written, such as ";
    assert!(
        ran.stderr.starts_with(expected) && ran.stderr.ends_with("other.ndjson\n"),
        "{ran:#?}"
    );
    assert!(
        ran.stdout
            .ends_with("3 events; a schema for all of them has 7 columns\n"),
        "{ran:#?}"
    );
    run(&place, &["infer", "--lake", "file:nowhere"]).failed(1, &["nowhere has no events"]);
}

#[test]
fn an_object_that_is_damaged_is_named() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.land(&[]);
    let objects = tree(&place.lake());
    let object = objects
        .keys()
        .find(|key| key.starts_with("event_type=") && key.ends_with(".zst"))
        .unwrap();
    fs::write(place.lake().join(object), "no zstd").unwrap();
    run(&place, &["infer", "--lake", "file:lake"]).failed(1, &["cannot read ", object.as_str()]);
}

#[test]
fn a_lake_in_a_bucket_is_read() {
    let cloud = Cloud::new(1);
    cloud.put_all(&cloud_events(200, 5));
    cloud.catch_up(&[]);
    let args = ["schema", "infer", "--lake", "s3://bucket/lake", "--json"];
    let mut command = cloud.place.command(&args);
    command.envs(environment());
    command.env("AWS_ENDPOINT_URL_S3", &cloud.proxy(Service::S3).endpoint);
    let ran = Ran::from(command.output().unwrap()).succeeded();
    assert_eq!(json(&ran)["events"], 200);
}
