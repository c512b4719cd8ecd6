//! A bus in SQS.

mod answer;
mod batches;
mod errors;
mod message;
mod queue;
mod queue_address;

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry as Entry;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sluice_storage::aws::{sdk_config, service_config};
use sluice_storage::error::RequestError;
use sluice_storage::retry::{Attempts, RetryPolicy};

use self::answer::retain_unsent;
use self::batches::Batches;
use self::errors::{SEND, SQS_ERRORS};
use self::queue::Queue;
use self::queue_address::QueueAddress;
use super::{Bus, BusConnection, BusKind, ConnectOptions, Connecting};
use crate::layout::chunk::Chunk;
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;

/// The maximum size of the attributes of a message, bytes: a record id, a digest, an event type that fits a
/// path, and their names.
const ATTRIBUTES_MAX_BYTES: usize = 1 << 10;

/// Concurrent batches to a standard queue, which keeps no order.
const BATCHES_AT_ONCE: usize = 16;

/// Settings of the form `sqs:QUEUE`.
pub(super) const KIND: BusKind = BusKind {
    scheme: "sqs",
    syntax: "sqs:QUEUE",
    help: "a queue's name, URL or ARN",
    check: |queue| QueueAddress::parse(queue).map(drop),
    describe: |queue| format!("the queue {queue}"),
    folder: |_| None,
    connect,
};

fn connect<'a>(queue: &'a str, options: ConnectOptions<'a>) -> Connecting<'a> {
    Box::pin(async move {
        let failed = |cause| SinkError::Queue {
            what: format!("look up the queue {queue}"),
            cause,
        };
        let address = QueueAddress::parse(queue);
        let address = address.map_err(|why| failed(RequestError::invalid(why, "correct --bus")))?;
        let sdk = options.sdk.get_or_try_init(sdk_config).await;
        let sdk = sdk.map_err(failed)?;
        let client = Client::new(&service_config(sdk, "SQS", address.region()));
        let (lake, retry_policy) = (options.lake.to_owned(), options.retry_policy.clone());
        let queue = Queue::find(&client, &address, queue, &retry_policy).await?;
        let bus = Arc::new(SqsBus {
            client,
            queue,
            retry_policy,
            lake,
        });
        Ok(BusConnection {
            max_event_bytes: Some(bus.max_event_bytes()),
            keeps_order: bus.queue.is_fifo(),
            open: Box::new(move |_shard| Ok(bus.clone())),
        })
    })
}

/// A queue, which all shards share.
#[derive(Debug)]
pub struct SqsBus {
    client: Client,
    queue: Queue,
    retry_policy: RetryPolicy,
    /// The lake, for messages that point to its objects: `s3://bucket/prefix`.
    lake: String,
}

impl SqsBus {
    /// The largest event that fits a message whatever its attributes are, bytes.
    fn max_event_bytes(&self) -> usize {
        self.queue.max_bytes.saturating_sub(ATTRIBUTES_MAX_BYTES)
    }

    async fn send_all(
        &self,
        entries: impl Iterator<Item = Result<Entry, SinkError>>,
    ) -> Result<(), SinkError> {
        let at_once = if self.queue.is_fifo() {
            1
        } else {
            BATCHES_AT_ONCE
        };
        let mut sends = FuturesUnordered::new();
        for batch in Batches::new(entries, self.queue.max_bytes) {
            sends.push(self.send_batch(batch?));
            if sends.len() == at_once {
                sends.next().await.transpose()?;
            }
        }
        while sends.next().await.transpose()?.is_some() {}
        Ok(())
    }

    async fn send_batch(&self, mut batch: Vec<Entry>) -> Result<(), SinkError> {
        let mut attempts = Attempts::new(&self.retry_policy, "send_messages");
        let url = &self.queue.url;
        loop {
            let send = self.client.send_message_batch().queue_url(url);
            let sent = send.set_entries(Some(batch.clone())).send().await;
            let cause = match sent {
                Ok(answer) => match retain_unsent(url, &mut batch, &answer)? {
                    Some(cause) => cause,
                    None => {
                        attempts.succeeded();
                        return Ok(());
                    }
                },
                Err(error) => SQS_ERRORS.classify(&error, SEND),
            };
            let what = format!("send {} messages to {url}", batch.len());
            if !attempts.wait_to_retry(&what, &cause).await {
                return Err(SinkError::Queue { what, cause });
            }
        }
    }
}

/// If a batch is accepted in part, only the rest is sent again. A FIFO queue gets one batch after the
/// other, in which no group occurs twice, so that the order within a group survives a partial failure.
/// Errors are [`SinkError::Queue`] after the retry timeout and [`SinkError::MessageRejected`] at once.
impl Bus for SqsBus {
    fn send<'a>(&'a self, chunk: &'a Chunk) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.send_all(Entries {
            bus: self,
            chunk,
            next: 0,
        }))
    }

    /// The messages have the attributes `release` and `event_type`. In a FIFO queue the shard is their
    /// group.
    fn notify<'a>(
        &'a self,
        origin: &'a Origin,
        messages: &'a [ObjectNotification],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        let entry = move |message: &ObjectNotification| self.entry_about(origin, message);
        Box::pin(self.send_all(messages.iter().map(entry)))
    }
}

/// The messages of a chunk as entries of batches.
struct Entries<'a> {
    bus: &'a SqsBus,
    chunk: &'a Chunk,
    next: usize,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.chunk.message(self.next)?;
        self.next += 1;
        Some(self.bus.entry(self.chunk, &message))
    }
}
