//! The actions that send messages.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::super::rpc::{Failure, Outcome, list, text};
use super::md5;
use super::state::{Attribute, Content, Message, Queue, Seen, State, invalid, missing};

/// The largest batch: all bodies and attributes together, bytes.
const BATCH_MAX_BYTES: usize = 1 << 20;

const BATCH_MAX_ENTRIES: usize = 10;
const MAX_ATTRIBUTES: usize = 10;

/// How long a FIFO queue drops duplicates.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

impl State {
    pub(super) fn send_message(&mut self, input: &Value) -> Outcome {
        let (name, queue) = self.queue(input)?;
        let draft = Draft::of(input)?;
        draft.check_fifo(queue)?;
        draft.check(queue)?;
        Ok(self.store(name, draft))
    }

    pub(super) fn send_message_batch(&mut self, input: &Value) -> Outcome {
        let (name, queue) = self.queue(input)?;
        let entries = list(input, "Entries");
        let ids = check_ids(entries)?;
        let drafts: Vec<_> = entries.iter().map(Draft::of).collect::<Result<_, _>>()?;
        if drafts.iter().map(Draft::bytes).sum::<usize>() > BATCH_MAX_BYTES {
            let message = format!("Batch requests cannot be longer than {BATCH_MAX_BYTES} bytes.");
            return Err(Failure::new("BatchRequestTooLong", message));
        }
        for draft in &drafts {
            draft.check_fifo(queue)?;
        }
        let checks: Vec<_> = drafts.iter().map(|draft| draft.check(queue)).collect();
        let failing = self.commands.failing_entries();
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (position, (draft, check)) in drafts.into_iter().zip(checks).enumerate() {
            let planned = || failing.get(&position).cloned();
            match check.err().or_else(planned) {
                Some(failure) => failed.push(failed_entry(ids[position], &failure)),
                None => {
                    let mut sent = self.store(name, draft);
                    sent["Id"] = json!(ids[position]);
                    successful.push(sent);
                }
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn store(&mut self, queue: &str, draft: Draft) -> Value {
        let now_ms = self.clock.now_ms();
        self.ids += 1;
        let (id, queue) = (self.ids, self.queues.get_mut(queue).unwrap());
        let mut output = json!({ "MD5OfMessageBody": md5::of_body(&draft.body) });
        if let Some(digest) = md5::of_attributes(&draft.attributes) {
            output["MD5OfMessageAttributes"] = json!(digest);
        }
        let seen = queue.known(draft.deduplication_id.as_deref(), now_ms);
        let seen = seen.unwrap_or_else(|| queue.take_in(draft, id, now_ms));
        output["MessageId"] = json!(seen.id);
        if let Some(number) = &seen.sequence_number {
            output["SequenceNumber"] = json!(number);
        }
        output
    }
}

impl Queue {
    /// The message with this deduplication id, if there is one.
    fn known(&mut self, deduplication_id: Option<&str>, now_ms: u64) -> Option<Seen> {
        let is_over = |seen: &Seen| now_ms.saturating_sub(seen.since_ms) > DEDUPLICATION_MS;
        while let Some(oldest) = self.seen_in_order.front()
            && is_over(&self.seen[oldest])
        {
            self.seen.remove(oldest);
            self.seen_in_order.pop_front();
        }
        self.seen.get(deduplication_id?).cloned()
    }

    fn take_in(&mut self, draft: Draft, id: usize, now_ms: u64) -> Seen {
        let message = Message {
            id: format!("00000000-0000-4000-8000-{id:012x}"),
            sequence_number: self.fifo.then(|| format!("188494964604{id:08}")),
            ..draft.message(now_ms)
        };
        let seen = Seen {
            since_ms: now_ms,
            id: message.id.clone(),
            sequence_number: message.sequence_number.clone(),
        };
        if let Some(id) = &message.deduplication_id {
            self.seen_in_order.push_back(id.clone());
            self.seen.insert(id.clone(), seen.clone());
        }
        self.messages.push(message);
        seen
    }
}

/// A message to send.
struct Draft {
    body: String,
    attributes: BTreeMap<String, Attribute>,
    /// The error in the attributes, if there is one.
    fault: Option<Failure>,
    group: Option<String>,
    deduplication_id: Option<String>,
}

impl Draft {
    fn of(input: &Value) -> Result<Self, Failure> {
        let body = text(input, "MessageBody").filter(|body| !body.is_empty());
        let given = input.get("MessageAttributes").and_then(Value::as_object);
        let (mut attributes, mut fault) = (BTreeMap::new(), None);
        for (name, attribute) in given.into_iter().flatten() {
            match Attribute::of(attribute) {
                Ok(attribute) => drop(attributes.insert(name.clone(), attribute)),
                Err(failure) => fault = Some(failure),
            }
        }
        let owned = |field| text(input, field).map(str::to_owned);
        Ok(Self {
            body: body.ok_or_else(|| missing("MessageBody"))?.to_owned(),
            attributes,
            fault,
            group: owned("MessageGroupId"),
            deduplication_id: owned("MessageDeduplicationId"),
        })
    }

    /// The size that counts for limits: the body and all parts of the attributes.
    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(n, a)| n.len() + a.data_type.len() + a.content.bytes());
        self.body.len() + attributes.sum::<usize>()
    }

    /// The error that fails a whole batch, if there is one.
    fn check_fifo(&self, queue: &Queue) -> Result<(), Failure> {
        match (queue.fifo, &self.group, &self.deduplication_id) {
            (true, None, _) => Err(missing("MessageGroupId")),
            (true, _, None) => Err(invalid("no MessageDeduplicationId")),
            (false, _, Some(_)) => Err(invalid("a MessageDeduplicationId is for FIFO queues only")),
            _ => Ok(()),
        }
    }

    /// The error that fails one message, if there is one.
    fn check(&self, queue: &Queue) -> Result<(), Failure> {
        let texts = self.attributes.values().filter_map(|a| match &a.content {
            Content::Text(text) => Some(text),
            Content::Binary(_) => None,
        });
        let mut characters = texts.chain([&self.body]).flat_map(|text| text.chars());
        if let Some(forbidden) = characters.find(|c| !is_allowed(*c)) {
            let message = format!("Invalid binary character {:#x}", u32::from(forbidden));
            return Err(Failure::new("InvalidMessageContents", message));
        }
        if self.attributes.len() > MAX_ATTRIBUTES {
            return Err(invalid("more than 10 attributes"));
        }
        if let Some(name) = self.attributes.keys().find(|name| !is_name(name)) {
            return Err(invalid(&format!("the name of the attribute {name}")));
        }
        let max_bytes = queue.max_bytes;
        if self.bytes() > max_bytes {
            return Err(invalid(&format!(
                "Message must be shorter than {max_bytes} bytes"
            )));
        }
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn message(self, now_ms: u64) -> Message {
        Message {
            id: String::new(),
            body: self.body,
            attributes: self.attributes,
            group: self.group,
            deduplication_id: self.deduplication_id,
            sequence_number: None,
            sent_ms: now_ms,
            receives: 0,
            deleted: false,
            hidden_until_ms: 0,
            receipt: 0,
        }
    }
}

/// Checks the form of a batch and returns the ids of its entries.
pub(super) fn check_ids(entries: &[Value]) -> Result<Vec<&str>, Failure> {
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(Failure::new("EmptyBatchRequest", message));
    }
    if entries.len() > BATCH_MAX_ENTRIES {
        let message = format!(
            "Maximum number of entries per request are 10: {}",
            entries.len()
        );
        return Err(Failure::new("TooManyEntriesInBatchRequest", message));
    }
    let ids = entries
        .iter()
        .map(|entry| text(entry, "Id").unwrap_or_default());
    let ids: Vec<_> = ids.collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let good = |id: &&str| (1..=80).contains(&id.len()) && id.chars().all(allowed);
    if !ids.iter().all(good) {
        let message = "A batch entry id can only contain alphanumeric characters, - and _.";
        return Err(Failure::new("InvalidBatchEntryId", message));
    }
    if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        return Err(Failure::new("BatchEntryIdsNotDistinct", "Id repeated"));
    }
    Ok(ids)
}

/// A failed entry of a batch.
pub(super) fn failed_entry(id: &str, failure: &Failure) -> Value {
    json!({
        "Id": id,
        "SenderFault": failure.status < 500,
        "Code": failure.code,
        "Message": failure.message,
    })
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let lower = name.to_ascii_lowercase();
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    (1..=256).contains(&name.len()) && name.chars().all(allowed) && !is_reserved
}
