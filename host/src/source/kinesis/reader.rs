//! Reads a shard into slices, at the pace that Kinesis allows.

use std::time::Duration;

use aws_sdk_kinesis::types::Record as KinesisRecord;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{Batch, KinesisError, ShardInfo, Start, Stream};
use crate::record::{Position, Record, SequenceNumber, ShardId, Slice};
use crate::source::aggregate::{self, Unpacked};
use crate::source::{Slices, SourceError};

/// "GetRecords": five calls a second for a shard. 1 s / 5 and a little more for jitter.
const BETWEEN_CALLS: Duration = Duration::from_millis(210);

/// Pauses after a failed call: the first one, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Slices that are read ahead of the transform.
const SLICES_AHEAD: usize = 4;

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The shard is closed, and all of it was read.
    Closed,
    /// The tip was reached, and reading was to end there.
    Tip,
    /// It was told to stop.
    Stopped,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stream.
    pub stream: Stream,
    /// The shard as Kinesis knows it.
    pub info: ShardInfo,
    /// The shard as ledgers and objects know it.
    pub shard: ShardId,
    /// Where to begin.
    pub start: Start,
    /// The last record of a range that is read again; a slice ends there.
    pub cut: Option<SequenceNumber>,
    /// Whether to end at the tip.
    pub until_tip: bool,
}

/// Starts to read, until the end or until `stop` says so.
#[must_use]
pub fn read(reading: Reading, stop: watch::Receiver<bool>) -> (Slices, JoinHandle<End>) {
    let (sender, receiver) = mpsc::channel(SLICES_AHEAD);
    let reader = Reader {
        last: None,
        slice: Slice::new(reading.shard.clone()),
        pause: FIRST_PAUSE,
        reading,
        sender,
    };
    (Slices::new(receiver), tokio::spawn(reader.run(stop)))
}

struct Reader {
    reading: Reading,
    /// The last record that was read.
    last: Option<SequenceNumber>,
    slice: Slice,
    pause: Duration,
    sender: mpsc::Sender<Result<Slice, SourceError>>,
}

/// The receiver is gone: nobody wants more.
struct Gone;

impl Reader {
    async fn run(mut self, mut stop: watch::Receiver<bool>) -> End {
        tokio::select! {
            end = self.read_to_end() => end.unwrap_or(End::Stopped),
            _ = stop.wait_for(|stop| *stop) => End::Stopped,
        }
    }

    async fn read_to_end(&mut self) -> Result<End, Gone> {
        let mut iterator: Option<String> = None;
        loop {
            let next_call = Instant::now() + BETWEEN_CALLS;
            match self.call(iterator.as_deref()).await {
                Ok(batch) => {
                    self.pause = FIRST_PAUSE;
                    let at_tip = batch.records.is_empty() && batch.behind_ms == 0;
                    self.take_records(batch.records).await?;
                    let Some(next) = batch.next else {
                        return Ok(End::Closed);
                    };
                    if at_tip && self.reading.until_tip {
                        return Ok(End::Tip);
                    }
                    iterator = Some(next);
                    sleep_until(next_call).await;
                }
                Err(KinesisError::ExpiredIterator) => iterator = None,
                Err(error) => {
                    let shard = &self.reading.shard;
                    tracing::warn!(%shard, %error, pause = ?self.pause, "reading again");
                    sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn call(&self, iterator: Option<&str>) -> Result<Batch, KinesisError> {
        let Reading {
            stream,
            info,
            start,
            ..
        } = &self.reading;
        let fresh;
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => {
                let start = self.last.map_or(*start, Start::After);
                fresh = stream.iterator(&info.id, start).await?;
                &fresh
            }
        };
        stream.get_records(iterator).await
    }

    async fn take_records(&mut self, records: Vec<KinesisRecord>) -> Result<(), Gone> {
        for record in records {
            let sequence = match record.sequence_number().parse() {
                Ok(sequence) => sequence,
                Err(why) => return self.fail(why).await,
            };
            self.take_record(record, sequence);
            self.last = Some(sequence);
            if self.slice.is_full() || self.reading.cut == Some(sequence) {
                self.send().await?;
            }
        }
        if self.slice.is_empty() {
            return Ok(());
        }
        self.send().await
    }

    fn take_record(&mut self, record: KinesisRecord, sequence: SequenceNumber) {
        let arrived_at = record
            .approximate_arrival_timestamp()
            .and_then(|time| u64::try_from(time.to_millis().ok()?).ok())
            .unwrap_or(0);
        let data = Bytes::from(record.data.into_inner());
        let mut push = |data: &[u8], partition_key: &str, sub| {
            self.slice.push(Record {
                data,
                partition_key,
                position: Position { sequence, sub },
                arrived_at,
            });
        };
        match aggregate::unpack(&data) {
            Unpacked::Plain => push(
                &data,
                record.partition_key.as_deref().unwrap_or_default(),
                None,
            ),
            Unpacked::Records(records) => {
                for (sub, record) in (0..).zip(&records) {
                    push(&record.data, &record.partition_key, Some(sub));
                }
            }
        }
    }

    /// Ends the shard with an error.
    async fn fail(&mut self, why: String) -> Result<(), Gone> {
        let name = format!("{} of {}", self.reading.info.id, self.reading.stream.name());
        let error = SourceError::Record { name, why };
        let _nobody_listens = self.sender.send(Err(error)).await;
        Err(Gone)
    }

    async fn send(&mut self) -> Result<(), Gone> {
        let slice = std::mem::replace(&mut self.slice, Slice::new(self.reading.shard.clone()));
        self.sender.send(Ok(slice)).await.map_err(|_| Gone)
    }
}
