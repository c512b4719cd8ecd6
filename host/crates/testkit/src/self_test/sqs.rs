use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry as Entry, SendMessageBatchResultEntry,
};

use super::super::rpc::Failure;
use super::super::sdk_config_once;
use super::super::sqs::{Attribute, Sqs};

pub(super) fn entry(id: &str, body: &str) -> Entry {
    Entry::builder().id(id).message_body(body).build().unwrap()
}

fn attribute(value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String");
    attribute.string_value(value).build().unwrap()
}

pub(super) async fn send(
    client: &Client,
    url: &str,
    entries: Vec<Entry>,
) -> SendMessageBatchOutput {
    let call = client
        .send_message_batch()
        .queue_url(url)
        .set_entries(Some(entries));
    call.send().await.unwrap()
}

async fn rejection_code(client: &Client, url: &str, entries: Vec<Entry>) -> String {
    let call = client
        .send_message_batch()
        .queue_url(url)
        .set_entries(Some(entries));
    let code = call.send().await.unwrap_err().code().unwrap().to_owned();
    code.trim_start_matches("AWS.SimpleQueueService.")
        .to_owned()
}

#[tokio::test]
async fn finds_queues() {
    let sqs = Sqs::start();
    let client = sqs.client();
    let make = client.create_queue().queue_name("bus.fifo");
    let make = make.attributes(QueueAttributeName::FifoQueue, "true");
    let make = make.attributes(QueueAttributeName::MaximumMessageSize, "2048");
    let url = make.send().await.unwrap().queue_url.unwrap();
    let found = client.get_queue_url().queue_name("bus.fifo").send().await;
    assert_eq!(found.unwrap().queue_url(), Some(url.as_str()));
    let all = client.get_queue_attributes().queue_url(&url);
    let all = all
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let all = all.attributes.unwrap();
    assert_eq!(all[&QueueAttributeName::MaximumMessageSize], "2048");
    assert_eq!(all[&QueueAttributeName::FifoQueue], "true");
    let none = client.get_queue_url().queue_name("none").send().await;
    let none = none.unwrap_err().into_service_error();
    assert!(none.is_queue_does_not_exist());
    assert_eq!(none.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(none.message(), Some("The specified queue does not exist."));
}

#[tokio::test]
async fn a_batch_fails_in_part() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1024);
    let client = sqs.client();
    sqs.fail_entries(&[3]);
    let bodies = [
        "good",
        "bad \u{1}",
        "bad \u{fffe}",
        "fails",
        "\t\r\n \u{fffd}\u{10ffff}",
    ];
    let mut entries: Vec<_> = (0..)
        .zip(bodies)
        .map(|(i, b)| entry(&format!("e{i}"), b))
        .collect();
    entries.push(entry("long", &"x".repeat(1025)));
    let sent = send(&client, &url, entries).await;
    let ids: Vec<_> = sent
        .successful()
        .iter()
        .map(SendMessageBatchResultEntry::id)
        .collect();
    assert_eq!(ids, ["e0", "e4"]);
    let failed = sent
        .failed()
        .iter()
        .map(|f| (f.id(), f.code(), f.sender_fault()));
    let expected = [
        ("e1", "InvalidMessageContents", true),
        ("e2", "InvalidMessageContents", true),
        ("e3", "InternalError", false),
        ("long", "InvalidParameterValue", true),
    ];
    assert_eq!(failed.collect::<Vec<_>>(), expected);
    let bodies: Vec<_> = sqs.messages(&url).into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, ["good", "\t\r\n \u{fffd}\u{10ffff}"]);
}

#[tokio::test]
async fn a_batch_can_be_rejected_as_a_whole() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1 << 20);
    let fifo = sqs.create_queue("bus.fifo", 1 << 20);
    let client = Client::new(&sdk_config_once(&sqs.endpoint));
    let many = (0..11).map(|i| entry(&i.to_string(), "x")).collect();
    let half = "x".repeat(1 << 19);
    let whole = vec![entry("a", &half), entry("b", &half), entry("c", "x")];
    let cases = [
        (vec![], "EmptyBatchRequest"),
        (many, "TooManyEntriesInBatchRequest"),
        (
            vec![entry("a", "x"), entry("a", "y")],
            "BatchEntryIdsNotDistinct",
        ),
        (vec![entry("a b", "x")], "InvalidBatchEntryId"),
        (whole, "BatchRequestTooLong"),
    ];
    for (entries, code) in cases {
        assert_eq!(rejection_code(&client, &url, entries).await, code);
    }
    assert_eq!(
        rejection_code(&client, &fifo, vec![entry("a", "x")]).await,
        "MissingParameter"
    );
    let throttled = Failure {
        status: 403,
        ..Failure::new("RequestThrottled", "slowly")
    };
    sqs.fail("SendMessageBatch", 1, &throttled);
    assert_eq!(
        rejection_code(&client, &url, vec![entry("a", "x")]).await,
        "RequestThrottled"
    );
    assert_eq!(
        send(&client, &url, vec![entry("a", "x")])
            .await
            .successful()
            .len(),
        1
    );
    assert_eq!(
        (sqs.messages("bus").len(), sqs.calls("SendMessageBatch")),
        (1, 8)
    );
}

