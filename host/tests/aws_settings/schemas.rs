//! A schema of Parquet that is an object in S3.

use testkit::environment;
use testkit::proxy::{Fault, Rule};

use crate::support::cloud::{Cloud, Service, events};
use crate::support::lake;
use crate::support::program::Ran;

const KEY: &str = "settings/schema.json";
const ARGS: [&str; 4] = [
    "--format",
    "parquet",
    "--schema",
    "s3://bucket/settings/schema.json",
];
const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "id", "path": ["event_uuid"], "type": "string"}
]}"#;

fn run(cloud: &Cloud) -> Ran {
    let mut command = cloud.command(&ARGS);
    command.arg("--exit-when-caught-up");
    command.output().unwrap().into()
}

fn check(cloud: &Cloud, more: &[&str]) -> Ran {
    cloud.place.write("events.ndjson", "{}\n");
    let target = ["--source", "file:events.ndjson", "--lake", "file:lake"];
    let args = [&["config", "check"][..], &target, &ARGS, more].concat();
    let mut command = cloud.place.command(&args);
    command.envs(environment());
    command.env("AWS_ENDPOINT_URL_S3", &cloud.proxy(Service::S3).endpoint);
    command.output().unwrap().into()
}

#[test]
fn a_run_reads_its_schema_and_keeps_it_in_the_lake() {
    let cloud = Cloud::new(1);
    let [first, second] = [1, 2].map(|seed| events(20, seed));
    cloud.put_all(&first);
    cloud.put_object(KEY, SCHEMA.into());
    assert_eq!(cloud.catch_up(&ARGS).count("events"), 20);
    cloud.holds_exactly(&first);
    let schemas = lake::schemas(&cloud.lake());
    assert_eq!(schemas.len(), 1);
    assert!(schemas[0].document().contains("[\"event_uuid\"]"));

    // Another schema applies to new chunks of the next run.
    cloud.put_object(KEY, SCHEMA.replace("\"id\"", "\"key\"").into());
    cloud.put_all(&second);
    assert_eq!(cloud.catch_up(&ARGS).count("events"), 20);
    cloud.holds_exactly(&[first, second].concat());
    assert_eq!(lake::schemas(&cloud.lake()).len(), 2);
}

#[test]
fn a_schema_that_cannot_be_read_ends_the_start() {
    let cloud = Cloud::new(1);
    cloud.put_all(&events(3, 1));
    let place = "schema: s3://bucket/settings/schema.json";
    let why = format!("{place} does not exist; put the schema there");
    run(&cloud).failed(2, &[&why]);

    cloud.put_object(KEY, SCHEMA.replace("string", "text").into());
    let why = format!("{place}: columns[0].type: \"text\" is no type");
    run(&cloud).failed(2, &[&why]);

    let denied = Rule::new(Fault::s3(403, "AccessDenied")).method("GET");
    cloud.proxy(Service::S3).add(denied.always());
    let parts = [
        "read s3://bucket/settings/schema.json: access denied",
        "allow s3:GetObject",
    ];
    run(&cloud).failed(1, &parts);
    assert!(!cloud.lake().exists());
}

#[test]
fn only_a_check_of_connections_reads_the_schema() {
    let cloud = Cloud::new(1);
    let checked = check(&cloud, &[]).succeeded();
    let note = "note: the schema s3://bucket/settings/schema.json was not read; --connect reads it";
    assert!(checked.stdout.contains(note), "{checked:#?}");
    assert!(cloud.proxy(Service::S3).seen().is_empty());

    let missing = check(&cloud, &["--connect"]).failed(1, &["1 of 3 checks failed"]);
    let failed = missing.stdout.lines().last().unwrap();
    assert!(failed.starts_with("failed   schema"), "{missing:#?}");
    assert!(failed.contains("does not exist"), "{missing:#?}");

    cloud.put_object(KEY, SCHEMA.into());
    let found = check(&cloud, &["--connect"]).succeeded();
    let last = found.stdout.lines().last().unwrap();
    let words = "schema       s3://bucket/settings/schema.json has the schema ";
    assert!(last.starts_with("ok") && last.contains(words), "{found:#?}");
}
