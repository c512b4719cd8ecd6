use std::collections::BTreeSet;
use std::fs;

use futures_util::future::join_all;

use super::super::group::LEDGERS_MAX;
use super::known::GROUPS_KEPT;
use super::*;
use crate::test_store::TestStore;

/// A lake in a folder.
struct Lake(tempfile::TempDir);

impl Lake {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self, lost_each: usize) -> Arc<TestStore> {
        TestStore::new(self.0.path(), lost_each)
    }

    async fn open(&self, store: Arc<TestStore>) -> Result<Arc<LedgerGroups>, StoreError> {
        let names = self.documents();
        LedgerGroups::open(store, names.iter().map(String::as_str)).await
    }

    /// The names of the documents.
    fn documents(&self) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(self.0.path().join(GROUPS)) else {
            return BTreeSet::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name.ends_with(".json"));
        names.map(|name| format!("{GROUPS}{name}")).collect()
    }

    /// The shards of each document.
    fn groups(&self) -> Vec<Vec<ShardId>> {
        let group = |name: &String| {
            let group = LedgerGroup::parse(&fs::read(self.0.path().join(name)).unwrap()).unwrap();
            group.shards().cloned().collect()
        };
        self.documents().iter().map(group).collect()
    }
}

fn shard(number: usize) -> ShardId {
    ShardId::new(&format!("file-{number:05}")).unwrap()
}

/// Counts up in the ledger of a shard: one step of a process with a lease, which no other step equals.
async fn count(groups: &Arc<LedgerGroups>, shard: &ShardId) -> Result<(), StoreError> {
    let found = groups.read(shard).await?;
    let next = found.ledger.began_at().unwrap_or(0) + 1;
    let next = found.ledger.begin_at(next).assign_to("process");
    let next = next.with_nonce(format!("{:016x}", rand::random::<u64>()));
    groups.write(&next, found.etag.as_deref()).await.map(drop)
}

async fn counted(groups: &LedgerGroups, number: usize) -> Option<i64> {
    groups.read(&shard(number)).await.unwrap().ledger.began_at()
}

#[tokio::test]
async fn ledgers_that_are_written_together_take_few_writes_and_are_read_back() {
    let lake = Lake::new();
    let store = lake.store(0);
    let groups = lake.open(store.clone()).await.unwrap();
    let files = 2 * LEDGERS_MAX + 10;
    for _ in 0..2 {
        let shards: Vec<_> = (0..files).map(shard).collect();
        let counts = shards.iter().map(|shard| count(&groups, shard));
        join_all(counts)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
    }
    let writes = store.changes();
    assert!((6..20).contains(&writes), "{writes} writes");
    let sizes: Vec<_> = lake.groups().iter().map(Vec::len).collect();
    assert_eq!(sizes, [LEDGERS_MAX, LEDGERS_MAX, 10]);
    let again = lake.open(lake.store(0)).await.unwrap();
    assert!(again.has(&shard(0)) && !again.has(&shard(files)));
    assert_eq!(again.shards().len(), files);
    for number in [0, LEDGERS_MAX, files - 1] {
        assert_eq!(counted(&again, number).await, Some(2));
    }
    let ledgers = again.ledgers().await.unwrap();
    assert!(
        ledgers
            .iter()
            .all(|(shard, ledger)| ledger.as_ref().unwrap().shard() == shard)
    );
    assert_eq!(ledgers.len(), files);
    assert_eq!(counted(&again, files).await, None);
}

