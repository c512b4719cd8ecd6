//! Packs messages into batches.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry as Entry;

use crate::sink::SinkError;

/// "SendMessageBatch": at most ten messages.
const BATCH_MAX_MESSAGES: usize = 10;

fn entry_bytes(entry: &Entry) -> usize {
    let attributes = entry.message_attributes().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    });
    entry.message_body().len() + attributes.sum::<usize>()
}

fn fits(batch: &[Entry], bytes: usize, next: &Entry, max_bytes: usize) -> bool {
    let group = next.message_group_id();
    batch.is_empty()
        || batch.len() < BATCH_MAX_MESSAGES
            && bytes + entry_bytes(next) <= max_bytes
            && (group.is_none() || batch.iter().all(|entry| entry.message_group_id() != group))
}

/// Packs entries into batches, in order.
pub(super) struct Batches<I: Iterator> {
    entries: std::iter::Peekable<I>,
    max_bytes: usize,
}

impl<I: Iterator<Item = Result<Entry, SinkError>>> Batches<I> {
    pub(super) fn new(entries: I, max_bytes: usize) -> Self {
        Self {
            entries: entries.peekable(),
            max_bytes,
        }
    }
}

impl<I: Iterator<Item = Result<Entry, SinkError>>> Iterator for Batches<I> {
    type Item = Result<Vec<Entry>, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.entries.peek() {
            if let Ok(entry) = next
                && !fits(&batch, bytes, entry, self.max_bytes)
            {
                break;
            }
            match self.entries.next()? {
                Ok(mut entry) => {
                    bytes += entry_bytes(&entry);
                    entry.id = batch.len().to_string();
                    batch.push(entry);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize, group: Option<&str>) -> Result<Entry, SinkError> {
        let entry = Entry::builder().id("x").message_body("b".repeat(bytes));
        Ok(entry
            .set_message_group_id(group.map(str::to_owned))
            .build()
            .unwrap())
    }

    fn sizes(entries: Vec<Result<Entry, SinkError>>) -> Vec<usize> {
        let batches = Batches::new(entries.into_iter(), 1_000);
        batches.map(|batch| batch.unwrap().len()).collect()
    }

    #[test]
    fn a_batch_holds_ten_messages_and_no_more_bytes_than_the_queue_takes() {
        assert_eq!(
            sizes((0..25).map(|_| entry(10, None)).collect()),
            [10, 10, 5]
        );
        assert_eq!(sizes((0..5).map(|_| entry(400, None)).collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![entry(1_000, None), entry(1, None)]), [1, 1]);
    }

    #[test]
    fn a_group_occurs_once_in_a_batch() {
        let entries = ["a", "b", "a", "a", "c"].map(|group| entry(10, Some(group)));
        assert_eq!(sizes(entries.into()), [2, 1, 2]);
    }
}
