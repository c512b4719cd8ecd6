//! The runbook of docs/operate.md: the commands of each step, one after the other, with stand-ins for AWS.

mod incident;

use sluice::layout::object_key::ParsedKey;

use self::incident::{Incident, RECORDS};
use crate::support::lake;

/// An event with more members.
fn event(name: &str, time: &str, more: &str) -> Vec<u8> {
    format!(r#"{{"event_uuid":"{name}","event_name":"lesson:done","created_at":{time}{more}}}"#)
        .into_bytes()
}

/// As many events as a chunk has.
fn events(name: &str) -> Vec<Vec<u8>> {
    (0..RECORDS)
        .map(|n| event(&format!("{name}-{n}"), "1767225600.25", ""))
        .collect()
}

/// The events of a lake whose time is wrong: seconds were read as milliseconds.
fn wrong(lake: &[String]) -> usize {
    let is_wrong = |event: &&String| event.contains(r#""created_datetime":"1970"#);
    lake.iter().filter(is_wrong).count()
}

/// The rules take seconds for milliseconds, and need a member that half of the events have.
#[test]
fn bad_rules_were_live_for_an_hour() {
    let mut incident = Incident::new("Bad rules were live for an hour");
    let good = incident.activate(r#"{"time_format":"seconds"}"#);
    let mut all = events("before");
    incident.land(&all);
    let bad = incident.activate(r#"{"time_format":"milliseconds","id_member":"id"}"#);
    let during: Vec<_> = (0..RECORDS)
        .map(|n| {
            let more = if n % 2 == 0 { r#","id":"i""# } else { "" };
            event(&format!("during-{n}"), "1767225600.25", more)
        })
        .collect();
    incident.land(&during);
    let lake = incident.lake();
    assert_eq!(lake::quarantine(&lake).len(), RECORDS / 2);
    assert_eq!(wrong(&lake::all_events(&lake)), RECORDS / 2);

    incident.step(1).succeeded();
    let after = events("after");
    incident.land(&after);
    incident.set("BAD", &bad);
    incident.set("GOOD", &good);
    let (from, to) = (incident.arrival(&during[0]), incident.arrival(&after[0]));
    incident.set("FROM", &from);
    incident.set("TO", &to);
    incident.step(3).succeeded();
    all.extend_from_slice(&during);
    all.extend_from_slice(&after);
    incident.holds_exactly(&all);
    // Those that were rejected are right, and those that landed are as they were.
    assert_eq!(wrong(&lake::all_events(&lake)), RECORDS / 2);

    incident.step(4).succeeded();
    let repaired = lake::all_events(&incident.repaired());
    assert_eq!((repaired.len(), wrong(&repaired)), (RECORDS, 0));
    assert!(incident.step(6).succeeded().stdout.contains("proven"));
    incident.finish();
}

/// A quarter of the events have a time as text, and some records are no JSON.
#[test]
fn a_producer_sent_garbage() {
    let mut incident = Incident::new("A producer sent garbage");
    incident.activate(r#"{"time_format":"seconds"}"#);
    let mut records = events("event");
    for n in (0..RECORDS).step_by(4) {
        records[n] = event(&format!("text-{n}"), r#""2026-01-01T00:00:00Z""#, "");
    }
    records[1] = b"no JSON".to_vec();
    incident.land(&records);
    let quarantined = RECORDS / 4 + 1;
    assert_eq!(lake::quarantine(&incident.lake()).len(), quarantined);

    let shown = incident.step(1).succeeded().stdout;
    for part in ["invalid_field", "invalid_json", "2026-01-01T00:00:00Z"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for step in 2..=5 {
        incident.step(step).succeeded();
    }
    records.remove(1);
    incident.holds_exactly(&records);
    let proven = incident.step(6).succeeded().stdout;
    assert!(proven.contains("proven"), "{proven}");
    assert!(proven.contains("invalid_json"), "{proven}");
    assert!(!proven.contains("invalid_field"), "{proven}");
    incident.finish();
}

#[test]
fn a_reader_cannot_read_an_object() {
    let mut incident = Incident::new("A reader cannot read an object");
    incident.activate(r#"{"time_format":"seconds"}"#);
    incident.land(&events("event"));
    let key = incident.object();
    let right = lake::objects(&incident.lake());
    incident.put(&key, b"damaged");

    let found = incident.step(1);
    assert_eq!(found.code, Some(1), "{found:?}");
    let said = found.stdout + &found.stderr;
    assert!(said.contains(&key), "{said}");

    let name = ParsedKey::parse(&key).unwrap();
    let shard = name.shard.as_str().strip_prefix("events-").unwrap();
    incident.set("KEY", &key);
    incident.set("SHARD", shard);
    incident.set("FIRST", &name.chunk.first.padded());
    incident.set("LAST", &name.chunk.last.padded());
    incident.set("RELEASE", &name.chunk.release.to_string());
    incident.step(3).succeeded();
    incident.step(4).succeeded();
    assert_eq!(lake::objects(&incident.lake()), right);
    assert!(incident.step(5).succeeded().stdout.contains("proven"));
    incident.finish();
}

/// An object of somebody else is in the way of a chunk.
#[test]
fn a_shard_stands() {
    let mut incident = Incident::new("A shard stands");
    incident.activate(r#"{"time_format":"seconds"}"#);
    let records = events("event");
    incident.land(&records);
    let key = incident.object();
    incident.remove("_sluice/ledger/events-shardId-000000000000.json");
    incident.put(&key, b"of somebody else");
    let stands = incident.try_landing();
    stands.failed(1, &[&key, "already exists with different content"]);

    let tried = incident.step(2).succeeded().stdout;
    assert!(!tried.contains("failed"), "{tried}");
    incident.set("KEY", &key);
    incident.step(3).succeeded();
    incident.step(4).succeeded();
    incident.holds_exactly(&records);
    let proven = incident.step(5).succeeded().stdout;
    assert!(proven.contains("proven"), "{proven}");
    incident.finish();
}
