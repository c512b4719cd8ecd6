//! Kills during release switches, concurrent changes, and missing releases.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::forged::Forged;
use crate::support::cloud::{SHARD, Service::S3};
use crate::support::guests::{rogue, slow_to_compile};
use crate::support::program::{Ran, Running};
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp, wait_until_active};
use testkit::proxy::{Fault, Rule};

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn a_killed_activation_is_complete_or_has_no_effect() {
    let fixture = ReleaseFixture::new(1, Kept::InFolder);
    let releases = [fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b"))];
    fixture.activate(&releases[1], &[]);
    let (mut done, mut undone) = (0, 0);
    for turn in 0..40_usize {
        let before = fixture.active();
        let mut command = fixture.tool(&[
            "activate",
            &releases[turn % 2],
            "--unchecked",
            "--no-rollback",
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        thread::sleep(Duration::from_micros(400 * turn as u64));
        running.0.kill().unwrap();
        running.0.wait().unwrap();
        let after = fixture.active();
        if after["number"] == before["number"] {
            assert_eq!(after, before);
            undone += 1;
            fixture.activate(&releases[turn % 2], &["--unchecked", "--no-rollback"]);
        } else {
            assert_eq!(after["active"], releases[turn % 2]);
            done += 1;
        }
    }
    assert_eq!(done + undone, 40);
    assert!(undone > 0, "no kill came early enough");
}

#[test]
fn an_activation_whose_response_is_lost_is_resolved() {
    let fixture = ReleaseFixture::new(1, Kept::InS3);
    let (a, b) = (fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b")));
    for (release, fault) in [
        (&a, Fault::ResetAfter),
        (&b, Fault::ResetBefore),
        (&a, Fault::s3(503, "SlowDown")),
    ] {
        let lost = Rule::new(fault).method("PUT").path("active.json");
        let lost = fixture.cloud.proxy(S3).add(lost);
        fixture.activate(release, &[]);
        assert_eq!(fixture.cloud.proxy(S3).hits(lost), 1);
        assert_eq!(fixture.active()["active"], **release);
    }
    assert_eq!(fixture.active()["number"], 3);
}

/// Both read, then both write: the second gets an error, and the active release is that of the
/// first.
#[test]
fn of_two_concurrent_activations_one_wins_and_the_other_gets_an_error() {
    let fixture = ReleaseFixture::new(1, Kept::InS3);
    let (a, b) = (fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b")));
    let hold = Rule::new(Fault::Hold).method("PUT").path("active.json");
    let hold = fixture.cloud.proxy(S3).add(hold);
    let mut slow = fixture.tool(&["activate", &a]);
    slow.stdout(Stdio::piped()).stderr(Stdio::piped());
    let slow = slow.spawn().unwrap();
    assert!(fixture.cloud.proxy(S3).wait_for_hits(hold, 1, TIMEOUT));
    fixture.activate(&b, &[]);
    fixture.cloud.proxy(S3).release_held();
    let reported = Ran::from(slow.wait_with_output().unwrap());
    reported.failed(1, &["changed concurrently", "nothing was changed", &b[..8]]);
    assert_eq!(fixture.active()["active"], b);
    assert_eq!(fixture.active()["number"], 1);
}

#[test]
fn many_concurrent_activations_have_one_history() {
    for kept in [Kept::InFolder, Kept::InS3] {
        let fixture = ReleaseFixture::new(1, kept);
        let releases: Vec<_> = (0..6)
            .map(|n| fixture.stamped(&stamp(&n.to_string())))
            .collect();
        let started = releases.iter().map(|release| {
            let mut command = fixture.tool(&["activate", release, "--unchecked"]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        });
        let started: Vec<_> = started.collect();
        let codes = started
            .into_iter()
            .map(|mut child| child.wait().unwrap().code());
        let won = codes.filter(|code| *code == Some(0)).count();
        let rollout = fixture.active();
        assert!(won > 0);
        assert_eq!(rollout["number"], won);
        assert_eq!(rollout["history"].as_array().unwrap().len(), won);
    }
}

/// A chunk that was pinned before the switch is finished by its own release, whatever is active,
/// and whatever happens to the registry and to the release's cases.
#[test]
fn a_pinned_chunk_is_finished_by_its_own_release() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    fixture.write_cases("a");
    let with_cases = ["--transform-config", r#"{"stamp":"a"}"#, "--cases", "cases"];
    let a = fixture.publish(&rogue().by_record, &with_cases);
    let b = fixture.stamped(&stamp("b"));
    fixture.activate(&a, &[]);
    fixture.put(100);
    fixture.is_killed_before_its_commit();
    assert_eq!(fixture.cloud.ledger(SHARD)["pending"]["release"], a);
    fixture.activate(&b, &[]);
    fs::remove_file(fixture.file(&format!("releases/{a}.json"))).unwrap();
    fs::remove_dir_all(fixture.file("cases")).unwrap();
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &b);
    fixture.put(50);
    worker.until(|_| fixture.landed() == 150);
    fixture.assert_complete(&["a", "b"]);
    assert_eq!(fixture.stamps()[&99], "a");
    assert_eq!(fixture.stamps()[&100], "b");
}

#[test]
fn a_pinned_chunk_without_its_release_stops_its_shard() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let a = fixture.stamped(&stamp("a"));
    fixture.activate(&a, &[]);
    fixture.put(20);
    fixture.is_killed_before_its_commit();
    let kept = fixture
        .cloud
        .lake()
        .join(format!("_sluice/releases/{a}.json"));
    fs::remove_file(&kept).unwrap();
    fixture.transform(&["rollback"]).succeeded();
    let ran = fixture.worker(&["--exit-when-caught-up"]).output().unwrap();
    Ran::from(ran).failed(1, &[&a, "releases/", "is missing"]);
    assert_eq!(fixture.cloud.ledger(SHARD)["pending"]["release"], a);
    fixture.activate(&a, &[]);
    let ran = fixture.worker(&["--exit-when-caught-up"]).output().unwrap();
    Ran::from(ran).succeeded();
    fixture.assert_complete(&["a"]);
}

/// A release takes minutes to compile, and the worker is killed meanwhile. Nothing is left behind,
/// and the next worker uses the release that is active.
#[test]
fn a_worker_that_is_killed_while_it_admits_a_release_loses_nothing() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let good = fixture.stamped(&stamp("good"));
    fixture.activate(&good, &[]);
    fixture.put(50);
    let mut command = fixture.worker(&[]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let worker = Running(command.spawn().unwrap());
    until(|| fixture.landed() == 50);
    let slow = Forged::new(slow_to_compile()).put(&fixture);
    fixture.activate(&slow, &["--unchecked"]);
    until(|| compiles(worker.0.id()));
    fixture.put(50);
    until(|| fixture.landed() == 100);
    drop(worker);
    fixture.transform(&["rollback"]).succeeded();
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &good);
    fixture.put(50);
    worker.until(|_| fixture.landed() == 150);
    fixture.assert_complete(&["good"]);
}

fn until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < TIMEOUT, "it does not come to that");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process has started a compiler process.
fn compiles(parent: u32) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.into_iter().any(|process| {
        let read = |name| fs::read_to_string(process.path().join(name)).unwrap_or_default();
        let is_child = read("status").contains(&format!("PPid:\t{parent}\n"));
        is_child && read("cmdline").contains("compiler-process")
    })
}

/// Hosts that start while the active release is invalid use the same release as the running ones.
#[test]
fn a_host_that_starts_with_an_invalid_release_uses_the_one_before() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let (a, b) = (fixture.stamped(&stamp("a")), fixture.stamped(&stamp("b")));
    fixture.activate(&a, &[]);
    fixture.activate(&b, &[]);
    fs::remove_file(fixture.file(&format!("releases/{b}.json"))).unwrap();
    let mut worker = fixture.watched(&[]);
    wait_until_active(&mut worker, &a);
    let (step, why) = crate::swaps::fixture::admission_error(&mut worker, &b);
    assert_eq!((&*step, why.contains(&b)), ("fetch", true), "{why}");
    fixture.put(20);
    worker.until(|_| fixture.landed() == 20);
    fixture.assert_complete(&["a"]);
}

