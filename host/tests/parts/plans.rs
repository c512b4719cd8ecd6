//! The plan of a replay in parts: what it pins, and who is refused.

use std::fs;

use serde_json::Value;

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};

fn place() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("in/a.ndjson", events(0..20));
    place.write("in/b.ndjson", events(20..30));
    place.write("elsewhere/c.ndjson", events(30..40));
    place
}

fn replay(place: &Place, source: &str, lake: &str, more: &[&str]) -> Ran {
    let args = [
        "replay",
        "--source",
        source,
        "--lake",
        lake,
        "--summary",
        "json",
    ];
    place.run(&[&args[..], more].concat())
}

fn plan(place: &Place, lake: &str) -> Value {
    let text = fs::read(place.path(lake).join("_sluice/parts.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_part_of_another_replay_is_refused_and_told_what_to_do() {
    let place = place();
    let in_other = |source: &str, more: &[&str]| replay(&place, source, "file:other", more);
    in_other("file:in", &["--part", "1/2"]).succeeded();
    let before = lake::tree(&place.path("other"));
    for (source, more, texts) in [
        (
            "file:in",
            &["--part", "1/3"][..],
            ["it has 2 parts", "give --part K/2"],
        ),
        (
            "file:in",
            &["--part", "2/2", "--from", "10"],
            ["from 10", "the same --from and --to"],
        ),
        (
            "file:in",
            &["--part", "2/2", "--to", "10"],
            ["to 10", "the same --from and --to"],
        ),
        (
            "file:elsewhere",
            &["--part", "2/2"],
            ["elsewhere", "the same --source"],
        ),
        (
            "file:in/*",
            &["--part", "2/2"],
            ["in/*", "the same --source"],
        ),
    ] {
        let texts = [
            &texts[..],
            &["other/_sluice/parts.json", "lake of their own"],
        ]
        .concat();
        in_other(source, more).failed(1, &texts);
    }
    assert!(
        lake::tree(&place.path("other")) == before,
        "a refused part has written"
    );
    // The same source, named in another way.
    in_other("file:./in", &["--part", "2/2"]).succeeded();
    assert_eq!(lake::all_events(&place.path("other")).len(), 30);
}

#[test]
fn the_lake_of_a_run_or_of_another_replay_gets_no_plan() {
    let place = place();
    place.land(&["--source", "file:in"]);
    let part = ["--part", "1/2"];
    replay(&place, "file:in", "file:lake", &part).failed(1, &["belongs to a run"]);
    assert!(!place.lake().join("_sluice/parts.json").exists());
    replay(&place, "file:in", "file:other", &["--from", "10"]).succeeded();
    replay(&place, "file:in", "file:other", &part).failed(1, &["belongs to the replay from 10"]);
    // A replay that was begun as a whole goes on in parts.
    replay(
        &place,
        "file:in",
        "file:other",
        &["--from", "10", "--part", "1/2"],
    )
    .succeeded();
}

#[test]
fn a_source_that_cannot_be_read_as_a_whole_is_not_planned() {
    let place = place();
    let part = ["--part", "1/2"];
    for (source, text) in [
        ("file:none.ndjson", "none.ndjson"),
        ("file:none/*", "it matches no file to read"),
        ("file:empty", "nothing to replay"),
    ] {
        fs::create_dir_all(place.path("empty")).unwrap();
        replay(&place, source, "file:other", &part).failed(1, &[text]);
        assert!(!place.path("other/_sluice/parts.json").exists(), "{source}");
    }
    let args = ["--source", "file:in", "--part", "1/2"];
    replay(&place, "file:none/*", "file:other", &args)
        .failed(1, &["once all of the source can be read"]);
}

#[test]
fn a_child_of_an_array_job_takes_its_part_from_the_environment() {
    let place = place();
    let child = |index: Option<&str>, size: Option<&str>| -> Ran {
        let args = [
            "replay",
            "--source",
            "file:in",
            "--lake",
            "file:other",
            "--summary",
            "json",
        ];
        let mut command = place.command(&[&args[..], &["--part", "aws-batch"]].concat());
        for (name, value) in [
            ("AWS_BATCH_JOB_ARRAY_INDEX", index),
            ("AWS_BATCH_JOB_ARRAY_SIZE", size),
        ] {
            command.env_remove(name);
            command.envs(value.map(|value| (name, value)));
        }
        command.output().unwrap().into()
    };
    child(None, None).failed(
        2,
        &[
            "part: ",
            "AWS_BATCH_JOB_ARRAY_INDEX is not set",
            "--part K/N",
        ],
    );
    child(Some("0"), None).failed(2, &["AWS_BATCH_JOB_ARRAY_SIZE is not set"]);
    child(Some("2"), Some("2")).failed(2, &["AWS_BATCH_JOB_ARRAY_INDEX is 2"]);
    assert!(!place.path("other").exists());
    assert_eq!(child(Some("0"), Some("2")).summary().count("records"), 20);
    assert_eq!(child(Some("1"), Some("2")).summary().count("records"), 10);
    assert_eq!(plan(&place, "other")["replay"]["parts"], 2);
}

#[test]
fn what_is_no_part_is_a_wrong_setting() {
    let place = place();
    for (source, more, text) in [
        ("file:in", &["--part", "3/2"][..], "with K from 1 to N"),
        ("file:in", &["--part", "0/2"], "with K from 1 to N"),
        ("file:in", &["--part", "third"], "such as 3/8"),
        ("-", &["--part", "1/2"], "standard input cannot be divided"),
        (
            "kinesis:events",
            &["--part", "1/2", "--shard", "shardId-000000000000"],
            "either --part or --shard",
        ),
    ] {
        replay(&place, source, "file:other", more).failed(2, &[text]);
    }
    assert!(!place.path("other").exists());
}
