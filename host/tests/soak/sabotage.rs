//! What the checks of a soak have to notice.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use guest_enrich::Settings;

use super::BUS;
use super::account::{Account, Releases};
use super::check::{Lake, unsettled};
use super::records::Recipe;
use crate::support::aws::kinesis::Maker;
use crate::support::cloud::{Cloud, STREAM};

/// A small stream that was delivered, and what is known of it.
struct Delivered {
    cloud: Cloud,
    account: Account,
    releases: Releases,
}

impl Delivered {
    fn new() -> Self {
        let cloud = Cloud::new(2).with_queue(BUS, 262_144);
        let recipe = Recipe { seed: 5 };
        let mut account = Account::new(recipe);
        let maker: Maker = Arc::new(move |number| recipe.data(number));
        for number in 0..12 {
            let (shard, sequence) =
                cloud
                    .kinesis
                    .put_made(STREAM, &Recipe::key(number), &maker, number);
            account.note(&shard, &sequence);
        }
        let summary = cloud.catch_up(&["--chunk-records", "100", "--compression", "none"]);
        let settings = Settings::parse("{}").unwrap();
        let releases = Releases(vec![(summary.release()[..8].to_owned(), settings)]);
        for message in cloud.sqs.take(BUS) {
            account.take(&message, &releases);
        }
        Self {
            cloud,
            account,
            releases,
        }
    }

    fn lake_is_whole(&self) -> bool {
        let read = || drop(Lake::read(&self.cloud, &self.account, &self.releases));
        catch_unwind(AssertUnwindSafe(read)).is_ok()
    }

    fn is_settled(&self) -> bool {
        unsettled(&self.cloud, &self.account, true).is_empty()
    }

    /// The objects of a type of events.
    fn objects(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.cloud.lake().join("event_type=login")).unwrap();
        let mut objects: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        objects.sort();
        objects
    }
}

#[test]
fn what_was_delivered_passes() {
    let delivered = Delivered::new();
    assert!(delivered.lake_is_whole());
    assert!(delivered.is_settled());
    assert_eq!(delivered.account.backlog(), 0);
}

#[test]
fn an_object_that_is_gone_changed_doubled_or_elsewhere_is_noticed() {
    let delivered = Delivered::new();
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
    let mut delivered = Delivered::new();
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
        .note("shardId-000000000000", &format!("{:056}", u64::MAX));
    assert!(!delivered.is_settled());
}
