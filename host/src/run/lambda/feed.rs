//! The slices that an invocation lands: what the batch lacks, read from the stream, and the batch.

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::missing::Todo;
use crate::health::ReadMeter;
use crate::ledger::Range;
use crate::record::{Bound, Bounds, SequenceNumber};
use crate::retry::{Attempts, RetryPolicy};
use crate::source::kinesis::api::{KinesisError, Start};
use crate::source::kinesis::budget::Budget;
use crate::source::kinesis::{KinesisRecord, Packer, Packing, Reading, Stream, read};
use crate::source::{Slices, SourceError};

/// Slices that are ready before they are asked for.
const SLICES_AHEAD: usize = 4;

/// What is handed to the pipeline.
pub(super) struct Feed {
    pub(super) stream: Stream,
    /// The shard as Kinesis knows it.
    pub(super) shard: String,
    pub(super) packing: Packing,
    pub(super) records: Vec<KinesisRecord>,
    pub(super) todo: Todo,
    pub(super) budget: Budget,
    pub(super) retry_policy: RetryPolicy,
    pub(super) meter: ReadMeter,
    /// When no more is to be begun.
    pub(super) until: Instant,
}

type Sender = mpsc::Sender<Result<crate::record::Slice, SourceError>>;

/// Nobody wants more, or the time is over.
struct Ended;

impl Feed {
    /// Starts to hand over.
    pub(super) fn start(self) -> Slices {
        let (sender, receiver) = mpsc::channel(SLICES_AHEAD);
        tokio::spawn(async move {
            let _ended = self.run(&sender).await;
        });
        Slices::new(receiver)
    }

    async fn run(mut self, sender: &Sender) -> Result<(), Ended> {
        if let Some(Range { first, last, .. }) = self.todo.again {
            tracing::info!(%first, %last, "reading a pending range from the stream");
            self.read(Start::From(first), last, sender).await?;
        }
        let mut rest = self.todo.rest;
        if let (Some(behind), Some(next)) = (self.todo.skipped_behind, self.records.get(rest)) {
            let next = next.sequence;
            match self.first_behind(behind).await {
                Ok(first) if first.is_some_and(|first| first < next) => {
                    tracing::warn!(%behind, %next, "records before the rest of the batch are not committed, reading them");
                    self.read(Start::After(behind), next, sender).await?;
                    rest += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    let _nobody_listens = sender.send(Err(error)).await;
                    return Err(Ended);
                }
            }
        }
        let mut packer = Packer::new(self.packing.clone());
        for record in self.records.drain(..).skip(rest) {
            packer.push(&record);
        }
        for slice in packer.slices() {
            self.check_time()?;
            sender.send(Ok(slice)).await.map_err(|_| Ended)?;
        }
        Ok(())
    }

    /// Hands over what is in the stream up to a record, which is included.
    async fn read(&self, start: Start, last: SequenceNumber, sender: &Sender) -> Result<(), Ended> {
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
        let (mut slices, _reader) = read(reading, stopped);
        loop {
            match slices.next().await {
                Ok(None) => return Ok(()),
                Ok(Some(slice)) => {
                    self.check_time()?;
                    sender.send(Ok(slice)).await.map_err(|_| Ended)?;
                }
                Err(error) => {
                    let _nobody_listens = sender.send(Err(error)).await;
                    return Err(Ended);
                }
            }
        }
    }

    /// The first record behind another one; `None` where there is none yet.
    async fn first_behind(
        &self,
        number: SequenceNumber,
    ) -> Result<Option<SequenceNumber>, SourceError> {
        let what = format!("read the records after {number} of {}", self.shard);
        let mut attempts = Attempts::new(&self.retry_policy, "get_records");
        loop {
            let why = match self.stream.first(&self.shard, Start::After(number)).await {
                Ok(first) => return Ok(first),
                Err(KinesisError::NotFound(why)) => {
                    return Err(SourceError::Service { what, why });
                }
                Err(error) => error.to_string(),
            };
            if !attempts.wait_to_retry(&what, &why).await {
                return Err(SourceError::Service { what, why });
            }
        }
    }

    fn check_time(&self) -> Result<(), Ended> {
        if Instant::now() < self.until {
            Ok(())
        } else {
            tracing::warn!(
                "the invocation's time is nearly over, the rest is left to the next one"
            );
            Err(Ended)
        }
    }
}

/// Whether anything of a record is to be landed.
pub(super) fn is_kept(packing: &Packing, record: &KinesisRecord) -> bool {
    let number = record.sequence;
    count(packing, std::slice::from_ref(record), number, number) > 0
}

/// How many records a batch holds between two numbers, those inside aggregates counted.
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
    packer.slices().iter().map(|slice| slice.len() as u64).sum()
}
