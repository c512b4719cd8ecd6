//! Lists of shards with many chunks, and how many requests they cost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::future::BoxFuture;
use sluice_engine::digest::Digest;
use sluice_storage::object_store::{
    ConditionalRead, ListedObject, NewObject, Payload, StorageResult, Version,
};

use super::*;
use crate::layout::object_key::ShortId;
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Ledger, Pending, Range};

/// The names of a page, as S3 lists them.
const PAGE: usize = 1_000;

/// The manifests of a shard in a bucket, which is only listed. Counts the requests.
#[derive(Debug)]
struct Bucket {
    names: BTreeMap<String, i64>,
    requests: AtomicUsize,
}

impl Bucket {
    /// The names behind one.
    fn behind(&self, after: Option<&str>) -> impl Iterator<Item = (&String, &i64)> {
        let after = after.map(ToOwned::to_owned);
        let names = self.names.iter();
        names.filter(move |(name, _)| after.as_ref().is_none_or(|after| *name > after))
    }

    fn list_names(
        &self,
        after: Option<&str>,
        most: usize,
        found: &mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> bool {
        let mut names = self.behind(after);
        for (key, modified_at) in names.by_ref().take(most) {
            let (modified_at, tag) = (*modified_at, String::new());
            found(ListedObject {
                key,
                modified_at,
                tag,
            });
        }
        names.next().is_some()
    }
}

impl ObjectStore for Bucket {
    fn put_if_absent<'a>(
        &'a self,
        _key: &'a str,
        _object: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        _key: &'a str,
        _payload: Payload,
        _seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>> {
        Box::pin(async { Ok(Version("1".into())) })
    }

    fn get<'a>(&'a self, _key: &'a str, _max: usize) -> BoxFuture<'a, StorageResult<Found>> {
        Box::pin(async { Ok(Found::Nothing) })
    }

    fn get_if_changed<'a>(
        &'a self,
        _key: &'a str,
        _seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>> {
        Box::pin(async { Ok(ConditionalRead::Nothing) })
    }

    fn list<'a>(
        &'a self,
        _folder: &'a str,
        _found: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn list_objects<'a>(
        &'a self,
        _folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        let pages = self.behind(after).count().div_ceil(PAGE).max(1);
        self.requests.fetch_add(pages, Relaxed);
        self.list_names(after, usize::MAX, found);
        Box::pin(async { Ok(()) })
    }

    fn list_page<'a>(
        &'a self,
        _folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<bool>> {
        self.requests.fetch_add(1, Relaxed);
        let has_more = self.list_names(after, PAGE, found);
        Box::pin(async move { Ok(has_more) })
    }

    fn remove<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn place(&self, key: &str) -> String {
        key.to_owned()
    }

    fn operations_at_once(&self, _threads: usize) -> usize {
        1
    }
}

fn shard() -> ShardId {
    ShardId::new("events-shardId-000000000000").unwrap()
}

/// The bucket of a shard whose chunks have one record each, put a second after each other, and what is committed.
fn lake(records: &[SequenceNumber]) -> (Arc<Bucket>, LedgerHead) {
    let release = Digest::of(b"release");
    let folder = ChunkName::manifest_folder(&shard());
    let names = (0_i64..).zip(records).map(|(second, record)| {
        let name = ChunkName {
            first: *record,
            last: *record,
            release: ShortId::of(release),
        };
        let key = name.manifest_key(&shard());
        (key.replace(&folder, ""), second * 1_000)
    });
    let bucket = Bucket {
        names: names.collect(),
        requests: AtomicUsize::new(0),
    };
    let last = records[records.len() - 1];
    let range = Range {
        first: last,
        last,
        count: 1,
    };
    let pending = Pending {
        range,
        release,
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    };
    let ledger = Ledger::new(shard()).pin(pending).unwrap();
    let ledger = ledger.commit(range, release).unwrap();
    (Arc::new(bucket), LedgerHead::of(&ledger).unwrap())
}

fn newest(most: usize) -> Wanted {
    Wanted {
        behind: None,
        since: i64::MIN,
        most,
    }
}

/// Lists a shard, compares the list with the newest of these records, and returns the requests.
async fn requests(records: &[SequenceNumber], wanted: Wanted) -> usize {
    let (bucket, head) = lake(records);
    let listed = list(bucket.clone(), head, wanted).await.unwrap();
    let firsts: Vec<_> = listed
        .newest
        .iter()
        .map(|listed| listed.name.first)
        .collect();
    let expected = records.len().saturating_sub(wanted.most);
    assert_eq!(firsts, records[expected..]);
    assert_eq!(listed.has_older, listed.all < records.len());
    bucket.requests.load(Relaxed)
}

