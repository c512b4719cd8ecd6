//! Listing, reading and following of quarantined records.

pub(crate) mod lake;
mod redriven;

use std::fs;
use std::io::{self, Read as _};

use sluice_engine::digest::Digest;
use sluice_engine::record::Position;

use self::lake::{Chunk, Lake, code, shard};
use super::*;
use crate::layout::chunk::ArrivalTimes;

async fn list(lake: &Lake, filter: &QuarantineFilter) -> QuarantineList {
    Quarantine::list(&lake.store(), filter, 4).await.unwrap()
}

async fn all(lake: &Lake) -> Vec<QuarantineObject> {
    let list = list(lake, &QuarantineFilter::default()).await;
    assert_eq!(list.problems, []);
    list.objects
}

fn position(text: &str) -> Position {
    text.parse().unwrap()
}

#[tokio::test]
async fn only_objects_of_committed_chunks_are_listed() {
    let mut lake = Lake::new();
    let (given_up, committed, pinned) = (
        Chunk {
            lines: &[("1", "trap")],
            ..Chunk::default()
        },
        Chunk {
            first: 10,
            last: 19,
            lines: &[("11", "trap"), ("12", "trap"), ("13", "invalid_json")],
            ..Chunk::default()
        },
        Chunk {
            first: 20,
            last: 29,
            lines: &[("21", "trap")],
            ..Chunk::default()
        },
    );
    lake.pin(&given_up);
    lake.give_up(&given_up);
    lake.commit(&committed);
    let pending = lake.pin(&pinned);
    lake.write("_sluice/quarantine/reason=trap/notes.txt", "mine");
    lake.write("_sluice/quarantine/reason=No/x.ndjson", "mine");
    let list = list(&lake, &QuarantineFilter::default()).await;
    let found = list
        .objects
        .iter()
        .map(|it| (it.reason.as_str(), it.records));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [("invalid_json", 1), ("trap", 2)]
    );
    let left_out = &list.left_out;
    assert_eq!(
        (left_out.given_up.count, left_out.not_committed.count),
        (1, 1)
    );
    assert_eq!(left_out.unrecognized.count, 2);
    let first = left_out.not_committed.first.clone();
    assert_eq!(first.as_ref(), Some(&pending.quarantine[0].key));
    assert_eq!(left_out.kinds().count(), 3);
}

#[tokio::test]
async fn objects_that_no_manifest_names_are_left_out_and_a_damaged_manifest_is_a_problem() {
    let mut lake = Lake::new();
    let chunk = |first| Chunk {
        first,
        last: first + 9,
        lines: &[("1", "trap")],
        ..Chunk::default()
    };
    let without = lake.commit(&chunk(0));
    let damaged = lake.commit(&chunk(10));
    let named = lake.commit(&chunk(20));
    fs::remove_file(lake.path(&without.key())).unwrap();
    lake.write(&damaged.key(), "{}");
    let other = named.quarantine[0].key.replace("reason=trap", "reason=x");
    lake.write(&other, "");
    let list = list(&lake, &QuarantineFilter::default()).await;
    assert_eq!(list.objects.len(), 1);
    assert_eq!(list.left_out.without_manifest.count, 1);
    assert_eq!(list.left_out.not_named.first, Some(other));
    let [problem] = &list.problems[..] else {
        panic!("{:?}", list.problems)
    };
    assert_eq!(problem.objects, 1);
    assert!(problem.to_string().contains(&damaged.key()), "{problem}");
}

#[tokio::test]
async fn a_damaged_ledger_is_named() {
    let mut lake = Lake::new();
    lake.commit(&Chunk::default());
    lake.write("_sluice/ledger/s.json", "{}");
    let listed = Quarantine::list(&lake.store(), &QuarantineFilter::default(), 4).await;
    let error = listed.unwrap_err().to_string();
    assert!(
        error.contains("ledger/s.json") && error.contains("restore"),
        "{error}"
    );
}

