//! A bus in SQS.

mod answer;
mod batches;
mod entry;
mod errors;
mod message;
mod outgoing;
mod queue;
mod queue_address;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sluice_engine::digest::Digest;
use sluice_storage::aws::{sdk_config, service_config};
use sluice_storage::calls::{Calls, Slot};
use sluice_storage::error::{ErrorKind, RequestError};
use sluice_storage::retry::{Attempts, RetryPolicy};

use self::answer::unsent;
use self::batches::{Batch, Batches};
use self::entry::call_body;
use self::errors::{SEND, SQS_ERRORS, is_timeout};
use self::outgoing::Outgoing;
use self::queue::Queue;
use self::queue_address::QueueAddress;
use super::{Bus, BusConnection, BusKind, ConnectOptions, Connecting, SendProgress};
use crate::layout::chunk::{Chunk, PACK_OVERHEAD_BYTES};
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::ledger::messages::{MessageRules, Messages};
use crate::sink::SinkError;

/// The maximum size of the attributes of a message, bytes: a record id, a digest, an event type that fits a
/// path, and their names.
const ATTRIBUTES_MAX_BYTES: usize = 1 << 10;

/// The messages of all calls at once, at most, bytes. As JSON, and once more in their calls, they take more than twice as much
/// memory.
const BYTES_AT_ONCE: usize = 32 << 20;

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
        let sdk = service_config(sdk.map_err(failed)?, "SQS", address.region());
        let (lake, retry_policy) = (options.lake.to_owned(), options.retry_policy.clone());
        let queue = Queue::find(&Client::new(&sdk), &address, queue, &retry_policy).await?;
        let (messages, settings) = (options.messages.messages, options.messages);
        let pack_bytes = match messages {
            Messages::Packed => Some(queue.pack_bytes(settings.bytes).map_err(failed)?),
            Messages::Events | Messages::Objects => None,
        };
        let most = BYTES_AT_ONCE / queue.max_bytes.max(1);
        let bus = Arc::new(SqsBus {
            client: sending_client(&sdk),
            id: Digest::of(queue.url.as_bytes()),
            queue,
            retry_policy,
            calls: Calls::new(settings.calls.clone(), most),
            lake,
        });
        let event_bytes = match pack_bytes {
            Some(bytes) => bytes - PACK_OVERHEAD_BYTES,
            None => bus.queue.max_bytes.saturating_sub(ATTRIBUTES_MAX_BYTES),
        };
        Ok(BusConnection {
            rules: MessageRules {
                messages,
                event_bytes: Some(event_bytes),
                pack_bytes,
            },
            keeps_order: bus.queue.is_fifo(),
            open: Box::new(move |_shard| Ok(bus.clone())),
        })
    })
}

/// A client without retries of its own, so that each throttled call is noticed.
fn sending_client(sdk: &aws_config::SdkConfig) -> Client {
    let config = Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(config.build())
}

/// A queue, which all shards share.
#[derive(Debug)]
pub struct SqsBus {
    client: Client,
    /// What the ledger calls this queue.
    id: Digest,
    queue: Queue,
    retry_policy: RetryPolicy,
    calls: Calls,
    /// The lake, for messages that point to its objects: `s3://bucket/prefix`.
    lake: String,
}