#[tokio::test]
async fn processes_that_write_at_once_share_groups_and_lose_no_step() {
    let lake = Lake::new();
    let (first, second) = (lake.store(0), lake.store(0));
    let processes = [
        lake.open(first).await.unwrap(),
        lake.open(second).await.unwrap(),
    ];
    let files = LEDGERS_MAX + 40;
    let mut steps = vec![0; files];
    for round in 0..3 {
        let shards: Vec<_> = (0..files).map(shard).collect();
        // Each process writes every shard in every round, so both often write the same one.
        let both = processes.iter().flat_map(|groups| {
            let counts = shards.iter().map(move |shard| count(groups, shard));
            counts
                .enumerate()
                .map(async |(at, counted)| (at, counted.await))
        });
        for (at, counted) in join_all(both).await {
            match counted {
                Ok(()) => steps[at] += 1,
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
        }
        assert!(steps.iter().all(|steps| *steps > round), "{steps:?}");
    }
    let again = lake.open(lake.store(0)).await.unwrap();
    for (number, steps) in steps.iter().enumerate() {
        assert_eq!(counted(&again, number).await, Some(*steps));
    }
    let all: Vec<_> = lake.groups().into_iter().flatten().collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (files, files));
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_the_next_step() {
    let lake = Lake::new();
    let groups = lake.open(lake.store(2)).await.unwrap();
    for _ in 0..6 {
        // Every second one has succeeded without an answer.
        let _lost = count(&groups, &shard(0)).await;
    }
    assert_eq!(counted(&groups, 0).await, Some(6));
}

#[tokio::test]
async fn what_others_have_written_is_read_on_request() {
    let lake = Lake::new();
    let (one, other) = (
        lake.open(lake.store(0)).await.unwrap(),
        lake.open(lake.store(0)).await.unwrap(),
    );
    count(&one, &shard(0)).await.unwrap();
    assert_eq!(counted(&other, 0).await, None);
    let changed = count(&other, &shard(0)).await.unwrap_err();
    assert!(changed.is_conflict(), "{changed}");
    count(&one, &shard(0)).await.unwrap();
    other.refresh(&shard(0)).await.unwrap();
    assert_eq!(counted(&other, 0).await, Some(2));
    for number in 1..LEDGERS_MAX + 5 {
        count(&one, &shard(number)).await.unwrap();
    }
    other.refresh(&shard(LEDGERS_MAX + 1)).await.unwrap();
    assert_eq!(counted(&other, LEDGERS_MAX + 1).await, Some(1));
}

#[tokio::test]
async fn groups_that_are_not_kept_in_memory_are_read_again() {
    let lake = Lake::new();
    let groups = lake.open(lake.store(0)).await.unwrap();
    let files = (GROUPS_KEPT + 2) * LEDGERS_MAX;
    let shards: Vec<_> = (0..files).map(shard).collect();
    join_all(shards.iter().map(|shard| count(&groups, shard))).await;
    let kept = |groups: &LedgerGroups| {
        let known = locked(&groups.known);
        let kept = known.groups.iter().filter(|group| group.document.is_some());
        kept.count()
    };
    assert_eq!(kept(&groups), GROUPS_KEPT);
    count(&groups, &shard(0)).await.unwrap();
    assert_eq!(counted(&groups, 0).await, Some(2));
    assert_eq!(counted(&groups, files - 1).await, Some(1));
    assert_eq!(kept(&groups), GROUPS_KEPT);
}

#[tokio::test]
async fn a_damaged_or_missing_group_is_named() {
    let lake = Lake::new();
    let groups = lake.open(lake.store(0)).await.unwrap();
    for number in 0..=LEDGERS_MAX {
        count(&groups, &shard(number)).await.unwrap();
    }
    let documents = lake.documents();
    let path = |at: usize| lake.0.path().join(documents.iter().nth(at).unwrap());
    let fails = async |part: &str| {
        let error = lake.open(lake.store(0)).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        let error = error.to_string();
        assert!(
            error.contains(part) && error.contains("00000001.json"),
            "{error}"
        );
    };
    let whole = fs::read_to_string(path(0)).unwrap();
    fs::write(path(0), "{}").unwrap();
    fails("missing field `version`").await;
    fs::write(path(0), whole.replacen("\"version\":4", "\"version\":9", 1)).unwrap();
    fails("version 9").await;
    fs::remove_file(path(0)).unwrap();
    fails("missing").await;
    // One damaged ledger leaves the others readable.
    let began = "\"began_at\":1";
    fs::write(path(0), whole.replacen(began, "\"began_at\":\"x\"", 1)).unwrap();
    let groups = lake.open(lake.store(0)).await.unwrap();
    let error = groups.read(&shard(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(counted(&groups, 1).await, Some(1));
    let damaged = groups.ledgers().await.unwrap();
    assert_eq!(
        damaged.iter().filter(|(_, ledger)| ledger.is_err()).count(),
        1
    );
}

#[tokio::test]
async fn a_ledger_in_two_groups_is_named() {
    let lake = Lake::new();
    let groups = lake.open(lake.store(0)).await.unwrap();
    for number in 0..=LEDGERS_MAX {
        count(&groups, &shard(number)).await.unwrap();
    }
    let folder = lake.0.path().join(GROUPS);
    fs::copy(folder.join("00000001.json"), folder.join("00000003.json")).unwrap();
    let error = lake.open(lake.store(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let error = error.to_string();
    for part in [
        "00000003.json",
        "groups/00000001.json has too",
        "file-",
        "restore",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
