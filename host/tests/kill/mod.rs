//! Kills at any moment: the lake ends up as if there had been none.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::builtin::Builtin;
use sluice_engine::digest::Digest;

#[cfg(feature = "console")]
use crate::console::attached::{AttachedConsole, lasting_address};
use crate::support::ledgers::ledgers;
use crate::support::program::{Place, Ran, Running};
use crate::support::{lake, manifests};

/// The seed of the kills; a failure prints it.
const SEED: u64 = 20_260_101;

const KILLS: usize = 50;

fn generated(events: u32) -> Place {
    let place = Place::new();
    let events = events.to_string();
    let args = [
        "generate",
        "--events",
        &events,
        "--types",
        "12",
        "--malformed",
        "0.01",
        "--duplicates",
        "0.01",
        "--to",
        "file:events.ndjson",
    ];
    place.run(&args).succeeded();
    place
}

/// The arguments of a run into folders with this name.
fn into<'a>(lake: &'a str, bus: &'a str) -> [&'a str; 6] {
    ["--lake", lake, "--bus", bus, "--chunk-bytes", "512KiB"]
}

type Trees = [BTreeMap<String, Vec<u8>>; 2];

fn trees(place: &Place, number: usize) -> Trees {
    [
        lake::tree(&place.path(format!("lake-{number}"))),
        lake::tree(&place.path(format!("bus-{number}"))),
    ]
}

/// Asserts equality without printing megabytes.
fn same(found: &Trees, expected: &Trees) {
    for (found, expected) in found.iter().zip(expected) {
        let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
        let (found_names, expected_names) = (names(found), names(expected));
        let is_other = |pair: &(Option<&String>, Option<&String>)| pair.0 != pair.1;
        let longest = found_names.len().max(expected_names.len());
        let mut pairs = (0..longest).map(|at| (found_names.get(at), expected_names.get(at)));
        assert_eq!(pairs.find(is_other), None);
        for (path, bytes) in expected {
            assert!(found[path] == *bytes, "{path} differs");
        }
    }
}

fn nothing_unfinished(trees: &Trees) {
    for path in trees.iter().flat_map(BTreeMap::keys) {
        let temporary = path.split('/').any(|name| matches!(name, "tmp" | ".tmp"));
        assert!(!temporary, "{path} was left");
    }
}

/// Starts a run and kills it after `delay` unless it has ended. Returns whether it was killed.
fn kill_after(place: &Place, args: &[&str], delay: Duration) -> bool {
    let mut run = Running(place.command(&Place::landing(args)).spawn().unwrap());
    thread::sleep(delay);
    let ended = run.0.try_wait().unwrap();
    if let Some(status) = ended {
        let mut said = String::new();
        run.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(
            status.success(),
            "a run after a kill failed: {status}: {said}"
        );
    }
    ended.is_none()
}

/// Whether the ledger of the only shard has a pending range.
fn is_pending(lake: &Path) -> bool {
    let ledgers = ledgers(lake);
    ledgers.values().any(|ledger| ledger["pending"].is_object())
}

/// The number of kills, and how many of them left a pending chunk.
#[derive(Debug, Default)]
struct Kills {
    all: usize,
    interrupted_chunk: usize,
}

impl Kills {
    /// Kills runs until one finishes, or until there were enough.
    fn until_done(&mut self, place: &Place, args: &[&str], delay: &mut dyn FnMut() -> Duration) {
        let lake = place.path(args[1].trim_start_matches("file:"));
        while self.all < KILLS && kill_after(place, args, delay()) {
            self.all += 1;
            self.interrupted_chunk += usize::from(is_pending(&lake));
        }
    }
}

#[test]
fn kills_do_not_change_the_lake() {
    let place = generated(120_000);
    let begun = Instant::now();
    let whole = place.land(&into("file:lake-0", "file:bus-0"));
    let usual = begun.elapsed();
    let expected = trees(&place, 0);
    nothing_unfinished(&expected);
    manifests::are_complete(&place.path("lake-0"));

    println!("seed {SEED}, a run takes {usual:?}");
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let mut kills = Kills::default();
    for number in 1.. {
        let (lake, bus) = (format!("file:lake-{number}"), format!("file:bus-{number}"));
        let args = into(&lake, &bus);
        kills.until_done(&place, &args, &mut || {
            usual.mul_f64(rng.random_range(0.15..0.5))
        });
        let last = place.land(&args);
        let done = last.count("records") + last.count("already_committed");
        assert_eq!(done, whole.count("records"));
        same(&trees(&place, number), &expected);
        if kills.all == KILLS {
            let again = place.land(&args);
            assert_eq!(again.counts(["records", "objects", "messages"]), [0; 3]);
            same(&trees(&place, number), &expected);
            break;
        }
    }
    println!("{kills:?}");
    assert!(kills.interrupted_chunk > 0, "{kills:?}");
}

