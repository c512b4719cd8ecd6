//! The archive of files.

use super::*;
use crate::local::events as lines;

fn archived_file() -> Place {
    let place = Place::new();
    let content = lines(0..1_500) + "no event\n" + &lines(1_500..2_000);
    place.write("events.ndjson", content);
    place.land(&[&ARCHIVE[..], &["--chunk-records", "1"]].concat());
    place
}

#[test]
fn the_archive_of_a_file_makes_its_events_again() {
    let place = archived_file();
    fs::remove_file(place.path("events.ndjson")).unwrap();
    let more = ["--lake", "file:other", "--bus", "none"];
    let landed = place.land(&[&SOURCE[..], &more].concat());
    assert_eq!(landed.counts(["records", "quarantined"]), [2_001, 1]);
    assert_eq!(
        lake::all_events(&place.path("other")),
        lake::all_events(&place.lake())
    );
    let quarantined = |lake: &Path| {
        let lines = lake::quarantine(lake).into_iter();
        lines
            .map(|line| (line.rid, line.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        quarantined(&place.path("other")),
        quarantined(&place.lake())
    );
    for (lake, bus) in [("file:lake", "file:bus"), ("file:other", "none")] {
        let audit = ["audit", "--lake", lake, "--bus", bus, "--summary", "json"];
        let proven = place.run(&[&audit[..], &SOURCE].concat()).summary();
        assert_eq!(proven.counts(["in_lake", "quarantined"]), [2_000, 1]);
    }
}

/// The lake has the records already, under the ledger of the file.
#[test]
fn the_lake_that_has_landed_the_file_does_not_land_it_again() {
    let place = archived_file();
    let before = lake::tree(&place.lake());
    place
        .try_land(&SOURCE)
        .failed(1, &["has the records of a file", "in another lake"]);
    assert!(lake::tree(&place.lake()) == before);
}

#[test]
fn a_time_of_a_file_is_no_part_of_it() {
    let place = archived_file();
    let args = [
        "replay",
        "--lake",
        "file:other",
        "--from",
        "2026-01-01T00:00:00Z",
    ];
    let ran = place.run(&[&args[..], &SOURCE].concat());
    let ran = ran.failed(1, &["have no times of arrival"]);
    assert!(!ran.stderr.contains("nothing was replayed"), "{ran:?}");
}
