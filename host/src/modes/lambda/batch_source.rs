//! The source of an invocation: the records of its Lambda batch, and those that the batch lacks, read from
//! the stream.

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::batch_plan::BatchPlan;
use crate::engine::record::{Bound, Bounds, SequenceNumber};
use crate::ledger::Range;
use crate::source::kinesis::api::{KinesisError, Start};
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::{KinesisRecord, Packer, Packing, Reading, Stream, read};
use crate::source::read_meter::ReadMeter;
use crate::source::{ShardBatches, SourceError};
use crate::storage::retry::RetryPolicy;

/// Batches that are ready before they are asked for.
const BATCHES_AHEAD: usize = 4;

/// Sends the planned records to the pipeline.
pub(super) struct BatchSource {
    pub(super) stream: Stream,
    /// The shard as Kinesis knows it.
    pub(super) shard: String,
    pub(super) packing: Packing,
    pub(super) records: Vec<KinesisRecord>,
    pub(super) plan: BatchPlan,
    pub(super) budget: Budget,
    pub(super) retry_policy: RetryPolicy,
    pub(super) meter: ReadMeter,
    /// When to begin no further batch.
    pub(super) until: Instant,
}

type Sender = mpsc::Sender<Result<crate::engine::record::Batch, SourceError>>;

/// The receiver is gone, an error was sent, or the time is over.
struct Stopped;

impl BatchSource {
    /// Starts to send.
    pub(super) fn start(self) -> ShardBatches {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::spawn(async move {
            let _ended = self.run(&sender).await;
        });
        ShardBatches::new(receiver)
    }

    async fn run(mut self, sender: &Sender) -> Result<(), Stopped> {
        if let Some(Range { first, last, .. }) = self.plan.replay {
            tracing::info!(%first, %last, "reading a pending range from the stream");
            self.read(Start::From(first), last, sender).await?;
        }
        let mut rest = self.plan.rest;
        if let (Some(behind), Some(next)) = (self.plan.gap_after, self.records.get(rest)) {
            let next = next.sequence;
            match self.first_after(behind).await {
                Ok(first) if first.is_some_and(|first| first < next) => {
                    tracing::warn!(%behind, %next, "the batch begins after records that are not committed, reading these from the stream");
                    self.read(Start::After(behind), next, sender).await?;
                    rest += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    let _receiver_is_gone = sender.send(Err(error)).await;
                    return Err(Stopped);
                }
            }
        }
        let mut packer = Packer::new(self.packing.clone());
        for record in self.records.drain(..).skip(rest) {
            packer.push(&record);
        }
        for batch in packer.batches() {
            self.check_time()?;
            sender.send(Ok(batch)).await.map_err(|_| Stopped)?;
        }
        Ok(())
    }

    /// Sends the records of the stream up to and including `last`.
    async fn read(
        &self,
        start: Start,
        last: SequenceNumber,
        sender: &Sender,
    ) -> Result<(), Stopped> {
        let reading = Reading {
            stream: self.stream.clone(),
            id: self.shard.clone(),
            packing: self.packing.clone(),
            start,
            // The record is there: a tip before it would be a reader that lags.
            until_tip: false,
            bounds: Bounds {
                from: None,
                to: Some(Bound::Sequence(last)),
            },
            retry_policy: self.retry_policy.clone(),
            budget: self.budget.clone(),
            meter: self.meter.clone(),
        };
        let (_stop, stopped) = watch::channel(false);
        let (mut batches, _reader) = read(reading, stopped);
        loop {
            match batches.next().await {
                Ok(None) => return Ok(()),
                Ok(Some(batch)) => {
                    self.check_time()?;
                    sender.send(Ok(batch)).await.map_err(|_| Stopped)?;
                }
                Err(error) => {
                    let _receiver_is_gone = sender.send(Err(error)).await;
                    return Err(Stopped);
                }
            }
        }
    }

    /// The first record after another one; `None` where there is none yet.
    async fn first_after(
        &self,
        number: SequenceNumber,
    ) -> Result<Option<SequenceNumber>, SourceError> {
        let what = format!("read the records after {number} of {}", self.shard);
        let first = || async {
            let first = self.stream.first(&self.shard, Start::After(number)).await;
            first.map_err(KinesisError::into_request_error)
        };
        let first = self.retry_policy.retry("get_records", &what, first).await;
        first.map_err(|cause| SourceError::Stream { what, cause })
    }

    fn check_time(&self) -> Result<(), Stopped> {
        if Instant::now() < self.until {
            Ok(())
        } else {
            tracing::warn!(
                "the invocation's time is nearly over, leaving the rest to the next one"
            );
            Err(Stopped)
        }
    }
}

/// Whether at least one record of an aggregate, or the record itself, is kept.
pub(super) fn is_kept(packing: &Packing, record: &KinesisRecord) -> bool {
    let number = record.sequence;
    count(packing, std::slice::from_ref(record), number, number) > 0
}

/// The number of records in a batch between two sequence numbers, those inside aggregates included.
pub(super) fn count(
    packing: &Packing,
    records: &[KinesisRecord],
    first: SequenceNumber,
    last: SequenceNumber,
) -> u64 {
    let mut packer = Packer::new(packing.clone());
    records
        .iter()
        .filter(|record| (first..=last).contains(&record.sequence))
        .for_each(|record| packer.push(record));
    packer
        .batches()
        .iter()
        .map(|batch| batch.len() as u64)
        .sum()
}
