//! A worker is killed while it puts into the archive. The next one finishes the chunk there, whatever its own archive is.

use std::time::Duration;

use super::{kept, objects};
use crate::audit::stream;
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::cloud::{Cloud, events};
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The name of a step, and its request.
type Step = (&'static str, fn(Fault) -> Rule);

fn into_archive(fault: Fault) -> Rule {
    Rule::new(fault).method("PUT").path("archive/events-")
}

fn manifest(fault: Fault) -> Rule {
    Rule::new(fault).method("PUT").path("_sluice/chunks")
}

fn commit(fault: Fault) -> Rule {
    let commit = Rule::new(fault).method("PUT").path("_sluice/ledger");
    commit.body("\"pending\": null").body("\"committed\": {")
}

/// Kills a worker at a step, and lets another one without an archive finish.
fn survives(step: Rule) {
    let cloud = Cloud::new(1);
    cloud.kinesis.records_per_read(30);
    let all = events(90, 95);
    cloud.put_by_keys(&all);
    let rule = cloud.proxy(S3).add(step);
    let args = ["--archive", "s3://bucket/archive", "--chunk-records", "1"];
    let worker = cloud.worker_with_log("killed.log", &args);
    let came = cloud.proxy(S3).wait_for_hits(rule, 1, TIMEOUT);
    drop(worker);
    assert!(came, "the step never came: {}", cloud.log("killed.log"));
    cloud.proxy(S3).remove_rules();
    let more = ["--archive", "s3://bucket/other", "--chunk-records", "1"];
    cloud.catch_up(&more);
    cloud.holds_exactly(&all);
    let bucket = &cloud.bucket;
    let (pinned, other) = (bucket.join("archive"), bucket.join("other"));
    assert!(
        !objects(&pinned).is_empty(),
        "nothing is in the pinned archive"
    );
    let both = [kept(&pinned), kept(&other)].concat();
    let mut found: Vec<_> = both.into_iter().map(|kept| kept.data).collect();
    let mut expected = all;
    found.sort_unstable();
    expected.sort_unstable();
    assert!(found == expected, "{} records are archived", found.len());
    stream::audit(&cloud, &[]).proven();
}

#[test]
fn kills_while_a_chunk_is_archived_change_nothing() {
    let steps: [Step; 4] = [
        ("put into the archive", into_archive),
        ("put the second chunk into the archive", |fault| {
            into_archive(fault).nth(2)
        }),
        ("put the chunk manifest", manifest),
        ("commit", commit),
    ];
    at_once(steps.into_iter().flat_map(|(name, step)| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {name}");
            (name, move || survives(step(fault)))
        })
    }));
}
