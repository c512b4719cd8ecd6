//! The actions that receive and delete messages.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::rpc::{Failure, Outcome, list, number, text};
use super::md5;
use super::send::{check_ids, failed_entry};
use super::state::{Message, Queue, State, missing};

/// The default visibility timeout.
const HIDDEN_SECONDS: usize = 30;

impl State {
    pub(super) fn receive_message(&mut self, input: &Value) -> Outcome {
        let now_ms = self.clock.now_ms();
        let most = number(input, "MaxNumberOfMessages").unwrap_or(1);
        if !(1..=10).contains(&most) {
            let message = "MaxNumberOfMessages must be between 1 and 10";
            return Err(Failure::new("InvalidParameterValue", message));
        }
        let hidden = number(input, "VisibilityTimeout").unwrap_or(HIDDEN_SECONDS);
        let first_receipt = self.receipts;
        self.receipts += most;
        let (_, queue) = self.queue(input)?;
        let positions = queue.visible(now_ms, most);
        let mut messages = Vec::new();
        for (nth, position) in positions.into_iter().enumerate() {
            let message = &mut queue.messages[position];
            message.hidden_until_ms = now_ms + hidden as u64 * 1000;
            message.receives += 1;
            let receipt = format!("{position}/{}", first_receipt + nth);
            messages.push(received(message, &receipt, input));
        }
        Ok(if messages.is_empty() {
            json!({})
        } else {
            json!({ "Messages": messages })
        })
    }

    pub(super) fn delete_message(&mut self, input: &Value) -> Outcome {
        self.queue(input)?.1.delete(input)?;
        Ok(json!({}))
    }

    pub(super) fn delete_message_batch(&mut self, input: &Value) -> Outcome {
        let (_, queue) = self.queue(input)?;
        let entries = list(input, "Entries");
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in check_ids(entries)?.into_iter().zip(entries) {
            match queue.delete(entry) {
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

    fn delete(&mut self, input: &Value) -> Result<(), Failure> {
        let receipt = text(input, "ReceiptHandle").ok_or_else(|| missing("ReceiptHandle"))?;
        let position = receipt.split_once('/').and_then(|(p, _)| p.parse().ok());
        let message = position.and_then(|position: usize| self.messages.get_mut(position));
        let unknown = || {
            let message = format!("The input receipt handle \"{receipt}\" is not valid.");
            Failure::new("ReceiptHandleIsInvalid", message)
        };
        message.ok_or_else(unknown)?.deleted = true;
        Ok(())
    }
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
