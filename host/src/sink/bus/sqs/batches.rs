//! Divides messages into batches, which are sent with one call each.

use std::collections::HashSet;

use super::SqsBus;
use super::entry::Entry;
use super::outgoing::Outgoing;
use crate::sink::SinkError;

/// "SendMessageBatch": at most ten messages.
const BATCH_MAX_MESSAGES: usize = 10;

fn fits(batch: &[Entry], bytes: usize, next: &Entry, max_bytes: usize) -> bool {
    let group = &next.group;
    batch.is_empty()
        || batch.len() < BATCH_MAX_MESSAGES
            && bytes + next.bytes <= max_bytes
            && (group.is_none() || batch.iter().all(|entry| entry.group != *group))
}

/// Messages that are sent with one call.
pub(super) struct Batch {
    /// The number of its first message.
    pub(super) first: u64,
    /// Its messages, which follow each other.
    pub(super) entries: Vec<Entry>,
    /// The groups of its messages, in a FIFO queue.
    pub(super) groups: Vec<String>,
}

/// Divides messages into batches, in order.
pub(super) struct Batches<'a> {
    bus: &'a SqsBus,
    outgoing: &'a Outgoing<'a>,
    /// The number of the next message.
    next: u64,
    /// The next message, if it was made and did not fit the batch before.
    made: Option<Entry>,
    /// The next batch, if it was made to see its groups.
    waiting: Option<Batch>,
}

impl<'a> Batches<'a> {
    /// The batches of all messages from number `first` on.
    pub(super) fn new(bus: &'a SqsBus, outgoing: &'a Outgoing<'a>, first: u64) -> Self {
        Self {
            bus,
            outgoing,
            next: first,
            made: None,
            waiting: None,
        }
    }

    /// Whether the next batch can be sent while messages of these groups are under way; false at the end. A batch of a FIFO
    /// queue is made for that. All other batches can be sent, so they are made only when there is a slot for their call.
    ///
    /// # Errors
    /// A message cannot be made.
    pub(super) fn can_send(&mut self, under_way: &HashSet<String>) -> Result<bool, SinkError> {
        if !self.bus.queue.is_fifo() {
            return Ok(self.next < self.outgoing.len());
        }
        if self.waiting.is_none() {
            self.waiting = self.make()?;
        }
        let is_free = |batch: &Batch| {
            let mut groups = batch.groups.iter();
            !groups.any(|group| under_way.contains(group))
        };
        Ok(self.waiting.as_ref().is_some_and(is_free))
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// A message cannot be made.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, SinkError> {
        match self.waiting.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.make(),
        }
    }

    /// Makes the messages of the next batch; `None` at the end.
    fn make(&mut self) -> Result<Option<Batch>, SinkError> {
        let first = self.next;
        let (mut entries, mut bytes) = (Vec::with_capacity(BATCH_MAX_MESSAGES), 0);
        loop {
            let entry = match self.made.take() {
                Some(entry) => Some(entry),
                None => self.outgoing.entry(self.bus, self.next)?,
            };
            let Some(entry) = entry else {
                break;
            };
            if !fits(&entries, bytes, &entry, self.bus.queue.max_bytes) {
                self.made = Some(entry);
                break;
            }
            bytes += entry.bytes;
            entries.push(entry);
            self.next += 1;
        }
        let groups = entries.iter().filter_map(|entry| entry.group.clone());
        let groups = groups.collect();
        Ok((!entries.is_empty()).then_some(Batch {
            first,
            entries,
            groups,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EntryWriter;
    use super::*;

    fn entry(bytes: usize, group: Option<&str>) -> Entry {
        let order = group.map(|group| (group.to_owned(), "once".to_owned()));
        EntryWriter::new(bytes).finish(&"b".repeat(bytes), order)
    }

    /// The numbers of messages of the batches that these messages make.
    fn sizes(entries: Vec<Entry>) -> Vec<usize> {
        let (mut sizes, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
        for entry in entries {
            if !fits(&batch, bytes, &entry, 1_000) {
                sizes.push(batch.len());
                (batch, bytes) = (Vec::new(), 0);
            }
            bytes += entry.bytes;
            batch.push(entry);
        }
        sizes.push(batch.len());
        sizes
    }

    #[test]
    fn a_batch_holds_ten_messages_and_no_more_bytes_than_the_queue_takes() {
        let small = (0..25).map(|_| entry(10, None));
        assert_eq!(sizes(small.collect()), [10, 10, 5]);
        let large = (0..5).map(|_| entry(400, None));
        assert_eq!(sizes(large.collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![entry(1_000, None), entry(1, None)]), [1, 1]);
    }

    #[test]
    fn a_group_occurs_once_in_a_batch() {
        let entries = ["a", "b", "a", "a", "c"].map(|group| entry(10, Some(group)));
        assert_eq!(sizes(entries.into()), [2, 1, 2]);
    }
}
