use std::time::Duration;

use bytes::Bytes;
use sluice_storage::error::ErrorKind;

use super::pack::{Batches, Entry, Packer};
use super::{State, position, sort};
use crate::source::aggregate::{Unpacked, belongs, hash_key, unpack};
use crate::source::kinesis::{KinesisError, ShardInfo};

const MIB: usize = 1 << 20;

fn entry(key: &str, bytes: usize) -> Entry {
    Entry {
        key: key.into(),
        data: Bytes::from(vec![b'x'; bytes]),
        lines: 1,
        line_bytes: bytes as u64,
        shard: None,
    }
}

fn shard(id: &str, parents: &[&str], from: u128, to: u128) -> ShardInfo {
    ShardInfo {
        id: id.into(),
        parents: parents.iter().map(|&parent| parent.into()).collect(),
        hash_keys: from..=to,
    }
}

/// A stream whose second half was split.
fn split() -> Vec<ShardInfo> {
    let (half, quarter) = (1 << 127, 1 << 126);
    vec![
        shard("high", &["old"], half + quarter, u128::MAX),
        shard("old", &[], half, u128::MAX),
        shard("low", &[], 0, half - 1),
        shard("middle", &["old"], half, half + quarter - 1),
    ]
}

fn line(number: u32) -> Vec<u8> {
    let uuid = format!("{number:08}-0000-4000-8000-000000000000");
    format!(r#"{{"event_name":"a", "event_uuid" : "{uuid}"}}"#).into_bytes()
}

fn packed(shards: &[ShardInfo], lines: u32) -> Vec<Vec<Entry>> {
    let mut packer = Packer::new(shards);
    (0..lines).for_each(|number| packer.line(&line(number)));
    packer.close();
    std::iter::from_fn(|| packer.batches.pop()).collect()
}

fn sizes(entries: impl IntoIterator<Item = Entry>) -> Vec<usize> {
    let mut batches = Batches::default();
    entries.into_iter().for_each(|entry| batches.push(entry));
    batches.close();
    std::iter::from_fn(|| batches.pop())
        .map(|batch| batch.len())
        .collect()
}

#[test]
fn a_batch_holds_500_records() {
    assert_eq!(sizes(vec![entry("k", 10); 1_001]), [500, 500, 1]);
    assert_eq!(sizes(vec![entry("k", 10); 500]), [500]);
    assert!(sizes([]).is_empty());
}

#[test]
fn a_batch_holds_five_mib_of_data_and_keys() {
    assert_eq!(sizes(vec![entry("", MIB); 11]), [5, 5, 1]);
    assert_eq!(sizes(vec![entry("k", MIB); 5]), [4, 1]);
    assert_eq!(sizes(vec![entry("k", MIB - 1); 5]), [5]);
}

#[test]
fn a_record_larger_than_a_batch_goes_alone() {
    let entries = [entry("k", 1), entry("k", 6 * MIB), entry("k", 1)];
    assert_eq!(sizes(entries), [1, 1, 1]);
}

#[test]
fn the_key_is_the_uuid_or_a_running_number() {
    let mut packer = Packer::new(&[]);
    let lines: [&[u8]; 5] = [
        &line(7),
        b"{}",
        br#"{"event_uuid":"00000007-0000"#,
        br#"{"event_uuid":17}"#,
        &line(8),
    ];
    lines.iter().for_each(|line| packer.line(line));
    packer.close();
    let batch = packer.batches.pop().unwrap();
    let keys: Vec<&str> = batch.iter().map(|entry| &*entry.key).collect();
    let uuids = [7, 8].map(|number| format!("{number:08}-0000-4000-8000-000000000000"));
    assert_eq!(keys, [&*uuids[0], "2", "3", "4", &*uuids[1]]);
    assert!(
        batch
            .iter()
            .zip(lines)
            .all(|(entry, line)| entry.data == line)
    );
}

#[test]
fn an_aggregate_holds_the_records_of_one_open_shard() {
    let shards = split();
    let mut seen = 0;
    for entry in packed(&shards, 20_000).into_iter().flatten() {
        let meant = entry.shard.clone().unwrap();
        assert!(meant.id != "old" && !entry.is_misrouted(&meant.id));
        assert!(entry.key.len() + entry.data.len() <= 50 << 10);
        let request = entry.request().unwrap();
        let hash_key_of_record = meant.hash_keys.start().to_string();
        assert_eq!(request.explicit_hash_key(), Some(&*hash_key_of_record));
        let Unpacked::Records(records) = unpack(&entry.data) else {
            panic!("no aggregate");
        };
        assert_eq!(records.len() as u64, entry.lines);
        let bytes: usize = records.iter().map(|record| record.data.len()).sum();
        assert_eq!(bytes as u64, entry.line_bytes);
        assert!(
            records
                .iter()
                .all(|record| belongs(record, &meant.hash_keys))
        );
        seen += records.len();
    }
    assert_eq!(seen, 20_000);
}

#[test]
fn a_line_without_a_shard_goes_plain() {
    let shards = [shard("low", &[], 0, (1 << 127) - 1)];
    let entries: Vec<_> = packed(&shards, 100).into_iter().flatten().collect();
    let plain: Vec<_> = entries
        .iter()
        .filter(|entry| entry.shard.is_none())
        .collect();
    assert_eq!(entries.len(), plain.len() + 1);
    assert!(plain.iter().all(|entry| hash_key(&entry.key) >= 1 << 127));
}

#[test]
fn records_of_a_split_shard_are_sent_again() {
    let before = [shard("all", &[], 0, u128::MAX)];
    let [aggregate] = &packed(&before, 100).concat()[..] else {
        panic!("more than one");
    };
    let took = shard("first", &["all"], 0, (1 << 127) - 1);
    assert!(aggregate.is_misrouted(&took.id));
    let left = aggregate.misrouted_records(Some(&took));
    let is_left = |number: &u32| {
        let uuid = format!("{number:08}-0000-4000-8000-000000000000");
        hash_key(&uuid) >= 1 << 127
    };
    let expected: Vec<_> = (0..100).filter(is_left).map(line).collect();
    let left: Vec<_> = left.iter().map(|entry| entry.data.to_vec()).collect();
    assert_eq!(left, expected);
    assert_eq!(aggregate.misrouted_records(None).len(), 100);
    assert!(aggregate.misrouted_records(Some(&before[0])).is_empty());
}

#[test]
fn other_shards_close_the_aggregates_for_the_old_ones() {
    let mut packer = Packer::new(&split());
    (0..100).for_each(|number| packer.line(&line(number)));
    packer.change_shards(&split());
    packer.batches.close();
    assert!(packer.batches.pop().is_none());
    packer.change_shards(&[shard("all", &["low", "middle", "high"], 0, u128::MAX)]);
    packer.line(&line(100));
    packer.close();
    let meant = |entry: &Entry| entry.shard.as_ref().unwrap().id.clone();
    let batch = packer.batches.pop().unwrap();
    let meant: Vec<_> = batch.iter().map(meant).collect();
    assert_eq!(meant, ["low", "middle", "high", "all"]);
}

#[test]
fn only_records_that_were_not_accepted_are_left() {
    let throttled = || Err(KinesisError::new(ErrorKind::Throttled, "slow down"));
    let batch = ["a", "b", "c", "d"].map(|key| entry(key, 1)).to_vec();
    let answers = vec![Ok("s".into()), throttled(), Ok("s".into()), throttled()];
    let taken = sort(batch, answers);
    let keys = |entries: &[Entry]| -> String { entries.iter().map(|e| &*e.key).collect() };
    assert_eq!(
        (keys(&taken.entries), keys(&taken.left)),
        ("ac".into(), "bd".into())
    );
    assert!(taken.misrouted.is_empty());
    assert_eq!(taken.error.unwrap().to_string(), "throttled (slow down)");
}

#[test]
fn progress_shows_retried_records_and_the_reason() {
    let mut state = State::default();
    state.sent.lines = 3_000;
    let at = |state: &State| position(state, Duration::from_millis(1_500));
    assert_eq!(at(&state), "3,000 lines sent, 2,000/s");
    state.again = 12;
    state.why = "throttled: slow down".into();
    assert_eq!(
        at(&state),
        "3,000 lines sent, 2,000/s, 12 records sent again, the last for throttled: slow down"
    );
}
