//! The records of a shard in order, packed again so that batches begin where chunks do. They are found by the numbers that
//! the ledger has: those of a redrive are ordinals.

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, SequenceNumber, ShardId};

use crate::source::{ShardBatches, SourceError};

/// The records of a shard. Batches begin where chunks begin, as when the chunks were landed, and do not
/// depend on how the source packs records.
pub(super) struct Records {
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
            batch: Batch::new(shard),
            batches,
            next: 0,
            watched,
            watched_digest: None,
        }
    }

    /// The number of the next record, without taking it; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) async fn peek(&mut self) -> Result<Option<SequenceNumber>, SourceError> {
        while self.next == self.batch.len() {
            match self.batches.next().await? {
                Some(batch) => (self.batch, self.next) = (batch, 0),
                None => return Ok(None),
            }
        }
        Ok(Some(self.batch.ledger_sequence(self.next)))
    }

    /// A batch of the next records that are `wanted`; `None` if the next one is not, and at the
    /// end. All are of one batch of a redrive, whose records have one origin.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) async fn take(
        &mut self,
        wanted: impl Fn(SequenceNumber) -> bool,
    ) -> Result<Option<Batch>, SourceError> {
        self.peek().await?;
        let mut taken = self.batch.empty();
        let is_of_redrive = taken.redriven().is_some();
        while !taken.is_full() {
            let begins_another = self.next == self.batch.len();
            if is_of_redrive && begins_another && !taken.is_empty() {
                break;
            }
            let Some(number) = self.peek().await?.filter(|number| wanted(*number)) else {
                break;
            };
            if self.watched == Some(number) {
                self.watched_digest = Some(Digest::of(self.batch.record(self.next).data));
            }
            taken.copy(&self.batch, self.next);
            self.next += 1;
        }
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
    use sluice_engine::outcome::ReasonCode;
    use sluice_engine::record::{BATCH_MAX_RECORDS, Record};

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
    #[tokio::test]
    async fn records_of_a_redrive_are_found_by_their_ordinals_and_keep_their_origin() {
        let (sender, receiver) = batch_channel(2, &Budget::default());
        let reason = ReasonCode::new("trap").unwrap();
        for (origin, ordinals) in [("a", [1_u64, 2]), ("b", [3, 5])] {
            let origin = ShardId::new(origin).unwrap();
            let mut batch = Batch::of_redrive(origin, shard(), reason.clone());
            for ordinal in ordinals {
                batch.push(Record {
                    data: ordinal.to_string().as_bytes(),
                    partition_key: "",
                    position: SequenceNumber::from(900 - ordinal).into(),
                    arrived_at: 0,
                });
                batch.number(ordinal.into());
            }
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        let batches = ShardBatches::new(receiver);
        let mut records = Records::new(shard(), batches, Some(3_u64.into()));
        let mut taken = Vec::new();
        for last in [1_u64, 4, 4, 4, 9] {
            let batch = records.take(|number| number <= last.into()).await.unwrap();
            taken
                .push(batch.map(|batch| (batch.shard().to_string(), batch.ledger_span().unwrap())));
        }
        let span =
            |origin: &str, number: u64| Some((origin.to_owned(), (number.into(), number.into())));
        assert_eq!(
            taken,
            [span("a", 1), span("a", 2), span("b", 3), None, span("b", 5)]
        );
        assert_eq!(records.watched_digest(), Some(Digest::of(b"3")));
    }
}
