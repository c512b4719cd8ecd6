//! The bodies and attributes of messages, and the pointer that replaces an event that is too large.

use std::borrow::Cow;

use sluice_engine::digest::Digest;

use super::SqsBus;
use super::entry::{Entry, EntryWriter};
use crate::layout::chunk::{Chunk, Message};
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;

impl SqsBus {
    /// The message about an object. In a FIFO queue the shard is its group.
    pub(super) fn entry_about(&self, origin: &Origin, message: &ObjectNotification) -> Entry {
        let body = message.json();
        let mut entry = EntryWriter::new(body.len());
        entry.attribute("release", &message.release);
        if let Some(event_type) = event_type(&message.partition) {
            entry.attribute("event_type", &event_type);
        }
        let once = || message.key.clone();
        self.finish(entry, &body, origin.shard.as_str(), once)
    }

    /// The message with an event, or with a pointer to one that is too large.
    ///
    /// # Errors
    /// See [`pointer_entry`](Self::pointer_entry).
    pub(super) fn entry(&self, chunk: &Chunk, message: &Message<'_>) -> Result<Entry, SinkError> {
        let entry = writer_about(chunk, message);
        let body = text(message.body);
        if entry.bytes() + allowed(&body).len() > self.queue.max_bytes {
            return self.pointer_entry(chunk, message);
        }
        Ok(self.finish_about(entry, chunk, message, &body))
    }

    /// The message with a pointer to an event that is too large.
    ///
    /// # Errors
    /// The event is in no object. Such a record is quarantined, but not if its range was pinned for a bus that
    /// takes larger messages.
    pub(super) fn pointer_entry(
        &self,
        chunk: &Chunk,
        message: &Message<'_>,
    ) -> Result<Entry, SinkError> {
        let mut entry = writer_about(chunk, message);
        entry.attribute("pointer", &true);
        let body = self.pointer(chunk, message)?;
        Ok(self.finish_about(entry, chunk, message, &body))
    }

    /// The message with these events of one partition and, in a FIFO queue, of one group.
    pub(super) fn packed_entry(&self, chunk: &Chunk, events: &[u32]) -> Entry {
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
        let mut entry = EntryWriter::new(body.len());
        entry.attribute("packed", &true);
        entry.attribute("count", &events.len());
        entry.attribute("release", &release);
        if let Some(event_type) = event_type(first.partition) {
            entry.attribute("event_type", &event_type);
        }
        let ends = [&first, &last].map(|end| format!("{}/{}", end.rid(), end.event));
        let once = || format!("packed/{}/{release}", ends.join("/"));
        let body = text(&body);
        self.finish(entry, &body, group_of(&first), once)
    }

    fn finish_about(
        &self,
        entry: EntryWriter,
        chunk: &Chunk,
        message: &Message<'_>,
        body: &str,
    ) -> Entry {
        let once = || format!("{}/{}/{}", message.rid(), message.event, chunk.release());
        self.finish(entry, body, group_of(message), once)
    }

    /// A message. In a FIFO queue its group is `group` and its deduplication id is made of `once`.
    fn finish(
        &self,
        entry: EntryWriter,
        body: &str,
        group: &str,
        once: impl FnOnce() -> String,
    ) -> Entry {
        let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
        let order = self
            .queue
            .is_fifo()
            .then(|| (digest(group), digest(&once())));
        entry.finish(&allowed(body), order)
    }

    /// The pointer to an event that is too large for the queue: its object and line in the lake.
    fn pointer(&self, chunk: &Chunk, message: &Message<'_>) -> Result<String, SinkError> {
        let rid = message.rid().to_string();
        let Some(line) = chunk.line_of(message) else {
            let bytes = message.body.len();
            let limit = chunk.pins().pack_bytes.unwrap_or(self.queue.max_bytes);
            return Err(SinkError::MessageRejected {
                queue: self.queue.url.clone(),
                message: format!("record {rid}"),
                why: format!(
                    "its event of {bytes} bytes exceeds a message of {limit} bytes and is in no object that a message \
                     could point to; its range was pinned for a bus that takes larger messages"
                ),
            });
        };
        let format = chunk.pins().format;
        let key = chunk.origin().object_key(&message.destination(), format);
        let object = format!("{}{key}", object_root(&self.lake));
        Ok(serde_json::json!({ "rid": rid, "object": object, "line": line }).to_string())
    }
}

/// What the URLs of a lake's objects begin with: `s3://bucket/prefix/` or `file:folder/`.
fn object_root(lake: &str) -> String {
    if lake.starts_with("s3://") {
        return lake.to_owned();
    }
    let folder = lake.strip_prefix("file:").unwrap_or(lake);
    format!("file:{}/", folder.trim_end_matches('/'))
}

/// The beginning of a message about an event: its attributes.
fn writer_about(chunk: &Chunk, message: &Message<'_>) -> EntryWriter {
    let mut entry = EntryWriter::new(message.body.len());
    entry.attribute("rid", &message.rid());
    entry.attribute("event", &message.event);
    entry.attribute("release", &chunk.release());
    if let Some(event_type) = event_type(message.partition) {
        entry.attribute("event_type", &event_type);
    }
    entry
}

/// What a FIFO queue keeps the order of: the partition key, or the shard if the record has none.
fn group_of<'a>(message: &Message<'a>) -> &'a str {
    match message.partition_key {
        "" => message.shard.as_str(),
        key => key,
    }
}

/// The value of the partition column `event_type`, as the lake's path writes it. A character that SQS
/// rejects is encoded as in a path.
fn event_type(partition: &str) -> Option<Cow<'_, str>> {
    let mut columns = partition.split('/');
    let value = columns.find_map(|column| column.strip_prefix("event_type="))?;
    Some(without_rejected(value, "%EF%BF%BE", "%EF%BF%BF"))
}

/// JSON with escapes for the characters that SQS rejects, U+FFFE and U+FFFF. JSON has no unescaped
/// control characters.
fn allowed(json: &str) -> Cow<'_, str> {
    without_rejected(json, "\\ufffe", "\\uffff")
}

/// Events are UTF-8: what a transform makes is checked.
fn text(json: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(json) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(json),
    }
}

fn without_rejected<'a>(text: &'a str, fffe: &str, ffff: &str) -> Cow<'a, str> {
    // All that begin with this byte are rare in events.
    if memchr::memchr(0xef, text.as_bytes()).is_some() {
        Cow::Owned(text.replace('\u{fffe}', fffe).replace('\u{ffff}', ffff))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_an_object_of_a_bucket_or_a_folder() {
        assert_eq!(object_root("s3://bucket/prefix/"), "s3://bucket/prefix/");
        for lake in ["lake", "lake/", "file:lake", "file:lake/"] {
            assert_eq!(object_root(lake), "file:lake/");
        }
    }

    #[test]
    fn what_sqs_rejects_is_escaped() {
        assert_eq!(allowed("{\"a\":\"\u{ffff}é\"}"), "{\"a\":\"\\uffffé\"}");
        assert_eq!(
            event_type("event_type=a%2Fb/date=2026-01-01").as_deref(),
            Some("a%2Fb")
        );
        assert_eq!(event_type("date=2026-01-01"), None);
        let escaped = event_type("event_type=é\u{ffff}\u{fffe}");
        assert_eq!(escaped.as_deref(), Some("é%EF%BF%BF%EF%BF%BE"));
    }
}
