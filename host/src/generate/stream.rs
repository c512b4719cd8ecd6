//! Writes events to a Kinesis stream, plain or aggregated, at a given rate or as fast as possible.
//!
//! Several batches are in flight at once, and if a batch fails in part, the rest is sent later. So
//! the order within a shard differs from that of the lines, which does not matter for generated
//! events. A record whose acknowledgement is lost is sent again, so the stream can have it twice.

mod pack;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use sluice_storage::aws;
use sluice_storage::error::RequestError;
use sluice_storage::retry::{Attempts, RetryPolicy};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinSet};

use self::pack::{Batches, Entry, Packer};
use super::{Events, Generated, write_ndjson};
use crate::output;
use crate::source::kinesis::{KinesisError, ShardInfo, Stream, StreamAddress};

/// The retry timeout of a batch.
const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

const BATCHES_AT_ONCE: usize = 4;

/// With a rate, a batch does not wait until it is full: the default of `RecordMaxBufferedTime` of
/// the producer library.
const LINGER: Duration = Duration::from_millis(100);

const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(5);
const BAR_EVERY: Duration = Duration::from_millis(200);

/// The stream that events are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTarget {
    /// The stream's name or ARN.
    pub stream: StreamAddress,
    /// Whether to aggregate events, in the format of the Kinesis Producer Library.
    pub aggregate: bool,
    /// Whether to print progress on standard error.
    pub watch: bool,
}

/// What the stream has acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Lines of all kinds.
    pub lines: u64,
    /// Their bytes, without newlines, keys and the framing of aggregates.
    pub bytes: u64,
    /// Kinesis records.
    pub records: u64,
}

/// Sends all `events` to a stream. With `rate`, sends that many lines per second since the start,
/// and catches up after a slow response. The partition key of a line is its `event_uuid`, or a
/// running number if it has none.
///
/// # Errors
/// The stream does not exist, or a batch was not accepted within ten minutes.
pub fn send(
    events: Events,
    rate: Option<NonZeroU32>,
    target: &StreamTarget,
) -> anyhow::Result<(Generated, Sent)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let sender = runtime.block_on(Sender::new(target))?;
    // The shards are listed for plain records too, so that a wrong stream is reported before any
    // record is made.
    let shards = runtime.block_on(sender.shards());
    let shards = shards.with_context(|| format!("the stream {}", target.stream))?;
    if target.watch {
        // The task ends with the runtime.
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

/// Takes lines and sends them, several batches at once.
struct Writer<'a> {
    runtime: &'a Runtime,
    sender: Arc<Sender>,
    packer: Packer,
    under_way: JoinSet<Result<Option<Vec<ShardInfo>>, KinesisError>>,
    flushed: Instant,
}

impl Write for Writer<'_> {
    /// Takes whole lines, as [`write_ndjson`] writes them.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        for line in lines.split(|&byte| byte == b'\n') {
            if !line.is_empty() {
                self.packer.line(line);
            }
        }
        self.send_ready()?;
        Ok(lines.len())
    }

    /// Sends what has waited long enough.
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
    /// Sends the rest and waits until everything is acknowledged.
    fn finish(&mut self) -> io::Result<()> {
        self.packer.close();
        self.send_ready()?;
        while let Some(ended) = self.runtime.block_on(self.under_way.join_next()) {
            self.settle(ended)?;
            // If the shards have changed, aggregates for the old ones are closed.
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

/// Sends batches and counts what was accepted.
struct Sender {
    stream: Stream,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: Sent,
    /// The number of rejected attempts, summed over records.
    again: u64,
    /// Why the last of them was rejected.
    why: String,
}

impl Sender {
    async fn new(target: &StreamTarget) -> Result<Arc<Self>, RequestError> {
        let sdk = aws::sdk_config().await?;
        Ok(Arc::new(Self {
            stream: Stream::connect(&sdk, &target.stream),
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

    /// Sends a batch until every line is in the shard in which consumers look for it. If an
    /// aggregate went to another shard than intended, returns the shards of the stream: they have
    /// changed, and consumers drop records of an aggregate that do not belong to its shard.
    async fn deliver(
        self: Arc<Self>,
        batch: Vec<Entry>,
    ) -> Result<Option<Vec<ShardInfo>>, KinesisError> {
        let misrouted = self.put(batch).await?;
        if misrouted.is_empty() {
            return Ok(None);
        }
        let shards = self.shards().await?;
        let mut plain = Batches::default();
        for (entry, took) in misrouted {
            let took = shards.iter().find(|shard| shard.id == took);
            let left = entry.misrouted_records(took);
            self.count_misrouted(&entry, &left);
            left.into_iter().for_each(|entry| plain.push(entry));
        }
        plain.close();
        while let Some(batch) = plain.pop() {
            self.put(batch).await?;
        }
        Ok(Some(shards))
    }

    /// Sends records until all are accepted. Returns the aggregates that went to another shard than
    /// intended, with the id of that shard.
    async fn put(&self, mut batch: Vec<Entry>) -> Result<Vec<(Entry, String)>, KinesisError> {
        let mut attempts = Attempts::new(&RetryPolicy::new(RETRY_TIMEOUT), "put_records");
        let mut misrouted = Vec::new();
        loop {
            let requests = batch.iter().map(Entry::request).collect::<Result<_, _>>()?;
            let error = match self.stream.put_records(requests).await {
                Ok(answers) => {
                    let taken = sort(batch, answers);
                    self.count(&taken.entries);
                    misrouted.extend(taken.misrouted);
                    batch = taken.left;
                    match taken.error {
                        None => return Ok(misrouted),
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

    fn count_misrouted(&self, entry: &Entry, left: &[Entry]) {
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

/// The result of one attempt to send a batch.
#[derive(Debug, Default)]
struct AttemptResult {
    /// Records that are in the intended shard.
    entries: Vec<Entry>,
    /// Aggregates that are in another shard, with the id of that shard.
    misrouted: Vec<(Entry, String)>,
    /// Records to send again, and why.
    left: Vec<Entry>,
    error: Option<KinesisError>,
}

fn sort(batch: Vec<Entry>, answers: Vec<Result<String, KinesisError>>) -> AttemptResult {
    let mut taken = AttemptResult::default();
    for (entry, answer) in batch.into_iter().zip(answers) {
        match answer {
            Ok(shard) if entry.is_misrouted(&shard) => taken.misrouted.push((entry, shard)),
            Ok(_) => taken.entries.push(entry),
            Err(error) => {
                taken.left.push(entry);
                taken.error = Some(error);
            }
        }
    }
    taken
}

/// Prints how much was sent until it is dropped: a line that changes on a terminal, single lines
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
        output::message(format_args!(
            "sluice: {}",
            position(&sender.state(), started.elapsed())
        ));
    }
}

fn position(state: &State, elapsed: Duration) -> String {
    let lines = state.sent.lines;
    let rate = u128::from(lines) * 1_000 / elapsed.as_millis().max(1);
    let mut text = format!(
        "{} sent, {}/s",
        output::counted(lines, "line"),
        HumanCount(u64::try_from(rate).unwrap_or(u64::MAX))
    );
    if state.again > 0 {
        let again = output::counted(state.again, "record");
        text = format!("{text}, {again} sent again, the last for {}", state.why);
    }
    text
}
