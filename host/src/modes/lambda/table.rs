//! The mode for a Lambda function that builds a table, on a schedule. Each invocation takes what is due.
//!
//! An invocation has a deadline, and its disk is small. So each commit takes only what there is [room](crate::table::room)
//! for. An attempt that does not end in time is interrupted before the deadline, or ended by Lambda. In both cases it is
//! void, and the next one is smaller.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use chrono::{DateTime, SecondsFormat, Utc};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use sluice_storage::retry::RetryPolicy;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::table_metrics::TableInvocation;
use super::{FUNCTION_NAME, deadline, memory};
use crate::config::BuildArgs;
use crate::output;
use crate::table::build::{BUSY_PAUSE, BUSY_TIMEOUT, Done, VOIDS_MAX, is_busy};
use crate::table::builder::{Builder, OutOfTime, RoundOutcome};
use crate::table::follow::{log, log_failure};
use crate::table::location::{TableLocation, builder_retries};
use crate::table::progress::TableProgress;
use crate::table::room::{Pace, Room};

/// The part of an invocation's time that is reserved to give the lease back and to answer.
const TIME_TO_END: Duration = Duration::from_secs(1);

/// The part that is reserved for the answer alone.
const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// The part of a function's memory that is for events and files. The rest is for the program, and for uploads.
const PART_OF_MEMORY: u64 = 4;

/// A function that builds a table.
pub struct TableFunction {
    name: String,
    location: TableLocation,
    build: BuildArgs,
    /// How long events wait for more.
    age: Duration,
    retries: RetryPolicy,
    progress: Arc<TableProgress>,
    /// What stays from one invocation to the next one.
    warm: Mutex<Warm>,
}

/// What a process keeps between invocations.
#[derive(Default)]
struct Warm {
    builder: Option<Builder>,
    pace: Pace,
    /// Invocations in a row that have failed.
    failures: u32,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, Default)]
struct InvocationEnd {
    /// Since when the oldest events have waited, milliseconds since the Unix epoch.
    waiting_since: Option<i64>,
    /// Whether more could be taken at once.
    has_more: bool,
    /// Whether another builder works on the table.
    is_busy: bool,
}

impl TableFunction {
    /// The function of a table, which writes events that have waited for `age`.
    #[must_use]
    pub fn new(location: TableLocation, build: BuildArgs, age: Duration) -> Self {
        let retries = builder_retries();
        let counted = retries.retries().clone();
        let progress = TableProgress::new(&location.table, counted, Duration::ZERO);
        let memory = memory().map_or(build.memory, |function| ByteSize(function / PART_OF_MEMORY));
        Self {
            name: std::env::var(FUNCTION_NAME).unwrap_or_default(),
            build: BuildArgs {
                memory: build.memory.min(memory),
                ..build
            },
            progress: Arc::new(progress),
            location,
            age,
            retries,
            warm: Mutex::default(),
        }
    }

    /// Handles invocations until Lambda ends the process.
    ///
    /// # Errors
    /// The runtime API fails.
    pub async fn run(self) -> anyhow::Result<()> {
        let function = Arc::new(self);
        let serve = |event: LambdaEvent<Value>| {
            let function = function.clone();
            async move {
                let invoked = function.invoke(&event.context).await;
                invoked.map_err(|error| Error::from(output::with_causes(&error)))
            }
        };
        let ended = lambda_runtime::run(service_fn(serve)).await;
        ended.map_err(|error| anyhow::anyhow!("the Lambda runtime API fails: {error}"))
    }

    /// Builds the table, and reports it.
    async fn invoke(&self, context: &Context) -> anyhow::Result<Value> {
        let started = Instant::now();
        let deadline = deadline(context.deadline).into();
        let mut warm = self.warm.lock().await;
        let mut done = Done::default();
        let built = self.in_time(&mut warm, deadline, &mut done).await;
        warm.failures = match &built {
            Ok(_) => 0,
            Err(error) => {
                let failures = warm.failures.saturating_add(1);
                log_failure(&self.progress, error, failures);
                failures
            }
        };
        let invocation = TableInvocation {
            function: &self.name,
            table: &self.location.table.to_string(),
            request_id: &context.request_id,
            done: &done,
            oldest_waiting: self.progress.oldest_waiting(),
            is_stopped: built.is_err(),
            duration: started.elapsed(),
            ended_ms: Utc::now().timestamp_millis(),
        };
        if let Err(error) = output::line(invocation.line()) {
            tracing::warn!(%error, "the metrics of this invocation are lost");
        }
        built.map(|ended| self.answer(&done, ended))
    }

