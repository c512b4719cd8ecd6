//! Objects of quarantine that are damaged or missing.

use std::fs;
use std::path::{Path, PathBuf};

use super::{GOOD, of_reason, place, redrive, restore};
use crate::support::lake;
use crate::support::program::Place;

const COPY: [&str; 2] = ["--transform", "builtin:copy"];

/// The object of quarantine of a reason.
fn object(place: &Place, reason: &str) -> PathBuf {
    let folder = place
        .lake()
        .join(format!("_sluice/quarantine/reason={reason}"));
    let mut entries = fs::read_dir(folder).unwrap();
    entries.next().unwrap().unwrap().path()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn claims(place: &Place) -> usize {
    let tree = lake::tree(&place.lake().join("_sluice/redrives/claims"));
    tree.keys().filter(|path| path.ends_with(".json")).count()
}

#[test]
fn a_damaged_object_is_named_and_left_until_it_is_restored() {
    let place = place();
    let path = object(&place, "invalid_json");
    let content = fs::read(&path).unwrap();
    let mut damaged = content.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    fs::write(&path, damaged).unwrap();
    let parts = [
        name(&path),
        "it is damaged",
        "1 file in quarantine cannot be used",
    ];
    redrive(&place, &COPY).failed(1, &parts);
    assert_eq!(claims(&place), 1);
    fs::write(&path, content).unwrap();
    assert_eq!(lake::all_events(&place.lake()).len(), GOOD + 5);
    let summary = redrive(&place, &COPY).summary();
    assert_eq!(of_reason(&summary, "invalid_json"), [4, 0, 0, 4]);
    assert_eq!(claims(&place), 2);
}

/// The object disappears after the redrive has written its list, and then the redrive is killed.
#[test]
fn a_missing_object_is_named_and_the_others_land() {
    let place = place();
    let before = lake::tree(&place.lake());
    let one = [&COPY[..], &["--id", "one"]].concat();
    redrive(&place, &one).succeeded();
    let list = fs::read(place.lake().join("_sluice/redrives/one.json")).unwrap();
    restore(&place, &before);
    place.write("lake/_sluice/redrives/one.json", list);
    let path = object(&place, "missing_field");
    let content = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let parts = [name(&path), "it does not exist"];
    let ran = redrive(&place, &one).failed(1, &parts);
    assert!(ran.stdout.contains("\"finished\":true"), "{ran:?}");
    assert_eq!(claims(&place), 1);
    fs::write(&path, content).unwrap();
    let rest = redrive(
        &place,
        &[&COPY[..], &["--reason", "missing_field"]].concat(),
    )
    .summary();
    assert_eq!(of_reason(&rest, "missing_field"), [5, 5, 0, 0]);
    assert_eq!(lake::all_events(&place.lake()).len(), GOOD + 5);
}

/// The redrive was killed after it had claimed the object, and before it had landed its records.
#[test]
fn an_object_that_was_claimed_and_is_damaged_stops_its_redrive() {
    let place = place();
    let before = lake::tree(&place.lake());
    let one = [&COPY[..], &["--id", "one"]].concat();
    redrive(&place, &one).succeeded();
    let redrives = lake::tree(&place.lake().join("_sluice/redrives"));
    restore(&place, &before);
    for (path, content) in redrives.iter().filter(|(path, _)| !path.ends_with('/')) {
        place.write(&format!("lake/_sluice/redrives/{path}"), content);
    }
    let path = object(&place, "missing_field");
    let content = fs::read(&path).unwrap();
    fs::write(&path, b"garbage").unwrap();
    let parts = [name(&path), "this redrive has claimed it", "restore it"];
    redrive(&place, &one).failed(1, &parts);
    fs::write(&path, content).unwrap();
    let summary = redrive(&place, &one).summary();
    assert_eq!(of_reason(&summary, "missing_field"), [5, 5, 0, 0]);
    assert_eq!(lake::all_events(&place.lake()).len(), GOOD + 5);
}

#[test]
fn a_damaged_list_or_claim_is_named() {
    let place = place();
    let parts = ["is not a valid document of a redrive"];
    place.write("lake/_sluice/redrives/one.json", "{}");
    for more in [&[][..], &["--id", "one"]] {
        let ran = redrive(&place, &[&COPY[..], more].concat()).failed(1, &parts);
        assert!(ran.stderr.contains("one.json"), "{ran:?}");
    }
    fs::remove_file(place.lake().join("_sluice/redrives/one.json")).unwrap();
    let path = object(&place, "missing_field");
    let claim = name(&path).replace(".ndjson.zst", ".json");
    let claim = format!("_sluice/redrives/claims/reason=missing_field/{claim}");
    place.write(&format!("lake/{claim}"), "{}");
    let ran = redrive(&place, &COPY).failed(1, &parts);
    assert!(ran.stderr.contains(&claim), "{ran:?}");
    assert_eq!(lake::all_events(&place.lake()).len(), GOOD);
}
