//! Releases on trial: shadows, canaries, and rollbacks.

use serde_json::{Value, json};

use crate::metrics::watched::status;
use crate::support::lake;
use crate::swaps::shop::{Kept, Shop, serves, stamp};

#[test]
fn a_shadow_reports_differences_and_lands_nothing() {
    let mut shop = Shop::new(1, Kept::InFolder);
    let candidate = shop.stamped(&json!({ "stamp": "own", "changes": 1000 }));
    shop.activate(&candidate, &["--shadow"]);
    let mut worker = shop.watched(&[]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == candidate);
    shop.put(3_000);
    worker.until(|at| status(at)["shadow"]["records"] == 3_000);
    worker.until(|_| shop.landed() == 3_000);
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
    shop.is_whole(&["own"]);
}

#[test]
fn a_shadow_that_loops_does_not_block_the_shard() {
    let mut shop = Shop::new(1, Kept::InFolder);
    // Every record exceeds the fuel limit, after about a tenth of a second.
    let candidate = shop.stamped(&json!({ "stamp": "own", "turns": 1_000_000_000_u64 }));
    shop.activate(&candidate, &["--shadow"]);
    let mut worker = shop.watched(&[]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == candidate);
    shop.put(2_000);
    worker.until(|_| shop.landed() == 2_000);
    let late = status(worker.address)["shadow"]["late_batches"].as_u64();
    assert!(late > Some(0), "{late:?}");
    shop.is_whole(&["own"]);
}

/// The share of the chunks is drawn by their first records, which are the same for all hosts.
#[test]
fn a_canary_gets_a_part_of_the_chunks() {
    let mut shop = Shop::new(2, Kept::InS3);
    let (a, b) = (shop.stamped(&stamp("a")), shop.stamped(&stamp("b")));
    shop.activate(&a, &[]);
    shop.activate(&b, &["--canary", "40%"]);
    let mut worker = shop.watched(&["--chunk-records", "20"]);
    worker.until(|at| status(at)["rollouts"]["canary"]["release"] == b);
    shop.put(2_000);
    worker.until(|_| shop.landed() == 2_000);
    shop.is_whole(&["a", "b"]);
    let stamps = shop.stamps();
    let canary = stamps.values().filter(|stamp| *stamp == "b").count();
    assert!((200..1_400).contains(&canary), "{canary}");
    // Once it is active, the release before is the one to roll back to.
    shop.activate(&b, &[]);
    serves(&mut worker, &b);
    assert_eq!(shop.active()["previous"], json!([null, a]));
}

#[test]
fn a_canary_that_traps_is_rolled_back_on_all_hosts() {
    let mut shop = Shop::new(2, Kept::InS3);
    let (a, bad) = (
        shop.stamped(&stamp("a")),
        shop.stamped(&json!({ "stamp": "bad", "traps": 20 })),
    );
    shop.activate(&a, &[]);
    let small = ["--chunk-records", "40"];
    let mut workers = [shop.watched(&small), shop.watched(&small)];
    for worker in &mut workers {
        serves(worker, &a);
    }
    shop.put(1_200);
    let all = shop.records();
    workers[0].until(|_| shop.landed() == all);
    shop.activate(&bad, &["--canary", "50%", "--min-records", "200"]);
    let mut rounds = 0;
    while shop.active()["canary"] != Value::Null {
        shop.put(200);
        rounds += 1;
        assert!(rounds < 200, "the canary stays");
    }
    for worker in &mut workers {
        worker.until(|at| status(at)["rollouts"]["canary"] == Value::Null);
        assert_eq!(status(worker.address)["release"], a);
    }
    let last = shop.active()["history"]
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
    let quarantined = || lake::quarantine(&shop.cloud.lake());
    let all = shop.records();
    workers[0].until(|_| shop.landed() + quarantined().len() == all);
    for record in quarantined() {
        assert_eq!((&*record.reason, &*record.release), ("trap", &*bad));
    }
    shop.stamps();
}

#[test]
fn an_activated_release_that_rejects_more_than_the_one_before_is_rolled_back() {
    let mut shop = Shop::new(1, Kept::InFolder);
    let (a, bad) = (
        shop.stamped(&stamp("a")),
        shop.stamped(&json!({ "stamp": "bad", "rejects": 10 })),
    );
    shop.activate(&a, &[]);
    let mut worker = shop.watched(&[]);
    serves(&mut worker, &a);
    shop.put(500);
    worker.until(|_| shop.landed() == 500);
    shop.activate(&bad, &["--min-records", "300", "--max-rejected", "5%"]);
    serves(&mut worker, &bad);
    shop.put(500);
    serves(&mut worker, &a);
    let rollout = shop.active();
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
    let mut shop = Shop::new(1, Kept::InFolder);
    let (a, b) = (
        shop.stamped(&stamp("a")),
        shop.stamped(&json!({ "stamp": "b", "rejects": 25 })),
    );
    shop.activate(&a, &[]);
    let mut worker = shop.watched(&[]);
    serves(&mut worker, &a);
    shop.put(500);
    worker.until(|_| shop.landed() == 500);
    shop.activate(
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
    serves(&mut worker, &b);
    shop.put(500);
    worker.until(|_| shop.landed() == 980);
    // A later change shows that the worker has polled, and compared, since then.
    shop.activate(&a, &["--shadow"]);
    worker.until(|at| status(at)["rollouts"]["shadow"]["release"] == a);
    shop.put(10);
    worker.until(|_| shop.landed() + lake::quarantine(&shop.cloud.lake()).len() == 1_010);
    assert_eq!(shop.active()["active"], b);
}
