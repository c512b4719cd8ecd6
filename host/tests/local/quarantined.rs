//! How a run ends that has quarantined many records.

use crate::local::events;
use crate::support::cloud::Cloud;
use crate::support::lake;
use crate::support::program::{Place, Ran};

/// A file of 100 records, of which this many are quarantined.
fn place(quarantined: usize) -> Place {
    let place = Place::new();
    let broken = "broken\n".repeat(quarantined);
    place.write("events.ndjson", events(0..100 - quarantined) + &broken);
    place
}

fn land(quarantined: usize, more: &[&str]) -> Ran {
    place(quarantined).try_land(more)
}

#[test]
fn more_quarantined_records_than_allowed_end_with_1_after_all_have_landed() {
    for max in ["5%", "0.05"] {
        land(5, &["--max-quarantined", max]).succeeded();
        let place = place(6);
        let ran = place.try_land(&["--max-quarantined", max]);
        let parts = [
            "the run quarantined 6 of 100 records, more than",
            "--max-quarantined allows (5 %)",
            "lake/_sluice/quarantine",
        ];
        let ran = ran.failed(1, &parts);
        assert!(ran.stdout.contains("\"quarantined\":6"), "{ran:?}");
        assert_eq!(lake::all_events(&place.lake()).len(), 94);
        // They have landed, so there is nothing to say the next time.
        place.land(&["--max-quarantined", max]);
    }
    land(1, &["--max-quarantined", "0"]).failed(1, &["1 of 100"]);
}

#[test]
fn a_run_that_quarantines_everything_warns() {
    let warning = "every record is quarantined";
    let ran = land(100, &[]).succeeded();
    assert!(ran.stderr.contains(warning), "{ran:?}");
    for (quarantined, more) in [(99, &[][..]), (100, &["--max-quarantined", "1"])] {
        let ran = land(quarantined, more).succeeded();
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn both_a_failed_source_and_too_many_quarantined_records_are_said() {
    let sources = [
        "--source",
        "file:events.ndjson",
        "--source",
        "file:missing.ndjson",
    ];
    let ran = land(6, &[&sources[..], &["--max-quarantined", "5%"]].concat());
    ran.failed(1, &["missing.ndjson", "1 of 2 sources failed", "6 of 100"]);
}

#[test]
fn a_share_is_for_runs_that_end() {
    let share = ["--max-quarantined", "5%"];
    let worker = [&["--source", "kinesis:events"], &share[..]].concat();
    let parts = ["max_quarantined", "--exit-when-caught-up"];
    Place::new().try_land(&worker).failed(2, &parts);
    place(0)
        .try_land(&["--max-quarantined", "5"])
        .failed(2, &["--max-quarantined", "5% or 0.05"]);
    let cloud = Cloud::new(1);
    cloud.kinesis.put("events", "key", b"broken");
    let mut ends = cloud.command(&share);
    ends.arg("--exit-when-caught-up");
    let ran = Ran::from(ends.output().unwrap());
    ran.failed(1, &["the run quarantined 1 of 1 record, more than"]);
}
