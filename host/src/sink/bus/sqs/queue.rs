//! Looks up a queue.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use sluice_storage::error::RequestError;
use sluice_storage::retry::RetryPolicy;

use super::errors::{LOOK_UP, SQS_ERRORS};
use super::queue_address::QueueAddress;
use crate::sink::SinkError;
use crate::sink::bus::{PACK_BYTES, PACK_BYTES_LEAST};

/// The default limit of a message and of a batch, bytes.
const DEFAULT_MAX_BYTES: usize = 256 << 10;

/// The smallest limit that fits every message that points to an object or is about one: the object's key
/// has up to 1,024 bytes, its partition up to 624 and the record's id up to 200, and characters that SQS
/// rejects take twice the space or more when they are escaped.
const LEAST_MAX_BYTES: usize = 4 << 10;

/// An existing queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) url: String,
    /// The largest message that it accepts, bytes.
    pub(super) max_bytes: usize,
}

impl Queue {
    /// Looks up a queue. `name` is the setting, for messages.
    ///
    /// # Errors
    /// [`SinkError::Queue`] if there is no such queue or its messages are too small, or after the retry
    /// timeout.
    pub(super) async fn find(
        client: &Client,
        address: &QueueAddress,
        name: &str,
        retry_policy: &RetryPolicy,
    ) -> Result<Self, SinkError> {
        let what = format!("look up the queue {name}");
        let look_up = || look_up(client, address);
        let found = retry_policy.retry("find_queue", &what, look_up).await;
        match found.and_then(Self::check) {
            Ok(queue) => Ok(queue),
            Err(cause) => Err(SinkError::Queue { what, cause }),
        }
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    /// The largest packed message: what the settings say, or the default if the queue takes it.
    ///
    /// # Errors
    /// The queue does not take messages of this size.
    pub(super) fn pack_bytes(&self, wanted: Option<usize>) -> Result<usize, RequestError> {
        let bytes = wanted.unwrap_or_else(|| self.max_bytes.min(PACK_BYTES));
        if bytes < PACK_BYTES_LEAST || bytes > self.max_bytes {
            let (bytes, limit) = (bytes.max(PACK_BYTES_LEAST), self.max_bytes);
            let why = format!(
                "it accepts messages of at most {limit} bytes, and packed messages have up to {bytes}"
            );
            let advice = format!(
                "set its MaximumMessageSize to {bytes} or more, or lower --bus-message-bytes \
                 ({PACK_BYTES_LEAST} or more)"
            );
            return Err(RequestError::invalid(why, advice));
        }
        Ok(bytes)
    }

    fn check(self) -> Result<Self, RequestError> {
        if self.max_bytes >= LEAST_MAX_BYTES {
            return Ok(self);
        }
        let why = format!(
            "it accepts messages of at most {} bytes, and one that points to an object can have more",
            self.max_bytes
        );
        let advice = format!("set its MaximumMessageSize to {LEAST_MAX_BYTES} or more");
        Err(RequestError::invalid(why, advice))
    }
}

async fn look_up(client: &Client, queue: &QueueAddress) -> Result<Queue, RequestError> {
    let url = match queue {
        QueueAddress::Url(url, _) => url.clone(),
        QueueAddress::Name(name) => find_url(client, name, None).await?,
        QueueAddress::Arn(arn) => find_url(client, &arn.resource, Some(&arn.account)).await?,
    };
    let name = QueueAttributeName::MaximumMessageSize;
    let attributes = client.get_queue_attributes().queue_url(&url);
    let attributes = attributes.attribute_names(name.clone()).send().await;
    let attributes = attributes.map_err(|error| SQS_ERRORS.classify(&error, LOOK_UP))?;
    let max_bytes = attributes
        .attributes()
        .and_then(|all| all.get(&name)?.parse().ok());
    Ok(Queue {
        url,
        max_bytes: max_bytes.unwrap_or(DEFAULT_MAX_BYTES),
    })
}

/// Asks for the URL of a queue of an account, by default the caller's.
async fn find_url(
    client: &Client,
    name: &str,
    account: Option<&str>,
) -> Result<String, RequestError> {
    let request = client.get_queue_url().queue_name(name);
    let request = request.set_queue_owner_aws_account_id(account.map(str::to_owned));
    let found = request.send().await;
    let found = found.map_err(|error| SQS_ERRORS.classify(&error, LOOK_UP))?;
    Ok(found.queue_url().unwrap_or_default().to_owned())
}
