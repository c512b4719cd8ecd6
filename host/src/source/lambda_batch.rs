//! The source of an invocation: the records of its Lambda batch, and those that the batch lacks, read from
//! the stream.

pub mod batch_plan;

use std::collections::VecDeque;

use sluice_engine::record::{Batch, Bound, Bounds, SequenceNumber};
use sluice_storage::retry::RetryPolicy;
use tokio::sync::watch;
use tokio::time::Instant;

use self::batch_plan::{BatchPlan, plan_batch};
use crate::ledger::Range;
use crate::source::batch_channel::{BatchSender, batch_channel};
use crate::source::budget::Budget;
use crate::source::kinesis::api::{KinesisError, Start};
use crate::source::kinesis::{KinesisRecord, Packer, Packing, Reading, Stream, read};
use crate::source::read_meter::ReadMeter;
use crate::source::unpacking::RepeatedRange;
use crate::source::{End, ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are ready before they are asked for.
const BATCHES_AHEAD: usize = 4;

/// A Lambda batch as a source: what it lacks is read from the stream. It ends when its records were sent,
/// or when the time is over.
pub struct BatchSource {
    /// The stream.
    pub stream: Stream,
    /// The shard as Kinesis knows it.
    pub shard: String,
    /// How its records are packed.
    pub packing: Packing,
    /// The records of the batch, in order.
    pub records: Vec<KinesisRecord>,
    /// The memory for reading.
    pub budget: Budget,
    /// How calls are retried.
    pub retry_policy: RetryPolicy,
    /// Reports the progress of reading.
    pub meter: ReadMeter,
    /// When to begin no further batch.
    pub until: Instant,
}

impl Source for BatchSource {
    fn read(mut self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        self.packing.unpackings.repeated = from.pending.iter().map(RepeatedRange::of).collect();
        let numbers: Vec<_> = self.records.iter().map(|record| record.sequence).collect();
        let plan = plan_batch(from, &numbers, |first, last| {
            count(&self.packing, &self.records, first, last)
        });
        let (sender, receiver) = batch_channel(BATCHES_AHEAD, &self.budget);
        let reader = async move {
            match self.run(plan, &sender).await {
                Ok(()) => End::Tip,
                Err(Stopped) => End::Stopped,
            }
        };
        Ok(ShardBatches::read_by(tokio::spawn(reader), receiver))
    }
}

/// The receiver was dropped, an error was sent, or the time is over.
struct Stopped;

impl BatchSource {
    async fn run(mut self, plan: BatchPlan, sender: &BatchSender) -> Result<(), Stopped> {
        if let Some(Range { first, last, .. }) = plan.replay {
            tracing::info!(%first, %last, "reading a pending range from the stream");
            self.send_range(Start::From(first), last, sender).await?;
        }
        let mut rest = plan.rest;
        if let (Some(behind), Some(next)) = (plan.gap_after, self.records.get(rest)) {
            let next = next.sequence;
            match self.first_after(behind).await {
                Ok(first) if first.is_some_and(|first| first < next) => {
                    tracing::warn!(%behind, %next, "the batch begins after records that are not committed, reading these from the stream");
                    self.send_range(Start::After(behind), next, sender).await?;
                    rest += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    sender.fail(error).await;
                    return Err(Stopped);
                }
            }
        }
        let mut packer = Packer::new(self.packing.clone());
        let records = std::mem::take(&mut self.records);
        for record in records.into_iter().skip(rest) {
            packer.push(&record);
            self.send_all(packer.closed(), sender).await?;
        }
        self.send_all(packer.batches(), sender).await
    }

    async fn send_all(
        &self,
        batches: VecDeque<Batch>,
        sender: &BatchSender,
    ) -> Result<(), Stopped> {
        for batch in batches {
            self.check_time()?;
            sender.send(batch).await.map_err(|_| Stopped)?;
        }
        Ok(())
    }

    /// Sends the records of the stream up to and including `last`.
    async fn send_range(
        &self,
        start: Start,
        last: SequenceNumber,
        sender: &BatchSender,
    ) -> Result<(), Stopped> {
        let reading = Reading {
            stream: self.stream.clone(),
            id: self.shard.clone(),
            packing: self.packing.clone(),
            start,
            // The record is there: a tip before it would be a reader that lags.
            until_tip: None,
            bounds: Bounds {
                from: None,
                to: Some(Bound::Sequence(last)),
            },
            retry_policy: self.retry_policy.clone(),
            budget: self.budget.clone(),
            meter: self.meter.clone(),
        };
        let (_stop, stopped) = watch::channel(false);
        let mut batches = read(reading, stopped);
        loop {
            match batches.next().await {
                Ok(None) => return Ok(()),
                Ok(Some(batch)) => {
                    self.check_time()?;
                    sender.send(batch).await.map_err(|_| Stopped)?;
                }
                Err(error) => {
                    sender.fail(error).await;
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
pub fn is_kept(packing: &Packing, record: &KinesisRecord) -> bool {
    let number = record.sequence;
    count(packing, std::slice::from_ref(record), number, number) > 0
}

/// The number of records in a batch between two sequence numbers, those inside aggregates included.
pub fn count(
    packing: &Packing,
    records: &[KinesisRecord],
    first: SequenceNumber,
    last: SequenceNumber,
) -> u64 {
    let mut packer = Packer::new(packing.clone());
    let mut count = 0;
    let mut add = |batches: VecDeque<Batch>| {
        let records = batches.iter().map(|batch| batch.len() as u64);
        count += records.sum::<u64>();
    };
    for record in records {
        if (first..=last).contains(&record.sequence) {
            packer.push(record);
            add(packer.closed());
        }
    }
    add(packer.batches());
    count
}
