//! Violations that the checks of a soak must notice.

mod packed;
mod redrives;
#[cfg(feature = "table")]
mod table;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use sluice::ledger::misplaced_records::MisplacedRecords;
use sluice_transform::testing::Tester;

use super::account::{Account, DROPPED, Releases};
use super::check::{Lake, unsettled};
use super::parameters::{Parameters, QUEUE_BYTES};
use super::records::Recipe;
use crate::support::cloud::{Cloud, SHARD, STREAM};
use testkit::kinesis::Maker;
use testkit::sqs::Message;

const USUAL: Parameters = Parameters {
    functions: false,
    fifo: false,
    misplaced_records: MisplacedRecords::Keep,
    decodes: false,
    parquet: false,
    table: None,
    packed: false,
};

const PACKED: Parameters = Parameters {
    packed: true,
    ..USUAL
};

const PARQUET: Parameters = Parameters {
    parquet: true,
    ..USUAL
};

const DROPS: Parameters = Parameters {
    misplaced_records: MisplacedRecords::Drop,
    ..USUAL
};

/// A small stream that was delivered, and its account.
struct Delivered {
    cloud: Cloud,
    /// The account before the bus was read, and after.
    noted: Account,
    account: Account,
    releases: Releases,
    messages: Vec<Message>,
}

impl Delivered {
    fn new(parameters: Parameters) -> Self {
        let cloud = Cloud::new(2).with_queue(parameters.bus(), QUEUE_BYTES);
        cloud.kinesis.records_per_read(2);
        let recipe = Recipe {
            seed: 5,
            packs: parameters.decodes,
        };
        let mut account = Account::new(recipe, parameters);
        let maker: Maker = Arc::new(move |number| recipe.data(number));
        for number in 0..12 {
            let (shard, sequence) =
                cloud
                    .kinesis
                    .put_made(STREAM, &Recipe::key(number), &maker, number);
            account.note(&cloud, &shard, &sequence);
        }
        let mut settings = parameters.unpacking_arguments();
        settings.extend(parameters.message_arguments(&mut Pcg64Mcg::seed_from_u64(5)));
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let format = match parameters.parquet {
            true => ["--format", "parquet"],
            false => ["--compression", "none"],
        };
        let more = ["--chunk-records", "100"];
        let summary = cloud.catch_up(&[&more[..], &format, &settings].concat());
        let rules = Tester::new("{}").unwrap();
        let releases = Releases(vec![(summary.release()[..8].to_owned(), rules)]);
        let (noted, messages) = (account.clone(), cloud.sqs.take(parameters.bus()));
        for message in &messages {
            account.take(message, &releases);
        }
        Self {
            cloud,
            noted,
            account,
            releases,
            messages,
        }
    }

    /// Whether these messages pass the checks of the bus.
    fn takes(&self, messages: &[Message]) -> bool {
        let mut account = self.noted.clone();
        let take = || {
            for message in messages {
                account.take(message, &self.releases);
            }
        };
        catch_unwind(AssertUnwindSafe(take)).is_ok()
    }

    /// Two consecutive messages of a group of a FIFO queue.
    fn two_of_a_group(&self) -> [usize; 2] {
        let messages = self.messages.iter().enumerate();
        let found = messages.rev().find_map(|(second, message)| {
            let before = self.messages[..second].iter();
            let first = before.rev().position(|m| m.group == message.group)?;
            Some([second - 1 - first, second])
        });
        found.expect("a group of two")
    }

    fn lake_is_whole(&self) -> bool {
        let read = || drop(Lake::read(&self.cloud, &self.account, &self.releases));
        catch_unwind(AssertUnwindSafe(read)).is_ok()
    }

    fn is_settled(&self) -> bool {
        unsettled(&self.cloud, &self.account, true).is_empty()
    }

    /// The chunk manifests of the first shard, of which there are several.
    fn manifests(&self) -> Vec<PathBuf> {
        let folder = format!("_sluice/chunks/{STREAM}-{SHARD}");
        let folder = fs::read_dir(self.cloud.lake().join(folder)).unwrap();
        let mut manifests: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        manifests.sort();
        assert!(manifests.len() > 1, "{manifests:?}");
        manifests
    }

