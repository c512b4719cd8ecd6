//! Rules as text: releases of one component with other programs. A swap compiles nothing.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use sluice::builtin::Builtin;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::registry::{Known, Registry};
use sluice_release::rollout::Author;
use sluice_storage::folder::FolderStore;
use tokio::runtime::Runtime;

use crate::metrics::watched::{Watched, metrics, status};
use crate::support::cloud::Service::S3;
use crate::support::cloud::signal;
use crate::support::lake;
use crate::support::program::Place;
use crate::swaps::fixture::{Kept, ReleaseFixture, stamp, wait_until_active};
use testkit::proxy::{Fault, Rule};

/// The components that a worker has compiled.
fn compilations(worker: &Watched) -> u64 {
    metrics(worker.address).count("sluice_components_compiled_total", &[])
}

/// Publishes and activates programs in this process, which takes milliseconds.
struct Publisher {
    runtime: Runtime,
    registry: Registry,
}

impl Publisher {
    fn new(fixture: &ReleaseFixture) -> Self {
        let store = FolderStore::shared(fixture.cloud.place.path("registry"));
        Self {
            runtime: Runtime::new().unwrap(),
            registry: Registry::new(Arc::new(store), Known::default()),
        }
    }

    /// Publishes a program, activates it, and returns the id of the release.
    fn activate(&self, program: &str) -> String {
        let config = json!({ "program": program }).to_string();
        let component = Builtin::Jq.component().to_vec();
        let bundle = ReleaseBundle::new(component, &config).unwrap();
        let id = bundle.manifest().id();
        let author = Author {
            by: "test".into(),
            at: Utc::now(),
            why: None,
        };
        self.runtime.block_on(async {
            assert!(self.registry.keep(&bundle).await.unwrap());
            let seen = self.registry.active().await.unwrap();
            let next = seen.rollout.activate(id, None, &author).unwrap();
            self.registry.change(&seen, &next).await.unwrap();
        });
        id.to_string()
    }
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// A program that gives each event a stamp.
fn program(n: usize) -> String {
    format!("# number {n}\n.stamp = \"{n}\"")
}

/// The number of records for each program.
const RECORDS: usize = 40;

/// A worker under load follows this many programs, one after the other. How long it takes from an activation until the
/// worker serves the release is printed (`--nocapture`).
fn follow(programs: usize) {
    let mut fixture = ReleaseFixture::new(2, Kept::InFolder);
    let publisher = Publisher::new(&fixture);
    let first = publisher.activate(&program(0));
    let mut worker = fixture.watched(&["--chunk-records", "100"]);
    wait_until_active(&mut worker, &first);
    let compiled = compilations(&worker);
    // The transform that it was started with, and that of the programs, unless it is precompiled.
    assert!((1..=2).contains(&compiled), "{compiled}");
    let (mut last, mut slowest) = (first, Duration::ZERO);
    for n in 1..=programs {
        last = publisher.activate(&program(n));
        let begun = Instant::now();
        fixture.put_json(RECORDS);
        wait_until_active(&mut worker, &last);
        slowest = slowest.max(begun.elapsed());
    }
    println!("the slowest swap took {slowest:?}, with a poll every 100 ms");
    let all = fixture.records();
    worker.until(|_| fixture.landed() == all);
    // A chunk that begins now has the last program.
    fixture.put_json(10);
    worker.until(|_| fixture.landed() == all + 10);
    assert_eq!(compilations(&worker), compiled);
    let seen = status(worker.address);
    assert_eq!(seen["rollouts"]["admission_errors"], json!([]));
    assert_eq!(seen["release"], last);
    signal(&worker.run.0, "TERM");
    worker.end().succeeded();

    let allowed: Vec<_> = (0..=programs).map(|n| n.to_string()).collect();
    let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
    fixture.assert_complete(&allowed);
    let stamps = fixture.stamps();
    let last = programs.to_string();
    assert!(stamps.range(all..).all(|(_, stamp)| *stamp == last));
    let mut used: Vec<_> = stamps.into_values().collect();
    used.sort_unstable();
    used.dedup();
    println!("{} of {programs} programs made an event", used.len());
    assert!(used.len() > programs / 10, "{}", used.len());
    // The registry and the lake have the component once.
    assert_eq!(files(&fixture.file("components")), 1);
    assert_eq!(files(&fixture.file("releases")), programs + 1);
    let kept = fixture.cloud.lake().join("_sluice");
    assert_eq!(files(&kept.join("components")), 1);
    assert_eq!(files(&kept.join("releases")), used.len());
}

#[test]
fn a_worker_under_load_follows_a_hundred_programs_and_compiles_their_component_once() {
    follow(100);
}

#[test]
#[ignore = "takes minutes"]
fn a_worker_under_load_follows_a_thousand_programs_and_compiles_their_component_once() {
    follow(1_000);
}

/// A chunk that would stay open for an hour takes no records that arrive after the switch.
#[test]
fn a_release_transforms_what_arrives_after_it_became_active() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    let publisher = Publisher::new(&fixture);
    let mut release = publisher.activate(&program(0));
    let mut worker = fixture.watched(&["--chunk-age", "1h"]);
    for n in 0..3 {
        if n > 0 {
            release = publisher.activate(&program(n));
        }
        wait_until_active(&mut worker, &release);
        fixture.put_json(10);
    }
    signal(&worker.run.0, "TERM");
    worker.end().succeeded();
    // What it had not read yet.
    let mut next = fixture.watched(&[]);
    next.until(|_| fixture.landed() == 30);
    signal(&next.run.0, "TERM");
    next.end().succeeded();
    let stamps = fixture.stamps();
    assert_eq!(stamps.len(), 30);
    for (record, stamp) in &stamps {
        // A later release may be active when the worker reads the record.
        let number: usize = stamp.parse().unwrap();
        assert!(number >= record / 10, "{record}: {stamp}");
    }
}

