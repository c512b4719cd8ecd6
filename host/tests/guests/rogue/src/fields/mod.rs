//! Fields in, edits out: the commands are JSON objects such as `{"command":"deep","n":99}`.

mod command;
mod declaration;
mod spoil;

use crate::bindings::exports::sluice::transform::fields::{
    Declaration, Destination, EditBatch, FieldBatch, Guest, Rejection, Routes,
};
use crate::misuse::{MIB, claim};
use crate::text::quoted;
use crate::{Component, stamp};

/// One event: a value for each write, empty if the member stays or is removed.
pub struct Edits {
    pub is_from_nothing: bool,
    pub values: Vec<Vec<u8>>,
    pub removed: Vec<bool>,
    pub destination: Destination,
}

impl Edits {
    /// The record as it is, for the lake and the bus.
    fn none(writes: usize) -> Self {
        Self {
            is_from_nothing: false,
            values: vec![Vec::new(); writes],
            removed: vec![false; writes],
            destination: Destination {
                partition: Vec::new(),
                routes: Routes::LAKE | Routes::BUS,
            },
        }
    }
}

/// What the host tells of one record.
pub struct Seen<'a> {
    pub command: &'a str,
    pub n: &'a [u8],
    /// The first byte of the value, because the kind is wanted.
    pub long: &'a [u8],
    /// The reads that are repeated.
    pub repeated: Vec<usize>,
    /// As a JSON object; what is not declared is `null`.
    pub metadata: String,
}

impl Guest for Component {
    fn declare() -> Declaration {
        declaration::declaration()
    }

    fn transform_fields(records: FieldBatch) -> EditBatch {
        let mut batch = empty_batch();
        let mut is_claim = false;
        for record in 0..records.records as usize {
            let outcome = if declaration::is_mirror() {
                Ok(vec![mirror(&records, record)])
            } else {
                let seen = Seen::of(&records, record);
                is_claim |= seen.command == "huge";
                stamp::before(seen.n).and_then(|()| command::execute(&seen))
            };
            push(&mut batch, outcome);
        }
        if is_claim {
            batch.values = claim(1024 * MIB);
        }
        spoil::spoil(&mut batch);
        batch
    }
}

impl<'a> Seen<'a> {
    fn of(records: &'a FieldBatch, record: usize) -> Self {
        let reads = declaration::READS.len();
        let read = |read| item(&records.values, &records.ends, record * reads + read);
        let command = std::str::from_utf8(read(0)).unwrap();
        let repeated = records.repeated.iter().map(|item| *item as usize);
        Self {
            command: command.trim_matches('"'),
            n: read(1),
            long: read(2),
            repeated: repeated
                .filter(|item| item / reads == record)
                .map(|item| item % reads)
                .collect(),
            metadata: metadata(records, record),
        }
    }
}

fn metadata(records: &FieldBatch, record: usize) -> String {
    let text = |texts: &str, ends: &[u32]| {
        if ends.is_empty() {
            return "null".to_owned();
        }
        quoted(std::str::from_utf8(item(texts.as_bytes(), ends, record)).unwrap())
    };
    let key = text(&records.partition_keys, &records.partition_key_ends);
    let sequence = text(&records.sequence_numbers, &records.sequence_number_ends);
    let arrived_at = records.arrived_at.get(record);
    let arrived_at = arrived_at.map_or("null".to_owned(), u64::to_string);
    let shard = quoted(&records.shard);
    format!(r#"{{"key":{key},"sequence":{sequence},"arrived_at":{arrived_at},"shard":{shard}}}"#)
}

/// Each write gets the value of the read of the same index.
fn mirror(records: &FieldBatch, record: usize) -> Edits {
    let reads = records.ends.len() / records.records as usize;
    let read = |read| item(&records.values, &records.ends, record * reads + read).to_vec();
    Edits {
        values: (0..reads).map(read).collect(),
        ..Edits::none(reads)
    }
}

fn item<'a>(data: &'a [u8], ends: &[u32], index: usize) -> &'a [u8] {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &data[start as usize..ends[index] as usize]
}

fn push(batch: &mut EditBatch, outcome: Result<Vec<Edits>, Rejection>) {
    let events = match outcome {
        Ok(events) => events,
        Err(rejection) => {
            let index = batch.event_counts.len() as u32;
            batch.rejections.push((index, rejection));
            Vec::new()
        }
    };
    batch.event_counts.push(events.len() as u32);
    for event in events {
        push_event(batch, event);
    }
}

fn push_event(batch: &mut EditBatch, event: Edits) {
    if event.is_from_nothing {
        let index = batch.destination_indexes.len() as u32;
        batch.empty_events.push(index);
    }
    for (value, is_removed) in event.values.iter().zip(event.removed) {
        if is_removed {
            batch.removed.push(batch.ends.len() as u32);
        }
        batch.values.extend_from_slice(value);
        batch.ends.push(batch.values.len() as u32);
    }
    let is_same = |known: &Destination| {
        known.partition == event.destination.partition && known.routes == event.destination.routes
    };
    let known = batch.destinations.iter().position(is_same);
    let index = known.unwrap_or_else(|| {
        batch.destinations.push(event.destination);
        batch.destinations.len() - 1
    });
    batch.destination_indexes.push(index as u32);
}

fn empty_batch() -> EditBatch {
    EditBatch {
        event_counts: Vec::new(),
        values: Vec::new(),
        ends: Vec::new(),
        removed: Vec::new(),
        empty_events: Vec::new(),
        destinations: Vec::new(),
        destination_indexes: Vec::new(),
        rejections: Vec::new(),
    }
}