    /// Whether the lake passes with another value at this place of a manifest.
    fn is_whole_with(&self, manifest: &Path, pointer: &str, value: Value) -> bool {
        let text = fs::read(manifest).unwrap();
        let mut changed: Value = serde_json::from_slice(&text).unwrap();
        let found = changed.pointer_mut(pointer).unwrap();
        assert_ne!(*found, value, "{pointer}");
        *found = value;
        fs::write(manifest, changed.to_string()).unwrap();
        let is_whole = self.lake_is_whole();
        fs::write(manifest, text).unwrap();
        is_whole
    }

    /// The objects of an event type.
    fn objects(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.cloud.lake().join("event_type=login")).unwrap();
        let mut objects: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        objects.sort();
        objects
    }
}

#[test]
fn a_complete_delivery_passes() {
    let fifo = Parameters {
        fifo: true,
        ..USUAL
    };
    let decodes = Parameters {
        decodes: true,
        ..USUAL
    };
    let packed_fifo = Parameters {
        fifo: true,
        ..PACKED
    };
    for parameters in [USUAL, fifo, decodes, PARQUET, PACKED, packed_fifo] {
        for misplaced_records in [MisplacedRecords::Keep, MisplacedRecords::Drop] {
            let delivered = Delivered::new(Parameters {
                misplaced_records,
                ..parameters
            });
            assert!(delivered.lake_is_whole());
            assert!(delivered.is_settled());
            assert_eq!(delivered.account.backlog(), 0);
            let drops = misplaced_records == MisplacedRecords::Drop;
            assert_eq!(delivered.account.dropped > 0, drops);
        }
    }
}

#[test]
fn a_misplaced_record_that_lands_is_noticed() {
    let mut delivered = Delivered::new(DROPS);
    let misplaced = |release: &u8| *release == DROPPED;
    let dropped = delivered.account.sent.iter().position(misplaced);
    delivered.account.sent[dropped.unwrap()] = 0;
    assert!(!delivered.lake_is_whole(), "one that is missing");
    let mut delivered = Delivered::new(USUAL);
    let lands = delivered.account.sent.iter().position(|sent| *sent > 0);
    delivered.account.sent[lands.unwrap()] = DROPPED;
    assert!(!delivered.lake_is_whole(), "one that is there");
}

#[test]
fn a_queue_with_a_repeated_late_or_misplaced_message_is_noticed() {
    let fifo = Delivered::new(Parameters {
        fifo: true,
        ..USUAL
    });
    assert!(fifo.takes(&fifo.messages));
    let [first, second] = fifo.two_of_a_group();
    let mut late = fifo.messages.clone();
    late.swap(first, second);
    assert!(!fifo.takes(&late));
    let mut again = fifo.messages.clone();
    again.push(again[first].clone());
    assert!(!fifo.takes(&again));
    let mut elsewhere = fifo.messages.clone();
    elsewhere[second].group = Some("another".to_owned());
    assert!(!fifo.takes(&elsewhere));

    let kept = Delivered::new(USUAL);
    let drops = Delivered::new(DROPS);
    assert!(drops.takes(&drops.messages));
    assert!(!drops.takes(&kept.messages));
}

#[test]
fn an_object_that_is_missing_changed_repeated_or_moved_is_noticed() {
    let delivered = Delivered::new(USUAL);
    let objects = delivered.objects();
    let content = fs::read_to_string(&objects[0]).unwrap();
    let written = |content: &str| {
        fs::write(&objects[0], content).unwrap();
        delivered.lake_is_whole()
    };
    assert!(written(&content));
    assert!(!written(&content.replacen("login", "logout", 1)));
    assert!(!written(&content[content.find('\n').unwrap() + 1..]));
    assert!(!written(&format!("{content}{content}")));
    assert!(written(&content));
    let elsewhere = delivered.cloud.lake().join("event_type=lesson/copy.ndjson");
    fs::copy(&objects[0], &elsewhere).unwrap();
    assert!(!delivered.lake_is_whole(), "an object of another name");
    fs::remove_file(elsewhere).unwrap();
    fs::remove_file(&objects[0]).unwrap();
    assert!(!delivered.lake_is_whole(), "an object that is gone");
}

