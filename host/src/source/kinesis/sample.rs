//! A few records of a stream, for commands that show records to people. Nothing is noted about them: there is no ledger
//! and no lease. Each request asks for few records, so that it takes little of the throughput that a shard has for all
//! of its readers.

use std::collections::VecDeque;

use sluice_engine::record::{Batch, SequenceNumber, ShardId};
use sluice_storage::retry::{Attempts, RetryPolicy};
use tokio::time::{Instant, sleep_until};

use super::BETWEEN_CALLS;
use super::api::{GET_RECORDS_MAX, KinesisError, RecordsPage, ShardInfo, Start, Stream};
use super::packer::{Packer, Packing};
use super::reader::kinesis_record;
use super::shard_id::shard_id;
use crate::source::SourceError;
use crate::source::unpacking::{Unpacking, Unpackings};

/// Where a sample begins, and whether it ends where the stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRange {
    /// The first records of each shard.
    pub start: Start,
    /// Whether to wait for more records at the tip.
    pub waits: bool,
}

/// The records of all shards, by turns.
pub struct StreamSample {
    stream: Stream,
    waits: bool,
    unpackings: Unpackings,
    retry_policy: RetryPolicy,
    /// The shards that may have more records.
    shards: VecDeque<SampledShard>,
    ready: VecDeque<Batch>,
}

struct SampledShard {
    info: ShardInfo,
    shard: ShardId,
    /// Where an iterator begins.
    start: Start,
    iterator: Option<String>,
    next_call: Instant,
}

