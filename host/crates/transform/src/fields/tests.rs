use std::ops::Range;

use json_scan::edit::{Edit, Object};
use json_scan::members::Members;
use proptest::prelude::*;
use proptest::sample::select;

use crate::batch::{RecordBatch, transform_batch};
use crate::events::offset;
use crate::sample::{ACTIONS, Sample};

use super::*;

/// Lists of a batch, which the host packs.
#[derive(Default)]
struct Packed {
    data: Vec<u8>,
    data_ends: Vec<u32>,
    values: Vec<u8>,
    ends: Vec<u32>,
    repeated: Vec<u32>,
    partition_keys: String,
    partition_key_ends: Vec<u32>,
}

impl Packed {
    fn new(configured: &Configured<Sample>, records: &[String]) -> Self {
        let mut packed = Self::default();
        for (number, record) in records.iter().enumerate() {
            packed.add(configured, record);
            packed.partition_keys += &number.to_string();
            let end = offset(packed.partition_keys.len());
            packed.partition_key_ends.push(end);
        }
        packed
    }

    fn add(&mut self, configured: &Configured<Sample>, record: &str) {
        self.data.extend_from_slice(record.as_bytes());
        self.data_ends.push(offset(self.data.len()));
        let mut members = Members::default();
        members.find(record.as_bytes(), configured.names()).unwrap();
        let reads = configured.declaration.reads.iter();
        for (read, member) in reads.zip(members.reads()) {
            let value = &record[member.value().unwrap_or_default()];
            let length = if read.wants_value() {
                value.len()
            } else {
                value.len().min(1)
            };
            self.values.extend_from_slice(&value.as_bytes()[..length]);
            if member.repeated {
                self.repeated.push(offset(self.ends.len()));
            }
            self.ends.push(offset(self.values.len()));
        }
    }

    fn metadata(&self) -> MetadataLists<'_> {
        MetadataLists {
            partition_keys: &self.partition_keys,
            partition_key_ends: &self.partition_key_ends,
            shard: "shard-1",
            ..MetadataLists::default()
        }
    }

    fn fields(&self) -> FieldBatch<'_> {
        FieldBatch {
            records: offset(self.data_ends.len()),
            values: &self.values,
            ends: &self.ends,
            repeated: &self.repeated,
            metadata: self.metadata(),
        }
    }

    fn records(&self) -> RecordBatch<'_> {
        RecordBatch {
            metadata: self.metadata(),
            ..RecordBatch::new(&self.data, &self.data_ends)
        }
    }
}

fn span(ends: &[u32], item: usize) -> Range<usize> {
    let start = if item == 0 { 0 } else { ends[item - 1] };
    start as usize..ends[item] as usize
}

/// Applies the edits as the host does. Returns the data of each event.
fn apply(configured: &Configured<Sample>, records: &[String], edits: &EditBatch) -> Vec<String> {
    let writes = configured.declaration.writes.len();
    let mut events = Vec::new();
    for (record, count) in records.iter().zip(&edits.event_counts) {
        let mut members = Members::default();
        members.find(record.as_bytes(), configured.names()).unwrap();
        for _ in 0..*count {
            let event = events.len();
            let edit = |write| {
                let item = event * writes + write;
                match &edits.values[span(&edits.ends, item)] {
                    [] if edits.removed.contains(&offset(item)) => Edit::Remove,
                    [] => Edit::Keep,
                    value => Edit::Set(value),
                }
            };
            let object = if edits.empty_events.contains(&offset(event)) {
                Object::EMPTY
            } else {
                Object {
                    text: record.as_bytes(),
                    outline: members.outline(),
                }
            };
            let mut data = Vec::new();
            object.append_edited(configured.names(), edit, &mut data);
            events.push(String::from_utf8(data).unwrap());
        }
    }
    events
}

