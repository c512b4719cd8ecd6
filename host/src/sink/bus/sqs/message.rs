//! The bodies and attributes of messages, and the pointer that replaces an event that is too large.

use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry as Entry};
use sluice_engine::digest::Digest;
use sluice_storage::error::{ErrorKind, RequestError};

use super::SqsBus;
use crate::layout::chunk::{Chunk, Message};
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;

/// The name of the attribute with the id of the message's record.
const RID: &str = "rid";

impl SqsBus {
    /// The message about an object. In a FIFO queue the shard is its group.
    pub(super) fn entry_about(
        &self,
        origin: &Origin,
        message: &ObjectNotification,
        id: usize,
    ) -> Result<Entry, SinkError> {
        let mut attributes = vec![("release", message.release.to_string())];
        if let Some(event_type) = event_type(&message.partition) {
            attributes.push(("event_type", event_type));
        }
        let body = escaped(message.json());
        self.message(id, body, attributes, origin.shard.as_str(), &message.key)
    }

    /// The message with an event, or with a pointer to one that is too large.
    pub(super) fn entry(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
        id: usize,
    ) -> Result<Entry, SinkError> {
        let (body, attributes) = (allowed(message.body), attributes_of(chunk, message));
        if body.len() + attributes_bytes(&attributes) > self.queue.max_bytes {
            return self.pointer_entry(chunk, message, id);
        }
        self.message_about(chunk, message, body, attributes, id)
    }

    /// The message with a pointer to an event that is too large.
    pub(super) fn pointer_entry(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
        id: usize,
    ) -> Result<Entry, SinkError> {
        let mut attributes = attributes_of(chunk, message);
        attributes.push(("pointer", "true".to_owned()));
        let body = self.pointer(chunk, message, &message.rid().to_string())?;
        self.message_about(chunk, message, body, attributes, id)
    }

    fn message_about(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
        body: String,
        attributes: Vec<(&str, String)>,
        id: usize,
    ) -> Result<Entry, SinkError> {
        let once = format!(
            "{}/{}/{}",
            message.rid(),
            message.event,
            chunk.origin().release
        );
        self.message(id, body, attributes, group_of(message), &once)
    }

    /// The message with these events of one partition and, in a FIFO queue, of one group.
    pub(super) fn packed_entry(
        &self,
        chunk: &Chunk,
        events: &[u32],
        id: usize,
    ) -> Result<Entry, SinkError> {
        let mut body = Vec::new();
        match chunk.write_pack(events, &mut body) {
            Ok(()) => {}
            Err(error) => unreachable!("memory can be written: {error}"),
        }
        let message = |event: Option<&u32>| chunk.message(*event? as usize);
        let (Some(first), Some(last)) = (message(events.first()), message(events.last())) else {
            unreachable!("a pack has events of its chunk");
        };
        let release = chunk.release();
        let mut attributes = vec![
            ("packed", "true".to_owned()),
            ("count", events.len().to_string()),
            ("release", release.to_string()),
        ];
        if let Some(event_type) = event_type(first.partition) {
            attributes.push(("event_type", event_type));
        }
        let ends = [&first, &last].map(|end| format!("{}/{}", end.rid(), end.event));
        let once = format!("packed/{}/{release}", ends.join("/"));
        self.message(id, allowed(&body), attributes, group_of(&first), &once)
    }

    /// A message. In a FIFO queue its group is `group` and its deduplication id is made of `once`.
    fn message(
        &self,
        id: usize,
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
            entry = entry.message_attributes(name, value.build().map_err(build_error)?);
        }
        if self.queue.is_fifo() {
            entry = entry
                .message_group_id(Digest::of(group.as_bytes()).to_string())
                .message_deduplication_id(Digest::of(once.as_bytes()).to_string());
        }
        entry.id(id.to_string()).build().map_err(build_error)
    }

    /// The pointer to an event that is too large for the queue: its object and line in the lake.
    ///
    /// # Errors
    /// The event is in no object. Such a record is quarantined, but not if its range was pinned for a bus that
    /// takes larger messages.
    fn pointer(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
        rid: &str,
    ) -> Result<String, SinkError> {
        let Some(line) = chunk.line_of(message) else {
            let (bytes, limit) = (message.body.len(), self.queue.max_bytes);
            return Err(SinkError::MessageRejected {
                queue: self.queue.url.clone(),
                message: rid.to_owned(),
                why: format!(
                    "its event of {bytes} bytes is in no object and exceeds a message of {limit} bytes, and its \
                     range was pinned for a bus that takes larger messages"
                ),
            });
        };
        let format = chunk.pins().format;
        let key = chunk.origin().object_key(&message.destination(), format);
        let object = format!("{}{key}", self.lake);
        let pointer = serde_json::json!({ "rid": rid, "object": object, "line": line });
        Ok(escaped(pointer.to_string()))
    }
}

/// The attributes of the message about an event.
fn attributes_of(chunk: &Chunk, message: &Message<'_>) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        (RID, message.rid().to_string()),
        ("event", message.event.to_string()),
        ("release", chunk.release().to_string()),
    ];
    if let Some(event_type) = event_type(message.partition) {
        attributes.push(("event_type", event_type));
    }
    attributes
}

/// What a FIFO queue keeps the order of: the partition key, or the shard if the record has none.
fn group_of<'a>(message: &Message<'a>) -> &'a str {
    match message.partition_key {
        "" => message.shard.as_str(),
        key => key,
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "`map_err` passes errors by value"
)]
fn build_error(error: aws_sdk_sqs::error::BuildError) -> SinkError {
    SinkError::Queue {
        what: "make a message".into(),
        cause: RequestError::new(ErrorKind::Other, error.to_string()),
    }
}

/// The value of the partition column `event_type`, as the lake's path writes it. A character that SQS
/// rejects is encoded as in a path.
fn event_type(partition: &str) -> Option<String> {
    let mut columns = partition.split('/');
    let value = columns.find_map(|column| column.strip_prefix("event_type="))?;
    let encoded = value.replace('\u{fffe}', "%EF%BF%BE");
    Some(encoded.replace('\u{ffff}', "%EF%BF%BF"))
}

/// JSON with escapes for the characters that SQS rejects, U+FFFE and U+FFFF. JSON has no unescaped
/// control characters.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_rejects_is_escaped() {
        assert_eq!(
            allowed("{\"a\":\"\u{ffff}é\"}".as_bytes()),
            "{\"a\":\"\\uffffé\"}"
        );
        assert_eq!(
            event_type("event_type=a%2Fb/date=2026-01-01").as_deref(),
            Some("a%2Fb")
        );
        assert_eq!(event_type("date=2026-01-01"), None);
        let escaped = event_type("event_type=é\u{ffff}\u{fffe}");
        assert_eq!(escaped.as_deref(), Some("é%EF%BF%BF%EF%BF%BE"));
    }
}
