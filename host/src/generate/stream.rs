//! Writes events to a Kinesis stream, plain or in aggregates, at a given pace or as quickly as
//! possible.
//!
//! A few batches are under way at once, and of a batch that fails in part the rest follows later: the
//! order within a shard is not that of the lines, which does not matter for made-up events. A record
//! whose acknowledgement is lost is sent again, so that the stream may hold it twice.

mod pack;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinSet};

use self::pack::{Batches, Entry, Packer};
use super::{Events, Generated, write_ndjson};
use crate::source::kinesis::{KinesisError, ShardInfo, Stream};
use crate::storage::aws;
use crate::storage::error::RequestError;
use crate::storage::retry::{Attempts, RetryPolicy};

/// How long a batch is tried: hours of a throttled stream are no use to anybody who waits.
const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

const BATCHES_AT_ONCE: usize = 4;

/// With a pace a batch is not waited for until it is full: the producer library's default for
/// `RecordMaxBufferedTime`.
const LINGER: Duration = Duration::from_millis(100);

const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(5);
const BAR_EVERY: Duration = Duration::from_millis(200);

/// Where events are sent to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTarget {
    /// The stream's name.
    pub stream: String,
    /// Whether many events go into one record, in the format of the Kinesis Producer Library.
    pub aggregate: bool,
    /// Whether to say on standard error where it is.
    pub watch: bool,
}

/// What the stream has acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Lines of all kinds.
    pub lines: u64,
    /// Their bytes, without newlines, keys and what an aggregate adds.
    pub bytes: u64,
    /// Records of Kinesis.
    pub records: u64,
}

/// Sends all `events` to a stream. With `rate`, so many lines per second of the wall clock since the
/// start; after a slow answer it catches up. The partition key of a line is its `event_uuid`, or a
/// running number where it has none.
///
/// # Errors
/// No such stream, or a batch that was not taken within ten minutes.
pub fn send(
    events: Events,
    rate: Option<NonZeroU32>,
    target: &StreamTarget,
) -> anyhow::Result<(Generated, Sent)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let sender = runtime.block_on(Sender::new(target))?;
    // Listed for plain records too, so that a wrong stream is reported before any record is made.
    let shards = runtime.block_on(sender.shards());
    let shards = shards.with_context(|| format!("the stream {}", target.stream))?;
    if target.watch {
        // Ends with the runtime.
        runtime.spawn(watch(sender.clone()));
    }
    let mut writer = Writer {
        runtime: &runtime,
        packer: Packer::new(if target.aggregate { &shards } else { &[] }),
        sender: sender.clone(),
        under_way: JoinSet::new(),
        flushed: Instant::now(),
    };
    let made = write_ndjson(events, rate, &mut writer, &mut |_| ())
        .and_then(|made| writer.finish().map(|()| made));
    let sent = sender.state().sent;
    let lines = HumanCount(sent.lines);
    let made = made.with_context(|| format!("the stream {}, {lines} lines sent", target.stream))?;
    Ok((made, sent))
}

/// Takes lines and has them sent, a few batches at once.
struct Writer<'a> {
    runtime: &'a Runtime,
    sender: Arc<Sender>,
    packer: Packer,
    under_way: JoinSet<Result<Option<Vec<ShardInfo>>, KinesisError>>,
    flushed: Instant,
}

impl Write for Writer<'_> {
    /// Takes whole lines, as [`write_ndjson`] gives them.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        for line in lines.split(|&byte| byte == b'\n') {
            if !line.is_empty() {
                self.packer.line(line);
            }
        }
        self.send_ready()?;
        Ok(lines.len())
    }

    /// Sends on what has waited for long enough.
    fn flush(&mut self) -> io::Result<()> {
        if self.flushed.elapsed() < LINGER {
            return Ok(());
        }
        self.flushed = Instant::now();
        self.packer.close();
        self.send_ready()
    }
}

impl Writer<'_> {
    /// Sends what is left and waits until all is acknowledged.
    fn finish(&mut self) -> io::Result<()> {
        self.packer.close();
        self.send_ready()?;
        while let Some(ended) = self.runtime.block_on(self.under_way.join_next()) {
            self.settle(ended)?;
            // Other shards mean that aggregates for the old ones were closed.
            self.packer.close();
            self.send_ready()?;
        }
        Ok(())
    }

    fn send_ready(&mut self) -> io::Result<()> {
        while let Some(batch) = self.packer.batches.pop() {
            if self.under_way.len() == BATCHES_AT_ONCE
                && let Some(ended) = self.runtime.block_on(self.under_way.join_next())
            {
                self.settle(ended)?;
            }
            let delivery = self.sender.clone().deliver(batch);
            self.under_way.spawn_on(delivery, self.runtime.handle());
        }
        Ok(())
    }

    fn settle(
        &mut self,
        ended: Result<Result<Option<Vec<ShardInfo>>, KinesisError>, JoinError>,
    ) -> io::Result<()> {
        let shards = ended.map_err(io::Error::other)?;
        if let Some(shards) = shards.map_err(io::Error::other)? {
            self.packer.change_shards(&shards);
        }
        Ok(())
    }
}

/// Sends batches and counts what was taken.
struct Sender {
    stream: Stream,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: Sent,
    /// Records that were not taken at first, each as often as it was not.
    again: u64,
    /// Why the latest of them was not.
    why: String,
}

