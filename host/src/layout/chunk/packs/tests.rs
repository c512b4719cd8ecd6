use serde_json::{Value, json};
use sluice_engine::outcome::{Event, Routes, Transformed};
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{Batch, Position, Record, SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseBundle;

use super::*;
use crate::layout::chunk::ChunkRules;
use crate::ledger::messages::{MessageRules, Messages};
use crate::ledger::pins::Pins;

/// A chunk of one record for each of these partition keys, partitions and sizes of events.
fn chunk(records: &[(&str, &str, usize)], pack_bytes: usize) -> Chunk {
    let shard = ShardId::new("shard").unwrap();
    let rules = ChunkRules {
        shard: shard.clone(),
        pins: Pins::default().with_bus(Some(MessageRules {
            messages: Messages::Packed,
            event_bytes: None,
            pack_bytes: Some(pack_bytes),
        })),
        with_positions: false,
        table: None,
    };
    let release = ReleaseBundle::new(b"component".to_vec(), "{}").unwrap();
    let mut chunk = Chunk::new(rules, release.manifest().id());
    let (mut batch, mut outcome) = (Batch::new(shard), Transformed::default());
    for (number, (key, partition, bytes)) in (0..).zip(records) {
        batch.push(Record {
            data: b"{}",
            partition_key: key,
            position: Position::from(SequenceNumber::from(u64::from(number))),
            arrived_at: 0,
        });
        let pairs = [("event_type".to_owned(), (*partition).to_owned())];
        let path = PartitionPath::from_pairs(&pairs).unwrap();
        let known = outcome.partitions.iter().position(|known| *known == path);
        let partition = known.unwrap_or_else(|| {
            outcome.partitions.push(path);
            outcome.partitions.len() - 1
        });
        let start = u32::try_from(outcome.data.len()).unwrap();
        let event = json!({ "n": number, "text": "x".repeat(*bytes) });
        outcome.data.extend_from_slice(event.to_string().as_bytes());
        outcome.events.push(Event {
            record: number,
            start,
            end: u32::try_from(outcome.data.len()).unwrap(),
            partition: u32::try_from(partition).unwrap(),
            routes: Routes {
                lake: true,
                bus: true,
            },
        });
    }
    chunk.absorb(&batch, outcome);
    chunk
}

fn events(numbers: &[u32]) -> Pack {
    Pack::Events(numbers.to_vec())
}

#[test]
fn a_pack_has_events_of_one_partition_in_record_order() {
    let chunk = chunk(
        &[("k", "a", 1), ("k", "b", 1), ("l", "a", 1), ("", "b", 1)],
        1 << 14,
    );
    assert_eq!(chunk.packs(false), [events(&[0, 2]), events(&[1, 3])]);
}

#[test]
fn in_order_a_pack_has_consecutive_events_of_one_group() {
    let records = [
        ("k", "a", 1),
        ("l", "a", 1),
        ("k", "a", 1),
        ("k", "b", 1),
        ("l", "a", 1),
        ("k", "a", 1),
        ("", "a", 1),
        ("", "a", 1),
    ];
    let packs = chunk(&records, 1 << 14).packs(true);
    let expected: [&[u32]; 5] = [&[0, 2], &[1, 4], &[3], &[5], &[6, 7]];
    assert_eq!(packs, expected.map(events));
}

#[test]
fn no_pack_is_larger_than_its_limit_and_what_fits_none_stands_alone() {
    let limit = 1 << 14;
    let mut records = vec![("k", "a", 3_000); 20];
    records[7].2 = limit;
    let chunk = chunk(&records, limit);
    for keeps_order in [false, true] {
        let packs = chunk.packs(keeps_order);
        assert!(packs.contains(&Pack::TooLarge(7)), "{packs:?}");
        let mut seen: Vec<u32> = Vec::new();
        for pack in &packs {
            let Pack::Events(events) = pack else {
                continue;
            };
            let mut body = Vec::new();
            chunk.write_pack(events, &mut body).unwrap();
            assert!(body.len() <= limit, "{} bytes", body.len());
            seen.extend(events);
        }
        assert!(packs.len() <= 6, "5 events fit one: {packs:?}");
        let expected: Vec<_> = (0..20).filter(|number| *number != 7).collect();
        assert_eq!(seen, expected);
    }
}

#[test]
fn an_event_that_fits_no_pack_divides_the_others_only_in_order() {
    let (limit, large) = (1 << 14, 1 << 14);
    let records = [
        ("k", "a", 1),
        ("k", "a", large),
        ("l", "a", 1),
        ("k", "a", 1),
        ("l", "b", large),
        ("l", "a", 1),
    ];
    let chunk = chunk(&records, limit);
    let too_large = Pack::TooLarge;
    assert_eq!(
        chunk.packs(false),
        [events(&[0, 2, 3, 5]), too_large(1), too_large(4)]
    );
    assert_eq!(
        chunk.packs(true),
        [
            events(&[0]),
            too_large(1),
            events(&[2]),
            events(&[3]),
            too_large(4),
            events(&[5]),
        ]
    );
}

#[test]
fn the_largest_event_that_fits_for_sure_fits() {
    let limit = 1 << 14;
    let bytes = limit - PACK_OVERHEAD_BYTES - r#"{"n":0,"text":""}"#.len();
    let key = "\u{fffe}".repeat(200);
    let chunk = chunk(&[(&key, &"é".repeat(60), bytes)], limit);
    assert_eq!(chunk.packs(true), [events(&[0])]);
}

#[test]
fn the_envelope_names_its_events_and_their_range() {
    let chunk = chunk(&[("k", "a", 1), ("k", "a", 2)], 1 << 14);
    let mut body = Vec::new();
    chunk.write_pack(&[0, 1], &mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "partition": "event_type=a",
        "release": chunk.release().to_string(),
        "count": 2,
        "first": "shard:0",
        "last": "shard:1",
        "events": [
            { "rid": "shard:0", "event": 0, "body": { "n": 0, "text": "x" } },
            { "rid": "shard:1", "event": 0, "body": { "n": 1, "text": "xx" } },
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn characters_that_a_queue_rejects_count_as_escaped() {
    for (json, bytes) in [("é", 2), ("\u{fffe}\u{ffff}", 12), ("\u{fffd}", 3), ("", 0)] {
        assert_eq!(escaped_bytes(json.as_bytes()), bytes, "{json:?}");
    }
}
