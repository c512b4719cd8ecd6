//! Queues, and the actions that create and describe them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::rpc::{Clock, Commands, Failure, Outcome, list, text};
use super::super::{ACCOUNT, REGION};

/// The default size limit of a message, bytes.
const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// The state of an SQS.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) endpoint: String,
    pub(super) commands: Commands,
    pub(super) clock: Clock,
    pub(super) queues: BTreeMap<String, Queue>,
    /// The number of messages with an id.
    pub(super) ids: usize,
    /// The number of receipt handles.
    pub(super) receipts: usize,
}

/// A queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) fifo: bool,
    pub(super) max_bytes: usize,
    pub(super) messages: Vec<Message>,
    /// The messages that a FIFO queue accepted in the last five minutes, by deduplication id and in
    /// order.
    pub(super) seen: HashMap<String, Seen>,
    pub(super) seen_in_order: VecDeque<String>,
}

/// A message that a FIFO queue does not accept again.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) since_ms: u64,
    pub(super) id: String,
    pub(super) sequence_number: Option<String>,
}

/// A message that a queue accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub body: String,
    pub attributes: BTreeMap<String, Attribute>,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub sequence_number: Option<String>,
    pub sent_ms: u64,
    pub receives: usize,
    pub deleted: bool,
    /// It is hidden until then, because it was received.
    pub(super) hidden_until_ms: u64,
    /// The number of the newest receipt handle; 0 if it was never received.
    pub(super) receipt: usize,
}

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub data_type: String,
    pub content: Content,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Message {
    /// The text of the attribute with this name, if there is one and it is text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match &self.attributes.get(name)?.content {
            Content::Text(text) => Some(text),
            Content::Binary(_) => None,
        }
    }
}

impl Attribute {
    /// Parses an attribute of a message to send.
    pub(super) fn of(input: &Value) -> Result<Self, Failure> {
        let data_type = text(input, "DataType").unwrap_or_default().to_owned();
        let kind = data_type.split('.').next().unwrap_or_default();
        let value = text(
            input,
            if kind == "Binary" {
                "BinaryValue"
            } else {
                "StringValue"
            },
        );
        let content = match (kind, value) {
            ("Binary", Some(value)) => STANDARD.decode(value).ok().map(Content::Binary),
            ("String" | "Number", Some(value)) => Some(Content::Text(value.to_owned())),
            _ => None,
        };
        match content.filter(|content| content.bytes() > 0) {
            Some(content) => Ok(Self { data_type, content }),
            None => Err(invalid(
                "an attribute without a type and a value of that type",
            )),
        }
    }

    /// The attribute in the format for receivers.
    pub(super) fn json(&self) -> Value {
        match &self.content {
            Content::Text(text) => json!({ "DataType": self.data_type, "StringValue": text }),
            Content::Binary(bytes) => {
                json!({ "DataType": self.data_type, "BinaryValue": STANDARD.encode(bytes) })
            }
        }
    }
}

impl Content {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl State {
    pub(super) fn create_queue(&mut self, input: &Value) -> Outcome {
        let name = text(input, "QueueName").ok_or_else(|| missing("QueueName"))?;
        let attribute = |field| text(input.get("Attributes")?, field);
        let fifo = attribute("FifoQueue") == Some("true");
        if fifo != name.ends_with(".fifo") {
            return Err(invalid(
                "the name of a FIFO queue, and only that, ends with .fifo",
            ));
        }
        let max_bytes = match attribute("MaximumMessageSize").map(str::parse) {
            None => MESSAGE_MAX_BYTES,
            Some(Ok(bytes @ 1024..=MESSAGE_MAX_BYTES)) => bytes,
            Some(_) => return Err(Failure::new("InvalidAttributeValue", "MaximumMessageSize")),
        };
        let queue = self.queues.entry(name.to_owned()).or_insert_with(|| Queue {
            fifo,
            max_bytes,
            ..Queue::default()
        });
        if queue.max_bytes != max_bytes {
            let message = "A queue already exists with the same name and a different value.";
            return Err(Failure::new("QueueNameExists", message));
        }
        Ok(json!({ "QueueUrl": self.url(name) }))
    }

    pub(super) fn get_queue_url(&mut self, input: &Value) -> Outcome {
        let name = text(input, "QueueName").ok_or_else(|| missing("QueueName"))?;
        self.queues.get(name).ok_or_else(no_queue)?;
        Ok(json!({ "QueueUrl": self.url(name) }))
    }

    pub(super) fn get_queue_attributes(&mut self, input: &Value) -> Outcome {
        let (name, queue) = self.queue(input)?;
        let waiting = queue.messages.iter().filter(|message| !message.deleted);
        let mut all = vec![
            ("QueueArn", format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")),
            ("MaximumMessageSize", queue.max_bytes.to_string()),
            ("ApproximateNumberOfMessages", waiting.count().to_string()),
        ];
        if queue.fifo {
            all.push(("FifoQueue", "true".to_owned()));
        }
        let asked = list(input, "AttributeNames");
        let wanted = |name: &str| asked.iter().any(|asked| *asked == name || *asked == "All");
        let wanted = all.into_iter().filter(|(name, _)| wanted(name));
        let attributes: BTreeMap<_, _> = wanted.collect();
        Ok(json!({ "Attributes": attributes }))
    }

    /// Every message that a queue has ever accepted.
    pub(super) fn messages(&self, queue: &str) -> Vec<Message> {
        self.queues[name_in(queue)].messages.clone()
    }

    /// Takes all messages out of a queue.
    pub(super) fn take(&mut self, queue: &str) -> Vec<Message> {
        let queue = self.queues.get_mut(name_in(queue)).unwrap();
        std::mem::take(&mut queue.messages)
    }

    /// The queue that an input names.
    pub(super) fn queue<'a>(&mut self, input: &'a Value) -> Result<(&'a str, &mut Queue), Failure> {
        let url = text(input, "QueueUrl").ok_or_else(|| missing("QueueUrl"))?;
        let name = name_in(url);
        Ok((name, self.queues.get_mut(name).ok_or_else(no_queue)?))
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }
}

/// The name at the end of a URL.
fn name_in(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

fn no_queue() -> Failure {
    Failure::new("QueueDoesNotExist", "The specified queue does not exist.")
}

/// The error for a missing parameter.
pub(super) fn missing(parameter: &str) -> Failure {
    let message = format!("The request must contain the parameter {parameter}.");
    Failure::new("MissingParameter", message)
}

/// The error for a parameter that SQS does not accept.
pub(super) fn invalid(reason: &str) -> Failure {
    let message = format!("One or more parameters are invalid. Reason: {reason}.");
    Failure::new("InvalidParameterValue", message)
}