#[tokio::test]
async fn digests_are_those_of_sqs() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1024);
    let binary = MessageAttributeValue::builder().data_type("Binary");
    let binary = binary.binary_value(Blob::new([1, 2])).build().unwrap();
    let call = sqs
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("hello");
    let call = call
        .message_attributes("b", attribute("x"))
        .message_attributes("a", binary);
    let sent = call.send().await.unwrap();
    // echo -n hello | md5sum
    assert_eq!(
        sent.md5_of_message_body(),
        Some("5d41402abc4b2a76b9719d911017c592")
    );
    // printf '\0\0\0\1a\0\0\0\6Binary\2\0\0\0\2\1\2\0\0\0\1b\0\0\0\6String\1\0\0\0\1x' | md5sum
    assert_eq!(
        sent.md5_of_message_attributes(),
        Some("e9fb9c4c42d822bd7581dcef835205b1")
    );
    let message = sqs.messages("bus").remove(0);
    assert_eq!(
        (message.attribute("b"), message.attribute("a")),
        (Some("x"), None)
    );
    let Attribute { data_type, .. } = &message.attributes["a"];
    assert_eq!(
        (data_type.as_str(), Some(message.id.as_str())),
        ("Binary", sent.message_id())
    );
}

pub(super) fn fifo(group: &str, id: &str) -> Entry {
    let entry = Entry::builder()
        .id(id)
        .message_body(id)
        .message_group_id(group);
    entry.message_deduplication_id(id).build().unwrap()
}

#[tokio::test]
async fn a_fifo_queue_drops_duplicates() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus.fifo", 1024);
    let client = sqs.client();
    let first = send(&client, &url, vec![fifo("g", "1"), fifo("g", "2")]).await;
    let again = send(&client, &url, vec![fifo("g", "2"), fifo("g", "3")]).await;
    let (known, answered) = (&first.successful()[1], &again.successful()[0]);
    assert_eq!(known.message_id(), answered.message_id());
    assert_eq!(known.sequence_number(), answered.sequence_number());
    let ids = || {
        let messages = sqs.messages("bus.fifo").into_iter();
        let ids = messages.map(|message| message.deduplication_id.unwrap());
        ids.collect::<String>()
    };
    assert_eq!(ids(), "123");
    sqs.advance(Duration::from_secs(301));
    send(&client, &url, vec![fifo("g", "2")]).await;
    assert_eq!(ids(), "1232");
}

#[tokio::test]
async fn a_fifo_queue_keeps_groups_in_order() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus.fifo", 1024);
    let client = sqs.client();
    send(
        &client,
        &url,
        vec![fifo("g", "1"), fifo("g", "2"), fifo("h", "3")],
    )
    .await;
    let receive = || async {
        let call = client.receive_message().queue_url(&url);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
        call.send()
            .await
            .unwrap()
            .messages
            .unwrap_or_default()
            .pop()
    };
    let (one, other) = (receive().await.unwrap(), receive().await.unwrap());
    assert_eq!((one.body(), other.body()), (Some("1"), Some("3")));
    let group = &one.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!(Some(group), sqs.messages(&url)[0].group.as_ref());
    assert!(receive().await.is_none());
    sqs.advance(Duration::from_secs(31));
    assert_eq!(receive().await.unwrap().body(), Some("1"));
}

#[tokio::test]
async fn a_receive_call_can_wait() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1024);
    let client = sqs.client();
    let receive = client
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20);
    let receive = receive.message_attribute_names("All").send();
    let send = client.send_message().queue_url(&url).message_body("1");
    let send = send.message_attributes("rid", attribute("r")).send();
    let (received, sent) = tokio::join!(receive, send);
    let received = received.unwrap().messages.unwrap().remove(0);
    let attributes = received.message_attributes().unwrap();
    assert_eq!(attributes["rid"].string_value(), Some("r"));
    assert_eq!(received.message_id(), sent.unwrap().message_id());
    let delete = client.delete_message().queue_url(&url);
    let delete = delete.set_receipt_handle(received.receipt_handle);
    delete.send().await.unwrap();
    assert!(sqs.messages(&url)[0].deleted);
}

#[tokio::test]
async fn deleted_messages_are_gone() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1024);
    let client = sqs.client();
    send(&client, &url, vec![entry("a", "1"), entry("b", "2")]).await;
    let receive = client
        .receive_message()
        .queue_url(&url)
        .max_number_of_messages(10);
    let received = receive.send().await.unwrap().messages.unwrap();
    let bodies: Vec<_> = received.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["1", "2"]);
    let handles = [
        ("a", received[0].receipt_handle().unwrap()),
        ("b", "unknown"),
    ];
    let entries = handles.map(|(id, handle)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).build().unwrap()
    });
    let delete = client.delete_message_batch().queue_url(&url);
    let deleted = delete
        .set_entries(Some(entries.into()))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.successful()[0].id(), "a");
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    let deleted: Vec<_> = sqs.messages(&url).iter().map(|m| m.deleted).collect();
    assert_eq!(deleted, [true, false]);
}

#[tokio::test]
async fn attributes_count_for_the_size_of_a_batch_and_some_names_are_reserved() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1 << 20);
    let client = Client::new(&sdk_config_once(&sqs.endpoint));
    // "a", "String" and one byte are eight bytes more than the body.
    let with_attribute = |id: &str, name: &str, bytes: usize| {
        let entry = Entry::builder().id(id).message_body("x".repeat(bytes));
        let entry = entry.message_attributes(name, attribute("v"));
        entry.build().unwrap()
    };
    let fits = send(&client, &url, vec![with_attribute("0", "a", (1 << 20) - 8)]).await;
    assert_eq!(fits.successful().len(), 1);
    let half = (1 << 19) - 8;
    let two = |more: usize| {
        vec![
            with_attribute("0", "a", half),
            with_attribute("1", "a", half + more),
        ]
    };
    assert_eq!(send(&client, &url, two(0)).await.successful().len(), 2);
    assert_eq!(
        rejection_code(&client, &url, two(1)).await,
        "BatchRequestTooLong"
    );
    let reserved = send(&client, &url, vec![with_attribute("0", "AWS.rid", 1)]).await;
    assert_eq!(reserved.failed()[0].code(), "InvalidParameterValue");
}
