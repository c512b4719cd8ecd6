//! Reads a shard into slices, at the pace that Kinesis allows.

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_kinesis::types::Record as KinesisRecord;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::api::{Batch, KinesisError, ShardInfo, Start, Stream};
use super::budget::{Budget, Room};
use crate::record::{Bounds, Position, Record, SequenceNumber, ShardId, Slice};
use crate::retry::{Attempts, Patience};
use crate::source::aggregate::{Outsiders, Unpacked, belongs, unpack};
use crate::source::{Slices, SourceError};

/// "GetRecords": five calls a second for a shard. 1 s / 5 and a little more for jitter.
const BETWEEN_CALLS: Duration = Duration::from_millis(210);

/// Slices that are read ahead of the transform.
const SLICES_AHEAD: usize = 4;

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The shard is closed or its bound is reached, and all of it was read.
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
    /// What becomes of records of aggregates that belong to other shards.
    pub outsiders: Outsiders,
    /// A range that is read again.
    pub again: Option<Again>,
    /// Whether to end at the tip.
    pub until_tip: bool,
    /// Where to end in any case.
    pub bounds: Bounds,
    /// How long a call is tried.
    pub patience: Patience,
    /// The room for what is read.
    pub budget: Budget,
}

/// A range that is read again, up to its last record, where a slice ends.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// The last record.
    pub last: SequenceNumber,
    /// What became of records of aggregates that belong to other shards.
    pub outsiders: Outsiders,
}

/// Starts to read, until the end or until `stop` says so.
#[must_use]
pub fn read(reading: Reading, stop: watch::Receiver<bool>) -> (Slices, JoinHandle<End>) {
    let (sender, receiver) = mpsc::channel(SLICES_AHEAD);
    let reader = Reader {
        last: None,
        slice: Slice::new(reading.shard.clone()),
        closed: VecDeque::new(),
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
    /// Slices that are to be handed on.
    closed: VecDeque<Slice>,
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
        let mut attempts = Attempts::new(self.reading.patience);
        loop {
            let next_call = Instant::now() + BETWEEN_CALLS;
            let mut room = self.reading.budget.call().await.ok_or(Gone)?;
            match self.call(iterator.as_deref()).await {
                Ok(batch) => {
                    attempts = Attempts::new(self.reading.patience);
                    let at_tip = batch.records.is_empty() && batch.behind_ms == 0;
                    let within = self.take_records(batch.records).await?;
                    self.send_all(&mut room).await?;
                    let Some(next) = batch.next.filter(|_| within) else {
                        return Ok(End::Closed);
                    };
                    if at_tip && self.reading.until_tip {
                        return Ok(End::Tip);
                    }
                    iterator = Some(next);
                    drop(room);
                    sleep_until(next_call).await;
                }
                Err(KinesisError::ExpiredIterator) => iterator = None,
                Err(error) => {
                    drop(room);
                    let (what, why) = (format!("read {}", self.name()), error.to_string());
                    if !attempts.again(&what, &why).await {
                        return self.fail(SourceError::Service { what, why }).await;
                    }
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

    /// Takes records, and says whether all of them were within the bounds.
    async fn take_records(&mut self, records: Vec<KinesisRecord>) -> Result<bool, Gone> {
        let mut within = true;
        for record in records {
            let sequence = match record.sequence_number().parse() {
                Ok(sequence) => sequence,
                Err(why) => {
                    let name = self.name();
                    return self.fail(SourceError::Record { name, why }).await;
                }
            };
            let arrived_at = arrived_at(&record);
            if self.reading.bounds.is_behind(sequence, arrived_at) {
                within = false;
                break;
            }
            self.take_record(record, sequence, arrived_at);
            self.last = Some(sequence);
            let again = self.reading.again;
            if self.slice.is_full() || again.is_some_and(|again| again.last == sequence) {
                self.close_slice();
            }
        }
        if !self.slice.is_empty() || self.slice.outsiders() > 0 {
            self.close_slice();
        }
        Ok(within)
    }

    fn take_record(&mut self, record: KinesisRecord, sequence: SequenceNumber, arrived_at: u64) {
        let drops = self.outsiders(sequence) == Outsiders::Drop;
        let data = Bytes::from(record.data.into_inner());
        let slice = &mut self.slice;
        let mut push = |data: &[u8], partition_key: &str, sub| {
            slice.push(Record {
                data,
                partition_key,
                position: Position { sequence, sub },
                arrived_at,
            });
        };
        let records = match unpack(&data) {
            Unpacked::Plain => {
                let key = record.partition_key.as_deref();
                return push(&data, key.unwrap_or_default(), None);
            }
            Unpacked::Records(records) => records,
        };
        let mut outsiders = 0;
        for (sub, record) in (0..).zip(&records) {
            if drops && !belongs(record, &self.reading.info.hash_keys) {
                outsiders += 1;
            } else {
                push(&record.data, &record.partition_key, Some(sub));
            }
        }
        slice.drop_outsiders(outsiders);
    }

    /// What is to become of outsiders in the record: in a range that is read again, what became of
    /// them before.
    fn outsiders(&self, sequence: SequenceNumber) -> Outsiders {
        match self.reading.again {
            Some(again) if sequence <= again.last => again.outsiders,
            _ => self.reading.outsiders,
        }
    }

    /// The shard as users name it.
    fn name(&self) -> String {
        format!("{} of {}", self.reading.info.id, self.reading.stream.name())
    }

    /// Ends the shard with an error.
    async fn fail<T>(&mut self, error: SourceError) -> Result<T, Gone> {
        let _nobody_listens = self.sender.send(Err(error)).await;
        Err(Gone)
    }

    fn close_slice(&mut self) {
        let next = Slice::new(self.reading.shard.clone());
        self.closed
            .push_back(std::mem::replace(&mut self.slice, next));
    }

    /// Hands the slices on, each as soon as there is a place for it.
    async fn send_all(&mut self, room: &mut Room) -> Result<(), Gone> {
        let mut waiting: u64 = self.closed.iter().map(Slice::bytes).sum();
        room.shrink_to(waiting);
        while let Some(slice) = self.closed.pop_front() {
            waiting -= slice.bytes();
            self.sender.send(Ok(slice)).await.map_err(|_| Gone)?;
            room.shrink_to(waiting);
        }
        Ok(())
    }
}

/// When Kinesis took the record, milliseconds since the Unix epoch.
fn arrived_at(record: &KinesisRecord) -> u64 {
    let time = record.approximate_arrival_timestamp();
    time.and_then(|time| u64::try_from(time.to_millis().ok()?).ok())
        .unwrap_or(0)
}