impl SqsBus {
    /// Sends the messages behind those that are known as sent, with several calls at once. Those to a FIFO queue share no
    /// group, so that the order within a group survives a failure. A batch that waits for its groups holds no slot, which
    /// another shard may need.
    async fn send_all(
        &self,
        outgoing: &Outgoing<'_>,
        progress: &SendProgress,
    ) -> Result<(), SinkError> {
        let mut batches = Batches::new(self, outgoing, progress.prefix());
        let mut sends = FuturesUnordered::new();
        let mut groups: HashSet<String> = HashSet::new();
        loop {
            if batches.can_send(&groups)? {
                tokio::select! {
                    biased;
                    Some(done) = sends.next(), if !sends.is_empty() => ended(done, &mut groups)?,
                    slot = self.calls.slot() => {
                        if let Some(batch) = batches.next_batch()? {
                            groups.extend(batch.groups.iter().cloned());
                            sends.push(self.send_batch(outgoing, batch, slot, progress));
                        }
                    }
                }
            } else if let Some(done) = sends.next().await {
                ended(done, &mut groups)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Sends a batch, and what the queue does not accept of it again. Returns the groups of its messages.
    async fn send_batch(
        &self,
        outgoing: &Outgoing<'_>,
        batch: Batch,
        mut slot: Slot,
        progress: &SendProgress,
    ) -> Result<Vec<String>, SinkError> {
        let mut attempts = Attempts::new(&self.retry_policy, "send_messages");
        let url = &self.queue.url;
        let (first, end) = (batch.first, batch.first + batch.entries.len() as u64);
        let mut left: Vec<_> = (0..batch.entries.len()).collect();
        loop {
            slot.called();
            let sent = self.call(call_body(url, &batch.entries, &left)).await;
            let cause = match sent {
                Ok(answer) => {
                    let described = |place| outgoing.described(first + place as u64);
                    match unsent(url, &mut left, &answer, described)? {
                        Some(cause) => cause,
                        None => {
                            attempts.succeeded();
                            slot.succeeded();
                            progress.accepted(first, end);
                            return Ok(batch.groups);
                        }
                    }
                }
                Err(error) => {
                    if is_timeout(&error) {
                        slot.throttled();
                    }
                    SQS_ERRORS.classify(&error, SEND)
                }
            };
            if cause.kind() == ErrorKind::Throttled {
                slot.throttled();
            }
            let what = format!("send {} messages to {url}", left.len());
            if !attempts.wait_to_retry(&what, &cause).await {
                return Err(SinkError::Queue { what, cause });
            }
        }
    }

    /// Checks that the queue takes the packed messages that a range has pinned, perhaps for another queue. Smaller ones would
    /// be others than those that are known as sent.
    fn check_takes(&self, pack_bytes: usize) -> Result<(), SinkError> {
        let limit = self.queue.max_bytes;
        if pack_bytes <= limit {
            return Ok(());
        }
        let why = format!(
            "the pending range was pinned with packed messages of up to {pack_bytes} bytes, and the queue accepts at \
             most {limit}"
        );
        let advice = format!(
            "set its MaximumMessageSize to {pack_bytes} or more until the range is committed, or finish the range \
             without a bus (--bus none)"
        );
        Err(SinkError::Queue {
            what: format!("send packed messages to {}", self.queue.url),
            cause: RequestError::invalid(why, advice),
        })
    }

    /// Calls `SendMessageBatch` with this body: the SDK signs, sends and reads the answer.
    async fn call(
        &self,
        body: Bytes,
    ) -> Result<SendMessageBatchOutput, SdkError<SendMessageBatchError>> {
        let call = self.client.send_message_batch().customize();
        let call = call.mutate_request(move |request| {
            let length = body.len().to_string();
            request.headers_mut().insert("content-length", length);
            *request.body_mut() = body.clone().into();
        });
        call.send().await
    }
}

/// Takes the groups of a batch that was sent from those under way.
fn ended(
    batch: Result<Vec<String>, SinkError>,
    groups: &mut HashSet<String>,
) -> Result<(), SinkError> {
    for group in batch? {
        groups.remove(&group);
    }
    Ok(())
}

/// If a batch is accepted in part, only the rest is sent again. In a FIFO queue, a call has one message of a group at most, and
/// no other call under way has one of it. Errors are [`SinkError::Queue`] after the retry timeout and
/// [`SinkError::MessageRejected`] at once.
impl Bus for SqsBus {
    fn id(&self) -> Option<Digest> {
        Some(self.id)
    }

    fn send<'a>(
        &'a self,
        chunk: &'a Chunk,
        progress: &'a SendProgress,
    ) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(async move {
            let outgoing = match chunk.pins().pack_bytes {
                Some(bytes) => {
                    self.check_takes(bytes)?;
                    Outgoing::packed(chunk, self.queue.is_fifo())
                }
                None => Outgoing::Events(chunk),
            };
            let messages = outgoing.len();
            let known = progress.begin(messages);
            self.send_all(&outgoing, progress).await?;
            Ok(messages - known)
        })
    }

    /// The messages have the attributes `release` and `event_type`. In a FIFO queue the shard is their
    /// group.
    fn notify<'a>(
        &'a self,
        origin: &'a Origin,
        messages: &'a [ObjectNotification],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let progress = SendProgress::new(None);
            self.send_all(&Outgoing::Objects(origin, messages), &progress)
                .await
        })
    }
}
