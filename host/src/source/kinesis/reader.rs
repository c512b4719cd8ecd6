//! Reads a shard into batches, at the pace that Kinesis allows.

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types;
use bytes::Bytes;
use chrono::Utc;
use sluice_engine::record::{Batch, Bounds, SequenceNumber};
use sluice_storage::retry::{Attempts, RetryPolicy};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::BETWEEN_CALLS;
use super::api::{KinesisError, RecordsPage, Start, Stream};
use super::packer::{KinesisRecord, Packer, Packing};
use crate::source::batch_channel::{BatchSender, Place, ReceiverGone, batch_channel};
use crate::source::budget::{Budget, Room};
use crate::source::read_meter::{ReadMark, ReadMeter};
use crate::source::unpacking::RepeatedRange;
use crate::source::{End, ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are read ahead of the transform.
const BATCHES_AHEAD: usize = 4;

/// Batches are sent when they have this much more than the open one, before more records are unpacked: what records
/// decode to is not counted in the room of a call.
const UNSENT_MAX_BYTES: u64 = 4 << 20;

/// If batches wait for the transform this long and another shard needs their memory, they are released
/// and read again later.
const RELEASE_AFTER: Duration = Duration::from_secs(5);

/// What to read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stream.
    pub stream: Stream,
    /// The shard's id in Kinesis.
    pub id: String,
    /// How its records are packed.
    pub packing: Packing,
    /// Where to begin.
    pub start: Start,
    /// Whether to end at the tip, or behind a record that arrived after this moment, milliseconds since the Unix
    /// epoch: on a busy stream, the tip may never be seen.
    pub until_tip: Option<i64>,
    /// Where to end in any case.
    pub bounds: Bounds,
    /// How calls are retried.
    pub retry_policy: RetryPolicy,
    /// The memory for reading.
    pub budget: Budget,
    /// Reports the progress of reading.
    pub meter: ReadMeter,
}

/// A shard of a stream, which is read until its end or until `stop` is set. A pending range is read to
/// its end even then.
pub struct KinesisShard {
    /// What to read, and where to start if nothing is committed or pending.
    pub reading: Reading,
    /// The request to stop.
    pub stop: watch::Receiver<bool>,
    /// Where to start in place of where the ledger says.
    pub start: Option<Start>,
}

impl Source for KinesisShard {
    fn read(self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        let mut reading = self.reading;
        reading.bounds = from.bounds;
        let pending = from.pending.iter();
        reading
            .packing
            .unpackings
            .repeated
            .extend(pending.map(RepeatedRange::of));
        let resumed = Start::resume(from, reading.start);
        reading.start = self.start.unwrap_or(resumed);
        Ok(read(reading, self.stop))
    }
}

/// Starts to read at `reading.start`, until the end or until `stop` is set.
#[must_use]
pub fn read(reading: Reading, stop: watch::Receiver<bool>) -> ShardBatches {
    let (sender, receiver) = batch_channel(BATCHES_AHEAD, &reading.budget);
    let reader = Reader {
        repeating: watch::Sender::new(!reading.packing.unpackings.repeated.is_empty()),
        last: None,
        last_to_land: None,
        packer: Packer::new(reading.packing.clone()),
        reading,
        sender,
    };
    ShardBatches::read_by(tokio::spawn(reader.run(stop)), receiver)
}

struct Reader {
    reading: Reading,
    /// Whether a repeated range is not read completely yet.
    repeating: watch::Sender<bool>,
    /// The last record that was sent.
    last: Option<SequenceNumber>,
    /// The last one that is not left out as a misplaced record, so that it is committed some time.
    last_to_land: Option<SequenceNumber>,
    packer: Packer,
    sender: BatchSender,
}

impl Reader {
    async fn run(mut self, stop: watch::Receiver<bool>) -> End {
        let repeating = self.repeating.subscribe();
        tokio::select! {
            end = self.read_to_end() => end.unwrap_or(End::Stopped),
            () = stop_requested(stop, repeating) => End::Stopped,
        }
    }

    async fn read_to_end(&mut self) -> Result<End, ReceiverGone> {
        let mut iterator: Option<String> = None;
        let mut attempts = Attempts::new(&self.reading.retry_policy, "get_records");
        loop {
            let next_call = Instant::now() + BETWEEN_CALLS;
            let room = self.reading.budget.call().await.ok_or(ReceiverGone)?;
            let called_at = Utc::now().timestamp_millis();
            match self.call(iterator.as_deref()).await {
                Ok(page) => {
                    attempts.succeeded();
                    self.reading.meter.read(page.lag_ms);
                    let at_tip = page.records.is_empty() && page.lag_ms == 0;
                    let arrived_before = if at_tip {
                        Some(called_at)
                    } else {
                        page.records.last().map(arrived_at)
                    };
                    let Some(within) = self.take_records(page.records, room).await? else {
                        self.sender.empty().await?;
                        iterator = None;
                        continue;
                    };
                    self.mark(arrived_before);
                    let Some(next) = page.next.filter(|_| within) else {
                        return Ok(End::Closed);
                    };
                    if self.reading.until_tip.is_some_and(|moment| {
                        at_tip || arrived_before.is_some_and(|arrived| arrived > moment)
                    }) {
                        return Ok(End::Tip);
                    }
                    iterator = Some(next);
                    sleep_until(next_call).await;
                }
                Err(KinesisError::ExpiredIterator) => {
                    drop(room);
                    iterator = None;
                    sleep_until(next_call).await;
                }
                Err(error) => {
                    drop(room);
                    self.reading.meter.failed(&error);
                    let (what, cause) =
                        (format!("read {}", self.name()), error.into_request_error());
                    if !attempts.wait_to_retry(&what, &cause).await {
                        return self.fail(SourceError::Stream { what, cause }).await;
                    }
                }
            }
        }
    }