#[test]
fn an_event_that_the_bus_lacks_and_a_record_that_is_not_committed_are_noticed() {
    let mut delivered = Delivered::new(USUAL);
    let sent = delivered
        .account
        .sent
        .iter()
        .position(|release| *release > 0);
    let before = std::mem::replace(&mut delivered.account.sent[sent.unwrap()], 0);
    assert!(!delivered.lake_is_whole());
    delivered.account.sent[sent.unwrap()] = before;
    assert!(delivered.lake_is_whole());
    delivered
        .account
        .note(&delivered.cloud, SHARD, &format!("{:056}", u64::MAX));
    assert!(!delivered.is_settled());
}

#[test]
fn a_manifest_that_is_missing_repeated_or_moved_is_noticed() {
    let delivered = Delivered::new(USUAL);
    let manifests = delivered.manifests();
    for manifest in [manifests.first().unwrap(), manifests.last().unwrap()] {
        let text = fs::read(manifest).unwrap();
        fs::remove_file(manifest).unwrap();
        assert!(!delivered.lake_is_whole(), "{}", manifest.display());
        fs::write(manifest, text).unwrap();
        assert!(delivered.lake_is_whole());
    }
    let copy = manifests[0].with_file_name("copy.json");
    fs::copy(&manifests[0], &copy).unwrap();
    assert!(!delivered.lake_is_whole(), "a manifest of another name");
}

#[test]
fn a_manifest_that_was_changed_is_noticed() {
    let delivered = Delivered::new(USUAL);
    let manifests = delivered.manifests();
    let (first, last) = (manifests.first().unwrap(), manifests.last().unwrap());
    for (pointer, value) in [
        ("/after", json!("1")),
        ("/range/count", json!(1)),
        ("/counts/events", json!(1)),
        ("/counts/messages", json!(0)),
        ("/counts/quarantined", json!(100)),
        ("/objects/0/lines", json!(100)),
        ("/objects/0/digest", json!(format!("xxh128:{:032x}", 1))),
        ("/objects", json!([])),
        ("/pins/misplaced_records", json!("drop")),
        ("/release", json!("0".repeat(64))),
    ] {
        assert!(!delivered.is_whole_with(first, pointer, value), "{pointer}");
    }
    for (pointer, value) in [
        ("/after", Value::Null),
        ("/last_digest", json!("0".repeat(64))),
    ] {
        assert!(!delivered.is_whole_with(last, pointer, value), "{pointer}");
    }
    assert!(delivered.lake_is_whole());
}

#[test]
fn an_object_a_pin_or_a_schema_of_parquet_that_was_changed_is_noticed() {
    let delivered = Delivered::new(PARQUET);
    let manifests = delivered.manifests();
    for (pointer, value) in [
        ("/pins/schema", json!("0".repeat(64))),
        ("/pins/format", json!("ndjson")),
        ("/objects/0/digest", json!(format!("xxh128:{:032x}", 1))),
    ] {
        let is_whole = delivered.is_whole_with(&manifests[0], pointer, value);
        assert!(!is_whole, "{pointer}");
    }
    let objects = delivered.objects();
    let object = fs::read(&objects[0]).unwrap();
    fs::copy(&objects[1], &objects[0]).unwrap();
    assert!(!delivered.lake_is_whole(), "rows of another chunk");
    fs::write(&objects[0], object).unwrap();
    assert!(delivered.lake_is_whole());
    fs::remove_dir_all(delivered.cloud.lake().join("_sluice/schemas")).unwrap();
    assert!(!delivered.lake_is_whole(), "a schema that is gone");
}
