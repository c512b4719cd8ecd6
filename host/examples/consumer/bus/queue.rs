//! The loop over the messages of a queue.

use std::collections::HashSet;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName::MessageGroupId,
};
use sqlx::sqlite::SqliteConnection;

use super::Counts;
use super::events::{Event, of_message};
use super::lake::Lake;
use super::seen::Seen;

/// The longest that SQS waits for messages, and the shortest that asks all of its servers, seconds.
const LONG_POLL: i32 = 20;
const SHORT_POLL: i32 = 1;

/// `ReceiveMessage` and `DeleteMessageBatch`: at most ten messages.
const MAX_MESSAGES: i32 = 10;

/// A queue.
pub(crate) struct Queue {
    /// A client of its SQS.
    pub(crate) client: Client,
    /// Its URL.
    pub(crate) url: String,
    /// Whether to end when it has no message.
    pub(crate) exit_when_empty: bool,
}

impl Queue {
    /// Receives messages, handles their events once, and deletes the messages. What is not handled comes again when its
    /// visibility timeout is over.
    ///
    /// # Errors
    /// SQS fails for longer than its client retries.
    pub(crate) async fn consume<H>(
        &self,
        lake: &mut Lake,
        seen: &mut Seen,
        handle: &mut H,
    ) -> anyhow::Result<Counts>
    where
        H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
    {
        let mut counts = Counts::default();
        loop {
            let received = self.receive().await?;
            if self.exit_when_empty && received.is_empty() {
                return Ok(counts);
            }
            let handled = handle_messages(received, lake, seen, handle, &mut counts).await;
            self.delete(&handled).await?;
        }
    }

    async fn receive(&self) -> anyhow::Result<Vec<Message>> {
        let receive = self.client.receive_message().queue_url(&self.url);
        let received = receive
            .max_number_of_messages(MAX_MESSAGES)
            .wait_time_seconds(match self.exit_when_empty {
                true => SHORT_POLL,
                false => LONG_POLL,
            })
            .message_attribute_names("All")
            .message_system_attribute_names(MessageGroupId)
            .send()
            .await?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes up to ten messages. One that is not deleted comes again, and its events are dropped as repeats.
    async fn delete(&self, messages: &[Message]) -> anyhow::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut delete = self.client.delete_message_batch().queue_url(&self.url);
        for (id, message) in messages.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string());
            let entry = entry.set_receipt_handle(message.receipt_handle.clone());
            delete = delete.entries(entry.build()?);
        }
        for failure in delete.send().await?.failed() {
            let why = failure.message().unwrap_or_default();
            tracing::warn!(code = failure.code(), "a message was not deleted: {why}");
        }
        Ok(())
    }
}

/// Handles messages and returns those that were handled. If one fails, later ones of its group are not tried: they must not
/// overtake it.
async fn handle_messages<H>(
    messages: Vec<Message>,
    lake: &mut Lake,
    seen: &mut Seen,
    handle: &mut H,
    counts: &mut Counts,
) -> Vec<Message>
where
    H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
{
    let (mut handled, mut failed_groups) = (Vec::new(), HashSet::new());
    for message in messages {
        let group = group(&message).map(str::to_owned);
        if group
            .as_ref()
            .is_some_and(|group| failed_groups.contains(group))
        {
            counts.failed += 1;
            continue;
        }
        match handle_message(&message, lake, seen, handle).await {
            Ok((new, repeats)) => {
                counts.new += new;
                counts.repeats += repeats;
                handled.push(message);
            }
            Err(error) => {
                let id = message.message_id().unwrap_or_default();
                tracing::warn!(message = id, "not handled: {error:#}");
                counts.failed += 1;
                failed_groups.extend(group);
            }
        }
    }
    handled
}

async fn handle_message<H>(
    message: &Message,
    lake: &mut Lake,
    seen: &mut Seen,
    handle: &mut H,
) -> anyhow::Result<(u64, u64)>
where
    H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
{
    let events = of_message(message, lake).await?;
    seen.handle_once(&events, handle).await
}

/// The group of a message in a FIFO queue.
fn group(message: &Message) -> Option<&str> {
    let attributes = message.attributes()?;
    attributes.get(&MessageGroupId).map(String::as_str)
}