#[test]
fn only_old_unused_releases_are_removed() {
    let fixture = ReleaseFixture::new(1, Kept::InS3);
    let ids: Vec<_> = (0..5)
        .map(|n| fixture.stamped(&stamp(&n.to_string())))
        .collect();
    let other = fixture.publish(sluice::ENRICH, &[]);
    fixture.activate(&ids[0], &[]);
    fixture.activate(&ids[1], &[]);
    fixture.activate(&ids[2], &["--canary", "1%"]);
    let names = || {
        let listed = fixture.transform(&["list", "--json"]).succeeded().stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let releases = listed["releases"].as_array().unwrap().clone();
        let mut ids: Vec<_> = releases
            .iter()
            .map(|release| release["release"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    };
    let all = names();
    fixture.transform(&["gc"]).succeeded();
    assert_eq!(names(), all, "nothing is old yet");
    thread::sleep(Duration::from_millis(1_100));
    let would = fixture
        .transform(&["gc", "--older-than", "1s", "--dry-run"])
        .succeeded();
    assert!(
        would.stdout.contains("3 releases would be removed, 3 kept"),
        "{would:?}"
    );
    assert_eq!(names(), all);
    fixture.transform(&["gc", "--older-than", "1s"]).succeeded();
    let mut left = ids[..3].to_vec();
    left.sort_unstable();
    assert_eq!(names(), left);
    fixture.transform(&["show", &other]).failed(1, &[&other]);
    // A release that stays is complete: its component is there.
    fixture.activate(&ids[0], &["--shadow"]);
    assert_eq!(fixture.active()["shadow"]["release"], json!(ids[0]));
}

/// The lake's own registry, next to its ledgers.
#[test]
fn a_pinned_release_is_never_removed() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let a = fixture.stamped(&stamp("a"));
    fixture.activate(&a, &[]);
    fixture.put(20);
    fixture.is_killed_before_its_commit();
    let own = format!("file:{}", fixture.cloud.lake().join("_sluice").display());
    thread::sleep(Duration::from_millis(1_100));
    let gc = ["transform", "gc", "--older-than", "1s", "--registry", &own];
    let gone = fixture.cloud.place.run(&gc).succeeded();
    assert!(gone.stdout.contains("0 releases removed"), "{gone:?}");
    let ran = fixture.worker(&["--exit-when-caught-up"]).output().unwrap();
    Ran::from(ran).succeeded();
    fixture.assert_complete(&["a"]);
    let gone = fixture.cloud.place.run(&gc).succeeded();
    assert!(gone.stdout.contains("1 release removed"), "{gone:?}");
}
