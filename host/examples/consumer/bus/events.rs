//! The events of a message, of all kinds.

use anyhow::{Context as _, ensure};
use aws_sdk_sqs::types::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::lake::Lake;

/// An event, with what identifies it: `rid` and `event`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The id of its record; of an event in an object, the URL of the object.
    pub(crate) rid: String,
    /// Its number among the events of the record; of an event in an object, its line.
    pub(crate) event: i64,
    /// Its partition. Of a message about one event in SQS, only the part `event_type=…`, if there is one.
    pub(crate) partition: String,
    /// The release that made it.
    pub(crate) release: String,
    /// Its JSON as it stands in the lake, with all digits of its numbers.
    pub(crate) body: String,
}

/// A packed message.
#[derive(Deserialize)]
struct Packed<'a> {
    partition: String,
    release: String,
    count: usize,
    #[serde(borrow)]
    events: Vec<PackedEvent<'a>>,
}

#[derive(Deserialize)]
struct PackedEvent<'a> {
    rid: String,
    event: i64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A line about one event, of a bus in a folder.
#[derive(Deserialize)]
struct Line<'a> {
    rid: String,
    event: i64,
    partition: String,
    release: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A pointer to an event that is too large for the queue.
#[derive(Deserialize)]
struct Pointer {
    object: String,
    line: usize,
}

/// A message about an object.
#[derive(Deserialize)]
struct Object {
    bucket: Option<String>,
    key: String,
    partition: String,
    release: String,
}

/// What tells the kinds of lines apart.
#[derive(Deserialize)]
struct Kind {
    events: Option<IgnoredAny>,
    rid: Option<IgnoredAny>,
}

/// The events of a message of SQS, which was received with all of its attributes.
///
/// # Errors
/// The message is none of Sluice, or an object of the lake cannot be read.
pub(crate) async fn of_message(message: &Message, lake: &mut Lake) -> anyhow::Result<Vec<Event>> {
    let body = message.body().context("the message has no body")?;
    if attribute(message, "packed") == Some("true") {
        return of_pack(body);
    }
    let Some(rid) = attribute(message, "rid") else {
        return of_object(body, lake).await;
    };
    let number = attribute(message, "event").context("the message has no attribute `event`")?;
    let event_type = attribute(message, "event_type").map(as_in_the_lake);
    let partition = event_type.map(|event_type| format!("event_type={event_type}"));
    let body = match attribute(message, "pointer") {
        Some("true") => pointed_to(body, lake).await?,
        _ => body.to_owned(),
    };
    Ok(vec![Event {
        rid: rid.to_owned(),
        event: number.parse().context("the attribute `event`")?,
        partition: partition.unwrap_or_default(),
        release: attribute(message, "release").unwrap_or_default().to_owned(),
        body,
    }])
}

/// The events of a line of a bus in a folder.
///
/// # Errors
/// The line is none of Sluice, or an object of the lake cannot be read.
pub(crate) async fn of_line(line: &str, lake: &mut Lake) -> anyhow::Result<Vec<Event>> {
    let kind: Kind = serde_json::from_str(line)?;
    if kind.events.is_some() {
        return of_pack(line);
    }
    if kind.rid.is_none() {
        return of_object(line, lake).await;
    }
    let line: Line<'_> = serde_json::from_str(line)?;
    Ok(vec![Event {
        rid: line.rid,
        event: line.event,
        partition: line.partition,
        release: line.release,
        body: line.body.get().to_owned(),
    }])
}

/// The attribute `event_type` as the lake's path has it. SQS rejects U+FFFE and U+FFFF, so the attribute has their bytes instead.
/// It is exact: a `%` of the event itself is `%25` in the path and in the attribute.
fn as_in_the_lake(event_type: &str) -> String {
    event_type
        .replace("%EF%BF%BE", "\u{fffe}")
        .replace("%EF%BF%BF", "\u{ffff}")
}

fn attribute<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.message_attributes()?.get(name)?.string_value()
}

fn of_pack(body: &str) -> anyhow::Result<Vec<Event>> {
    let pack: Packed<'_> = serde_json::from_str(body)?;
    let (count, found) = (pack.count, pack.events.len());
    ensure!(
        count == found,
        "a packed message of {count} events has {found}"
    );
    let events = pack.events.into_iter().map(|event| Event {
        rid: event.rid,
        event: event.event,
        partition: pack.partition.clone(),
        release: pack.release.clone(),
        body: event.body.get().to_owned(),
    });
    Ok(events.collect())
}

/// A message about an object has no ids of records. An object never changes, so its URL and a line identify an event.
async fn of_object(body: &str, lake: &mut Lake) -> anyhow::Result<Vec<Event>> {
    let object: Object = serde_json::from_str(body)?;
    let url = match &object.bucket {
        Some(bucket) => format!("s3://{bucket}/{}", object.key),
        None => format!("file:{}", object.key),
    };
    let lines = lake.lines(&url).await?;
    let events = (0..).zip(lines).map(|(number, line)| Event {
        rid: url.clone(),
        event: number,
        partition: object.partition.clone(),
        release: object.release.clone(),
        body: line.clone(),
    });
    Ok(events.collect())
}

async fn pointed_to(body: &str, lake: &mut Lake) -> anyhow::Result<String> {
    let Pointer { object, line } = serde_json::from_str(body)?;
    let lines = lake.lines(&object).await?;
    let found = lines.get(line);
    found
        .cloned()
        .with_context(|| format!("{object} has no line {line}"))
}
