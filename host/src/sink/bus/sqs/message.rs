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
pub(super) const RID: &str = "rid";

impl SqsBus {
    /// The message about an object. In a FIFO queue the shard is its group.
    pub(super) fn entry_about(
        &self,
        origin: &Origin,
        message: &ObjectNotification,
    ) -> Result<Entry, SinkError> {
        let mut attributes = vec![("release", message.release.to_string())];
        if let Some(event_type) = event_type(&message.partition) {
            attributes.push(("event_type", event_type));
        }
        let body = escaped(message.json());
        self.message(body, attributes, origin.shard.as_str(), &message.key)
    }

    /// The message with an event, or with a pointer to one that is too large.
    pub(super) fn entry(&self, chunk: &Chunk, message: &Message<'_>) -> Result<Entry, SinkError> {
        let origin = chunk.origin();
        let rid = message.rid().to_string();
        let mut body = allowed(message.body);
        let mut attributes = vec![
            (RID, rid.clone()),
            ("event", message.event.to_string()),
            ("release", origin.release.to_string()),
        ];
        if let Some(event_type) = event_type(message.partition) {
            attributes.push(("event_type", event_type));
        }
        if body.len() + attributes_bytes(&attributes) > self.queue.max_bytes {
            attributes.push(("pointer", "true".to_owned()));
            body = self.pointer(chunk, message, &rid)?;
        }
        let group = match message.partition_key {
            "" => message.shard.as_str(),
            key => key,
        };
        let event = format!("{rid}/{}/{}", message.event, origin.release);
        self.message(body, attributes, group, &event)
    }

    /// A message. In a FIFO queue its group is `group` and its deduplication id is made of `once`.
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
            entry = entry.message_attributes(name, value.build().map_err(build_error)?);
        }
        if self.queue.is_fifo() {
            entry = entry
                .message_group_id(Digest::of(group.as_bytes()).to_string())
                .message_deduplication_id(Digest::of(once.as_bytes()).to_string());
        }
        entry.id("0").build().map_err(build_error)
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
