//! A replay of an archive that is killed.

use std::process::Stdio;
use std::time::Duration;

use testkit::proxy::{Fault, Rule};

use super::*;
use crate::support::cases::at_once;
use crate::support::cloud::Service::S3;
use crate::support::program::Running;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The steps of a chunk, by the paths of their requests.
const STEPS: [&str; 3] = [
    "other/_sluice/ledger",
    "other/event_type",
    "other/_sluice/chunks",
];

/// The second chunk of each of two shards is killed at a step, before or after the service has executed it. Objects are as
/// those of a replay that nothing has disturbed.
#[test]
fn a_replay_that_is_killed_at_any_step_is_finished_by_the_next_one() {
    let cases = STEPS.iter().flat_map(|step| {
        [Fault::Hold, Fault::HoldAnswer].map(|fault| {
            let name = format!("{fault:?}: {step}");
            (name, move || survives(step, &fault))
        })
    });
    at_once(cases);
}

fn survives(step: &str, fault: &Fault) {
    let cloud = archived(2, 1_200);
    let proxy = cloud.proxy(S3);
    for turn in 0..2 {
        let rule = Rule::new(fault.clone()).method("PUT").path(step);
        let rule = proxy.add(rule.nth(turn + 1));
        let args = ["replay", "--lake", "s3://bucket/other"];
        let mut replay = command(&cloud, &[&args[..], &SOURCE, &BATCHES].concat());
        replay.stdout(Stdio::null()).stderr(Stdio::null());
        let killed = Running(replay.spawn().unwrap());
        let came = proxy.wait_for_hits(rule, 1, TIMEOUT);
        drop(killed);
        assert!(came, "the step never came");
        proxy.remove_rules();
    }
    let rest = replay(&cloud, &SOURCE, "other", &BATCHES).summary();
    let counts = rest.counts(["records", "already_committed"]);
    assert_eq!(counts.iter().sum::<u64>(), 2_401);
    replay(&cloud, &SOURCE, "whole", &BATCHES).succeeded();
    assert!(landed(&lake_of(&cloud, "other")) == landed(&lake_of(&cloud, "whole")));
}
