//! A small SQS in memory, with standard queues and FIFO queues.

mod md5;
mod receive;
mod send;
mod state;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use self::state::State;
pub use self::state::{Attribute, Content, Message};
use super::http::{Answer, Server};
use super::rpc::{self, Call, Failure, Outcome};
use super::sdk_config;

/// The longest sleep of a call that waits for messages, because a message can also reappear by
/// itself.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A running SQS. It stops when it is dropped.
pub struct Sqs {
    /// Its URL.
    pub endpoint: String,
    _server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    sent: Notify,
}

impl Sqs {
    /// Starts an SQS without queues.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            sent: Notify::new(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&serving);
            async move {
                let call = rpc::call(request).await?;
                answer(&shared.called(&call).await)
            }
        });
        let endpoint = server.endpoint().to_owned();
        shared.state.lock().unwrap().endpoint.clone_from(&endpoint);
        Self {
            endpoint,
            _server: server,
            shared,
        }
    }

    /// A client of this SQS.
    pub fn client(&self) -> aws_sdk_sqs::Client {
        client(&self.endpoint)
    }

    /// Calls an action without HTTP and without planned failures.
    pub fn call(&self, action: &str, input: &Value) -> Outcome {
        self.shared.act(action, input)
    }

    /// Creates a queue, a FIFO queue if its name says so, and returns its URL.
    pub fn create_queue(&self, name: &str, max_bytes: usize) -> String {
        let mut attributes = json!({ "MaximumMessageSize": max_bytes.to_string() });
        if name.ends_with(".fifo") {
            attributes["FifoQueue"] = json!("true");
        }
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let made = self.call("CreateQueue", &input).unwrap();
        rpc::text(&made, "QueueUrl").unwrap().to_owned()
    }

    /// Every message that a queue, given by its name or URL, has ever accepted, in order.
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.shared.state.lock().unwrap().messages(queue)
    }

    /// Takes all messages out of a standard queue, for a test with too many to keep.
    pub fn take(&self, queue: &str) -> Vec<Message> {
        self.shared.state.lock().unwrap().take(queue)
    }

    /// Moves the clock of the service forward: by more than 5 minutes, and a repeated message is no
    /// longer a duplicate; by more than 30 seconds, and a received message reappears.
    pub fn advance(&self, by: Duration) {
        self.shared.state.lock().unwrap().clock.advance(by);
    }

    /// Makes the next `times` calls of this action fail.
    pub fn fail(&self, action: &str, times: usize, failure: &Failure) {
        let mut state = self.shared.state.lock().unwrap();
        state.commands.fail(action, times, failure);
    }

    /// Makes the entries at these positions of the next `SendMessageBatch` without a plan fail,
    /// with an error of the service.
    pub fn fail_entries(&self, positions: &[usize]) {
        let mut state = self.shared.state.lock().unwrap();
        state
            .commands
            .fail_entries(positions, &Failure::on_command());
    }

    /// The same with this error.
    pub fn fail_entries_with(&self, positions: &[usize], failure: &Failure) {
        let mut state = self.shared.state.lock().unwrap();
        state.commands.fail_entries(positions, failure);
    }

    /// The same with an error for each of these positions.
    pub fn fail_entries_each(&self, failures: &[(usize, Failure)]) {
        let mut state = self.shared.state.lock().unwrap();
        state.commands.fail_entries_each(failures);
    }

    /// The number of calls of an action over HTTP, failures included.
    pub fn calls(&self, action: &str) -> usize {
        self.shared.state.lock().unwrap().commands.calls(action)
    }
}

/// A client of an SQS at this URL, which can be that of a proxy.
pub fn client(endpoint: &str) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&sdk_config(endpoint))
}

impl Shared {
    async fn called(&self, call: &Call) -> Outcome {
        self.state.lock().unwrap().commands.begin(&call.action)?;
        let seconds = rpc::number(&call.input, "WaitTimeSeconds").unwrap_or(0);
        let end = Instant::now() + Duration::from_secs(seconds as u64);
        loop {
            let sent = self.sent.notified();
            let outcome = self.act(&call.action, &call.input)?;
            let left = end.saturating_duration_since(Instant::now());
            if !rpc::list(&outcome, "Messages").is_empty() || left.is_zero() {
                return Ok(outcome);
            }
            let _ = tokio::time::timeout(left.min(LOOK_AGAIN), sent).await;
        }
    }

    fn act(&self, action: &str, input: &Value) -> Outcome {
        let mut state = self.state.lock().unwrap();
        match action {
            "CreateQueue" => state.create_queue(input),
            "GetQueueUrl" => state.get_queue_url(input),
            "GetQueueAttributes" => state.get_queue_attributes(input),
            "SendMessage" => state
                .send_message(input)
                .inspect(|_| self.sent.notify_waiters()),
            "SendMessageBatch" => {
                let sent = state.send_message_batch(input);
                sent.inspect(|_| self.sent.notify_waiters())
            }
            "ReceiveMessage" => state.receive_message(input),
            "ChangeMessageVisibility" => state
                .change_message_visibility(input)
                .inspect(|_| self.sent.notify_waiters()),
            "DeleteMessage" => state.delete_message(input),
            "DeleteMessageBatch" => state.delete_message_batch(input),
            other => {
                let message = format!("the stand-in has no {other}");
                Err(Failure::new("UnsupportedOperation", message))
            }
        }
    }
}

/// SQS once used another protocol. Its clients still read that protocol's error codes, which are in
/// a header.
fn answer(outcome: &Outcome) -> Answer {
    let answer = rpc::answer("1.0", "com.amazonaws.sqs#", outcome)?;
    let Err(failure) = outcome else {
        return Ok(answer);
    };
    let code = match failure.code.as_str() {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        same => same,
    };
    let at_fault = if failure.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    rpc::with_header(answer, "x-amzn-query-error", &format!("{code};{at_fault}"))
}