/// The ids of all landed records, and how many times each event is there.
fn delivered(place: &Place) -> BTreeMap<String, usize> {
    let mut delivered = BTreeMap::new();
    for message in lake::messages(&place.bus()) {
        *delivered
            .entry(format!("{} {}", message.rid, message.event))
            .or_default() += 1;
    }
    for record in lake::quarantine(&place.lake()) {
        *delivered.entry(record.rid).or_default() += 1;
    }
    delivered
}

fn events_without_partitions(lake: &Path) -> usize {
    lake::events(lake).values().map(Vec::len).sum()
}

/// The events of a lake, without what the program in jq writes in another way: spaces, escapes, and the digits of
/// times that a double does not hold.
fn values(lake: &Path) -> Vec<String> {
    let lines = lake::all_events(lake).into_iter();
    let mut values: Vec<_> = lines
        .map(|line| {
            let mut event: serde_json::Value = serde_json::from_str(&line).unwrap();
            event.as_object_mut().unwrap().remove("created_datetime");
            event.to_string()
        })
        .collect();
    values.sort_unstable();
    values
}

/// Each run has other settings. A pending chunk is finished with the settings with which it was
/// pinned. A console polls the runs and reads the lake meanwhile.
#[test]
fn kills_and_changed_settings_land_each_record_once() {
    const EVENTS: u32 = 40_000;
    let by_type = r#"{"partition_by":["event_type"]}"#;
    let transforms: [&[&str]; 3] = [
        &["--jq", "enrichment.jq", "--transform-config", by_type],
        &["--transform-config", "{}"],
        &["--transform-config", r#"{"partition_by":["date"]}"#],
    ];
    let mut place = generated(EVENTS);
    place.install();
    place.write("enrichment.jq", include_str!("../fixtures/enrichment.jq"));
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let begun = Instant::now();
    let elsewhere = ["--lake", "file:other", "--bus", "none"];
    place.land(&elsewhere);
    let usual = begun.elapsed();
    #[cfg(feature = "console")]
    let (console, pages) = {
        let pages = lasting_address();
        let worker = format!("http://{pages}");
        let args = ["console", "--lake", "file:lake", "--worker", &worker];
        (AttachedConsole::start(&mut place.command(&args)), pages)
    };
    #[cfg(not(feature = "console"))]
    let pages = "none".to_owned();
    for turn in 0..12 {
        let transform = transforms[turn % 3];
        // A program in jq takes longer for a record.
        let (chunk_bytes, longer) = match transform.contains(&"--jq") {
            true => ("256KiB", 4.0),
            false => (["256KiB", "512KiB", "2MiB"][rng.random_range(0..3)], 1.0),
        };
        let settings = [
            "--chunk-bytes",
            chunk_bytes,
            "--compression",
            ["none", "gzip", "zstd"][rng.random_range(0..3)],
            "--http",
            &pages,
        ];
        let args = [&settings[..], transform].concat();
        let delay = usual.mul_f64(longer * rng.random_range(0.3..1.0));
        kill_after(&place, &args, delay);
    }
    let ran: Ran = place.try_land(&[]).succeeded();
    // The last chunk may have landed with other rules, if a killed run came that far.
    let is_warning =
        |line: &&str| line.contains("WARN") && !line.contains("nothing is transformed again");
    assert_eq!(ran.stderr.lines().find(is_warning), None, "{}", ran.stderr);
    let delivered = delivered(&place);
    assert_eq!(delivered.len(), EVENTS as usize);
    assert!(delivered.values().all(|times| *times == 1));
    let expected = events_without_partitions(&place.path("other"));
    assert_eq!(events_without_partitions(&place.lake()), expected);
    assert!(values(&place.lake()) == values(&place.path("other")));
    let jq = Digest::of(Builtin::Jq.component());
    let jq = place.lake().join(format!("_sluice/components/{jq}.wasm"));
    assert!(jq.exists(), "no run with the program came to a chunk");
    manifests::are_complete(&place.lake());
    #[cfg(feature = "console")]
    {
        let before = lake::tree(&place.lake());
        let audit = ["audit", "--quick", "--lake", "file:lake"];
        let audit = place.run(&[&audit[..], &["--summary", "json"]].concat());
        console.agrees_with(&audit.summary());
        assert!(lake::tree(&place.lake()) == before, "the lake has changed");
    }
}