/// All calls give the same events, destinations and rejections.
fn compare(records: &[String]) {
    let configured = Configured::<Sample>::new("{}").unwrap();
    let packed = Packed::new(&configured, records);
    let edits = transform_fields(&configured, &packed.fields());
    let outcome = transform_batch(&configured, &packed.records());
    assert_eq!(edits.event_counts, outcome.event_counts);
    assert_eq!(edits.rejections, outcome.rejections);
    let events = apply(&configured, records, &edits);
    assert_eq!(events.concat().as_bytes(), outcome.data);
    for (event, &destination) in edits.destination_indexes.iter().enumerate() {
        let destination = &edits.destinations[destination as usize];
        let partition = outcome.partition_indexes[event] as usize;
        assert_eq!(outcome.partitions[partition], destination.partition);
        assert_eq!(outcome.routes[event], destination.routes);
    }
    check_lists(&edits, events.len());
}

/// What the contract says of the lists.
fn check_lists(edits: &EditBatch, events: usize) {
    assert_eq!(edits.destination_indexes.len(), events);
    assert_eq!(edits.ends.len(), 3 * events);
    assert!(edits.ends.is_sorted());
    assert_eq!(
        edits.ends.last().copied().unwrap_or(0) as usize,
        edits.values.len()
    );
    assert!(edits.removed.is_sorted_by(|a, b| a < b));
    assert!(edits.empty_events.is_sorted_by(|a, b| a < b));
    let is_empty = |item: &u32| span(&edits.ends, *item as usize).is_empty();
    assert!(edits.removed.iter().all(is_empty));
    for (place, destination) in edits.destinations.iter().enumerate() {
        assert!(!edits.destinations[..place].contains(destination));
        assert!(edits.destination_indexes.contains(&offset(place)));
    }
}

/// A record that says what happens, among members that are written, missing, repeated or of another kind.
fn record() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        4 => select(ACTIONS).prop_map(|action| format!(r#""do":"{action}""#)),
        4 => Just(r#""id":"some id""#.to_owned()),
        1 => select(vec![
            r#""id":7"#, r#""at":1700000000.5"#, r#""at":"x""#, r#""first":[1,{}]"#,
            r#""second":"two""#, r#""other":"a\u0000""#, r#""f\u0069rst":null"#, r#""do":"\u0064rop""#,
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(", ")))
}

#[test]
fn each_action_gives_the_same_in_every_way() {
    let actions = ACTIONS.iter();
    let records = actions.map(|action| format!(r#"{{"first":0,"do":"{action}","id":"x","at":1}}"#));
    let records: Vec<_> = records.collect();
    compare(&records);
    for record in &records {
        compare(std::slice::from_ref(record));
    }
    compare(&[]);
}

#[test]
fn a_batch_is_written_as_the_contract_has_it() {
    let configured = Configured::<Sample>::new("{}").unwrap();
    let records = [
        r#"{"do":"twice","id":"x"}"#,
        r#"{"do":"reject","id":"x"}"#,
        r#"{"do":"empty","id":"x"}"#,
        r#"{"do":"remove","id":"x"}"#,
    ]
    .map(str::to_owned);
    let packed = Packed::new(&configured, &records);
    let edits = transform_fields(&configured, &packed.fields());
    assert_eq!(edits.event_counts, [2, 0, 2, 1]);
    assert_eq!(edits.values, br#"1-2.5null"a\"b"true"#);
    assert_eq!(
        edits.ends,
        [1, 1, 1, 5, 5, 9, 9, 15, 15, 15, 15, 15, 15, 19, 19]
    );
    assert_eq!(edits.removed, [12, 14]);
    assert_eq!(edits.empty_events, [2]);
    assert_eq!(edits.destination_indexes, [0, 1, 2, 3, 4]);
    assert_eq!(edits.rejections[0].0, 1);
}

proptest! {
    #[test]
    fn every_way_in_gives_the_same(records in prop::collection::vec(record(), 0..12)) {
        compare(&records);
    }
}