fn offsets(offsets: impl Iterator<Item = u64>) -> Vec<SequenceNumber> {
    offsets.map(SequenceNumber::from).collect()
}

/// A number as Kinesis gives it, this long after the first one.
fn of_kinesis(place: u128) -> SequenceNumber {
    let number = 59_692_538_361_571_095_921_575_989_136_588_898 + place * (1 << 60);
    format!("495903382714902566{number:038}").parse().unwrap()
}

#[tokio::test]
async fn a_first_list_costs_as_many_requests_whatever_the_age_of_the_shard() {
    for most in [50, 200, 300] {
        for (chunks, expected) in [(10, 1), (1_000, 1), (1_001, 2), (3_000, 2), (50_000, 2)] {
            let records = offsets((0..chunks).map(|n| n * 7_000));
            assert_eq!(requests(&records, newest(most)).await, expected, "{chunks}");
        }
        for (chunks, expected) in [(1_000, 1), (50_000, 2)] {
            let records: Vec<_> = (0..chunks).map(of_kinesis).collect();
            assert_eq!(requests(&records, newest(most)).await, expected, "{chunks}");
        }
    }
}

#[tokio::test]
async fn uneven_chunks_cost_a_few_requests_more() {
    let silence = (0..30_000).map(|n| n * 60);
    let silence = silence.chain((1..=20).map(|n| 1_800_000 + n * 130_000));
    let burst = (0..20_000).map(|n| n * 60_000);
    let burst = burst.chain((0..30_000).map(|n| 1_200_000_000 + n));
    let far = (0..1_500).map(|n| n * 10_000_000_000_000);
    let far = far.chain((0..5_000).map(|n| 15_000_000_000_000_000 + n));
    for records in [offsets(silence), offsets(burst), offsets(far)] {
        for most in [50, 200, 300] {
            let requests = requests(&records, newest(most)).await;
            assert!(requests <= 26, "{requests}");
        }
    }
}

#[tokio::test]
async fn numbers_of_different_widths_are_all_listed() {
    let records = offsets(0..2_500);
    let records: Vec<_> = records.into_iter().chain([of_kinesis(1)]).collect();
    assert_eq!(requests(&records, newest(50)).await, 4);
}

#[tokio::test]
async fn manifests_behind_a_record_or_a_moment_are_found() {
    let records = offsets((0..20_000).map(|n| n * 10));
    let (bucket, head) = lake(&records);
    let find = async |behind: Option<u64>, since| {
        let behind = behind.map(SequenceNumber::from);
        let wanted = Wanted {
            behind,
            since,
            most: 200,
        };
        let listed = list(bucket.clone(), head.clone(), wanted);
        let listed = listed.await.unwrap();
        let first = listed.newest.first().map(|listed| listed.name.first);
        let first = first.and_then(|first| first.as_offset());
        (first, listed.newest.len(), listed.all, listed.has_older)
    };
    let behind = find(Some(199_900), i64::MIN).await;
    assert_eq!(behind, (Some(199_910), 9, 9, false));
    let long_ago = find(Some(50), i64::MIN).await;
    assert_eq!(
        (long_ago.0, long_ago.1, long_ago.3),
        (Some(198_000), 200, true)
    );
    let since = find(None, 19_900_000).await;
    assert_eq!(since, (Some(199_000), 100, 100, true));
    assert_eq!(find(None, i64::MAX).await, (None, 0, 0, true));
    let requests = bucket.requests.load(Relaxed);
    assert!(requests <= 10, "{requests}");
}

#[test]
fn the_newest_are_kept_and_all_are_counted() {
    let (_, head) = lake(&offsets(0..100));
    let mut listing = Listing::new(&head, newest(2));
    let listed = |first: u64| ListedManifest {
        name: ChunkName {
            first: first.into(),
            last: first.into(),
            release: ShortId::of(Digest::of(b"release")),
        },
        put_at: 0,
    };
    for first in [50, 10, 90, 30, 70, 20] {
        listing.add(listed(first));
    }
    let oldest = listing.oldest.clone();
    let list = listing.list(false);
    assert_eq!((list.newest, list.all), (vec![listed(70), listed(90)], 6));
    assert_eq!(oldest, Some(listed(10)));
}
