//! Transforms of whole records: the bytes of a record in, the bytes of events out.
//!
//! A [`Transform`](crate::Transform) gets the members that it declares, which costs less, and leaves all other bytes as
//! they are. Implement [`RecordTransform`] instead if the rules read or write what no list of members names. They read
//! and write the JSON themselves. [`export_records!`](crate::export_records) makes a component of it, and
//! [`RecordTester`](crate::testing::RecordTester) runs it in tests.
//!
//! ```
//! use serde_json::Value;
//! use sluice_transform::{
//!     Description, Outputs, RecordTransform, Rejection, Routes, WholeRecord, export_records,
//! };
//!
//! struct Rules;
//!
//! impl RecordTransform for Rules {
//!     fn describe() -> Description {
//!         Description {
//!             name: "rules",
//!             version: "0.1.0",
//!             summary: "Makes an event of each item of an array",
//!             config_schema: r#"{"type":"object","additionalProperties":false}"#,
//!         }
//!     }
//!
//!     fn configure(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn transform(&self, record: &WholeRecord<'_>, outputs: &mut Outputs) -> Result<(), Rejection> {
//!         let items: Vec<Value> = serde_json::from_slice(record.data())
//!             .map_err(|error| Rejection::new("invalid_json", error.to_string()))?;
//!         for item in items {
//!             let kind = item["kind"].as_str().unwrap_or_default();
//!             outputs.event(Routes::LAKE, &[("kind", kind)], |out| {
//!                 out.extend_from_slice(item.to_string().as_bytes());
//!                 Ok(())
//!             })?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_records!(Rules);
//!
//! let tester = sluice_transform::testing::RecordTester::<Rules>::new("{}").unwrap();
//! let events = tester.transform(r#"[{"kind":"a"},{"kind":"b"}]"#).unwrap();
//! assert_eq!(events[1].json, r#"{"kind":"b"}"#);
//! assert_eq!(events[1].partition, "kind=b");
//! ```

use std::ops::Range;
use std::rc::Rc;

use crate::Description;
use crate::batch::{Outcome, OutputEvent};
use crate::destinations::{Destinations, Routes};
use crate::events::offset;
use crate::record::{MetadataLists, packed};
use crate::rejection::Rejection;

/// How many bytes a transform is expected to add to a record, for the first allocation.
const LIKELY_GAIN_BYTES: usize = 128;

/// The rules of a pipeline on whole records: a pure function of a configuration and one record.
///
/// A transform must give the same events for the same record, and must not keep anything from one record to the next.
pub trait RecordTransform: Sized + Send + Sync + 'static {
    /// Describes the transform.
    fn describe() -> Description;

    /// Reads the configuration, a JSON document, or `{}` if the operator gives none.
    ///
    /// # Errors
    /// What is wrong with the configuration, for the operator.
    fn configure(config: &str) -> Result<Self, String>;

    /// Transforms one record: adds its events, in order. A record without events is dropped.
    ///
    /// # Errors
    /// Why the record cannot be transformed. It is quarantined with its bytes, and has no events.
    fn transform(&self, record: &WholeRecord<'_>, outputs: &mut Outputs) -> Result<(), Rejection>;
}

/// One record with its metadata.
#[derive(Clone, Copy, Debug)]
pub struct WholeRecord<'b> {
    /// The data of all records of the call.
    batch: &'b Rc<Vec<u8>>,
    start: usize,
    end: usize,
    metadata: &'b MetadataLists<'b>,
    /// Its place in the lists of metadata.
    index: usize,
}

impl<'b> WholeRecord<'b> {
    /// Its bytes, as it arrived. Usually one JSON object, but nobody has checked that.
    #[inline]
    pub fn data(&self) -> &'b [u8] {
        // An end that does not fit makes an empty record; the host does not send one.
        self.batch.get(self.start..self.end).unwrap_or_default()
    }

    /// Where its bytes are: a buffer that the records of a call share, and their range in it. Values that keep the
    /// buffer need no copy of a text. A range that does not fit the buffer is an empty record.
    #[inline]
    pub fn shared_data(&self) -> (&'b Rc<Vec<u8>>, Range<usize>) {
        (self.batch, self.start..self.end)
    }

    /// The Kinesis partition key; empty if the source has none (a file).
    pub fn partition_key(&self) -> &'b str {
        let lists = self.metadata;
        packed(lists.partition_keys, lists.partition_key_ends, self.index)
    }

    /// The position of the record in its shard, a decimal number; for a file, the offset of its first byte.
    pub fn sequence_number(&self) -> &'b str {
        let lists = self.metadata;
        packed(
            lists.sequence_numbers,
            lists.sequence_number_ends,
            self.index,
        )
    }

    /// The shard that the record came from.
    pub fn shard(&self) -> &'b str {
        self.metadata.shard
    }

    /// When the source received the record: milliseconds since 1970, or 0 if the source does not know (a file).
    pub fn arrived_at(&self) -> u64 {
        let times = self.metadata.arrived_at;
        times.get(self.index).copied().unwrap_or_default()
    }
}

