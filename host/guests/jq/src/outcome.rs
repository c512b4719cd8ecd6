//! The events of a batch, as the contract packs them.

use sluice_transform::batch::{Outcome, OutputEvent};
use sluice_transform::{Destinations, Rejection, Routes};

/// How many bytes a program is expected to add to a record, for the first allocation.
const LIKELY_GAIN_BYTES: usize = 128;

/// The events and rejections of records.
pub(crate) struct Outputs {
    event_counts: Vec<u32>,
    data: Vec<u8>,
    data_ends: Vec<u32>,
    destinations: Destinations,
    destination_indexes: Vec<u32>,
    rejections: Vec<(u32, Rejection)>,
}

/// What there was before a record.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    events: usize,
    bytes: usize,
    destinations: usize,
}

impl Outputs {
    pub(crate) fn new(bytes: usize, records: usize) -> Self {
        Self {
            event_counts: Vec::with_capacity(records),
            data: Vec::with_capacity(bytes + LIKELY_GAIN_BYTES * records),
            data_ends: Vec::with_capacity(records),
            destinations: Destinations::default(),
            destination_indexes: Vec::with_capacity(records),
            rejections: Vec::new(),
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            events: self.data_ends.len(),
            bytes: self.data.len(),
            destinations: self.destinations.len(),
        }
    }

    /// Adds an event, whose text `write` appends.
    pub(crate) fn event<V: AsRef<[u8]>>(
        &mut self,
        routes: Routes,
        partition: &[(&str, V)],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        write(&mut self.data)?;
        self.data_ends.push(offset(self.data.len()));
        let destination = self.destinations.index(routes, partition);
        self.destination_indexes.push(destination);
        Ok(())
    }

    /// Ends a record.
    pub(crate) fn end_record(&mut self, mark: Mark) {
        let events = self.data_ends.len() - mark.events;
        self.event_counts.push(offset(events));
    }

    /// Removes the events of a record that is rejected.
    #[cold]
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        self.data.truncate(mark.bytes);
        self.data_ends.truncate(mark.events);
        self.destination_indexes.truncate(mark.events);
        if self.destinations.len() > mark.destinations {
            self.destinations.truncate(mark.destinations);
        }
    }

    /// Ends a record that is rejected.
    pub(crate) fn reject(&mut self, index: u32, rejection: Rejection) {
        self.event_counts.push(0);
        self.rejections.push((index, rejection));
    }

    pub(crate) fn into_outcome(self) -> Outcome {
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

    pub(crate) fn into_events(self) -> Vec<OutputEvent> {
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

/// Memory ends where `u32` does.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
