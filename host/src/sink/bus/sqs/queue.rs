//! Looks up a queue by its name or URL.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::sink::SinkError;
use crate::storage::aws::why;
use crate::storage::retry::{Attempts, RetryPolicy};

/// The default limit of a message and of a batch, bytes.
const DEFAULT_MAX_BYTES: usize = 256 << 10;

/// The smallest limit that every message fits which points to an object or tells of one: the object's
/// key has up to 1,024 bytes, its partition up to 624, the record's id up to 200, and what SQS refuses of
/// that takes twice the room or more where it is escaped.
const LEAST_MAX_BYTES: usize = 4 << 10;

/// The codes by which the service says that there is no such queue, the second behind a prefix as
/// its older clients know it.
const NO_QUEUE: [&str; 2] = ["QueueDoesNotExist", "NonExistentQueue"];

/// An existing queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) url: String,
    /// The largest message that it accepts, bytes.
    pub(super) max_bytes: usize,
}

impl Queue {
    /// Looks up a queue by its name or URL.
    ///
    /// # Errors
    /// [`SinkError::Service`] where there is no such queue or it takes small messages only, or when
    /// after the retry timeout.
    pub(super) async fn find(
        client: &Client,
        name: &str,
        retry_policy: &RetryPolicy,
    ) -> Result<Self, SinkError> {
        let what = format!("look up the queue {name}");
        let mut attempts = Attempts::new(retry_policy, "find_queue");
        loop {
            let error = match look_up(client, name).await {
                Ok(found) => return found.check(what),
                Err(error) => error,
            };
            let why = why(&error);
            let missing = error
                .code()
                .is_some_and(|code| NO_QUEUE.iter().any(|name| code.ends_with(name)));
            if missing || !attempts.wait_to_retry(&what, &why).await {
                return Err(SinkError::Service { what, why });
            }
        }
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    fn check(self, what: String) -> Result<Self, SinkError> {
        if self.max_bytes >= LEAST_MAX_BYTES {
            return Ok(self);
        }
        let why = format!(
            "it takes messages of {} bytes at most, and one that points to an object can have more; set \
             its MaximumMessageSize to {LEAST_MAX_BYTES} or more",
            self.max_bytes
        );
        Err(SinkError::Service { what, why })
    }
}

async fn look_up(client: &Client, queue: &str) -> Result<Queue, aws_sdk_sqs::Error> {
    let url = if queue.contains("://") {
        queue.to_owned()
    } else {
        let found = client.get_queue_url().queue_name(queue).send().await?;
        found.queue_url().unwrap_or_default().to_owned()
    };
    let name = QueueAttributeName::MaximumMessageSize;
    let attributes = client.get_queue_attributes().queue_url(&url);
    let attributes = attributes.attribute_names(name.clone()).send().await?;
    let max_bytes = attributes
        .attributes()
        .and_then(|all| all.get(&name)?.parse().ok());
    Ok(Queue {
        url,
        max_bytes: max_bytes.unwrap_or(DEFAULT_MAX_BYTES),
    })
}
