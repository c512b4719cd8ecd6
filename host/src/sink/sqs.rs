//! A bus in SQS.

use std::collections::HashSet;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry as Entry,
    SendMessageBatchResultEntry as Sent,
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::SinkError;
use super::announcement::Announcement;
use super::object_key::Origin;
use crate::aws::why;
use crate::chunk::{Chunk, Message};
use crate::encode::Format;
use crate::record::Rid;
use crate::retry::{Attempts, Patience};
use crate::transform::release::Digest;

/// "SendMessageBatch": at most ten messages.
const BATCH_MAX_MESSAGES: usize = 10;

/// The largest message, and the largest batch, of a queue that does not say otherwise.
const DEFAULT_MAX_BYTES: usize = 256 << 10;

/// The codes by which the service says that there is no such queue, the second behind a prefix as
/// its older clients know it.
const NO_QUEUE: [&str; 2] = ["QueueDoesNotExist", "NonExistentQueue"];

/// What the attributes of a message take at most: a record id, a digest, an event type that fits a
/// path, and their names.
const ATTRIBUTES_MAX_BYTES: usize = 1 << 10;

/// Batches under way at once to a standard queue, which keeps no order.
const BATCHES_AT_ONCE: usize = 16;

/// A queue.
#[derive(Clone, Debug)]
pub struct SqsBus {
    client: Client,
    url: String,
    fifo: bool,
    max_bytes: usize,
    patience: Patience,
    /// Where the lake's objects are, for messages that point to them: `s3://bucket/prefix`.
    lake: String,
}

impl SqsBus {
    /// Looks up a queue by its name or URL.
    ///
    /// # Errors
    /// [`SinkError::Service`] where there is no such queue, or when patience is at its end.
    pub async fn open(
        client: Client,
        queue: &str,
        lake: String,
        patience: Patience,
    ) -> Result<Self, SinkError> {
        let what = format!("look up the queue {queue}");
        let mut attempts = Attempts::new(&patience, "find_queue");
        let (url, max_bytes) = loop {
            let error = match look_up(&client, queue).await {
                Ok(found) => break found,
                Err(error) => error,
            };
            let why = why(&error);
            let missing = error
                .code()
                .is_some_and(|code| NO_QUEUE.iter().any(|name| code.ends_with(name)));
            if missing || !attempts.again(&what, &why).await {
                return Err(SinkError::Service { what, why });
            }
        };
        let fifo = url.ends_with(".fifo");
        Ok(Self {
            client,
            url,
            fifo,
            max_bytes,
            patience,
            lake,
        })
    }

    /// The largest event that fits a message whatever its attributes are, bytes.
    #[must_use]
    pub fn max_event_bytes(&self) -> usize {
        self.max_bytes.saturating_sub(ATTRIBUTES_MAX_BYTES)
    }

    /// Sends the messages of a chunk; of a batch that is taken in part, only the rest is sent again.
    /// A FIFO queue gets one batch after the other, in which no group occurs twice, so that the
    /// order within a group survives a partial failure.
    ///
    /// # Errors
    /// [`SinkError::Service`] when patience is at its end.
    pub async fn send(&self, chunk: &Chunk, format: Format) -> Result<(), SinkError> {
        self.send_all(Entries {
            bus: self,
            chunk,
            format,
            next: 0,
        })
        .await
    }

    /// Sends messages about the objects of a chunk, with the attributes `release` and `event_type`. In
    /// a FIFO queue the shard is their group.
    ///
    /// # Errors
    /// [`SinkError::Service`] when patience is at its end.
    pub async fn announce(
        &self,
        origin: &Origin,
        messages: &[Announcement],
    ) -> Result<(), SinkError> {
        let entry = |message: &Announcement| {
            let mut attributes = vec![("release", message.release.to_string())];
            if let Some(event_type) = event_type(&message.partition) {
                attributes.push(("event_type", event_type));
            }
            self.message(
                escaped(message.json()),
                attributes,
                origin.shard.as_str(),
                &message.key,
            )
        };
        self.send_all(messages.iter().map(entry)).await
    }

    async fn send_all(
        &self,
        entries: impl Iterator<Item = Result<Entry, SinkError>>,
    ) -> Result<(), SinkError> {
        let at_once = if self.fifo { 1 } else { BATCHES_AT_ONCE };
        let mut sends = FuturesUnordered::new();
        for batch in Batches::new(entries, self.max_bytes) {
            sends.push(self.send_batch(batch?));
            if sends.len() == at_once {
                sends.next().await.transpose()?;
            }
        }
        while sends.next().await.transpose()?.is_some() {}
        Ok(())
    }

