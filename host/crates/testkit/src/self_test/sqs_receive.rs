use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;

use super::super::sdk_config_once;
use super::super::sqs::Sqs;
use super::sqs::{entry, fifo, send};

#[tokio::test]
async fn receive_calls_have_limits() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus", 1024);
    let client = Client::new(&sdk_config_once(&sqs.endpoint));
    let receive = || client.receive_message().queue_url(&url);
    for call in [
        receive().max_number_of_messages(0),
        receive().max_number_of_messages(11),
        receive().visibility_timeout(43_201),
        receive().wait_time_seconds(21),
    ] {
        let error = call.send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidParameterValue"));
    }
}

/// Receives a message, lets its visibility timeout pass, receives it again, and deletes it with each handle. Returns the
/// errors, and whether it is deleted then.
async fn deleted_with_both_handles(sqs: &Sqs, url: &str) -> [(Option<String>, bool); 2] {
    let client = Client::new(&sdk_config_once(&sqs.endpoint));
    let mut handles = Vec::new();
    for _ in 0..2 {
        let received = client
            .receive_message()
            .queue_url(url)
            .send()
            .await
            .unwrap();
        handles.push(received.messages()[0].receipt_handle.clone());
        sqs.advance(Duration::from_secs(31));
    }
    let received = client
        .receive_message()
        .queue_url(url)
        .send()
        .await
        .unwrap();
    handles[1] = received.messages()[0].receipt_handle.clone();
    let mut results = Vec::new();
    for handle in handles {
        let delete = client.delete_message().queue_url(url);
        let deleted = delete.set_receipt_handle(handle).send().await;
        let code = deleted
            .err()
            .and_then(|error| error.code().map(str::to_owned));
        results.push((code, sqs.messages(url)[0].deleted));
    }
    results.try_into().unwrap()
}

#[tokio::test]
async fn an_old_receipt_handle_does_not_delete() {
    let sqs = Sqs::start();
    let standard = sqs.create_queue("bus", 1024);
    send(&sqs.client(), &standard, vec![entry("a", "1")]).await;
    let expected = [(None, false), (None, true)];
    assert_eq!(deleted_with_both_handles(&sqs, &standard).await, expected);
    let ordered = sqs.create_queue("bus.fifo", 1024);
    send(&sqs.client(), &ordered, vec![fifo("g", "1")]).await;
    let expired = Some("InvalidParameterValue".to_owned());
    let expected = [(expired, false), (None, true)];
    assert_eq!(deleted_with_both_handles(&sqs, &ordered).await, expected);
}

#[tokio::test]
async fn a_message_can_be_made_visible_at_once() {
    let sqs = Sqs::start();
    let url = sqs.create_queue("bus.fifo", 1024);
    let client = Client::new(&sdk_config_once(&sqs.endpoint));
    send(&client, &url, vec![fifo("g", "1"), fifo("g", "2")]).await;
    let receive = || async {
        let received = client.receive_message().queue_url(&url).send().await;
        received.unwrap().messages.unwrap_or_default()
    };
    let first = receive().await.remove(0);
    assert!(receive().await.is_empty());
    let make_visible = || {
        let change = client.change_message_visibility().queue_url(&url);
        let change = change.set_receipt_handle(first.receipt_handle.clone());
        change.visibility_timeout(0).send()
    };
    make_visible().await.unwrap();
    let not_in_flight = make_visible().await.unwrap_err();
    assert_eq!(
        not_in_flight.code(),
        Some("AWS.SimpleQueueService.MessageNotInflight")
    );
    assert_eq!(receive().await[0].body(), first.body());
}
