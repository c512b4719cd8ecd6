//! `sluice transform try`: the outcomes of records are those of a run.

use std::collections::BTreeMap;

use crate::author::place;
use crate::author::try_rules::{results, try_rules};
use crate::support::lake;
use crate::support::program::Place;

/// The events by partition, and the id, the code and the message of each quarantined record.
type Landed = (
    BTreeMap<String, Vec<String>>,
    BTreeMap<String, (String, String)>,
);

/// What a run lands.
fn landed(place: &Place, transform: &[&str]) -> Landed {
    place.land(transform);
    let mut events = lake::events(&place.lake());
    events.values_mut().for_each(|lines| lines.sort_unstable());
    let quarantined = lake::quarantine(&place.lake()).into_iter();
    let quarantined = quarantined.map(|line| (line.rid, (line.reason, line.message)));
    (events, quarantined.collect())
}

/// The same by `try`.
fn tried(place: &Place, transform: &[&str]) -> Landed {
    let args = [&["events.ndjson", "--json"], transform].concat();
    let (lines, _) = results(try_rules(place, &args));
    let (mut events, mut quarantined) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for line in lines {
        for event in line.events {
            if event.routes.iter().any(|route| route == "lake") {
                let lines = events.entry(event.partition).or_default();
                lines.push(event.event.get().to_owned());
            }
        }
        if let Some(reason) = line.quarantined {
            quarantined.insert(line.rid, (reason.code, reason.message));
        }
    }
    events.values_mut().for_each(|lines| lines.sort_unstable());
    (events, quarantined)
}

#[test]
fn the_outcomes_are_those_of_a_run() {
    let place = Place::new();
    let generate = ["generate", "--events", "2000", "--malformed", "20%", "--to"];
    place
        .run(&[&generate[..], &["file:events.ndjson"]].concat())
        .succeeded();
    let expected = landed(&place, &[]);
    assert!(!expected.0.is_empty() && !expected.1.is_empty());
    assert_eq!(tried(&place, &[]), expected);
}

/// All that the host decides: partitions, the JSON of events for the lake, and faults. In the batch call and in the
/// calls per record.
#[test]
fn what_the_host_decides_is_that_of_a_run() {
    let records = [
        "x",
        "reject why",
        "bad_code",
        "drop x",
        "many_events 3",
        "partition a/b",
        "bad_partition",
        "repeated_partition",
        "repeated_name",
        "repeated_name_on_bus",
        "no_route",
        "no_object",
        "garbage",
        "nothing",
        "line_breaks",
        "lake_only",
        "bus_only",
    ];
    for transform in ["single.wasm", "batch.wasm"] {
        let place = place();
        place.write("events.ndjson", records.join("\n"));
        let transform = ["--transform", transform];
        let run = [&transform[..], &["--final"]].concat();
        let expected = landed(&place, &run);
        assert_eq!(expected.1.len(), 9, "{expected:#?}");
        assert_eq!(tried(&place, &transform), expected);
    }
}
