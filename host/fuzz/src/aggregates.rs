//! Aggregates of the Kinesis Producer Library.

use bytes::Bytes;
use md5::{Digest, Md5};
use sluice::source::aggregate::{Aggregator, SubRecord, Unpacked, hash_key, unpack};

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// The least size of a record in an aggregate: the record, the index of its key, and its data, each
/// with a tag and a number.
const RECORD_LEAST_BYTES: usize = 6;

/// Unpacks the input as it is and as the protobuf of an aggregate, so that no checksum must be
/// found by chance. Then packs the lines of the input.
pub(crate) fn feed(input: &[u8]) {
    check(&Bytes::copy_from_slice(input));
    let checksum: [u8; 16] = Md5::digest(input).into();
    let mut aggregate = [&MAGIC, input, &checksum].concat();
    check(&aggregate.clone().into());
    if let Some(last) = aggregate.last_mut() {
        *last = !*last;
    }
    assert_eq!(
        unpack(&aggregate.into()),
        Unpacked::Plain,
        "a wrong checksum"
    );
    together(input);
}

/// Unpacked records were in the input: not more records than it has room for, and no byte twice.
fn check(data: &Bytes) {
    let Unpacked::Records(records) = unpack(data) else {
        return;
    };
    assert!(!records.is_empty() && records.len() * RECORD_LEAST_BYTES <= data.len());
    let inside = data.as_ptr_range();
    for record in &records {
        let found = record.data.as_ptr_range();
        let is_view = inside.start <= found.start && found.end <= inside.end;
        assert!(is_view || record.data.is_empty());
    }
    let bytes: usize = records.iter().map(|record| record.data.len()).sum();
    assert!(bytes < data.len());
}

/// The first byte limits an aggregate of the lines after it, each a key, `:` and data.
fn together(input: &[u8]) {
    let Some((bound, lines)) = input.split_first() else {
        return;
    };
    let max_bytes = usize::from(*bound) * 16;
    let mut aggregator = Aggregator::new(max_bytes);
    let mut pushed = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':');
        let (key, data) = line.split_at(colon.unwrap_or(0));
        let key = String::from_utf8_lossy(key);
        if aggregator.fits(&key, data.len()) {
            aggregator.push(&key, data);
            pushed.push(SubRecord {
                hash_key: hash_key(&key),
                partition_key: key.into(),
                data: Bytes::copy_from_slice(data),
            });
        }
    }
    assert_eq!(aggregator.len(), pushed.len());
    match aggregator.finish() {
        None => assert!(pushed.is_empty()),
        Some((key, data)) => {
            assert!(key.len() + data.len() <= max_bytes, "over its bound");
            assert_eq!(*key, *pushed[0].partition_key);
            assert_eq!(unpack(&data.into()), Unpacked::Records(pushed));
        }
    }
}