impl Sender {
    async fn new(target: &StreamTarget) -> Result<Arc<Self>, RequestError> {
        let client = aws_sdk_kinesis::Client::new(&aws::sdk_config().await?);
        Ok(Arc::new(Self {
            stream: Stream::new(client, target.stream.clone()),
            state: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>, KinesisError> {
        let list = || async {
            let shards = self.stream.list_shards().await;
            shards.map_err(KinesisError::into_request_error)
        };
        let policy = RetryPolicy::new(RETRY_TIMEOUT);
        let shards = policy.retry("list_shards", "list the shards", list).await;
        Ok(shards?)
    }

    /// Sends a batch until every line of it is where consumers look for it. Returns the stream's
    /// shards where an aggregate went to another one than was meant: the shards have changed, and
    /// consumers drop the records of an aggregate that do not belong to the shard where it is.
    async fn deliver(
        self: Arc<Self>,
        batch: Vec<Entry>,
    ) -> Result<Option<Vec<ShardInfo>>, KinesisError> {
        let strayed = self.put(batch).await?;
        if strayed.is_empty() {
            return Ok(None);
        }
        let shards = self.shards().await?;
        let mut plain = Batches::default();
        for (entry, took) in strayed {
            let took = shards.iter().find(|shard| shard.id == took);
            let left = entry.left_behind(took);
            self.count_strayed(&entry, &left);
            left.into_iter().for_each(|entry| plain.push(entry));
        }
        plain.close();
        while let Some(batch) = plain.pop() {
            self.put(batch).await?;
        }
        Ok(Some(shards))
    }

    /// Sends records until every one of them is taken. Returns the aggregates that another shard
    /// took than was meant, with the id of that shard.
    async fn put(&self, mut batch: Vec<Entry>) -> Result<Vec<(Entry, String)>, KinesisError> {
        let mut attempts = Attempts::new(&RetryPolicy::new(RETRY_TIMEOUT), "put_records");
        let mut strayed = Vec::new();
        loop {
            let requests = batch.iter().map(Entry::request).collect::<Result<_, _>>()?;
            let error = match self.stream.put_records(requests).await {
                Ok(answers) => {
                    let taken = sort(batch, answers);
                    self.count(&taken.entries);
                    strayed.extend(taken.strayed);
                    batch = taken.left;
                    match taken.error {
                        None => return Ok(strayed),
                        Some(error) => error,
                    }
                }
                Err(error) => error,
            };
            let error = error.into_request_error();
            self.note(&batch, &error.to_string());
            if !attempts.wait_to_retry("put records", &error).await {
                return Err(error.into());
            }
        }
    }

    fn count(&self, taken: &[Entry]) {
        let mut state = self.state();
        for entry in taken {
            state.sent.records += 1;
            state.sent.lines += entry.lines;
            state.sent.bytes += entry.line_bytes;
        }
    }

    fn count_strayed(&self, entry: &Entry, left: &[Entry]) {
        let left_bytes: u64 = left.iter().map(|entry| entry.line_bytes).sum();
        let sent = &mut self.state().sent;
        sent.records += 1;
        sent.lines += entry.lines - left.len() as u64;
        sent.bytes += entry.line_bytes - left_bytes;
    }

    fn note(&self, left: &[Entry], why: &str) {
        let mut state = self.state();
        state.again += left.len() as u64;
        why.clone_into(&mut state.why);
    }
}

/// A batch after one attempt.
#[derive(Debug, Default)]
struct Taken {
    /// What is in the stream, where it was meant to be.
    entries: Vec<Entry>,
    /// What is in the stream in another shard than was meant, with that shard's id.
    strayed: Vec<(Entry, String)>,
    /// What is to be sent again, and why.
    left: Vec<Entry>,
    error: Option<KinesisError>,
}

fn sort(batch: Vec<Entry>, answers: Vec<Result<String, KinesisError>>) -> Taken {
    let mut taken = Taken::default();
    for (entry, answer) in batch.into_iter().zip(answers) {
        match answer {
            Ok(shard) if entry.strayed(&shard) => taken.strayed.push((entry, shard)),
            Ok(_) => taken.entries.push(entry),
            Err(error) => {
                taken.left.push(entry);
                taken.error = Some(error);
            }
        }
    }
    taken
}

/// Says how much is sent, until it is dropped: a moving line on a terminal, a line now and then
/// elsewhere.
async fn watch(sender: Arc<Sender>) {
    let started = Instant::now();
    if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or(ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        loop {
            bar.set_message(position(&sender.state(), started.elapsed()));
            bar.tick();
            tokio::time::sleep(BAR_EVERY).await;
        }
    }
    loop {
        tokio::time::sleep(PLAIN_PROGRESS_EVERY).await;
        eprintln!("sluice: {}", position(&sender.state(), started.elapsed()));
    }
}

fn position(state: &State, elapsed: Duration) -> String {
    let lines = state.sent.lines;
    let rate = u128::from(lines) * 1_000 / elapsed.as_millis().max(1);
    let mut text = format!(
        "{} lines sent, {}/s",
        HumanCount(lines),
        HumanCount(u64::try_from(rate).unwrap_or(u64::MAX))
    );
    if state.again > 0 {
        let again = HumanCount(state.again);
        text = format!(
            "{text}, {again} records sent again, the last for {}",
            state.why
        );
    }
    text
}
