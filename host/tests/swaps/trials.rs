//! Releases on trial: shadows, canaries, and rollbacks.

use serde_json::{Value, json};

use crate::metrics::watched::{metrics, status};
use crate::support::lake;
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp, wait_until_active};

#[test]
fn a_shadow_reports_differences_and_lands_nothing() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let candidate = fixture.stamped(&json!({ "stamp": "own", "changes": 1000 }));
    fixture.activate(&candidate, &["--shadow"]);
    let mut worker = fixture.watched(&[]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == candidate);
    fixture.put(3_000);
    worker.until(|at| status(at)["shadow"]["records"] == 3_000);
    worker.until(|_| fixture.landed() == 3_000);
    let seen = status(worker.address);
    assert_eq!(seen["shadow"]["differ"], 3);
    assert_eq!(seen["shadow"]["results"]["changed"], 3);
    assert_eq!(seen["shadow"]["results"]["same"], 2_997);
    assert_eq!(seen["shadow"]["fields"], json!({ "event.stamp": 3 }));
    assert_eq!(seen["shadow"]["samples"].as_array().unwrap().len(), 3);
    assert_eq!(
        seen["shadow"]["samples"][0]["fields"],
        json!(["event.stamp"])
    );
    fixture.assert_complete(&["own"]);
}

#[test]
fn a_shadow_that_loops_does_not_block_the_shard() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    // Every record exceeds the fuel limit, after about a tenth of a second.
    let candidate = fixture.stamped(&json!({ "stamp": "own", "turns": 1_000_000_000_u64 }));
    fixture.activate(&candidate, &["--shadow"]);
    let mut worker = fixture.watched(&[]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == candidate);
    fixture.put(2_000);
    worker.until(|_| fixture.landed() == 2_000);
    let late = status(worker.address)["shadow"]["late_batches"].as_u64();
    assert!(late > Some(0), "{late:?}");
    fixture.assert_complete(&["own"]);
}

/// The share of the chunks is drawn by their first records, which are the same for all hosts.
#[test]
fn a_canary_gets_a_part_of_the_chunks() {
    let mut fixture = ReleaseFixture::new(2, Kept::InS3);
    let (a, b) = (fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b")));
    fixture.activate(&a, &[]);
    fixture.activate(&b, &["--canary", "40%"]);
    let mut worker = fixture.watched(&["--chunk-records", "20"]);
    worker.until(|at| status(at)["rollouts"]["canary"]["release"] == b);
    fixture.put(2_000);
    worker.until(|_| fixture.landed() == 2_000);
    fixture.assert_complete(&["a", "b"]);
    let stamps = fixture.stamps();
    let canary = stamps.values().filter(|stamp| *stamp == "b").count();
    assert!((200..1_400).contains(&canary), "{canary}");
    let scores = status(worker.address)["scores"].clone();
    let records = [&a, &b].map(|release| {
        let mut scores = scores.as_array().unwrap().iter();
        let score = scores.find(|score| score["release"] == **release).unwrap();
        score["records"].as_u64().unwrap()
    });
    assert!(records[1] >= canary as u64, "{scores}");
    assert!(records[0] + records[1] >= 2_000, "{scores}");
    let found = metrics(worker.address);
    let of_role = |name: &str, role| found.count(name, &[("role", role)]);
    for (role, records) in [("active", records[0]), ("canary", records[1])] {
        // A chunk that is repeated has a score, and no role.
        let counted = of_role("sluice_release_records_total", role);
        assert!(counted > 0 && counted <= records, "{role}: {counted}");
        assert_eq!(of_role("sluice_release_rejected_records_total", role), 0);
        assert_eq!(of_role("sluice_release_failed_records_total", role), 0);
    }
    // Once it is active, the release before is the one to roll back to.
    fixture.activate(&b, &[]);
    wait_until_active(&mut worker, &b);
    assert_eq!(fixture.active()["previous"], json!([null, a]));
}

#[test]
fn a_canary_that_traps_is_rolled_back_on_all_hosts() {
    let mut fixture = ReleaseFixture::new(2, Kept::InS3);
    let (a, bad) = (
        fixture.stamped(&stamp("a")),
        fixture.stamped(&json!({ "stamp": "bad", "traps": 20 })),
    );
    fixture.activate(&a, &[]);
    let small = ["--chunk-records", "40"];
    let mut workers = [fixture.watched(&small), fixture.watched(&small)];
    for worker in &mut workers {
        wait_until_active(worker, &a);
    }
    fixture.put(1_200);
    let all = fixture.records();
    workers[0].until(|_| fixture.landed() == all);
    fixture.activate(&bad, &["--canary", "50%", "--min-records", "200"]);
    let mut rounds = 0;
    while fixture.active()["canary"] != Value::Null {
        fixture.put(200);
        rounds += 1;
        assert!(rounds < 200, "the canary stays");
    }
    for worker in &mut workers {
        worker.until(|at| status(at)["rollouts"]["canary"] == Value::Null);
        assert_eq!(status(worker.address)["release"], a);
    }
    let last = fixture.active()["history"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&last["what"], &last["release"]),
        (&json!("end_trial"), &json!(bad))
    );
    let (by, why) = (last["by"].as_str().unwrap(), last["why"].as_str().unwrap());
    assert!(
        by.starts_with("sluice") && why.starts_with("failed on "),
        "{by}: {why}"
    );
    let quarantined = || lake::quarantine(&fixture.cloud.lake());
    let all = fixture.records();
    workers[0].until(|_| fixture.landed() + quarantined().len() == all);
    for record in quarantined() {
        assert_eq!((&*record.reason, &*record.release), ("trap", &*bad));
    }
    fixture.stamps();
}

#[test]
fn an_activated_release_that_rejects_more_than_the_one_before_is_rolled_back() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let (a, bad) = (
        fixture.stamped(&stamp("a")),
        fixture.stamped(&json!({ "stamp": "bad", "rejects": 10 })),
    );
    fixture.activate(&a, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &a);
    fixture.put(500);
    worker.until(|_| fixture.landed() == 500);
    fixture.activate(&bad, &["--min-records", "300", "--max-rejected", "5%"]);
    wait_until_active(&mut worker, &bad);
    fixture.put(500);
    wait_until_active(&mut worker, &a);
    let rollout = fixture.active();
    assert_eq!(rollout["active"], a);
    let last = rollout["history"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["what"], "rollback");
    assert!(
        last["why"]
            .as_str()
            .unwrap()
            .starts_with("rejected 10.00 %"),
        "{last}"
    );
}

#[test]
fn a_release_within_its_rollback_policy_stays() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let (a, b) = (
        fixture.stamped(&stamp("a")),
        fixture.stamped(&json!({ "stamp": "b", "rejects": 25 })),
    );
    fixture.activate(&a, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &a);
    fixture.put(500);
    worker.until(|_| fixture.landed() == 500);
    fixture.activate(
        &b,
        &[
            "--min-records",
            "300",
            "--max-rejected",
            "5%",
            "--max-slower",
            "1000",
        ],
    );
    wait_until_active(&mut worker, &b);
    fixture.put(500);
    worker.until(|_| fixture.landed() == 980);
    // A later change shows that the worker has polled, and compared, since then.
    fixture.activate(&a, &["--shadow"]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == a);
    fixture.put(10);
    worker.until(|_| fixture.landed() + lake::quarantine(&fixture.cloud.lake()).len() == 1_010);
    assert_eq!(fixture.active()["active"], b);
}