    async fn send_batch(&self, mut batch: Vec<Entry>) -> Result<(), SinkError> {
        let mut attempts = Attempts::new(&self.patience, "send_messages");
        loop {
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(batch.clone()))
                .send()
                .await;
            let why = match sent {
                Ok(answer) => {
                    let taken: HashSet<_> = answer.successful().iter().map(Sent::id).collect();
                    batch.retain(|entry| !taken.contains(entry.id()));
                    if batch.is_empty() {
                        return Ok(());
                    }
                    let first = answer.failed().first();
                    let words = first.map(|f| f.message().unwrap_or(f.code()).to_owned());
                    words.unwrap_or_else(|| "not all messages were taken".into())
                }
                Err(error) => why(&error),
            };
            let what = format!("send {} messages to {}", batch.len(), self.url);
            if !attempts.again(&what, &why).await {
                return Err(SinkError::Service { what, why });
            }
        }
    }

    fn entry(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
        format: Format,
    ) -> Result<Entry, SinkError> {
        let origin = chunk.origin();
        let (shard, position) = (&origin.shard, message.position);
        let rid = Rid { shard, position }.to_string();
        let mut body = allowed(message.body);
        let mut attributes = vec![
            ("rid", rid.clone()),
            ("event", message.event.to_string()),
            ("release", origin.release.to_string()),
        ];
        if let Some(event_type) = event_type(message.partition) {
            attributes.push(("event_type", event_type));
        }
        if body.len() + attributes_bytes(&attributes) > self.max_bytes {
            attributes.push(("pointer", "true".to_owned()));
            body = self.pointer(chunk, message, &rid, format);
        }
        let group = match message.partition_key {
            "" => origin.shard.as_str(),
            key => key,
        };
        let event = format!("{rid}/{}/{}", message.event, origin.release);
        self.message(body, attributes, group, &event)
    }

    /// A message. To a FIFO queue it is one of `group`, sent once by the name `once`.
    fn message(
        &self,
        body: String,
        attributes: Vec<(&str, String)>,
        group: &str,
        once: &str,
    ) -> Result<Entry, SinkError> {
        let mut entry = Entry::builder().message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value);
            entry = entry.message_attributes(name, value.build().map_err(unbuilt)?);
        }
        if self.fifo {
            entry = entry
                .message_group_id(Digest::of(group.as_bytes()).to_string())
                .message_deduplication_id(Digest::of(once.as_bytes()).to_string());
        }
        entry.id("0").build().map_err(unbuilt)
    }

    /// What stands for an event that is too large for the queue: where the lake has it.
    fn pointer(&self, chunk: &Chunk, message: &Message<'_>, rid: &str, format: Format) -> String {
        let key = chunk.origin().object_key(&message.destination(), format);
        let object = format!("{}{key}", self.lake);
        let line = chunk.line_of(message);
        escaped(serde_json::json!({ "rid": rid, "object": object, "line": line }).to_string())
    }
}

/// The messages of a chunk as entries of batches.
struct Entries<'a> {
    bus: &'a SqsBus,
    chunk: &'a Chunk,
    format: Format,
    next: usize,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.chunk.message(self.next)?;
        self.next += 1;
        Some(self.bus.entry(self.chunk, &message, self.format))
    }
}

/// The URL of a queue, and the largest message that it takes, bytes.
async fn look_up(client: &Client, queue: &str) -> Result<(String, usize), aws_sdk_sqs::Error> {
    let url = if queue.contains("://") {
        queue.to_owned()
    } else {
        let found = client.get_queue_url().queue_name(queue).send().await?;
        found.queue_url().unwrap_or_default().to_owned()
    };
    let name = QueueAttributeName::MaximumMessageSize;
    let attributes = client.get_queue_attributes().queue_url(&url);
    let attributes = attributes.attribute_names(name.clone()).send().await?;
    let max_bytes = attributes
        .attributes()
        .and_then(|all| all.get(&name)?.parse().ok());
    Ok((url, max_bytes.unwrap_or(DEFAULT_MAX_BYTES)))
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "errors are handed over as they come"
)]
fn unbuilt(error: aws_sdk_sqs::error::BuildError) -> SinkError {
    SinkError::Service {
        what: "make a message".into(),
        why: error.to_string(),
    }
}

