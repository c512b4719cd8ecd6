//! Ledgers of lakes in folders.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::json;
use sluice_engine::digest::Digest;
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;

use super::*;
use crate::ledger::Pending;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;

fn lake(folder: &Path) -> Lake {
    fs::create_dir_all(folder.join("_sluice/ledger")).unwrap();
    Lake {
        location: StoreLocation::Folder(folder.to_owned()),
        store: Arc::new(FolderStore::shared(folder.to_owned())),
        reads_at_once: 2,
    }
}

fn ledger(shard: &str) -> Ledger {
    Ledger::new(ShardId::new(shard).unwrap())
}

/// The ledger of a file of 10 bytes with 3 records, of which these bytes are committed.
pub(in crate::console) fn of_file(bytes: u64) -> Ledger {
    let prefix = json!({ "bytes": bytes, "digest": format!("xxh128:{:032x}", 0), "stat": {
        "size": 10, "modified_ns": 1, "inode": 1,
    } });
    let committed = json!({
        "last": "2", "last_digest": Digest::of(b"last"), "records": 3, "file": prefix,
    });
    let mut ledger = serde_json::to_value(Ledger::new(ShardId::new("a").unwrap())).unwrap();
    ledger["committed"] = committed;
    ledger["file"] = json!({ "path": "/a.ndjson" });
    Ledger::parse(ledger.to_string().as_bytes()).unwrap()
}

fn pinned(ledger: &Ledger, first: u64) -> Ledger {
    let pending = Pending {
        range: Range {
            first: first.into(),
            last: (first + 9).into(),
            count: 10,
        },
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    };
    ledger.pin(pending).unwrap()
}

fn put(lake: &Lake, name: &str, text: &[u8]) {
    let place = lake.store.place(&format!("_sluice/ledger/{name}"));
    fs::write(place, text).unwrap();
}

fn put_ledger(lake: &Lake, ledger: &Ledger) {
    let name = format!("{}.json", ledger.shard());
    put(lake, &name, &serde_json::to_vec(ledger).unwrap());
}

fn shards(view: &LedgersView) -> Vec<&str> {
    let shards = view.ledgers.iter().map(|ledger| ledger.shard().as_str());
    shards.collect()
}

#[tokio::test]
async fn a_damaged_ledger_is_a_problem_and_the_others_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    put_ledger(&lake, &ledger("b"));
    put_ledger(&lake, &ledger("a"));
    put(&lake, "c.json", b"{}");
    put(&lake, "a.lock", b"");
    let mut known = KnownDocuments::default();
    let view = known.read(&lake).await.unwrap();
    assert_eq!(shards(&view), ["a", "b"]);
    assert_eq!(view.problems.len(), 1);
    let problem = &view.problems[0];
    assert!(
        problem.contains("c.json") && problem.contains("not a valid ledger"),
        "{problem}"
    );
    put_ledger(&lake, &ledger("c"));
    fs::remove_file(lake.store.place("_sluice/ledger/a.json")).unwrap();
    let view = known.read(&lake).await.unwrap();
    assert_eq!(shards(&view), ["b", "c"]);
    assert!(view.problems.is_empty(), "{:?}", view.problems);
}

#[tokio::test]
async fn a_lake_that_is_gone_is_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    let ledgers = Ledgers::new(Some(lake.clone()));
    let read = async || ledgers.documents.lock().await.read(&lake).await;
    assert!(read().await.unwrap().ledgers.is_empty());
    let pending = pinned(&ledger("a"), 10);
    let range = pending.pending().unwrap().range;
    let committed = pending.commit(range, Digest::of(b"last")).unwrap();
    put_ledger(&lake, &committed);
    read().await.unwrap();
    ledgers.check_present(true).await.unwrap();
    for _ in 0..2 {
        let _gone_already = fs::remove_file(lake.store.place("_sluice/ledger/a.json"));
        let error = read().await.unwrap_err().to_string();
        assert!(error.contains("moved, renamed or removed"), "{error}");
        assert!(ledgers.check_present(false).await.is_err());
    }
    put_ledger(&lake, &committed);
    assert_eq!(shards(&read().await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_changed_ledger_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    put_ledger(&lake, &ledger("a"));
    let mut known = KnownDocuments::default();
    let before = known.read(&lake).await.unwrap();
    assert_eq!(before.ledgers, [ledger("a")]);
    let changed = pinned(&ledger("a"), 10);
    put_ledger(&lake, &changed);
    let after = known.read(&lake).await.unwrap();
    assert_eq!(after.ledgers, [changed]);
}

#[tokio::test]
async fn without_a_lake_there_are_no_ledgers() {
    let view = Ledgers::new(None).view().await;
    assert!(matches!(view, View::Ready(seen) if seen.value.ledgers.is_empty()));
}

#[tokio::test]
async fn the_ledger_that_was_changed_last_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    for (shard, seconds) in [("a", 1), ("b", 3), ("c", 2)] {
        let pinned = pinned(&ledger(shard), 10);
        let range = pinned.pending().unwrap().range;
        put_ledger(&lake, &pinned.commit(range, Digest::of(b"last")).unwrap());
        let place = lake.store.place(&format!("_sluice/ledger/{shard}.json"));
        let file = fs::File::options().write(true).open(place).unwrap();
        let changed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(changed_at).unwrap();
    }
    put_ledger(&lake, &ledger("without-a-chunk"));
    put(&lake, "d.json", b"{}");
    let read = Ledgers::new(Some(lake)).newest_heads().await;
    let (heads, problems) = read.unwrap();
    assert_eq!(problems.len(), 1);
    let shards: Vec<_> = heads.iter().map(|head| head.shard.as_str()).collect();
    assert_eq!(shards, ["b", "c", "a"]);
}

#[test]
fn a_range_is_pending_since_it_was_seen_first() {
    let at = |second| DateTime::from_timestamp(second, 0).unwrap();
    let mut pending = PendingRanges::new();
    let since = |pending: &PendingRanges| pending.values().map(|(_, at)| *at).next();
    note_pending(&mut pending, &[pinned(&ledger("a"), 10)], at(1));
    note_pending(&mut pending, &[pinned(&ledger("a"), 10)], at(2));
    assert_eq!(since(&pending), Some(at(1)));
    note_pending(&mut pending, &[pinned(&ledger("a"), 20)], at(3));
    assert_eq!(since(&pending), Some(at(3)));
    note_pending(&mut pending, &[ledger("a")], at(4));
    assert!(pending.is_empty());
}
