//! Keys of objects, record numbers, and paths of partitions.

use sluice::format::Format;
use sluice::layout::Destination;
use sluice::layout::object_key::{Origin, ParsedKey};
use sluice::ledger::Range;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{Position, SequenceNumber, ShardId};

/// The input as a key of the lake, as a number, and as lines `name=value` of a partition.
pub(crate) fn feed(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    parsed(text);
    numbers(text);
    let lines = text.lines();
    let pairs: Vec<_> = lines
        .map(|line| line.split_once('=').unwrap_or(("value", line)))
        .collect();
    if let Ok(path) = PartitionPath::from_pairs(&pairs) {
        partition(&path, &pairs);
    }
    if let Some(code) = ReasonCode::new(text) {
        landed(&Destination::Quarantine(code), text);
    }
}

fn parsed(key: &str) {
    if let Some(parsed) = ParsedKey::parse(key) {
        let chunk = parsed.chunk;
        assert!(chunk.first <= chunk.last);
        let again = chunk.object_key(&parsed.shard, parsed.folder, parsed.format);
        assert_eq!(again, key, "two keys of one object");
    }
}

fn numbers(text: &str) {
    if let Ok(number) = text.parse::<SequenceNumber>() {
        assert_eq!(number.to_string().parse(), Ok(number));
        assert_eq!(number.padded().parse(), Ok(number));
        let digits = text.trim_start_matches('0');
        assert_eq!(
            number.to_string(),
            if digits.is_empty() { "0" } else { digits }
        );
    }
    if let Ok(position) = text.parse::<Position>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
}

/// A partition has one folder per pair, below the top of the lake and outside of Sluice's own
/// folder. Its path can be decoded to the same pairs.
fn partition(path: &PartitionPath, pairs: &[(&str, &str)]) {
    let folders = path.as_str().split('/').filter(|folder| !folder.is_empty());
    let folders: Vec<_> = folders.collect();
    assert_eq!(folders.len(), pairs.len());
    for (folder, (name, value)) in folders.iter().zip(pairs) {
        assert!(!folder.starts_with(['_', '.']) && folder.len() <= 255);
        let (found, encoded) = folder.split_once('=').unwrap();
        assert_eq!(found, *name);
        let decoded = decode(encoded);
        let is_empty = value.is_empty() && encoded == "__HIVE_DEFAULT_PARTITION__";
        assert!(is_empty || decoded == value.as_bytes(), "{encoded:?}");
    }
    landed(&Destination::Lake(path.clone()), path.as_str());
}

/// Decodes the bytes of a value whose special characters are written `%XX`.
fn decode(encoded: &str) -> Vec<u8> {
    let mut pieces = encoded.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// The key of an object parses as it was written.
fn landed(destination: &Destination, seed: &str) {
    let digest = Digest::of(seed.as_bytes());
    let origin = Origin {
        shard: ShardId::new("shardId-000000000001").unwrap(),
        range: Range {
            first: 7.into(),
            last: u64::MAX.into(),
            count: 1,
        },
        release: digest,
    };
    for format in Format::ALL {
        let key = origin.object_key(destination, format);
        let parsed = ParsedKey::parse(&key).unwrap();
        assert_eq!(parsed.folder, destination.folder());
        assert_eq!(
            (parsed.shard, parsed.chunk),
            (origin.shard.clone(), origin.chunk())
        );
        assert!(key.len() <= 1_024);
    }
}
