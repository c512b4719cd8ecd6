//! Activations while a worker runs.

use std::thread;
use std::time::{Duration, Instant};

use crate::metrics::watched::status;
use crate::support::cloud::{SHARD, signal};
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp, wait_until_active};

#[test]
fn an_activated_release_transforms_the_next_chunk_and_a_rollback_returns() {
    for kept in [Kept::InFolder, Kept::InS3] {
        let mut fixture = ReleaseFixture::new(1, kept);
        let (a, b) = (fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b")));
        let mut worker = fixture.watched(&[]);
        let mut lands = |fixture: &mut ReleaseFixture, count| {
            fixture.put(count);
            let all = fixture.records();
            worker.until(|_| fixture.landed() == all);
        };
        lands(&mut fixture, 10);
        let mut worker_serves = |release: &str, fixture: &mut ReleaseFixture| {
            wait_until_active(&mut worker, release);
            fixture.put(10);
            let all = fixture.records();
            worker.until(|_| fixture.landed() == all);
        };
        fixture.activate(&a, &[]);
        worker_serves(&a, &mut fixture);
        fixture.activate(&b[..8], &["--why", "better"]);
        worker_serves(&b, &mut fixture);
        fixture.transform(&["rollback"]).succeeded();
        worker_serves(&a, &mut fixture);
        let stamps: Vec<_> = fixture.stamps().into_values().collect();
        let of = |stamp: &str| vec![stamp.to_owned(); 10];
        assert_eq!(stamps, [of("own"), of("a"), of("b"), of("a")].concat());
        let changes = fixture.active()["history"].as_array().unwrap().len();
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
    let mut fixture = ReleaseFixture::new(2, Kept::InS3);
    let releases = [fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b"))];
    let mut worker = fixture.watched(&["--chunk-records", "50"]);
    let begun = Instant::now();
    let mut swaps = 0;
    while begun.elapsed() < swapping_time() || swaps < 6 {
        fixture.activate(&releases[swaps % 2], &["--no-rollback"]);
        swaps += 1;
        for _ in 0..4 {
            fixture.put(25);
            thread::sleep(Duration::from_millis(20));
        }
    }
    let all = fixture.records();
    worker.until(|_| fixture.landed() == all);
    let seen = status(worker.address);
    assert_eq!(seen["rollouts"]["admission_errors"], serde_json::json!([]));
    signal(&worker.run.0, "TERM");
    worker.end().succeeded();
    fixture.assert_complete(&["own", "a", "b"]);
    let stamps = fixture.stamps();
    for stamp in ["a", "b"] {
        let made = stamps.values().filter(|made| *made == stamp).count();
        assert!(made > 0, "nothing was made by {stamp}");
    }
    println!("{swaps} swaps, {all} records");
    assert_eq!(
        fixture.cloud.ledger(SHARD)["pending"],
        serde_json::Value::Null
    );
}

#[test]
fn an_unavailable_or_damaged_registry_changes_nothing() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let a = fixture.stamped(&stamp("a"));
    fixture.activate(&a, &[]);
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &a);
    for damage in ["{", "[]", r#"{"version":1}"#, ""] {
        std::fs::write(fixture.file("active.json"), damage).unwrap();
        worker.until(|at| status(at)["rollouts"]["error"].is_string());
        fixture.put(10);
        let all = fixture.records();
        worker.until(|_| fixture.landed() == all);
    }
    // A missing `active.json` means that nothing was activated.
    std::fs::remove_file(fixture.file("active.json")).unwrap();
    worker.until(|at| status(at)["rollouts"]["error"].is_null());
    worker.until(|at| status(at)["rollouts"]["number"] == 0);
    fixture.put(10);
    let all = fixture.records();
    worker.until(|_| fixture.landed() == all);
    fixture.assert_complete(&["a", "own"]);
    assert_eq!(fixture.stamps()[&39], "a");
    assert_eq!(fixture.stamps()[&49], "own");
}

#[test]
fn a_run_does_not_start_with_a_registry_that_cannot_be_read() {
    let fixture = ReleaseFixture::new(1, Kept::InFolder);
    std::fs::create_dir_all(fixture.file("")).unwrap();
    std::fs::write(fixture.file("active.json"), "{").unwrap();
    let ran = fixture.worker(&["--exit-when-caught-up"]).output().unwrap();
    crate::support::program::Ran::from(ran).failed(1, &["registry", "active.json", "damaged"]);
}