/// The value of the partition column `event_type`, as the lake's path writes it. What SQS refuses is
/// written as a path would write it.
fn event_type(partition: &str) -> Option<String> {
    let mut columns = partition.split('/');
    let value = columns.find_map(|column| column.strip_prefix("event_type="))?;
    let encoded = value.replace('\u{fffe}', "%EF%BF%BE");
    Some(encoded.replace('\u{ffff}', "%EF%BF%BF"))
}

/// JSON with what SQS refuses (U+FFFE and U+FFFF) as escapes, which mean the same. Control characters
/// cannot stand in JSON as they are.
fn allowed(json: &[u8]) -> String {
    escaped(String::from_utf8_lossy(json).into_owned())
}

fn escaped(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}

/// "Amazon SQS message quotas": names, types and values of attributes count.
fn attributes_bytes(attributes: &[(&str, String)]) -> usize {
    let bytes = |(name, value): &(&str, String)| name.len() + "String".len() + value.len();
    attributes.iter().map(bytes).sum()
}

fn entry_bytes(entry: &Entry) -> usize {
    let attributes = entry.message_attributes().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    });
    entry.message_body().len() + attributes.sum::<usize>()
}

fn fits(batch: &[Entry], bytes: usize, next: &Entry, max_bytes: usize) -> bool {
    let group = next.message_group_id();
    batch.is_empty()
        || batch.len() < BATCH_MAX_MESSAGES
            && bytes + entry_bytes(next) <= max_bytes
            && (group.is_none() || batch.iter().all(|entry| entry.message_group_id() != group))
}

/// Packs entries into batches, in order.
struct Batches<I: Iterator> {
    entries: std::iter::Peekable<I>,
    max_bytes: usize,
}

impl<I: Iterator<Item = Result<Entry, SinkError>>> Batches<I> {
    fn new(entries: I, max_bytes: usize) -> Self {
        Self {
            entries: entries.peekable(),
            max_bytes,
        }
    }
}

impl<I: Iterator<Item = Result<Entry, SinkError>>> Iterator for Batches<I> {
    type Item = Result<Vec<Entry>, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.entries.peek() {
            if let Ok(entry) = next
                && !fits(&batch, bytes, entry, self.max_bytes)
            {
                break;
            }
            match self.entries.next()? {
                Ok(mut entry) => {
                    bytes += entry_bytes(&entry);
                    entry.id = batch.len().to_string();
                    batch.push(entry);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize, group: Option<&str>) -> Result<Entry, SinkError> {
        let entry = Entry::builder().id("x").message_body("b".repeat(bytes));
        Ok(entry
            .set_message_group_id(group.map(str::to_owned))
            .build()
            .unwrap())
    }

    fn sizes(entries: Vec<Result<Entry, SinkError>>) -> Vec<usize> {
        let batches = Batches::new(entries.into_iter(), 1_000);
        batches.map(|batch| batch.unwrap().len()).collect()
    }

    #[test]
    fn a_batch_holds_ten_messages_and_no_more_bytes_than_the_queue_takes() {
        assert_eq!(
            sizes((0..25).map(|_| entry(10, None)).collect()),
            [10, 10, 5]
        );
        assert_eq!(sizes((0..5).map(|_| entry(400, None)).collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![entry(1_000, None), entry(1, None)]), [1, 1]);
    }

    #[test]
    fn a_group_occurs_once_in_a_batch() {
        let entries = ["a", "b", "a", "a", "c"].map(|group| entry(10, Some(group)));
        assert_eq!(sizes(entries.into()), [2, 1, 2]);
    }

    #[test]
    fn what_sqs_refuses_is_escaped() {
        assert_eq!(
            allowed("{\"a\":\"\u{ffff}é\"}".as_bytes()),
            "{\"a\":\"\\uffffé\"}"
        );
        assert_eq!(
            event_type("event_type=a%2Fb/date=2026-01-01").as_deref(),
            Some("a%2Fb")
        );
        assert_eq!(event_type("date=2026-01-01"), None);
        let refused = event_type("event_type=é\u{ffff}\u{fffe}");
        assert_eq!(refused.as_deref(), Some("é%EF%BF%BF%EF%BF%BE"));
    }
}
