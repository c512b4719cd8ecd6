//! The mode for a Lambda function behind an event source mapping of Kinesis. Lambda polls the stream,
//! invokes the function with a batch, and retries the batch from the record that the response names.
//!
//! Lambda delivers at least once. As in every mode, the ledger says which records are committed and
//! which are pending; records that a batch lacks are read from the stream.

pub mod answer;
mod metrics;
#[cfg(feature = "table")]
pub mod table;
#[cfg(feature = "table")]
mod table_metrics;

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::Utc;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::retry::RetryPolicy;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use self::answer::{Answer, Failure};
use self::metrics::Invocation;
use super::content_mismatch::{is_mismatch, report_mismatch};
use super::follow::Follower;
use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::targets::{Claim, Targets};
use crate::config::log_format::LogFormat;
use crate::config::{RunSettings, SummaryFormat};
use crate::ledger::s3::S3Ledger;
use crate::ledger::store::StoreError;
use crate::ledger::{Ledger, Pending};
use crate::observe::events;
use crate::observe::progress::Summary;
use crate::output;
use crate::output::with_causes;
use crate::pipeline::RunContext;
use crate::pipeline::error::ledger_error;
use crate::source::budget::Budget;
use crate::source::kinesis::{Packing, Stream, shard_id};
use crate::source::lambda_batch::{BatchSource, is_kept};
use crate::source::lambda_event::{KinesisEvent, LambdaBatch};
use crate::source::unpacking::{RepeatedRange, Unpacking, Unpackings};

/// The memory of the function, MB.
const MEMORY_SIZE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// The name of the function.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The part of an invocation's time that is reserved for the response.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// The deadline if the runtime gives none or one in the past: Lambda's longest.
const LONGEST_INVOCATION: Duration = Duration::from_secs(900);

/// Handles invocations until Lambda ends the process.
///
/// # Errors
/// The runtime API fails.
pub async fn run(
    settings: &RunSettings,
    rules: Arc<Rules>,
    follower: Option<Arc<Follower>>,
    context: Arc<RunContext>,
) -> anyhow::Result<()> {
    let targets = Targets::new(settings);
    let client = aws_sdk_kinesis::Client::new(targets.sdk().await?);
    let function = Arc::new(Function {
        reported: Mutex::new(Summary::default()),
        name: std::env::var(FUNCTION_NAME).unwrap_or_default(),
        budget: context.budget.clone(),
        retry_policy: settings.retry_policy.clone(),
        unpacking: settings.unpacking,
        runner: ShardRunner {
            rules,
            targets: Arc::new(targets),
            context,
            replay: None,
        },
        follower,
        client,
        ledgers: Mutex::default(),
        hash_keys: Mutex::default(),
        slowest: Mutex::new(Duration::ZERO),
    });
    let serve = |event: LambdaEvent<KinesisEvent>| {
        let function = function.clone();
        async move { function.invoke(event).await.map_err(Error::from) }
    };
    let ended = lambda_runtime::run(service_fn(serve)).await;
    ended.map_err(|error| anyhow::anyhow!("the Lambda runtime API fails: {error}"))
}

/// Applies the defaults of a function, and limits the memory to what the function has.
pub fn apply_lambda_defaults(settings: &mut RunSettings, log_format_is_default: bool) {
    if let Some(function) = memory() {
        settings.memory = settings.memory.min(function / 2);
    }
    if log_format_is_default {
        settings.log_format = LogFormat::Json;
    }
    settings.summary = SummaryFormat::None;
}

/// The memory of the function, bytes.
fn memory() -> Option<u64> {
    let megabytes = std::env::var(MEMORY_SIZE).ok();
    megabytes
        .and_then(|size| size.parse::<u64>().ok())
        .map(|megabytes| megabytes << 20)
}

struct Function {
    name: String,
    runner: ShardRunner,
    follower: Option<Arc<Follower>>,
    client: aws_sdk_kinesis::Client,
    budget: Budget,
    retry_policy: RetryPolicy,
    unpacking: Unpacking,
    /// The ledgers as this process left them. If another process has written since, the next step fails
    /// with a conflict.
    ledgers: Mutex<HashMap<ShardId, Arc<S3Ledger>>>,
    hash_keys: Mutex<HashMap<String, std::ops::RangeInclusive<u128>>>,
    /// The counts that have been logged so far.
    reported: Mutex<Summary>,
    /// The longest time that the work on a shard took in an invocation so far.
    slowest: Mutex<Duration>,
}