    fn answer(&self, done: &Done, ended: InvocationEnd) -> Value {
        let time = |millis| {
            let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
            time.to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        let mut answer = done.json(&self.location);
        answer["waiting_since"] = json!(ended.waiting_since.map(time));
        answer["has_more"] = json!(ended.has_more);
        answer["busy"] = json!(ended.is_busy);
        answer
    }

    /// Builds until nothing is due or the time is over. An invocation that has committed something has not failed if its
    /// time was too short for more.
    async fn in_time(
        &self,
        warm: &mut Warm,
        deadline: Instant,
        done: &mut Done,
    ) -> anyhow::Result<InvocationEnd> {
        let left = deadline.saturating_duration_since(Instant::now());
        let until = deadline - TIME_TO_END.min(left / 2);
        let cut = deadline - TIME_TO_ANSWER.min(left / 4);
        let built = timeout_at(cut, self.rounds(warm, until, done)).await;
        let built = built.unwrap_or_else(|_| Err(OutOfTime.into()));
        match built {
            Err(error) if error.is::<OutOfTime>() => {
                warm.pace.slow_down();
                if done.commits == 0 {
                    anyhow::bail!(
                        "{error}; if this goes on, give the function a longer timeout, or more memory"
                    );
                }
                tracing::warn!("{error}");
                Ok(InvocationEnd {
                    has_more: true,
                    ..InvocationEnd::default()
                })
            }
            built => built,
        }
    }

    async fn rounds(
        &self,
        warm: &mut Warm,
        until: Instant,
        done: &mut Done,
    ) -> anyhow::Result<InvocationEnd> {
        let builder = match &mut warm.builder {
            Some(builder) => builder,
            none => none.insert(self.open().await?),
        };
        let scratch: PathBuf = self.build.scratch_folder();
        let (mut busy_since, mut voids) = (None, 0);
        loop {
            let started = Instant::now();
            let room = Room::until(until, warm.pace, &scratch, done.commits == 0);
            let round = match builder.round_within(room).await {
                Err(error) if is_busy(&error) => {
                    let since: Instant = *busy_since.get_or_insert(started);
                    let is_over = until.saturating_duration_since(started) <= BUSY_PAUSE;
                    if is_over || since.elapsed() >= BUSY_TIMEOUT {
                        tracing::info!("{error}");
                        return Ok(InvocationEnd {
                            is_busy: true,
                            ..InvocationEnd::default()
                        });
                    }
                    sleep(BUSY_PAUSE).await;
                    continue;
                }
                round => round?,
            };
            log(&round);
            let mut ended = InvocationEnd {
                has_more: round.has_more,
                ..InvocationEnd::default()
            };
            done.waiting = 0;
            match round.outcome {
                RoundOutcome::Committed(commit) => {
                    done.add(&commit);
                    warm.pace.learn(commit.event_bytes, started.elapsed());
                }
                RoundOutcome::Void => {
                    voids += 1;
                    anyhow::ensure!(voids < VOIDS_MAX, "another builder has committed each time");
                    continue;
                }
                RoundOutcome::Waiting { events, since } => {
                    done.waiting = events;
                    ended.waiting_since = Some(since);
                    return Ok(ended);
                }
                RoundOutcome::Nothing => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if !ended.has_more || left <= warm.pace.least() {
                return Ok(ended);
            }
        }
    }

    /// The builder, with connections that stay.
    async fn open(&self) -> anyhow::Result<Builder> {
        let builder = self
            .build
            .open(&self.location, self.age, &self.retries)
            .await?;
        Ok(builder.observed(self.progress.clone()))
    }
}
