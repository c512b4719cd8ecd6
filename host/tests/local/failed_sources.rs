//! Sources that fail while others are landed: nothing of that is passed over, and the exit code says it.

use std::fs;

use crate::local::inputs::gzip;
use crate::local::{all_enriched, events};
use crate::support::lake;
use crate::support::program::{Place, Ran, Summary};

/// Lands files in this order.
fn land_files(place: &Place, files: &[&str], more: &[&str]) -> Ran {
    let sources: Vec<_> = files.iter().map(|file| format!("file:{file}")).collect();
    let sources = sources.iter().flat_map(|source| ["--source", source]);
    let args: Vec<_> = sources.chain(more.iter().copied()).collect();
    place.try_land(&args)
}

/// The summary of a run that ended with 1.
fn summary_of_failed(ran: &Ran) -> Summary {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let last = ran.stdout.lines().last().unwrap();
    Summary(serde_json::from_str(last).unwrap())
}

/// The lines of standard error in which a source is named.
fn said(ran: &Ran, source: &str) -> usize {
    let begin = format!("sluice: {source}");
    let cannot_read = format!("sluice: cannot read {source}");
    let is_about = |line: &&str| line.starts_with(&begin) || line.starts_with(&cannot_read);
    ran.stderr.lines().filter(is_about).count()
}

/// A file for each way to fail, between files that can be landed.
#[test]
fn each_failed_source_is_said_and_the_others_are_landed() {
    let place = Place::new();
    place.write("changed.ndjson", events(100..103));
    place.write("original.ndjson", events(200..203));
    let before = land_files(&place, &["changed.ndjson", "original.ndjson"], &[]);
    assert_eq!(before.summary().count("records"), 6);
    place.write("changed.ndjson", events(100..101) + &events(110..113));
    fs::copy(place.path("original.ndjson"), place.path("copy.ndjson")).unwrap();
    place.write("other.ndjson", "BZh91AY&SY and a block");
    let whole = gzip(&events(300..303));
    place.write("damaged.ndjson", &whole[..whole.len() - 10]);
    place.write("first.ndjson", events(0..3));
    place.write("last.ndjson", events(3..7));
    let failing = [
        "missing.ndjson",
        "changed.ndjson",
        "copy.ndjson",
        "other.ndjson",
        "damaged.ndjson",
    ];
    let files = [&["first.ndjson"], &failing[..], &["last.ndjson"]].concat();
    let ran = land_files(&place, &files, &[]);
    for source in failing {
        assert_eq!(said(&ran, source), 1, "{source}: {ran:?}");
    }
    let end = "sluice: 5 of 7 sources failed";
    assert!(
        ran.stderr.lines().last().unwrap().starts_with(end),
        "{ran:?}"
    );
    let summary = summary_of_failed(&ran);
    assert_eq!(summary.counts(["records", "failed_sources"]), [7, 5]);
    let landed = lake::all_events(&place.lake());
    let all = all_enriched(0..7);
    assert!(all.iter().all(|event| landed.contains(event)));
    assert_eq!(landed.len(), 7 + 6);
}

#[test]
fn the_summary_counts_failed_sources() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    let text = ["--summary", "text"];
    let ran = land_files(&place, &["missing.ndjson", "events.ndjson"], &text);
    let ran = ran.failed(1, &["cannot read missing.ndjson", "1 of 2 sources failed"]);
    assert!(
        ran.stdout.contains("  failed                 1  source"),
        "{ran:?}"
    );
    let ran = land_files(&place, &["missing.ndjson"], &text);
    assert!(
        ran.stdout.starts_with("nothing new was landed\n"),
        "{ran:?}"
    );
    assert_eq!(said(&ran, "missing.ndjson"), 1);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn an_error_of_the_lake_ends_the_run_at_once() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.write("more.ndjson", events(3..6));
    place.write("lake/event_type=payment", "in the way");
    let ran = land_files(&place, &["events.ndjson", "more.ndjson"], &[]);
    let ran = ran.failed(1, &["events.ndjson", "event_type=payment"]);
    assert!(!ran.stderr.contains("more.ndjson"), "{ran:?}");
    assert_eq!(ran.stdout, "");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_no_error_of_the_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.write("secret.ndjson", events(0..3));
    place.write("events.ndjson", events(3..6));
    let hidden = fs::Permissions::from_mode(0o000);
    fs::set_permissions(place.path("secret.ndjson"), hidden).unwrap();
    if fs::read(place.path("secret.ndjson")).is_ok() {
        return; // The superuser reads everything.
    }
    let ran = land_files(&place, &["secret.ndjson", "events.ndjson"], &[]);
    assert_eq!(said(&ran, "secret.ndjson"), 1, "{ran:?}");
    assert_eq!(
        summary_of_failed(&ran).counts(["records", "failed_sources"]),
        [3, 1]
    );
}
