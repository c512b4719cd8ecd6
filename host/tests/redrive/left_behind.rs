//! An object that a redrive could not read, and went on without. Then the redrive is killed while a later chunk is pending.

use std::fs;
use std::path::PathBuf;

use testkit::proxy::{Fault, Rule};

use super::steps::{FIX, TIMEOUT, cloud, put_in_ledger, quarantined, start};
use super::{echoes, redrive_in};
use crate::support::cloud::Cloud;
use crate::support::cloud::Service::S3;
use crate::support::lake;
use crate::support::program::Ran;

const QUARANTINE: &str = "_sluice/quarantine/reason=invalid_json/";

/// The second object of quarantine of a lake whose redrive `one` has committed the first one and pinned the third one.
struct LeftBehind {
    cloud: Cloud,
    /// Its name.
    name: String,
    content: Vec<u8>,
}

impl LeftBehind {
    fn new() -> Self {
        let cloud = cloud();
        let folder = cloud.lake().join(QUARANTINE);
        let objects: Vec<_> = lake::tree(&folder).into_iter().collect();
        let [(_, other), (name, content), _] = &objects[..] else {
            panic!("{objects:?}");
        };
        let left = Self {
            name: name.clone(),
            content: content.clone(),
            cloud,
        };
        fs::write(left.path(), other).unwrap();
        let proxy = left.cloud.proxy(S3);
        let pin = put_in_ledger(Rule::new(Fault::HoldAnswer)).body("\"pending\": {");
        let held = proxy.add(pin.body("\"committed\": {"));
        let killed = start(&left.cloud, "killed.log", &["--id", "one"]);
        let came = proxy.wait_for_hits(held, 1, TIMEOUT);
        drop(killed);
        assert!(came, "{}", left.cloud.log("killed.log"));
        proxy.remove_rules();
        left
    }

    fn path(&self) -> PathBuf {
        self.cloud.lake().join(QUARANTINE).join(&self.name)
    }

    fn claim(&self) -> PathBuf {
        let name = self.name.replace(".ndjson.zst", ".json");
        let folder = "_sluice/redrives/claims/reason=invalid_json";
        self.cloud.lake().join(folder).join(name)
    }

    fn redrive(&self, more: &[&str]) -> Ran {
        let mut command = redrive_in(&self.cloud, &[&FIX[..], more].concat());
        Ran::from(command.output().unwrap())
    }

    /// The texts of the records that have landed.
    fn landed(&self) -> usize {
        echoes(&self.cloud.lake()).len()
    }
}

#[test]
fn what_a_killed_redrive_has_left_out_is_named_by_the_next_one() {
    let left = LeftBehind::new();
    let parts = [left.name.as_str(), "left it out before"];
    let ran = left.redrive(&["--id", "one"]).failed(1, &parts);
    assert!(ran.stdout.contains("\"finished\":true"), "{ran:?}");
    assert_eq!(left.landed(), 6);
    fs::write(left.path(), &left.content).unwrap();
    left.redrive(&[]).succeeded();
    assert_eq!(echoes(&left.cloud.lake()), quarantined());
}

/// The claim of a process that was frozen between reading the object and claiming it.
#[test]
fn a_claim_before_a_pending_range_does_not_change_it_and_is_named() {
    let left = LeftBehind::new();
    fs::write(left.path(), &left.content).unwrap();
    let key = format!("{QUARANTINE}{}", left.name);
    let claim =
        format!("{{\n  \"version\": 1,\n  \"redrive\": \"one\",\n  \"object\": \"{key}\"\n}}\n");
    fs::write(left.claim(), claim).unwrap();
    left.redrive(&["--id", "one"]).succeeded();
    assert_eq!(left.landed(), 6);
    // No redrive takes it, and none is silent about it.
    let claim = left.claim();
    let claim_name = claim.file_name().unwrap().to_str().unwrap();
    left.redrive(&[])
        .failed(1, &[claim_name, "gone on without its records"]);
    assert_eq!(left.landed(), 6);
    fs::remove_file(&claim).unwrap();
    left.redrive(&[]).succeeded();
    assert_eq!(echoes(&left.cloud.lake()), quarantined());
}
