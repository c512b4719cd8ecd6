//! Many shards and many releases: pages of a list, and each of them once.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;
use sluice::builtin::Builtin;
use sluice::ledger::pins::Pins;
use sluice::ledger::resource_faults::ResourceFaults;
use sluice::ledger::{Ledger, Pending, Range};
use sluice_engine::digest::Digest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::{Manifest, ReleaseBundle, ReleaseId};
use sluice_release::registry::{Known, Registry};
use sluice_storage::folder::FolderStore;
use tokio::runtime::Runtime;

use super::{Console, console, html};
use crate::support::program::Place;

const SHARDS: usize = 1_000;
const RELEASES: usize = 100;

/// The rows of a page of a list.
const ROWS: usize = 100;

/// A release of the built-in transform with another configuration for each number.
fn bundle(number: usize) -> ReleaseBundle {
    let config = json!({ "program": format!("# {number}\n.") }).to_string();
    let bundle = ReleaseBundle::new(Builtin::Jq.component().to_vec(), &config).unwrap();
    let manifest = Manifest {
        published_at: Some(format!(
            "2026-01-01T00:{:02}:{:02}Z",
            number / 60,
            number % 60
        )),
        ..bundle.manifest().clone()
    };
    bundle.with_manifest(manifest).unwrap()
}

/// The ledger of a shard with a committed chunk and, of every third one, a pending one.
fn ledger(number: usize, release: ReleaseId) -> Ledger {
    let shard = ShardId::new(&format!("events-shardId-{number:012}")).unwrap();
    let pending = |first: u64, last: u64| Pending {
        range: Range {
            first: SequenceNumber::from(first),
            last: SequenceNumber::from(last),
            count: last - first + 1,
        },
        release,
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    };
    let done = pending(1, 40);
    let ledger = Ledger::new(shard).pin(done.clone()).unwrap();
    let ledger = ledger.commit(done.range, Digest::of(b"last")).unwrap();
    match number % 3 {
        0 => ledger.pin(pending(41, 80)).unwrap(),
        1 => ledger.finish().unwrap(),
        _ => ledger.assign_to("worker-1"),
    }
}

/// A folder with a lake of many ledgers and a registry of many releases, and the ids of both.
fn place() -> (Place, BTreeSet<String>, BTreeSet<String>) {
    let place = Place::new();
    let bundles: Vec<_> = (0..RELEASES).map(bundle).collect();
    let store = FolderStore::shared(place.path("registry"));
    let registry = Registry::new(std::sync::Arc::new(store), Known::default());
    Runtime::new().unwrap().block_on(async {
        for bundle in &bundles {
            assert!(registry.keep(bundle).await.unwrap());
        }
    });
    let release = bundles[0].manifest().id();
    let folder = place.path("lake/_sluice/ledger");
    fs::create_dir_all(&folder).unwrap();
    let mut shards = BTreeSet::new();
    for ledger in (0..SHARDS).map(|number| ledger(number, release)) {
        let shard = ledger.shard().to_string();
        let text = serde_json::to_vec(&ledger).unwrap();
        Ledger::parse(&text).unwrap();
        fs::write(folder.join(format!("{shard}.json")), text).unwrap();
        shards.insert(shard);
    }
    let releases = bundles
        .iter()
        .map(|bundle| bundle.manifest().id().to_string());
    (place, shards, releases.collect())
}

/// All pages of a list, by the links between them.
fn list(console: &Console, path: &str, has: &str) -> Vec<String> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = console.says(&path, &[has]).body;
        let tags = html::tags(&page);
        let link = tags
            .iter()
            .find(|tag| tag.attributes.get("rel").is_some_and(|rel| rel == "next"));
        next = link.map(|tag| tag.attributes["href"].clone());
        pages.push(page);
        assert!(pages.len() <= SHARDS, "the list has no end");
    }
    pages
}

/// Those of `ids` that each page has.
fn found(pages: &[String], ids: &BTreeSet<String>) -> Vec<usize> {
    let counts = pages.iter().map(|page| {
        let on_page = ids.iter().filter(|id| page.contains(*id));
        on_page.count()
    });
    counts.collect()
}

#[test]
fn a_thousand_shards_and_a_hundred_releases_are_all_listed() {
    let (place, shards, releases) = place();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &args);
    let pages = list(&console, "/shards", "shardId-");
    let counts = found(&pages, &shards);
    assert!(counts.iter().sum::<usize>() >= SHARDS, "{counts:?}");
    assert!(counts.len() <= SHARDS.div_ceil(ROWS), "{counts:?}");
    let everywhere = pages.concat();
    for shard in &shards {
        assert!(everywhere.contains(shard), "{shard}");
    }
    let everywhere = list(&console, "/releases", "release").concat();
    for release in &releases {
        assert!(everywhere.contains(release), "{release}");
    }
    for path in super::PAGES {
        console.until(path, |_| true);
    }
}
