//! Messages as JSON, as the API of SQS takes them ("AWS JSON 1.0": the reference of `SendMessageBatch`). The types of the SDK
//! would make twenty allocations for a message, and serializing them takes as long as all else that a call does.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

use bytes::Bytes;

/// Room for the attributes of a message, its group and its deduplication id, bytes.
const ATTRIBUTES_ROOM: usize = 768;

/// The JSON of a message besides its id.
#[derive(Debug)]
pub(super) struct Entry {
    json: Vec<u8>,
    /// What counts for the limits of SQS: the body, and names, types and values of attributes ("Amazon SQS message
    /// quotas").
    pub(super) bytes: usize,
    /// Its group, in a FIFO queue.
    pub(super) group: Option<String>,
}

/// Writes a message: first its attributes, then the rest.
pub(super) struct EntryWriter {
    json: Vec<u8>,
    bytes: usize,
    /// The text of an attribute.
    value: String,
}

impl EntryWriter {
    /// With room for a body of this many bytes.
    pub(super) fn new(body_bytes: usize) -> Self {
        let mut json = Vec::with_capacity(body_bytes + body_bytes / 4 + ATTRIBUTES_ROOM);
        json.extend_from_slice(br#""MessageAttributes":{"#);
        Self {
            json,
            bytes: 0,
            value: String::new(),
        }
    }

    /// Adds an attribute. A name has no characters that JSON escapes.
    pub(super) fn attribute(&mut self, name: &str, value: &dyn Display) {
        self.value.clear();
        written(write!(self.value, "{value}").is_ok());
        let separator = if self.bytes == 0 { "" } else { "," };
        let begin = write!(
            self.json,
            r#"{separator}"{name}":{{"DataType":"String","StringValue":"#
        );
        written(begin.is_ok());
        push_string(&mut self.json, &self.value);
        self.json.push(b'}');
        self.bytes += name.len() + "String".len() + self.value.len();
    }

    /// The size of the attributes, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The message with a body and, in a FIFO queue, its group and its deduplication id.
    pub(super) fn finish(mut self, body: &str, order: Option<(String, String)>) -> Entry {
        self.json.extend_from_slice(br#"},"MessageBody":"#);
        push_string(&mut self.json, body);
        if let Some((group, once)) = &order {
            let order = write!(
                self.json,
                r#","MessageGroupId":"{group}","MessageDeduplicationId":"{once}""#
            );
            written(order.is_ok());
        }
        Entry {
            bytes: self.bytes + body.len(),
            json: self.json,
            group: order.map(|(group, _)| group),
        }
    }
}

/// The body of a call that sends these of the messages of a batch. The id of a message is its place in the batch.
pub(super) fn call_body(queue: &str, entries: &[Entry], places: &[usize]) -> Bytes {
    let messages = places
        .iter()
        .filter_map(|place| Some((place, entries.get(*place)?)));
    let bytes: usize = entries.iter().map(|entry| entry.json.len() + 32).sum();
    let mut json = Vec::with_capacity(bytes + queue.len() + 64);
    json.extend_from_slice(br#"{"QueueUrl":"#);
    push_string(&mut json, queue);
    json.extend_from_slice(br#","Entries":["#);
    for (index, (place, entry)) in messages.enumerate() {
        let separator = if index == 0 { "" } else { "," };
        written(write!(json, r#"{separator}{{"Id":"{place}","#).is_ok());
        json.extend_from_slice(&entry.json);
        json.push(b'}');
    }
    json.extend_from_slice(b"]}");
    json.into()
}

fn push_string(json: &mut Vec<u8>, text: &str) {
    written(serde_json::to_writer(json, text).is_ok());
}

/// Memory can always be written.
fn written(is_written: bool) {
    debug_assert!(is_written, "memory can be written");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(body: &str, order: Option<(String, String)>) -> Entry {
        let mut entry = EntryWriter::new(0);
        entry.attribute("rid", &"a\"b:1");
        entry.attribute("event", &7);
        assert_eq!(entry.bytes(), 3 + 6 + 5 + 5 + 6 + 1);
        entry.finish(body, order)
    }

    #[test]
    fn a_call_has_the_messages_that_it_is_asked_for() {
        let fifo = Some(("g".to_owned(), "d".to_owned()));
        let entries = [
            entry("{\"a\":\"\\n\"}", None),
            entry("x", None),
            entry("é", fifo),
        ];
        assert_eq!(entries[2].bytes, 26 + 2);
        let body = call_body("http://q/\"", &entries, &[0, 2]);
        let attributes = json!({
            "rid": { "DataType": "String", "StringValue": "a\"b:1" },
            "event": { "DataType": "String", "StringValue": "7" },
        });
        let expected = json!({
            "QueueUrl": "http://q/\"",
            "Entries": [
                { "Id": "0", "MessageBody": "{\"a\":\"\\n\"}", "MessageAttributes": attributes },
                {
                    "Id": "2", "MessageBody": "é", "MessageAttributes": attributes,
                    "MessageGroupId": "g", "MessageDeduplicationId": "d",
                },
            ],
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}