#[tokio::test]
async fn a_filter_takes_objects_by_reason_release_shard_and_time() {
    let mut lake = Lake::new();
    let times = |min, max| Some(ArrivalTimes { min, max });
    let lines = &[("1", "trap"), ("2", "invalid_json")][..];
    for (shard, release, arrived_at) in [
        ("a", &b"one"[..], times(10, 20)),
        ("b", b"two", times(30, 40)),
        ("file", b"two", None),
    ] {
        lake.commit(&Chunk {
            shard,
            release,
            arrived_at,
            lines,
            ..Chunk::default()
        });
    }
    let all = QuarantineFilter::default;
    let release = Digest::of(b"two").short().parse().ok();
    for (filter, expected, without_times) in [
        (all(), 6, 0),
        (
            QuarantineFilter {
                reasons: vec![code("trap")],
                ..all()
            },
            3,
            0,
        ),
        (
            QuarantineFilter {
                quarantined_by: release,
                ..all()
            },
            4,
            0,
        ),
        (
            QuarantineFilter {
                shards: vec![shard("a")],
                ..all()
            },
            2,
            0,
        ),
        (
            QuarantineFilter {
                from: Some(20),
                to: Some(30),
                ..all()
            },
            2,
            2,
        ),
        (
            QuarantineFilter {
                from: Some(21),
                ..all()
            },
            2,
            2,
        ),
        (
            QuarantineFilter {
                to: Some(10),
                ..all()
            },
            0,
            2,
        ),
    ] {
        let list = list(&lake, &filter).await;
        assert_eq!(list.objects.len(), expected, "{filter:?}");
        assert_eq!(
            list.left_out.without_times.count, without_times,
            "{filter:?}"
        );
    }
}

/// The number of requests depends on what is in quarantine, and not on the rest of the lake.
#[tokio::test]
async fn nothing_but_quarantine_and_its_manifests_is_read() {
    let mut lake = Lake::new();
    for first in (0..500).step_by(10) {
        lake.commit(&Chunk {
            first,
            last: first + 9,
            ..Chunk::default()
        });
    }
    lake.commit(&Chunk {
        first: 500,
        last: 509,
        lines: &[("501", "trap"), ("502", "invalid_json")],
        ..Chunk::default()
    });
    for number in 0..100 {
        lake.write(&format!("event_type=a/{number}.ndjson"), "{}");
    }
    let counted = lake.test_store();
    let store: Arc<dyn ObjectStore> = counted.clone();
    let list = Quarantine::list(&store, &QuarantineFilter::default(), 4).await;
    assert_eq!(list.unwrap().objects.len(), 2);
    #[cfg(feature = "table")]
    {
        let (lists, reads) = counted.take_reads();
        // Ledgers, quarantine, claims and redrives; a ledger and a manifest.
        assert!(lists <= 4 && reads <= 2, "{lists} lists, {reads} reads");
    }
}

#[tokio::test]
async fn an_object_is_read_as_its_manifest_names_it_or_not_at_all() {
    let mut lake = Lake::new();
    let lines = &[("1", "trap"), ("2", "trap")];
    lake.commit(&Chunk {
        lines,
        ..Chunk::default()
    });
    let [object] = &all(&lake).await[..] else {
        panic!()
    };
    let store = lake.store();
    let read = async || read_object(store.as_ref(), &object.key, object.content()).await;
    let small = read_object_up_to(store.as_ref(), &object.key, object.content(), 10).await;
    let error = small.unwrap_err().to_string();
    assert!(error.contains("at most 10 are read"), "{error}");
    let text = read().await.unwrap();
    let read_records: Vec<_> = records(&text)
        .map(|record| record.rid.into_owned())
        .collect();
    assert_eq!(read_records, ["s:1", "s:2"]);
    let text = String::from_utf8(text).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    for (wrong, part) in [
        (format!("{first}\n"), "not those that the manifest"),
        (
            text.replace("data of 2", "data of 3"),
            "not those that the manifest",
        ),
        (format!("{first}\n{{}}\n{second}"), "line 2 is not"),
    ] {
        lake.write(&object.key, wrong);
        let error = read().await.unwrap_err();
        assert!(matches!(error, ObjectProblem::Damaged(_)), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    fs::remove_file(lake.path(&object.key)).unwrap();
    assert!(matches!(read().await, Err(ObjectProblem::Missing)));
}

#[tokio::test]
async fn an_object_with_more_than_its_manifest_can_mean_is_not_decompressed_to_its_end() {
    let mut lake = Lake::new();
    lake.commit(&Chunk {
        lines: &[("1", "trap"), ("2", "trap")],
        ..Chunk::default()
    });
    let [object] = &all(&lake).await[..] else {
        panic!()
    };
    // The end of the object is missing: it would be found damaged there.
    let mut bomb = zstd::encode_all(io::repeat(0).take(1 << 30), 1).unwrap();
    bomb.truncate(bomb.len() - 1);
    let key = format!("{}.zst", object.key);
    lake.write(&key, bomb);
    let store = lake.store();
    let read = async |max| read_object_up_to(store.as_ref(), &key, object.content(), max).await;
    let error = read(usize::MAX).await.unwrap_err();
    assert!(matches!(error, ObjectProblem::Damaged(_)), "{error}");
    let error = error.to_string();
    for part in ["when it is decompressed", "the 2 records that the manifest"] {
        assert!(error.contains(part), "{error}");
    }
    let error = read(1 << 20).await.unwrap_err();
    assert!(
        matches!(error, ObjectProblem::TooManyLines { .. }),
        "{error}"
    );
}
