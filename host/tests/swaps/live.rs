//! Activations while a worker runs.

use std::thread;
use std::time::{Duration, Instant};

use crate::metrics::watched::status;
use crate::support::cloud::{SHARD, signal};
use crate::swaps::shop::{Kept, Shop, serves, stamp};

#[test]
fn an_activated_release_transforms_the_next_chunk_and_a_rollback_returns() {
    for kept in [Kept::InFolder, Kept::InS3] {
        let mut shop = Shop::new(1, kept);
        let (a, b) = (shop.stamped(&stamp("a")), shop.stamped(&stamp("b")));
        let mut worker = shop.watched(&[]);
        let mut lands = |shop: &mut Shop, count| {
            shop.put(count);
            let all = shop.records();
            worker.until(|_| shop.landed() == all);
        };
        lands(&mut shop, 10);
        let mut worker_serves = |release: &str, shop: &mut Shop| {
            serves(&mut worker, release);
            shop.put(10);
            let all = shop.records();
            worker.until(|_| shop.landed() == all);
        };
        shop.activate(&a, &[]);
        worker_serves(&a, &mut shop);
        shop.activate(&b[..8], &["--why", "better"]);
        worker_serves(&b, &mut shop);
        shop.did(&["rollback"]).succeeded();
        worker_serves(&a, &mut shop);
        let stamps: Vec<_> = shop.stamps().into_values().collect();
        let of = |stamp: &str| vec![stamp.to_owned(); 10];
        assert_eq!(stamps, [of("own"), of("a"), of("b"), of("a")].concat());
        let changes = shop.active()["history"].as_array().unwrap().len();
        assert_eq!(changes, 3);
    }
}

/// The duration of the switches: `SLUICE_SWAPS_SECONDS=600` for a longer test.
fn swapping_time() -> Duration {
    let seconds = std::env::var("SLUICE_SWAPS_SECONDS").ok();
    Duration::from_secs(seconds.map_or(6, |seconds| seconds.parse().unwrap()))
}

/// Switches releases several times a second for a while, under load.
#[test]
fn constant_release_switches_lose_nothing_and_mix_nothing() {
    let mut shop = Shop::new(2, Kept::InS3);
    let releases = [shop.stamped(&stamp("a")), shop.stamped(&stamp("b"))];
    let mut worker = shop.watched(&["--chunk-records", "50"]);
    let begun = Instant::now();
    let mut swaps = 0;
    while begun.elapsed() < swapping_time() || swaps < 6 {
        shop.activate(&releases[swaps % 2], &["--no-rollback"]);
        swaps += 1;
        for _ in 0..4 {
            shop.put(25);
            thread::sleep(Duration::from_millis(20));
        }
    }
    let all = shop.records();
    worker.until(|_| shop.landed() == all);
    let seen = status(worker.address);
    assert_eq!(seen["rollouts"]["admission_errors"], serde_json::json!([]));
    signal(&worker.run.0, "TERM");
    worker.end().succeeded();
    shop.is_whole(&["own", "a", "b"]);
    let stamps = shop.stamps();
    for stamp in ["a", "b"] {
        let made = stamps.values().filter(|made| *made == stamp).count();
        assert!(made > 0, "nothing was made by {stamp}");
    }
    println!("{swaps} swaps, {all} records");
    assert_eq!(shop.cloud.ledger(SHARD)["pending"], serde_json::Value::Null);
}

#[test]
fn an_unavailable_or_damaged_registry_changes_nothing() {
    let mut shop = Shop::new(1, Kept::InFolder);
    let a = shop.stamped(&stamp("a"));
    shop.activate(&a, &[]);
    let mut worker = shop.watched(&[]);
    serves(&mut worker, &a);
    for damage in ["{", "[]", r#"{"version":2}"#, ""] {
        std::fs::write(shop.file("active.json"), damage).unwrap();
        worker.until(|at| status(at)["rollouts"]["error"].is_string());
        shop.put(10);
        let all = shop.records();
        worker.until(|_| shop.landed() == all);
    }
    // A missing `active.json` means that nothing was activated.
    std::fs::remove_file(shop.file("active.json")).unwrap();
    worker.until(|at| status(at)["rollouts"]["error"].is_null());
    worker.until(|at| status(at)["rollouts"]["number"] == 0);
    shop.put(10);
    let all = shop.records();
    worker.until(|_| shop.landed() == all);
    shop.is_whole(&["a", "own"]);
    assert_eq!(shop.stamps()[&39], "a");
    assert_eq!(shop.stamps()[&49], "own");
}

#[test]
fn a_run_does_not_start_with_a_registry_that_cannot_be_read() {
    let shop = Shop::new(1, Kept::InFolder);
    std::fs::create_dir_all(shop.file("")).unwrap();
    std::fs::write(shop.file("active.json"), "{").unwrap();
    let ran = shop.worker(&["--exit-when-caught-up"]).output().unwrap();
    crate::support::program::Ran::from(ran).failed(1, &["registry", "active.json", "damaged"]);
}