impl Function {
    async fn invoke(&self, event: LambdaEvent<KinesisEvent>) -> anyhow::Result<Answer> {
        let deadline = deadline(event.context.deadline);
        let request_id = &event.context.request_id;
        if let Some(follower) = self.follower.clone() {
            // Lambda freezes the process between invocations, so it polls during one.
            tokio::spawn(async move { follower.poll_if_due().await });
        }
        let mut answer = Answer::default();
        for batch in event.payload.batches()? {
            let records = batch.records.len();
            let shard = batch.shard.clone();
            let span = tracing::info_span!("batch", request_id, shard, records);
            let failure = self.batch(batch, deadline, request_id).instrument(span);
            answer.add(failure.await);
        }
        Ok(answer)
    }

    /// Lands the records of a shard, and returns those that Lambda must retry.
    async fn batch(
        &self,
        batch: LambdaBatch,
        deadline: Instant,
        request_id: &str,
    ) -> Option<Failure> {
        let started = Instant::now();
        let arrived_at = batch.records.first().map_or(0, |first| first.arrived_at);
        let landed = self.land_in_time(&batch, deadline).await;
        let error = landed.as_ref().err();
        if let Some(error) = error {
            report_mismatch(&self.runner.context.progress, &batch.shard, error);
            tracing::error!(
                event = events::BATCH_UNCOMMITTED,
                error = with_causes(error),
                "the batch was not landed completely"
            );
        }
        let ledger = match shard_id(&batch.stream, &batch.shard) {
            Ok(shard) => self.known(&shard, error.is_some()).await,
            Err(_) => None,
        };
        let failure = self.failure(&batch, ledger).await;
        let ended_ms = Utc::now().timestamp_millis();
        let mut reported = self.reported.lock().await;
        let before = mem::replace(&mut *reported, self.runner.context.summary());
        let invocation = Invocation {
            function: &self.name,
            stream: &batch.stream,
            shard: &batch.shard,
            request_id,
            before: &before,
            after: &reported,
            uncommitted: failure.as_ref().map_or(0, |failure| failure.records),
            mismatch: error.is_some_and(is_mismatch),
            age_ms: ended_ms - i64::try_from(arrived_at).unwrap_or(ended_ms),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ended_ms,
        };
        if let Err(error) = output::line(invocation.line()) {
            tracing::warn!(%error, "the metrics of this invocation are lost");
        }
        failure
    }

    /// The last known ledger of the shard. After a failure it is dropped, so that the next invocation
    /// reads it.
    async fn known(&self, shard: &ShardId, failed: bool) -> Option<Ledger> {
        let mut ledgers = self.ledgers.lock().await;
        let ledger = if failed {
            ledgers.remove(shard)
        } else {
            ledgers.get(shard).cloned()
        };
        Some(ledger?.ledger().await)
    }

    /// The uncommitted part of a batch. A record of which nothing is kept is never committed by itself,
    /// so a retry of it would never end; it is left out. Pinned records are kept as they were pinned.
    async fn failure(&self, batch: &LambdaBatch, ledger: Option<Ledger>) -> Option<Failure> {
        let numbers: Vec<_> = batch.records.iter().map(|record| record.sequence).collect();
        let Some(ledger) = ledger else {
            return Failure::of(&numbers, None);
        };
        let committed = ledger.committed().map(|committed| committed.last);
        let failure = Failure::of(&numbers, committed)?;
        if self.unpacking.misplaced_records.are_kept() {
            return Some(failure);
        }
        let Ok(packing) = self.packing(batch, ledger.pending()).await else {
            return Some(failure);
        };
        let left = &batch.records[batch.records.len() - failure.records..];
        let kept = left.iter().filter(|record| is_kept(&packing, record));
        let kept: Vec<_> = kept.map(|record| record.sequence).collect();
        Failure::of(&kept, committed)
    }

    /// Lands as much of a batch as there is time for.
    async fn land_in_time(&self, batch: &LambdaBatch, deadline: Instant) -> anyhow::Result<()> {
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        let margin = *self.slowest.lock().await * 3 / 2;
        let until = deadline - margin.min(left / 2).max(TIME_TO_ANSWER).min(left);
        let cut = deadline - TIME_TO_ANSWER.min(left);
        let landed = tokio::time::timeout_at(cut.into(), self.land_with_retry(batch, until)).await;
        let mut slowest = self.slowest.lock().await;
        *slowest = started.elapsed().max(*slowest);
        landed.context(
            "there was not enough time to land the batch; the next invocation lands the rest",
        )?
    }

