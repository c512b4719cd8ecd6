//! The builder only reads the lake: no command of a table puts, replaces or deletes anything there, also if it may not.

use std::collections::BTreeSet;
use std::fs::File;

use super::{Bucket, Table, lines};
use crate::support::cloud::{records, signal};
use crate::support::lake;
use crate::support::program::{Ran, Running};
use testkit::proxy::{Fault, Proxy, Rule};

/// What changes objects: `POST` begins and ends uploads in parts, and deletes many objects at once.
const WRITES: [&str; 3] = ["PUT", "POST", "DELETE"];

const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "event_type", "type": "string"}
]}"#;
const MORE: &str = r#"{"version": 1, "columns": [
    {"name": "event_uuid", "type": "string"},
    {"name": "event_type", "type": "string"},
    {"name": "event_name", "type": "string"}
]}"#;

/// Denies all that changes the lake, as the permissions of a builder do.
fn deny_writes(proxy: &Proxy) {
    for method in WRITES {
        let denied = Rule::new(Fault::s3(403, "AccessDenied"));
        proxy.add(denied.method(method).path("/bucket/lake").always());
    }
}

/// The methods of the writes so far. Asserts that each was to an object of the warehouse.
fn methods_of_writes(proxy: &Proxy) -> BTreeSet<String> {
    let seen = proxy.seen().into_iter();
    let writes = seen.filter(|seen| WRITES.contains(&seen.method.as_str()));
    let methods = writes.map(|write| {
        let is_in_warehouse = write.path.starts_with("/bucket/warehouse/");
        assert!(is_in_warehouse, "{write:?}");
        write.method
    });
    methods.collect()
}

/// Lands two files, past the proxy.
fn land(bucket: &Bucket, seed: u64) {
    let own = Table::in_bucket(&bucket.folder, "unused", &bucket.s3.endpoint);
    for (format, seed) in [("ndjson", seed), ("parquet", seed + 1)] {
        let file = format!("events-{seed}.ndjson");
        own.land(&file, lines(&records(60, seed)), &["--format", format]);
    }
}

/// Runs a builder that follows the lake until the table has this many rows.
fn follow_until(table: &Table, rows: u64) {
    let follow = ["--follow", "--interval", "50ms", "--max-age", "0s"];
    let mut command = table.command("sync", &follow);
    let log = File::create(table.place.path("builder.log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut builder = Running(command.spawn().unwrap());
    builder.until(|| table.warehouse.count(&table.name) == rows);
    signal(&builder.0, "TERM");
    assert_eq!(builder.ends(), Some(0));
}

fn audit(table: &Table) {
    let flags = table.flags.iter().map(String::as_str);
    let audit = ["audit", "--table", "--summary", "json"];
    let args: Vec<_> = audit.into_iter().chain(flags).collect();
    let mut audit = table.place.command(&args);
    Ran::from(audit.envs(&table.variables).output().unwrap()).succeeded();
}

#[test]
fn no_command_of_a_table_changes_the_lake() {
    let bucket = Bucket::new();
    land(&bucket, 1);
    let (table, proxy) = bucket.table("warehouse");
    table.place.write("schema.json", SCHEMA);
    table.place.write("more.json", MORE);
    deny_writes(&proxy);
    let before = lake::tree(&table.lake);
    table.create(&["--schema", "schema.json"]);
    assert_eq!(table.sync()["events"], 108);
    assert!(lake::tree(&table.lake) == before, "the lake has changed");

    // A builder is killed amid an attempt, and the next one takes over.
    land(&bucket, 3);
    let before = lake::tree(&table.lake);
    let held = proxy.add(Rule::new(Fault::Hold).method("PUT").path(".parquet"));
    let mut command = table.command("sync", &[]);
    let log = File::create(table.place.path("killed.log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut killed = Running(command.spawn().unwrap());
    killed.until(|| proxy.hits(held) == 1);
    drop(killed);
    bucket.expire_leases(&table);
    follow_until(&table, 216);
    table.run("evolve", &["--schema", "more.json"]).succeeded();
    let rebuild = ["--partition", "event_type"];
    table.run("rebuild", &rebuild).succeeded();
    table.has_the_lake();
    audit(&table);
    // A builder deletes nothing in the warehouse either.
    assert_eq!(methods_of_writes(&proxy), BTreeSet::from(["PUT".into()]));
    table.run("drop", &["--purge", "--yes"]).succeeded();
    assert!(methods_of_writes(&proxy).contains("DELETE"));
    assert!(lake::tree(&table.lake) == before, "the lake has changed");
}

/// If the rules above did not match what changes the lake, the test would prove nothing.
#[test]
fn a_run_through_these_rules_is_denied() {
    let bucket = Bucket::new();
    let (table, proxy) = bucket.table("warehouse");
    deny_writes(&proxy);
    table.place.write("events.ndjson", lines(&records(10, 1)));
    let run = ["run", "--source", "file:events.ndjson", "--bus", "none"];
    let to = ["--lake", "s3://bucket/lake", "--retry-timeout", "1s"];
    let mut command = table.place.command(&[&run[..], &to].concat());
    let ran = command.envs(&table.variables).output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{errors}");
    assert!(errors.contains("AccessDenied"), "{errors}");
}
