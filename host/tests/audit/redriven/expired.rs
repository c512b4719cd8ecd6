//! A lake of a stream in S3 whose quarantine was redriven, and has expired since.

use std::fs;

use super::{BAD, GOOD, kinds, places};
use crate::audit::stream::audit;
use crate::support::cloud::{Cloud, STREAM};
use crate::support::lake;
use crate::support::program::Ran;

/// A lifecycle rule of the bucket removes quarantine earlier than the stream its records.
#[test]
fn quarantine_that_has_expired_after_its_redrive_is_counted() {
    let cloud = Cloud::new(1);
    let records: Vec<_> = (0..40)
        .map(|n| format!("{{\"n\":{n}}}").into_bytes())
        .collect();
    for record in &records {
        cloud.kinesis.put(STREAM, "key", record);
    }
    assert_eq!(cloud.catch_up(&["--jq", BAD]).count("quarantined"), 16);
    let args = [
        "redrive",
        "--lake",
        "s3://bucket/lake",
        "--reason",
        "ends_with_5",
    ];
    let more = ["--jq", GOOD, "--http", "none", "--summary", "json"];
    let mut redrive = cloud.place.command(&[&args[..], &more].concat());
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    redrive.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    Ran::from(redrive.output().unwrap()).succeeded();
    for mode in [&[][..], &["--quick"]] {
        let (code, report) = audit(&cloud, mode).into_parts();
        assert_eq!(
            (code, places(&report)),
            (Some(0), [32, 8, 8, 0, 0]),
            "{report:#}"
        );
    }

    let folder = cloud.lake().join("_sluice/quarantine/reason=ends_with_5");
    let keys = lake::tree(&folder).into_keys();
    let keys: Vec<_> = keys.filter(|key| !key.ends_with('/')).collect();
    for key in &keys {
        fs::remove_file(folder.join(key)).unwrap();
    }
    let found = audit(&cloud, &["--expired-after", "1h"]).disproven();
    assert_eq!(kinds(&found), ["missing_object", "unknown_range"]);
    let (code, full) = audit(&cloud, &["--expired-after", "0s"]).into_parts();
    assert_eq!(
        (code, places(&full)),
        (Some(0), [24, 8, 8, 0, 0]),
        "{full:#}"
    );
    assert_eq!(full["gone"], 8);
    assert_eq!(full["objects_expired"], keys.len());
    let (code, quick) = audit(&cloud, &["--quick", "--expired-after", "0s"]).into_parts();
    assert_eq!(
        (code, places(&quick)),
        (Some(0), [32, 8, 8, 0, 0]),
        "{quick:#}"
    );
}
