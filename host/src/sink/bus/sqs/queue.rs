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
        let limit = self.max_bytes;
        let bytes = wanted.unwrap_or(limit.clamp(PACK_BYTES_LEAST, PACK_BYTES));
        if bytes <= limit {
            return Ok(bytes);
        }
        let why = format!(
            "it accepts messages of at most {limit} bytes, and packed messages have up to {bytes}"
        );
        let instead = if limit < PACK_BYTES_LEAST {
            "send a message for each event (--bus-messages events)".to_owned()
        } else {
            format!("lower --bus-message-bytes to {limit} or less")
        };
        let advice = format!("set its MaximumMessageSize to {bytes} or more, or {instead}");
        Err(RequestError::invalid(why, advice))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pack_bytes(max_bytes: usize, wanted: Option<usize>) -> Result<usize, String> {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/q".to_owned();
        let queue = Queue { url, max_bytes };
        queue.pack_bytes(wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn packed_messages_are_as_large_as_asked_for_or_as_the_queue_takes() {
        for (max_bytes, wanted, bytes) in [
            (PACK_BYTES_LEAST, None, PACK_BYTES_LEAST),
            (20_000, None, 20_000),
            (1 << 20, None, PACK_BYTES),
            (1 << 20, Some(1 << 20), 1 << 20),
            (20_000, Some(PACK_BYTES_LEAST), PACK_BYTES_LEAST),
        ] {
            assert_eq!(pack_bytes(max_bytes, wanted), Ok(bytes));
        }
    }

    #[test]
    fn a_queue_that_is_too_small_is_told_what_can_be_done() {
        let none_fit = "set its MaximumMessageSize to 16384 or more, or send a message for each event \
                        (--bus-messages events)";
        let smaller_fit = "set its MaximumMessageSize to 65536 or more, or lower --bus-message-bytes to 20000 or less";
        for (max_bytes, wanted, advice) in [
            (8_192, None, none_fit),
            (8_192, Some(PACK_BYTES_LEAST), none_fit),
            (20_000, Some(65_536), smaller_fit),
        ] {
            let error = pack_bytes(max_bytes, wanted).unwrap_err();
            assert!(error.ends_with(advice), "{error}");
        }
    }
}