    /// Lands a batch, with one retry if another process has written to the ledger since it was read.
    async fn land_with_retry(&self, batch: &LambdaBatch, until: Instant) -> anyhow::Result<()> {
        let shard = shard_id(&batch.stream, &batch.shard)?;
        match self.land(&shard, batch, until).await {
            Err(error) if is_stale(&error) => {
                tracing::info!(error = with_causes(&error), "reading the ledger again");
                self.ledgers.lock().await.remove(&shard);
                self.land(&shard, batch, until).await
            }
            landed => landed,
        }
    }

    async fn land(
        &self,
        shard: &ShardId,
        batch: &LambdaBatch,
        until: Instant,
    ) -> anyhow::Result<()> {
        let numbers: Vec<_> = batch.records.iter().map(|record| record.sequence).collect();
        let ledger = self.ledger(shard, &numbers).await?;
        let open = self.runner.open_shard(shard, Claim::Acquired(ledger));
        let open = open.await?;
        let source = BatchSource {
            stream: Stream::new(self.client.clone(), batch.stream.clone()),
            shard: batch.shard.clone(),
            packing: self.packing(batch, open.from.pending.as_ref()).await?,
            records: batch.records.clone(),
            budget: self.budget.clone(),
            retry_policy: self.retry_policy.clone(),
            meter: self.runner.context.health.read_meter(shard),
            until: until.into(),
        };
        open.land(source).await?.close()?;
        Ok(())
    }

    /// The shard's ledger: as this process left it, or as it is in the lake. The first step takes the
    /// shard, so a batch that is committed already writes nothing.
    async fn ledger(
        &self,
        shard: &ShardId,
        batch: &[SequenceNumber],
    ) -> anyhow::Result<Arc<S3Ledger>> {
        let mut ledgers = self.ledgers.lock().await;
        if let Some(ledger) = ledgers.get(shard) {
            return Ok(ledger.clone());
        }
        let ledger = Arc::new(
            self.runner
                .targets
                .acquire(shard, batch.first().copied())
                .await?,
        );
        ledgers.insert(shard.clone(), ledger.clone());
        Ok(ledger)
    }

    /// How the records of a batch are packed, given the pending range.
    async fn packing(
        &self,
        batch: &LambdaBatch,
        pending: Option<&Pending>,
    ) -> anyhow::Result<Packing> {
        let repeated = pending.map(RepeatedRange::of);
        let are_kept = |unpacking: Unpacking| unpacking.misplaced_records.are_kept();
        let were_kept = repeated.is_none_or(|range| are_kept(range.unpacking));
        let hash_keys = if were_kept && are_kept(self.unpacking) {
            // All records are kept, so their hash keys make no difference.
            0..=u128::MAX
        } else {
            self.hash_keys(batch).await?
        };
        Ok(Packing {
            shard: shard_id(&batch.stream, &batch.shard)?,
            hash_keys,
            unpackings: Unpackings {
                new: self.unpacking,
                repeated: repeated.into_iter().collect(),
            },
        })
    }

    /// The hash keys of a batch's shard.
    async fn hash_keys(
        &self,
        batch: &LambdaBatch,
    ) -> anyhow::Result<std::ops::RangeInclusive<u128>> {
        let mut known = self.hash_keys.lock().await;
        if let Some(keys) = known.get(&batch.shard) {
            return Ok(keys.clone());
        }
        let stream = Stream::new(self.client.clone(), batch.stream.clone());
        let shards = stream.list_shards().await;
        for info in shards.with_context(|| format!("the stream {}", batch.stream))? {
            known.insert(info.id, info.hash_keys);
        }
        let keys = known.get(&batch.shard).cloned();
        keys.with_context(|| format!("the stream {} has no {}", batch.stream, batch.shard))
    }
}

fn deadline(epoch_ms: u64) -> Instant {
    let now = u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0);
    let left = match epoch_ms.saturating_sub(now) {
        0 => LONGEST_INVOCATION,
        left => Duration::from_millis(left),
    };
    Instant::now() + left
}

/// Whether another process has written the ledger since this one read it.
fn is_stale(error: &anyhow::Error) -> bool {
    let ledger = ledger_error(error);
    matches!(ledger, Some(StoreError::Lost { .. } | StoreError::Step(_)))
}
