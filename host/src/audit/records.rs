//! The records of a shard in order, packed again so that batches begin where chunks do.

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, Record, SequenceNumber, ShardId};

use crate::source::{ShardBatches, SourceError};

/// The records of a shard. Batches begin where chunks begin, as when the chunks were landed, and do not
/// depend on how the source packs records.
pub(super) struct Records {
    shard: ShardId,
    batches: ShardBatches,
    batch: Batch,
    next: usize,
    watched: Option<SequenceNumber>,
    watched_digest: Option<Digest>,
}

impl Records {
    /// The records in these batches. The digest of the record `watched` is kept.
    #[must_use]
    pub(super) fn new(
        shard: ShardId,
        batches: ShardBatches,
        watched: Option<SequenceNumber>,
    ) -> Self {
        Self {
            batch: Batch::new(shard.clone()),
            shard,
            batches,
            next: 0,
            watched,
            watched_digest: None,
        }
    }

    /// The next record, without taking it; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) async fn peek(&mut self) -> Result<Option<Record<'_>>, SourceError> {
        while self.next == self.batch.len() {
            match self.batches.next().await? {
                Some(batch) => (self.batch, self.next) = (batch, 0),
                None => return Ok(None),
            }
        }
        Ok(Some(self.batch.record(self.next)))
    }

    /// A batch of the next records that are `wanted`; `None` if the next one is not, and at the
    /// end.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) async fn take(
        &mut self,
        wanted: impl Fn(SequenceNumber) -> bool,
    ) -> Result<Option<Batch>, SourceError> {
        let mut taken = Batch::new(self.shard.clone());
        let watched = self.watched;
        let mut digest = None;
        while !taken.is_full() {
            match self.peek().await? {
                Some(record) if wanted(record.position.sequence) => {
                    if watched == Some(record.position.sequence) {
                        digest = Some(Digest::of(record.data));
                    }
                    taken.copy(&self.batch, self.next);
                    self.next += 1;
                }
                _ => break,
            }
        }
        self.watched_digest = digest.or(self.watched_digest);
        Ok((!taken.is_empty()).then_some(taken))
    }

    /// The digest of the watched record, if it was read; of an aggregate, that of its last record.
    #[must_use]
    pub(super) fn watched_digest(&self) -> Option<Digest> {
        self.watched_digest
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::BATCH_MAX_RECORDS;

    use super::*;
    use crate::source::batch_channel::batch_channel;
    use crate::source::budget::Budget;

    fn shard() -> ShardId {
        ShardId::new("s").unwrap()
    }

    /// Records 0, 1, 2 … in batches of these lengths.
    fn records(lengths: &[usize], watched: u64) -> Records {
        let (sender, receiver) = batch_channel(lengths.len(), &Budget::default());
        let mut number = 0_u64;
        for length in lengths {
            let mut batch = Batch::new(shard());
            for _ in 0..*length {
                batch.push(Record {
                    data: number.to_string().as_bytes(),
                    partition_key: "",
                    position: SequenceNumber::from(number).into(),
                    arrived_at: 0,
                });
                number += 1;
            }
            sender.blocking_send(batch).unwrap();
        }
        Records::new(shard(), ShardBatches::new(receiver), Some(watched.into()))
    }

    #[tokio::test]
    async fn batches_begin_and_end_where_they_are_asked_to() {
        let mut records = records(&[700, 0, 700, 700], 2_099);
        let mut lengths = Vec::new();
        for end in [10_u64, 1_800, 1_800, 5_000, 5_000] {
            let taken = records.take(|number| number < end.into()).await.unwrap();
            lengths.push(taken.map_or(0, |batch| batch.len()));
            assert_eq!(records.watched_digest().is_some(), end == 5_000);
        }
        assert_eq!(lengths, [10, BATCH_MAX_RECORDS, 790, 300, 0]);
        assert_eq!(records.watched_digest(), Some(Digest::of(b"2099")));
        assert!(records.peek().await.unwrap().is_none());
    }
}
