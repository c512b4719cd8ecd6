use sluice_engine::digest::Digest;

use super::*;
use crate::layout::object_key::ShortId;

/// Two chunks of two rows up to the record 29, as the lake has them.
fn accounts() -> Accounts {
    let mark = ShardMark {
        last: 29.into(),
        chunks: 2,
        rows: 4,
        dropped: 0,
    };
    let shards = BTreeMap::from([(shard(), mark)]);
    let mut accounts = Accounts::new(&shards);
    for first in [10, 20] {
        let chunk = ExpectedChunk {
            name: chunk(first),
            rows: sum(&[first, first + 1]),
            dropped: 0,
            is_counted: false,
        };
        assert!(accounts.has(&shard(), chunk.name));
        accounts.expect(&shard(), chunk);
    }
    assert!(!accounts.has(&shard(), chunk(30)));
    accounts
}

fn shard() -> ShardId {
    ShardId::new("s").unwrap()
}

fn chunk(first: u64) -> ChunkName {
    ChunkName {
        first: first.into(),
        last: (first + 9).into(),
        release: ShortId::of(Digest::of(b"release")),
    }
}

/// A hash of many bits, so that sums overflow.
fn hash(row: u64) -> u128 {
    (u128::MAX / 3).wrapping_mul(u128::from(row))
}

fn sum(rows: &[u64]) -> RowSum {
    let mut sum = RowSum::default();
    rows.iter().for_each(|row| sum.add(hash(*row)));
    sum
}

/// The kinds of the findings for files with these rows.
fn found(files: &[&[(&str, &str, u64)]]) -> Vec<Kind> {
    let mut accounts = accounts();
    for rows in files {
        let mut file = FileRows::default();
        for (shard, chunk, row) in *rows {
            file.add(shard, chunk, hash(*row));
        }
        accounts.add(file);
    }
    let mut findings = Findings::default();
    accounts.compare(false, &mut findings);
    findings.kept.iter().map(|finding| finding.kind).collect()
}

#[test]
fn rows_in_any_order_and_any_file_are_proven() {
    let all = [
        ("s", "10", 10),
        ("s", "20", 20),
        ("s", "20", 21),
        ("s", "10", 11),
    ];
    assert_eq!(found(&[&all]), []);
    let (some, others) = all.split_at(1);
    assert_eq!(found(&[others, &[], some]), []);
}

#[test]
fn each_difference_of_a_chunk_is_found() {
    let right = [("s", "20", 20), ("s", "20", 21)];
    let cases: [(&[_], Kind); 5] = [
        (&[("s", "10", 10)], Kind::MissingRows),
        (&[], Kind::MissingRows),
        (
            &[("s", "10", 10), ("s", "10", 11), ("s", "10", 11)],
            Kind::ExtraRows,
        ),
        (&[("s", "10", 10), ("s", "10", 10)], Kind::ChangedRows),
        (&[("s", "10", 10), ("s", "10", 12)], Kind::ChangedRows),
    ];
    for (rows, kind) in cases {
        assert_eq!(found(&[rows, &right]), [kind], "{rows:?}");
    }
}

#[test]
fn rows_that_name_no_chunk_are_found() {
    let right = [
        ("s", "10", 10),
        ("s", "10", 11),
        ("s", "20", 20),
        ("s", "20", 21),
    ];
    for (shard, chunk, kind) in [
        ("s", "30", Kind::BeyondWatermark),
        ("s", "15", Kind::UnknownChunk),
        ("s", "010", Kind::UnknownChunk),
        ("s", "", Kind::UnknownChunk),
        ("t", "10", Kind::UnknownChunk),
        ("", "10", Kind::UnknownChunk),
    ] {
        let other = [(shard, chunk, 1)];
        assert_eq!(found(&[&right, &other, &other]), [kind], "{shard} {chunk}");
    }
}

#[test]
fn a_chunk_whose_objects_are_gone_is_counted() {
    let mut accounts = accounts();
    let name = chunk(10);
    let chunks = &mut accounts.shards.get_mut(&shard()).unwrap().chunks;
    chunks[0].is_counted = true;
    assert_eq!(chunks[0].name, name);
    let mut file = FileRows::default();
    for (chunk, row) in [("10", 5), ("10", 6), ("20", 20), ("20", 21)] {
        file.add("s", chunk, hash(row));
    }
    accounts.add(file);
    let mut findings = Findings::default();
    accounts.compare(false, &mut findings);
    assert_eq!(findings.total, 0);
    assert_eq!(accounts.shards[&shard()].counted(), 1);
}

#[test]
fn the_watermark_has_what_the_lake_has() {
    let accounts = accounts();
    let right = ShardMark {
        last: 29.into(),
        chunks: 2,
        rows: 4,
        dropped: 0,
    };
    let kinds = |accounts: &Accounts, committed: BTreeMap<ShardId, ShardMark>| {
        let mut findings = Findings::default();
        accounts.compare_marks(&committed, &mut findings);
        let kinds = findings.kept.iter().map(|finding| finding.kind);
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&accounts, BTreeMap::from([(shard(), right)])), []);
    assert_eq!(kinds(&accounts, BTreeMap::new()), [Kind::LakeBehind]);
    let mut more = accounts;
    more.shards.get_mut(&shard()).unwrap().mark.rows = 5;
    let committed = BTreeMap::from([(shard(), right)]);
    assert_eq!(kinds(&more, committed), [Kind::WatermarkCount]);
}
