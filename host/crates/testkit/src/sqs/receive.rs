//! The actions that receive and delete messages.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::super::rpc::{Failure, Outcome, list, number, text};
use super::md5;
use super::send::{check_ids, failed_entry};
use super::state::{Message, Queue, State, invalid, missing};

/// The default visibility timeout.
const HIDDEN_SECONDS: usize = 30;

impl State {
    pub(super) fn receive_message(&mut self, input: &Value) -> Outcome {
        let now_ms = self.clock.now_ms();
        let most = number(input, "MaxNumberOfMessages").unwrap_or(1);
        let hidden = number(input, "VisibilityTimeout").unwrap_or(HIDDEN_SECONDS);
        let wait = number(input, "WaitTimeSeconds").unwrap_or(0);
        check("MaxNumberOfMessages", most, 1..=10)?;
        check("WaitTimeSeconds", wait, 0..=20)?;
        check_visibility(hidden)?;
        let first_receipt = self.receipts + 1;
        self.receipts += most;
        let (_, queue) = self.queue(input)?;
        let positions = queue.visible(now_ms, most);
        let mut messages = Vec::new();
        for (nth, position) in positions.into_iter().enumerate() {
            let message = &mut queue.messages[position];
            message.hidden_until_ms = now_ms + hidden as u64 * 1000;
            message.receives += 1;
            message.receipt = first_receipt + nth;
            let receipt = format!("{position}/{}", message.receipt);
            messages.push(received(message, &receipt, input));
        }
        Ok(if messages.is_empty() {
            json!({})
        } else {
            json!({ "Messages": messages })
        })
    }

    pub(super) fn delete_message(&mut self, input: &Value) -> Outcome {
        let now_ms = self.clock.now_ms();
        self.queue(input)?.1.delete(input, now_ms)?;
        Ok(json!({}))
    }

    pub(super) fn change_message_visibility(&mut self, input: &Value) -> Outcome {
        let now_ms = self.clock.now_ms();
        self.queue(input)?.1.change_visibility(input, now_ms)?;
        Ok(json!({}))
    }

    pub(super) fn delete_message_batch(&mut self, input: &Value) -> Outcome {
        let now_ms = self.clock.now_ms();
        let (_, queue) = self.queue(input)?;
        let entries = list(input, "Entries");
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in check_ids(entries)?.into_iter().zip(entries) {
            match queue.delete(entry, now_ms) {
                Ok(()) => successful.push(json!({ "Id": id })),
                Err(failure) => failed.push(failed_entry(id, &failure)),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }
}

impl Queue {
    /// The positions of the messages that can be received. In a FIFO queue, a group waits while one
    /// of its messages is hidden.
    fn visible(&self, now_ms: u64, most: usize) -> Vec<usize> {
        let there = |message: &&Message| !message.deleted;
        let hidden = |message: &&Message| message.hidden_until_ms > now_ms;
        let waiting: HashSet<_> = self
            .messages
            .iter()
            .filter(|message| self.fifo && there(message) && hidden(message))
            .map(|message| &message.group)
            .collect();
        let visible = self.messages.iter().enumerate().filter(|(_, message)| {
            there(message) && !hidden(message) && !waiting.contains(&message.group)
        });
        visible.map(|(position, _)| position).take(most).collect()
    }

    /// The message of a receipt handle, and whether the handle is the newest one of the message.
    fn of_handle(&mut self, input: &Value) -> Result<(&mut Message, bool), Failure> {
        let handle = text(input, "ReceiptHandle").ok_or_else(|| missing("ReceiptHandle"))?;
        let parts = handle.split_once('/').map(|(position, receipt)| {
            let position = position.parse::<usize>().ok();
            position.zip(receipt.parse::<usize>().ok())
        });
        let found = parts.flatten().and_then(|(position, receipt)| {
            let message = self.messages.get_mut(position)?;
            let is_newest = message.receipt == receipt;
            Some((message, is_newest))
        });
        found.ok_or_else(|| {
            let message = format!("The input receipt handle \"{handle}\" is not valid.");
            Failure::new("ReceiptHandleIsInvalid", message)
        })
    }

    /// Deletes the message of a receipt handle. In a FIFO queue, a handle expires with the visibility timeout. In a standard
    /// queue, only the newest handle of a message deletes it: "otherwise, the request succeeds, but the message might not be
    /// deleted".
    fn delete(&mut self, input: &Value, now_ms: u64) -> Result<(), Failure> {
        let fifo = self.fifo;
        let (message, is_newest) = self.of_handle(input)?;
        if fifo && !message.deleted && (!is_newest || message.hidden_until_ms <= now_ms) {
            return Err(invalid("The receipt handle has expired"));
        }
        message.deleted |= is_newest;
        Ok(())
    }

    /// Hides a message that was received for another time, from now on.
    fn change_visibility(&mut self, input: &Value, now_ms: u64) -> Result<(), Failure> {
        let hidden = number(input, "VisibilityTimeout");
        let hidden = hidden.ok_or_else(|| missing("VisibilityTimeout"))?;
        check_visibility(hidden)?;
        let (message, is_newest) = self.of_handle(input)?;
        if message.deleted || !is_newest || message.hidden_until_ms <= now_ms {
            let message = "The message referred to is not in flight.";
            return Err(Failure::new("MessageNotInflight", message));
        }
        message.hidden_until_ms = now_ms + hidden as u64 * 1000;
        Ok(())
    }
}

fn check_visibility(seconds: usize) -> Result<(), Failure> {
    check("VisibilityTimeout", seconds, 0..=43_200)
}

fn check(name: &str, value: usize, range: RangeInclusive<usize>) -> Result<(), Failure> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(invalid(&format!(
        "{name} must be between {least} and {most}"
    )))
}

/// A message with the requested attributes.
fn received(message: &Message, receipt: &str, input: &Value) -> Value {
    let mut output = json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt,
        "MD5OfBody": md5::of_body(&message.body),
        "Body": message.body,
    });
    let mut attributes = message.attributes.clone();
    attributes.retain(|name, _| asks(input, "MessageAttributeNames", name));
    if let Some(digest) = md5::of_attributes(&attributes) {
        let attributes = attributes.iter().map(|(name, a)| (name.clone(), a.json()));
        output["MessageAttributes"] = attributes.collect::<Map<_, _>>().into();
        output["MD5OfMessageAttributes"] = json!(digest);
    }
    for (name, value) in system_attributes(message) {
        let names = ["MessageSystemAttributeNames", "AttributeNames"];
        if names.iter().any(|names| asks(input, names, name)) {
            output["Attributes"][name] = json!(value);
        }
    }
    output
}

fn system_attributes(message: &Message) -> impl Iterator<Item = (&'static str, String)> {
    let receives = message.receives.to_string();
    let attributes = [
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("ApproximateReceiveCount", Some(receives)),
        ("MessageGroupId", message.group.clone()),
        ("MessageDeduplicationId", message.deduplication_id.clone()),
        ("SequenceNumber", message.sequence_number.clone()),
    ];
    let attributes = attributes.into_iter();
    attributes.filter_map(|(name, value)| Some((name, value?)))
}

/// Whether the names in this field include this one.
fn asks(input: &Value, field: &str, name: &str) -> bool {
    let mut names = list(input, field).iter();
    names.any(|asked| *asked == name || *asked == "All" || *asked == ".*")
}