impl StreamSample {
    /// Lists the shards.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub async fn open(
        stream: Stream,
        range: SampleRange,
        unpacking: Unpacking,
        retry_policy: RetryPolicy,
    ) -> Result<Self, SourceError> {
        let list = || async {
            let shards = stream.list_shards().await;
            shards.map_err(KinesisError::into_request_error)
        };
        let what = format!("list the shards of {}", stream.address());
        let listed = retry_policy.retry("list_shards", &what, list).await;
        let listed = listed.map_err(|cause| SourceError::Stream { what, cause })?;
        let sampled = |info: ShardInfo| {
            let name = format!("{} of {}", info.id, stream.name());
            let shard = shard_id(stream.name(), &info.id);
            Ok(SampledShard {
                shard: shard.map_err(|error| SourceError::Record {
                    name,
                    why: error.to_string(),
                })?,
                info,
                start: range.start,
                iterator: None,
                next_call: Instant::now(),
            })
        };
        let shards = listed.into_iter().map(sampled).collect::<Result<_, _>>()?;
        Ok(Self {
            stream,
            waits: range.waits,
            unpackings: Unpackings {
                new: unpacking,
                repeated: Vec::new(),
            },
            retry_policy,
            shards,
            ready: VecDeque::new(),
        })
    }

    /// The next records, of one shard; `None` at the end of all shards. `wanted` says how many are of use; an aggregate
    /// can have more.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub async fn next_batch(&mut self, wanted: usize) -> Result<Option<Batch>, SourceError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let share = wanted.div_ceil(self.shards.len().max(1)).max(1);
            let limit = i32::try_from(share).unwrap_or(i32::MAX);
            let Some(mut shard) = self.shards.pop_front() else {
                return Ok(None);
            };
            let page = self.read(&mut shard, limit.min(GET_RECORDS_MAX)).await?;
            let at_tip = page.records.is_empty() && page.lag_ms == 0;
            self.ready = self.pack(&mut shard, page)?;
            if shard.iterator.is_some() && (self.waits || !at_tip) {
                self.shards.push_back(shard);
            }
        }
    }

    /// Reads a page. After an error, the next attempt gets a new iterator, because the old one may have expired.
    async fn read(&self, shard: &mut SampledShard, limit: i32) -> Result<RecordsPage, SourceError> {
        let mut attempts = Attempts::new(&self.retry_policy, "get_records");
        loop {
            sleep_until(shard.next_call).await;
            shard.next_call = Instant::now() + BETWEEN_CALLS;
            let error = match self.call(shard, limit).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            shard.iterator = None;
            let what = format!("read {} of {}", shard.info.id, self.stream.name());
            let cause = error.into_request_error();
            if !attempts.wait_to_retry(&what, &cause).await {
                return Err(SourceError::Stream { what, cause });
            }
        }
    }

    async fn call(&self, shard: &SampledShard, limit: i32) -> Result<RecordsPage, KinesisError> {
        let fresh;
        let iterator = match &shard.iterator {
            Some(iterator) => iterator,
            None => {
                fresh = self.stream.iterator(&shard.info.id, shard.start).await?;
                &fresh
            }
        };
        self.stream.get(iterator, limit).await
    }

    /// Packs the records of a page, as a worker does.
    fn pack(
        &self,
        shard: &mut SampledShard,
        page: RecordsPage,
    ) -> Result<VecDeque<Batch>, SourceError> {
        let mut packer = Packer::new(Packing {
            shard: shard.shard.clone(),
            hash_keys: shard.info.hash_keys.clone(),
            unpackings: self.unpackings.clone(),
        });
        let mut last: Option<SequenceNumber> = None;
        for record in page.records {
            let record = kinesis_record(record).map_err(|why| SourceError::Record {
                name: format!("{} of {}", shard.info.id, self.stream.name()),
                why,
            })?;
            packer.push(&record);
            last = Some(record.sequence);
        }
        shard.start = last.map_or(shard.start, Start::After);
        shard.iterator = page.next;
        Ok(packer.batches())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use testkit::kinesis::Kinesis;

    use super::*;

    const STREAM: &str = "events";

    async fn sample(kinesis: &Kinesis, range: SampleRange) -> StreamSample {
        let stream = Stream::new(kinesis.client(), STREAM.to_owned());
        let policy = RetryPolicy::new(Duration::from_secs(30));
        StreamSample::open(stream, range, Unpacking::default(), policy)
            .await
            .unwrap()
    }

    fn put(kinesis: &Kinesis, count: usize) {
        for n in 0..count {
            kinesis.put(STREAM, &format!("key-{n}"), n.to_string().as_bytes());
        }
    }

    /// The records in numbers, sorted, and how many each batch has.
    async fn read(sample: &mut StreamSample, wanted: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut found, mut lengths) = (Vec::new(), Vec::new());
        while let Some(batch) = sample.next_batch(wanted).await.unwrap() {
            let number = |data: &[u8]| std::str::from_utf8(data).unwrap().parse::<usize>();
            found.extend(batch.records().map(|record| number(record.data).unwrap()));
            lengths.push(batch.len());
        }
        found.sort_unstable();
        (found, lengths)
    }

    const OLDEST: SampleRange = SampleRange {
        start: Start::TrimHorizon,
        waits: false,
    };

    #[tokio::test]
    async fn a_sample_ends_at_the_tip_of_all_shards_and_takes_turns() {
        let kinesis = Kinesis::start();
        kinesis.create_stream(STREAM, 2);
        put(&kinesis, 40);
        let mut first = sample(&kinesis, OLDEST).await;
        let (found, lengths) = read(&mut first, 10).await;
        assert_eq!(found, (0..40).collect::<Vec<_>>());
        assert!(lengths.iter().all(|length| *length <= 10), "{lengths:?}");
    }

    #[tokio::test]
    async fn an_iterator_that_expired_is_replaced_where_reading_was() {
        let kinesis = Kinesis::start();
        kinesis.create_stream(STREAM, 1);
        put(&kinesis, 6);
        let mut sample = sample(&kinesis, OLDEST).await;
        assert_eq!(sample.next_batch(4).await.unwrap().unwrap().len(), 4);
        kinesis.expire_iterators();
        assert_eq!(read(&mut sample, 4).await.0, [4, 5]);
    }

    #[tokio::test]
    async fn the_latest_records_are_waited_for() {
        let kinesis = Kinesis::start();
        kinesis.create_stream(STREAM, 2);
        put(&kinesis, 3);
        let moment = i64::try_from(kinesis.now_ms()).unwrap() + 1;
        let range = SampleRange {
            start: Start::At(moment),
            waits: true,
        };
        kinesis.advance(Duration::from_secs(1));
        let mut sample = sample(&kinesis, range).await;
        let later = async {
            while kinesis.calls("GetRecords") < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            kinesis.put(STREAM, "key", b"7");
        };
        let (batch, ()) = tokio::join!(sample.next_batch(1), later);
        assert_eq!(batch.unwrap().unwrap().record(0).data, b"7");
    }
}