    async fn call(&self, iterator: Option<&str>) -> Result<RecordsPage, KinesisError> {
        let Reading {
            stream, id, start, ..
        } = &self.reading;
        let fresh;
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => {
                let start = self.last.map_or(*start, Start::After);
                fresh = stream.iterator(id, start).await?;
                &fresh
            }
        };
        stream.get_records(iterator).await
    }

    /// Notes that all records which arrived before this moment were sent.
    fn mark(&self, arrived_before: Option<i64>) {
        if let Some(arrived_before) = arrived_before {
            self.reading.meter.mark(ReadMark {
                last: self.last_to_land,
                arrived_before,
            });
        }
    }

    /// Packs records and sends them. Returns whether all were within the bounds; `None` if those that were not sent
    /// have to be read again.
    async fn take_records(
        &mut self,
        records: Vec<types::Record>,
        mut room: Room,
    ) -> Result<Option<bool>, ReceiverGone> {
        let (mut last, mut within) = (self.last, true);
        for record in records {
            let record = match kinesis_record(record) {
                Ok(record) => record,
                Err(why) => {
                    let name = self.name();
                    return self.fail(SourceError::Record { name, why }).await;
                }
            };
            let bounds = self.reading.bounds;
            if bounds.is_after(record.sequence, record.arrived_at) {
                within = false;
                break;
            }
            self.packer.push(&record);
            last = Some(record.sequence);
            if self.packer.closed_bytes() > UNSENT_MAX_BYTES {
                let batches = self.packer.closed();
                if !self.send_all(batches, |_| ()).await? {
                    return Ok(None);
                }
            }
            if bounds.ends_with(record.sequence) {
                within = false;
                break;
            }
        }
        let batches = self.packer.batches();
        if !self
            .send_all(batches, |unsent| room.shrink_to(unsent))
            .await?
        {
            return Ok(None);
        }
        self.last = last;
        let range = self.reading.packing.unpackings.repeated.last();
        self.repeating
            .send_replace(range.is_some_and(|range| last < Some(range.last)));
        Ok(Some(within))
    }

    /// The shard's name for messages.
    fn name(&self) -> String {
        format!("{} of {}", self.reading.id, self.reading.stream.name())
    }

    /// Ends the shard with an error.
    async fn fail<T>(&mut self, error: SourceError) -> Result<T, ReceiverGone> {
        self.sender.fail(error).await;
        Err(ReceiverGone)
    }

    /// Sends batches, each as soon as there is a place for it, and says how many bytes are not sent yet. Returns
    /// whether all of them were sent; if not, nothing stays in the packer.
    async fn send_all(
        &mut self,
        batches: VecDeque<Batch>,
        mut unsent: impl FnMut(u64),
    ) -> Result<bool, ReceiverGone> {
        let mut waiting: u64 = batches.iter().map(Batch::bytes).sum();
        for batch in batches {
            let bytes = batch.bytes();
            waiting -= bytes;
            unsent(waiting);
            let Some(place) = self.reserve(bytes).await? else {
                self.packer.batches().clear();
                return Ok(false);
            };
            let sent = batch.positions().last().map(|position| position.sequence);
            place.send(batch);
            self.last = sent.or(self.last);
            self.last_to_land = sent.or(self.last_to_land);
        }
        Ok(true)
    }

    /// Waits for a place for a batch; `None` if that takes long and another shard needs the memory.
    async fn reserve(&self, bytes: u64) -> Result<Option<Place<'_>>, ReceiverGone> {
        loop {
            match timeout(RELEASE_AFTER, self.sender.reserve(bytes)).await {
                Ok(place) => return place.map(Some),
                Err(_) if self.reading.budget.is_short() => return Ok(None),
                Err(_) => {}
            }
        }
    }
}

/// Waits for the request to stop. A repeated range is read to its end first.
async fn stop_requested(mut stop: watch::Receiver<bool>, mut repeating: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        let _read_or_ended = repeating.wait_for(|repeating| !*repeating).await;
    }
}

/// When a record arrived, milliseconds since the Unix epoch.
fn arrived_at(record: &types::Record) -> i64 {
    const NANOS_PER_MILLI: i128 = 1_000_000;
    let arrived = record.approximate_arrival_timestamp();
    let nanos = arrived.map_or(0, DateTime::as_nanos);
    i64::try_from((nanos + NANOS_PER_MILLI / 2) / NANOS_PER_MILLI).unwrap_or(0)
}

/// A record of the API, for the packer.
pub(super) fn kinesis_record(record: types::Record) -> Result<KinesisRecord, String> {
    Ok(KinesisRecord {
        sequence: record.sequence_number().parse()?,
        arrived_at: u64::try_from(arrived_at(&record)).unwrap_or(0),
        partition_key: record.partition_key.unwrap_or_default(),
        data: Bytes::from(record.data.into_inner()),
    })
}
