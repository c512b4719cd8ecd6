//! Quarantined records that are transformed again and land in the same lake.

mod fixes;
mod left_behind;
mod mistakes;
mod steps;
mod streams;
mod unreadable;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::local::events;
use crate::support::cloud::Cloud;
use crate::support::lake;
use crate::support::program::{Place, Ran, Summary};

/// The number of events of [`place`] that land at once.
const GOOD: usize = 20;

/// The records of [`place`] that lack a field, and those that are no JSON.
const MISSING: usize = 5;
const BROKEN: usize = 4;

fn missing(n: usize) -> String {
    format!(r#"{{"event_uuid":"m-{n}"}}"#)
}

fn broken(n: usize) -> String {
    format!("broken {n}")
}

/// A lake in a folder of which records are quarantined for two reasons.
fn place() -> Place {
    let place = Place::new();
    let quarantined = (0..MISSING).map(missing).chain((0..BROKEN).map(broken));
    let quarantined: String = quarantined.map(|line| line + "\n").collect();
    place.write("events.ndjson", events(0..GOOD) + &quarantined);
    let landed = place.land(&[]);
    assert_eq!(landed.count("quarantined"), (MISSING + BROKEN) as u64);
    place
}

/// `redrive` of the lake of a folder.
fn redrive(place: &Place, more: &[&str]) -> Ran {
    place.run(&[&redrive_of("file:lake")[..], more].concat())
}

fn redrive_of(lake: &str) -> [&str; 5] {
    ["redrive", "--lake", lake, "--summary", "json"]
}

/// `redrive` of a lake in S3.
fn redrive_in(cloud: &Cloud, more: &[&str]) -> Command {
    let args = [&redrive_of("s3://bucket/lake")[..], more].concat();
    let mut command = cloud.place.command(&args);
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command
}

/// What became of the records of an old reason: all of them, landed, dropped and quarantined again.
fn of_reason(summary: &Summary, reason: &str) -> [u64; 4] {
    let counts = &summary.0["redrive"]["reasons"][reason];
    let again = counts["quarantined"].as_object();
    let again = again.map_or(0, |again| again.values().filter_map(Value::as_u64).sum());
    let count = |key: &str| counts[key].as_u64().unwrap_or_default();
    [count("records"), count("landed"), count("dropped"), again]
}

/// The id of the redrive of a summary.
fn id(summary: &Summary) -> String {
    let id = summary.0["redrive"]["id"].as_str();
    id.unwrap_or_else(|| panic!("{summary:?}")).to_owned()
}

/// How many records the objects of quarantine have, by the shard whose chunk has them: of a file, or of a redrive.
fn quarantined_by_shard(lake: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (path, content) in lake::objects(&lake.join("_sluice/quarantine")) {
        let name = path.rsplit_once('/').unwrap().1;
        let shard = name.rsplitn(4, '-').last().unwrap().to_owned();
        let shard = match shard.starts_with("redrive-") {
            true => shard,
            false => "source".to_owned(),
        };
        *counts.entry(shard).or_default() += content.lines().count();
    }
    counts
}

/// The texts that the rogue transform has echoed, sorted.
fn echoes(lake: &Path) -> Vec<String> {
    let events = lake::all_events(lake);
    let echoes = events.iter().filter_map(|event| {
        let event: Value = serde_json::from_str(event).unwrap();
        Some(event["echo"].as_str()?.to_owned())
    });
    let mut echoes: Vec<_> = echoes.collect();
    echoes.sort_unstable();
    echoes
}

/// The ledger of a redrive.
fn ledger(lake: &Path, id: &str) -> Value {
    let path = lake.join(format!("_sluice/ledger/redrive-{id}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Makes a lake what it was before.
fn restore(place: &Place, before: &BTreeMap<String, Vec<u8>>) {
    fs::remove_dir_all(place.lake()).unwrap();
    for (path, content) in before.iter().filter(|(path, _)| !path.ends_with('/')) {
        place.write(&format!("lake/{path}"), content);
    }
}
