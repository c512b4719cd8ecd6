//! Flags that choose records, and samples.

use std::collections::BTreeSet;

use super::{lines, place, quarantine};
use crate::support::lake;
use crate::support::ledgers::ledgers;
use crate::support::program::Place;

/// The number of records that a list with these flags has.
fn listed(place: &Place, flags: &[&str]) -> u64 {
    let listed = lines(quarantine(place, &[&["list", "--json"], flags].concat()));
    listed.last().unwrap()["summary"]["records"]
        .as_u64()
        .unwrap()
}

#[test]
fn records_are_chosen_by_reason_release_and_shard() {
    let place = place();
    place.write(
        "more.ndjson",
        "{\"other\":1}\n{\"other\":2}\nagain no json\n",
    );
    let other = ["--transform-config", r#"{"partition_by":["date"]}"#];
    place.land(&[&["--source", "file:more.ndjson"], &other[..]].concat());
    let all = lake::quarantine(&place.lake());
    let releases: BTreeSet<_> = all.iter().map(|record| record.release.clone()).collect();
    assert_eq!((all.len(), releases.len()), (7, 2));
    assert_eq!(listed(&place, &[]), 7);
    assert_eq!(listed(&place, &["--reason", "invalid_json"]), 3);
    let both = ["--reason", "invalid_json", "--reason", "missing_field"];
    assert_eq!(listed(&place, &both), 6);
    for release in &releases {
        let of_release = all.iter().filter(|record| record.release == *release);
        let expected = of_release.count() as u64;
        for digits in [8, 64] {
            let flags = ["--quarantined-by", &release[..digits]];
            assert_eq!(listed(&place, &flags), expected);
        }
    }
    let shards: Vec<_> = ledgers(&place.lake()).into_keys().collect();
    let of_shard = |shard: &str| all.iter().filter(|record| record.shard == shard).count();
    for shard in &shards {
        assert_eq!(listed(&place, &["--shard", shard]), of_shard(shard) as u64);
    }
    assert_eq!(
        listed(&place, &["--shard", &shards[0], "--shard", &shards[1]]),
        7
    );
    assert_eq!(listed(&place, &["--reason", "trap"]), 0);
    let ran = quarantine(&place, &["list", "--from", "2026-01-01T00:00:00Z"]).succeeded();
    for part in ["no record that the flags name", "no time of arrival"] {
        assert!(format!("{ran:?}").contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn a_sample_has_records_of_each_reason_and_of_many_objects() {
    let place = Place::new();
    // A chunk ends with a batch, and a batch has 1,000 records at most.
    place.write("events.ndjson", "no json\n{}\n".repeat(1_000));
    place.land(&["--chunk-records", "1"]);
    let sample = |number| {
        let args = ["sample", "--json", "--per-reason", number];
        lines(quarantine(&place, &args))
    };
    let sampled = sample("4");
    assert_eq!(sampled.len(), 8);
    let distinct = |name: &str| -> usize {
        let values: BTreeSet<_> = sampled.iter().map(|line| line[name].to_string()).collect();
        values.len()
    };
    assert_eq!(distinct("rid"), 8);
    assert!(distinct("object") >= 4, "{sampled:?}");
    assert_eq!(sample("4"), sampled);
    assert_eq!(sample("2000").len(), 2_000);
}
