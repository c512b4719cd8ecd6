//! Violations by redrives that the checks of a soak must notice.

use std::fs;
use std::path::PathBuf;

use super::{Delivered, USUAL};
use crate::soak::redrives::{is_redrive, rules};
use crate::soak::{LAKE, program};
use crate::support::program::Ran;

/// A small stream that was delivered, of which some quarantined records were redriven, and others quarantined again.
fn redriven() -> Delivered {
    let delivered = Delivered::new(USUAL);
    let rules = rules();
    let redrive = ["redrive", "--lake", LAKE, "--jq", &rules];
    let more = ["--compression", "none", "--summary", "json"];
    let mut command = program(&delivered.cloud, &[&redrive[..], &more].concat());
    let summary = Ran::from(command.output().unwrap()).summary();
    let [events, quarantined] = summary.counts(["events", "quarantined"]);
    assert!(events > 0 && quarantined > 0, "{summary:?}");
    delivered
}

/// The objects of redrives in a folder of the lake, or those of the run.
fn objects(delivered: &Delivered, folder: &str, of_redrive: bool) -> Vec<PathBuf> {
    let folder = fs::read_dir(delivered.cloud.lake().join(folder)).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.is_file());
    files
        .filter(|file| is_redrive(file.file_name().unwrap().to_str().unwrap()) == of_redrive)
        .collect()
}

#[test]
fn records_that_were_redriven_twice_or_not_at_all_are_noticed() {
    let delivered = redriven();
    assert!(delivered.lake_is_whole());
    let quarantine = "_sluice/quarantine/reason=missing_field";
    let again = "_sluice/quarantine/reason=invalid_json";
    let event = objects(&delivered, "", true).remove(0);
    let old = objects(&delivered, quarantine, false).remove(0);
    let again = objects(&delivered, again, true).remove(0);
    for object in [&event, &old, &again] {
        let content = fs::read(object).unwrap();
        fs::remove_file(object).unwrap();
        assert!(!delivered.lake_is_whole(), "{} is gone", object.display());
        fs::write(object, &content).unwrap();
        assert!(delivered.lake_is_whole());
    }
    let content = fs::read_to_string(&event).unwrap();
    for changed in [content.repeat(2), content.replacen("event_uuid", "uuid", 1)] {
        fs::write(&event, changed).unwrap();
        assert!(!delivered.lake_is_whole(), "another content");
    }
    fs::write(&event, &content).unwrap();
    // An event of a record that was never in quarantine.
    let line = fs::read_to_string(&delivered.objects()[0]).unwrap();
    let line = line.lines().next().unwrap();
    fs::write(&event, format!("{content}{line}\n")).unwrap();
    assert!(!delivered.lake_is_whole(), "a record that has landed");
    fs::write(&event, content).unwrap();
    assert!(delivered.lake_is_whole());
}