/// Any component: the worker has it compiled for the release that it was started with. It is sent once to the registry,
/// and once to the lake.
#[test]
fn releases_with_the_component_that_runs_already_compile_nothing_and_put_it_once() {
    let mut fixture = ReleaseFixture::new(1, Kept::InS3);
    let counted = Rule::new(Fault::Hang(Duration::ZERO)).always();
    let [in_registry, in_lake] = ["registry/components", "_sluice/components"].map(|folder| {
        let puts = counted.clone().method("PUT").path(folder);
        fixture.cloud.proxy(S3).add(puts)
    });
    let releases = ["a", "b"].map(|name| fixture.stamped(&stamp(name)));
    let mut worker = fixture.watched(&[]);
    for release in &releases {
        fixture.activate(release, &[]);
        wait_until_active(&mut worker, release);
        fixture.put(10);
        let all = fixture.records();
        worker.until(|_| fixture.landed() == all);
    }
    assert_eq!(compilations(&worker), 1);
    fixture.assert_complete(&["a", "b"]);
    assert_eq!(fixture.cloud.proxy(S3).hits(in_registry), 1);
    assert_eq!(fixture.cloud.proxy(S3).hits(in_lake), 1);
}

/// The folder `precompiled` of the program has the built-in transforms, and a registry has the same components.
#[test]
fn a_release_of_a_registry_uses_the_component_that_is_precompiled() {
    let mut fixture = ReleaseFixture::new(1, Kept::InFolder);
    fixture.cloud.place.install();
    let published = fixture.transform(&["publish", "--jq", ".stamp = \"a\""]);
    let release = published.succeeded().stdout.trim().to_owned();
    fixture.activate(&release, &[]);
    let registry = ["--registry", fixture.registry(), "--registry-poll", "100ms"];
    let transform = ["--transform", "builtin:copy"];
    let mut command = fixture.cloud.command(&[&registry[..], &transform].concat());
    let mut worker = Watched::start(&mut command);
    wait_until_active(&mut worker, &release);
    fixture.put_json(10);
    worker.until(|_| fixture.landed() == 10);
    fixture.assert_complete(&["a"]);
    assert_eq!(compilations(&worker), 0);
}

#[test]
fn a_list_shows_the_programs_of_releases() {
    let place = Place::new();
    let registry = ["--registry", "file:registry"];
    let run = |args: &[&str]| place.run(&[&["transform"], args, &registry].concat());
    place.write(
        "rules.jq",
        "# Only lessons.\n\nselect(.event_name | startswith(\"lesson\"))\n",
    );
    let by_type = r#"{"partition_by":["event_type"]}"#;
    let lessons = ["publish", "--jq", "rules.jq", "--transform-config", by_type];
    let lessons = run(&lessons).succeeded().stdout.trim().to_owned();
    let note = [
        "publish",
        "builtin:enrich",
        "--unchecked",
        "--note",
        "all of them",
    ];
    run(&note).succeeded();
    let listed = run(&["list"]).succeeded().stdout;
    for part in [
        "jq 0.1.0",
        "\n    # Only lessons.\n    select(.event_name | startswith(\"lesson\"))\n",
        "all of them",
    ] {
        assert!(listed.contains(part), "{part:?} is not in {listed}");
    }
    let shown = run(&["show", &lessons]).succeeded().stdout;
    for part in [
        "config     {\"partition_by\":[\"event_type\"]}\n",
        "program    # Only lessons.\n           select(",
        "transform  jq 0.1.0\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
    let inspect = ["transform", "inspect", "--jq", "rules.jq"];
    let inspected = place.run(&inspect).succeeded().stdout;
    assert!(
        inspected.contains("program   # Only lessons.\n"),
        "{inspected}"
    );
    assert_eq!(files(&place.path("registry/components")), 2);
    assert!(lake::tree(&place.path("registry")).len() >= 4);
}
