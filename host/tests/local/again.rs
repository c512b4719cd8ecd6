//! Repeated runs: nothing lands twice, and nothing is lost.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Stdio;

use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::ledgers::{edit_ledger, first_group, ledgers};
use crate::support::program::{Place, Ran, Running};

fn append(place: &Place, name: &str, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .open(place.path(name))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn landed(range: std::ops::Range<usize>) -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(range));
    place.land(&[]);
    place
}

#[test]
fn a_second_run_does_nothing_and_says_so() {
    let place = landed(0..10);
    let before = (lake::tree(&place.lake()), lake::tree(&place.bus()));
    let summary = place.land(&[]);
    assert_eq!(
        summary.counts(["records", "events", "objects", "messages"]),
        [0; 4]
    );
    assert_eq!(summary.count("already_committed"), 10);
    let ran = place.try_land(&["--summary", "text"]).succeeded();
    let message = "nothing to do: all 10 records of the source are committed";
    assert!(ran.stdout.contains(message), "{ran:?}");
    assert_eq!(
        (lake::tree(&place.lake()), lake::tree(&place.bus())),
        before
    );
}

#[test]
fn a_file_that_grew_lands_only_what_is_new() {
    let place = landed(0..10);
    let before = lake::tree(&place.lake());
    append(&place, "events.ndjson", &events(10..15));
    let summary = place.land(&[]);
    assert_eq!(summary.counts(["records", "already_committed"]), [5, 10]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..15));
    assert_eq!(lake::messages(&place.bus()).len(), 15);
    let after = lake::tree(&place.lake());
    for (path, bytes) in before.iter().filter(|(path, _)| path.ends_with(".zst")) {
        assert_eq!(after.get(path), Some(bytes), "{path} was touched");
    }
}

#[test]
fn a_file_that_ended_within_a_line_end_may_grow() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3).trim_end());
    place.land(&[]);
    append(&place, "events.ndjson", &format!("\n{}", events(3..5)));
    assert_eq!(place.land(&[]).count("records"), 2);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..5));
}

#[test]
fn a_changed_file_ends_the_run_and_nothing_is_lost() {
    let whole = events(0..10);
    let shorter = events(0..9);
    let other_end = shorter.clone() + &event(99) + "\n";
    let shifted = format!("{}\n\n{}", event(0), events(1..20));
    for changed in [shorter, other_end, shifted] {
        let place = landed(0..10);
        let before = lake::tree(&place.lake());
        place.write("events.ndjson", &changed);
        let ran = place.try_land(&[]);
        ran.failed(1, &["events.ndjson no longer holds", "changed or replaced"]);
        assert_eq!(lake::objects(&place.lake()).len(), 3);
        place.write("events.ndjson", &whole);
        append(&place, "events.ndjson", &events(10..12));
        assert_eq!(place.land(&[]).count("records"), 2);
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..12));
        assert!(before.keys().all(|path| place.lake().join(path).exists()));
    }
}

#[test]
fn another_file_of_the_same_name_is_another_shard() {
    let place = landed(0..10);
    place.write("events.ndjson", events(10..20));
    let summary = place.land(&[]);
    assert_eq!(summary.counts(["records", "already_committed"]), [10, 0]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..20));
}

#[test]
fn a_file_lands_again_in_another_lake() {
    let place = landed(0..10);
    let summary = place.land(&["--lake", "file:other", "--bus", "file:other-bus"]);
    assert_eq!(summary.counts(["records", "already_committed"]), [10, 0]);
    assert_eq!(lake::tree(&place.path("other")), lake::tree(&place.lake()));
    assert_eq!(
        lake::tree(&place.path("other-bus")),
        lake::tree(&place.bus())
    );
}

#[test]
fn a_damaged_ledger_stops_the_run() {
    let place = landed(0..3);
    let whole = fs::read(first_group(&place.lake())).unwrap();
    let shard = ledgers(&place.lake()).into_keys().next().unwrap();
    edit_ledger(&place.lake(), &shard, |ledger| {
        *ledger = serde_json::json!({});
    });
    let ran = place.try_land(&[]);
    ran.failed(1, &["groups/00000001.json is not a valid ledger", &shard]);
    fs::write(first_group(&place.lake()), "{}").unwrap();
    let ran = place.try_land(&[]);
    ran.failed(1, &["groups/00000001.json is not a valid ledger"]);
    fs::write(first_group(&place.lake()), whole).unwrap();
    assert_eq!(
        place.land(&[]).counts(["records", "already_committed"]),
        [0, 3]
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3));
}

#[test]
fn an_object_with_other_content_is_not_overwritten() {
    let place = landed(0..3);
    fs::remove_file(first_group(&place.lake())).unwrap();
    let mut objects = lake::tree(&place.lake()).into_keys();
    let object = objects.find(|path| path.ends_with(".zst")).unwrap();
    place.write(&format!("lake/{object}"), "something else");
    place
        .try_land(&[])
        .failed(1, &[&object, "nothing was overwritten"]);
    assert_eq!(
        fs::read(place.lake().join(object)).unwrap(),
        b"something else"
    );
}

#[test]
fn of_two_runs_on_one_shard_the_second_gets_an_error() {
    let place = Place::new();
    let args = ["--source", "-", "--chunk-records", "1"];
    let mut first = place.command(&Place::landing(&args));
    let mut first = Running(first.stdin(Stdio::piped()).spawn().unwrap());
    let mut input = first.0.stdin.take().unwrap();
    input.write_all(events(0..1_000).as_bytes()).unwrap();
    first.until(|| !lake::messages_exist(&place.bus()).is_empty());

    let flags = Place::landing(&args);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let second = place.run_with_input(&flags, events(0..1_000).as_bytes());
    second.failed(1, &["another run is working on shard stdin-"]);

    input.write_all(events(1_000..1_005).as_bytes()).unwrap();
    drop(input);
    assert!(first.0.wait().unwrap().success());
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..1_005));
}

#[test]
fn runs_on_several_shards_share_a_lake() {
    const RUNS: usize = 8;
    let place = Place::new();
    let begun: Vec<_> = (0..RUNS)
        .map(|run| {
            let name = format!("events-{run}.ndjson");
            place.write(&name, events(run * 10..run * 10 + 10));
            let source = format!("file:{name}");
            let mut command = place.command(&Place::landing(&["--source", &source]));
            command.spawn().unwrap()
        })
        .collect();
    for run in begun {
        let ran = Ran::from(run.wait_with_output().unwrap());
        assert_eq!(ran.summary().count("records"), 10);
    }
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..RUNS * 10));
    let left = lake::tree(&place.lake());
    assert!(!left.contains_key("_sluice/tmp/"), "{:?}", left.keys());
}