/// Transforms one record.
///
/// # Errors
/// Why the record is rejected.
pub fn transform_record<T: RecordTransform>(
    rules: &T,
    data: Vec<u8>,
    metadata: &MetadataLists<'_>,
) -> Result<Vec<OutputEvent>, Rejection> {
    let end = data.len();
    let mut outputs = Outputs::new(end, 1);
    let record = WholeRecord {
        batch: &Rc::new(data),
        start: 0,
        end,
        metadata,
        index: 0,
    };
    add_events(rules, record, &mut outputs)?;
    Ok(outputs.into_events())
}

/// Transforms a batch of records: all their data, and the end offset of each. What it returns for a record is what
/// [`transform_record`] returns for it.
pub fn transform_batch<T: RecordTransform>(
    rules: &T,
    data: Vec<u8>,
    data_ends: &[u32],
    metadata: &MetadataLists<'_>,
) -> Outcome {
    let mut outputs = Outputs::new(data.len(), data_ends.len());
    let batch = &Rc::new(data);
    let mut start = 0;
    for (index, &end) in (0..).zip(data_ends) {
        let end = end as usize;
        let record = WholeRecord {
            batch,
            start,
            end,
            metadata,
            index: index as usize,
        };
        if let Err(rejection) = add_events(rules, record, &mut outputs) {
            outputs.reject(index, rejection);
        }
        start = end;
    }
    outputs.into_outcome()
}

/// Adds the events of a record. If it is rejected, `outputs` is as it was before.
#[inline(always)]
fn add_events<T: RecordTransform>(
    rules: &T,
    record: WholeRecord<'_>,
    outputs: &mut Outputs,
) -> Result<(), Rejection> {
    let mark = outputs.mark();
    let added = rules.transform(&record, outputs);
    match added {
        Ok(()) => outputs.end_record(mark),
        Err(_) => outputs.roll_back(mark),
    }
    added
}

/// The events of records.
#[derive(Debug)]
pub struct Outputs {
    event_counts: Vec<u32>,
    data: Vec<u8>,
    data_ends: Vec<u32>,
    destinations: Destinations,
    destination_indexes: Vec<u32>,
    rejections: Vec<(u32, Rejection)>,
}

/// What there was before a record.
#[derive(Clone, Copy)]
struct Mark {
    events: usize,
    bytes: usize,
    destinations: usize,
}

impl Outputs {
    #[inline]
    fn new(bytes: usize, records: usize) -> Self {
        Self {
            event_counts: Vec::with_capacity(records),
            data: Vec::with_capacity(bytes + LIKELY_GAIN_BYTES * records),
            data_ends: Vec::with_capacity(records),
            destinations: Destinations::default(),
            destination_indexes: Vec::with_capacity(records),
            rejections: Vec::new(),
        }
    }

    #[inline]
    fn mark(&self) -> Mark {
        Mark {
            events: self.data_ends.len(),
            bytes: self.data.len(),
            destinations: self.destinations.len(),
        }
    }

    /// Adds an event: where it goes, the columns and the values of its partition, outermost first, and `write`, which
    /// appends one JSON value.
    ///
    /// # Errors
    /// That of `write`. Then there is no event.
    pub fn event<V: AsRef<[u8]>>(
        &mut self,
        routes: Routes,
        partition: &[(&str, V)],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        if let Err(rejection) = write(&mut self.data) {
            let end = self.data_ends.last().copied().unwrap_or_default();
            self.data.truncate(end as usize);
            return Err(rejection);
        }
        self.data_ends.push(offset(self.data.len()));
        let destination = self.destinations.index(routes, partition);
        self.destination_indexes.push(destination);
        Ok(())
    }

    /// Ends a record.
    #[inline]
    fn end_record(&mut self, mark: Mark) {
        let events = self.data_ends.len() - mark.events;
        self.event_counts.push(offset(events));
    }

    /// Removes the events of a record that is rejected.
    #[cold]
    fn roll_back(&mut self, mark: Mark) {
        self.data.truncate(mark.bytes);
        self.data_ends.truncate(mark.events);
        self.destination_indexes.truncate(mark.events);
        if self.destinations.len() > mark.destinations {
            self.destinations.truncate(mark.destinations);
        }
    }

    /// Ends a record that is rejected.
    #[inline]
    fn reject(&mut self, index: u32, rejection: Rejection) {
        self.event_counts.push(0);
        self.rejections.push((index, rejection));
    }

    #[inline]
    fn into_outcome(self) -> Outcome {
        let mut outcome = Outcome {
            event_counts: self.event_counts,
            data: self.data,
            data_ends: self.data_ends,
            partitions: Vec::new(),
            partition_indexes: Vec::new(),
            routes: Vec::new(),
            rejections: self.rejections,
        };
        outcome.set_destinations(self.destinations.into_vec(), self.destination_indexes);
        outcome
    }

    #[inline]
    fn into_events(self) -> Vec<OutputEvent> {
        let mut start = 0;
        let mut events = Vec::with_capacity(self.data_ends.len());
        for (&end, &index) in self.data_ends.iter().zip(&self.destination_indexes) {
            let data = self
                .data
                .get(start..end as usize)
                .unwrap_or_default()
                .to_vec();
            start = end as usize;
            if let Some(destination) = self.destinations.get(index).cloned() {
                events.push(OutputEvent { data, destination });
            }
        }
        events
    }
}

#[cfg(test)]
mod tests;
